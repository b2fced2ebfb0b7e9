import type { Entry } from '@user-workspaces/contract';
import { ApiError } from '../http/api-error.js';
import { nameOf } from './view-file.js';

/** One page of a directory. */
export interface Listing {
  readonly entries: readonly Entry[];
  /** Cursor of the next page, if there is one. */
  readonly next?: string;
}

interface Named {
  readonly name: string;
  readonly entry: Entry;
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

/**
 * Sorts a directory's entries by name and cuts a page out. With a limit, memory holds at most two pages, however large the
 * directory is.
 *
 * @throws ApiError `invalid_field` for a cursor that is none.
 */
export async function pageOfDirectory(
  entries: AsyncIterable<Entry>,
  { limit, cursor }: { readonly limit?: number; readonly cursor?: string },
): Promise<Listing> {
  const after = cursor === undefined ? undefined : decodeCursor(cursor);
  // One more than the page has tells whether there is another.
  const wanted = limit === undefined ? Number.POSITIVE_INFINITY : limit + 1;
  let found: Named[] = [];
  const settle = (): void => {
    found.sort((a, b) => compareBytes(a.name, b.name));
    if (found.length > wanted) found = found.slice(0, wanted);
  };
  for await (const entry of entries) {
    const name = nameOf(entry.path);
    if (after !== undefined && compareBytes(name, after) <= 0) continue;
    found.push({ name, entry });
    if (found.length >= wanted * 2) settle();
  }
  settle();
  const page = limit === undefined ? found : found.slice(0, limit);
  const last = page.at(-1);
  return {
    entries: page.map(({ entry }) => entry),
    ...(last && found.length > page.length && { next: Buffer.from(last.name).toString('base64url') }),
  };
}

function decodeCursor(cursor: string): string {
  const name = Buffer.from(cursor, 'base64url').toString();
  if (name !== '' && Buffer.from(name).toString('base64url') === cursor) return name;
  throw new ApiError('invalid_field', 'cursor: not a cursor of this list. Begin with the first page.', {
    field: 'cursor',
  });
}
