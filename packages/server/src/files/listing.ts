import type { Entry } from '@user-workspaces/contract';
import { ApiError } from '../http/api-error.js';
import type { OpenWorkspace } from '../services/workspace-access.js';
import { nameOf } from './view-file.js';

/** A directory, or one page of it. */
export interface Listing {
  readonly entries: AsyncIterable<Entry>;
  /** Cursor of the next page, if there is one; known once the first entry has come, or there is none. */
  next(): string | undefined;
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

/** Strings without these characters have the order of their bytes anyway, and are compared several times as fast. */
const fromSurrogates = /[\ud800-\uffff]/;

function compareUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** A directory with more entries than so many is a large one. */
export const manyEntries = 1_000;

interface Choice {
  readonly limit?: number;
  readonly cursor?: string;
  /** Waited for before more entries than a page of the largest size has are kept. */
  readonly beforeMany: () => Promise<void>;
}

/**
 * A directory's entries sorted by name, or a page of them. Where the storage can tell names alone, memory holds the names, and entries as they are asked for; with a limit, the names
 * of two pages at most, however large the directory is, and only the page's entries are looked at.
 *
 * @throws ApiError `invalid_field` for a cursor that is none, when entries are asked for.
 */
export function listDirectory(
  { storage, directory }: Pick<OpenWorkspace, 'storage' | 'directory'>,
  path: string,
  choice: Choice,
  signal?: AbortSignal,
): Listing {
  let next: string | undefined;
  const choose = async <T>(items: AsyncIterable<T>, nameOfItem: (item: T) => string): Promise<readonly T[]> => {
    const chosen = await choosePage(items, nameOfItem, choice);
    next = chosen.next;
    return chosen.page;
  };
  const entries = async function* (): AsyncGenerator<Entry, void, undefined> {
    yield* storage.listChosen
      ? storage.listChosen(directory, path, (names) => choose(names, (name) => name), signal)
      : await choose(storage.list(directory, path, signal), (entry) => nameOf(entry.path));
  };
  return { entries: entries(), next: () => next };
}

async function choosePage<T>(
  items: AsyncIterable<T>,
  nameOfItem: (item: T) => string,
  { limit, cursor, beforeMany }: Choice,
): Promise<{ readonly page: readonly T[]; readonly next: string | undefined }> {
  const after = cursor === undefined ? undefined : decodeCursor(cursor);
  // One more than the page has tells whether there is another.
  const wanted = limit === undefined ? Number.POSITIVE_INFINITY : limit + 1;
  let found: T[] = [];
  const settle = (): void => {
    const isPlain = !found.some((item) => fromSurrogates.test(nameOfItem(item)));
    const compare = isPlain ? compareUnits : compareBytes;
    found.sort((a, b) => compare(nameOfItem(a), nameOfItem(b)));
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
  return { page, next: isMore ? Buffer.from(nameOfItem(last)).toString('base64url') : undefined };
}

function decodeCursor(cursor: string): string {
  const name = Buffer.from(cursor, 'base64url').toString();
  if (name !== '' && Buffer.from(name).toString('base64url') === cursor) return name;
  throw new ApiError('invalid_field', 'cursor: not a cursor of this list. Begin with the first page.', {
    field: 'cursor',
  });
}
