import type { Entry } from '@user-workspaces/contract';
import { ApiError } from '../http/api-error.js';
import type { OpenWorkspace } from '../services/workspace-access.js';
import { nameOf } from './view-file.js';

/** One page of a directory. */
export interface Listing {
  readonly entries: readonly Entry[];
  /** Cursor of the next page, if there is one. */
  readonly next?: string;
}

/** Order of the names' UTF-8 bytes; comparing the strings themselves would put some characters elsewhere. */
export function compareBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return afterSurrogates(left) - afterSurrogates(right);
  }
  return a.length - b.length;
}

/** Surrogates stand for characters above all others. */
function afterSurrogates(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** A directory with more entries than so many is a large one. */
const manyEntries = 1_000;

interface Choice {
  readonly limit?: number;
  readonly cursor?: string;
  /** Waited for before more entries than a page of the largest size has are kept. */
  readonly beforeMany: () => Promise<void>;
}

/**
 * A directory's entries sorted by name, or a page of them. With a limit, memory holds at most two pages, however large the directory is, and only the page's entries are looked at, if
 * the storage can tell names alone.
 *
 * @throws ApiError `invalid_field` for a cursor that is none.
 */
export async function pageOfDirectory(
  { storage, directory }: Pick<OpenWorkspace, 'storage' | 'directory'>,
  path: string,
  choice: Choice,
  signal?: AbortSignal,
): Promise<Listing> {
  if (!storage.listChosen) {
    const { page, next } = await choosePage(
      storage.list(directory, path, signal),
      (entry) => nameOf(entry.path),
      choice,
    );
    return { entries: page, ...next };
  }
  let next: Pick<Listing, 'next'> = {};
  const choose = async (names: AsyncIterable<string>): Promise<readonly string[]> => {
    const chosen = await choosePage(names, (name) => name, choice);
    next = chosen.next;
    return chosen.page;
  };
  const entries: Entry[] = [];
  for await (const entry of storage.listChosen(directory, path, choose, signal)) entries.push(entry);
  return { entries, ...next };
}

async function choosePage<T>(
  items: AsyncIterable<T>,
  nameOfItem: (item: T) => string,
  { limit, cursor, beforeMany }: Choice,
): Promise<{ readonly page: readonly T[]; readonly next: Pick<Listing, 'next'> }> {
  const after = cursor === undefined ? undefined : decodeCursor(cursor);
  // One more than the page has tells whether there is another.
  const wanted = limit === undefined ? Number.POSITIVE_INFINITY : limit + 1;
  let found: T[] = [];
  const settle = (): void => {
    found.sort((a, b) => compareBytes(nameOfItem(a), nameOfItem(b)));
    if (found.length > wanted) found = found.slice(0, wanted);
  };
  for await (const item of items) {
    if (after !== undefined && compareBytes(nameOfItem(item), after) <= 0) continue;
    found.push(item);
    if (found.length >= wanted * 2) settle();
    else if (limit === undefined && found.length === manyEntries + 1) await beforeMany();
  }
  settle();
  const page = limit === undefined ? found : found.slice(0, limit);
  const last = page.at(-1);
  const isMore = last !== undefined && found.length > page.length;
  return { page, next: isMore ? { next: Buffer.from(nameOfItem(last)).toString('base64url') } : {} };
}

function decodeCursor(cursor: string): string {
  const name = Buffer.from(cursor, 'base64url').toString();
  if (name !== '' && Buffer.from(name).toString('base64url') === cursor) return name;
  throw new ApiError('invalid_field', 'cursor: not a cursor of this list. Begin with the first page.', {
    field: 'cursor',
  });
}
