import { tooLarge } from '../limits/limits.js';
import { ApiError } from './api-error.js';

/** What a list request says about its page. */
export interface PageQuery {
  readonly limit?: number;
  readonly cursor?: string;
  readonly order?: 'id' | '-id' | 'datetime_created' | '-datetime_created';
}

/** The database's share of reading a page. Ids grow with creation times, so all orders are orders of the id, which makes a cursor exact and cheap. */
export interface PagePart {
  readonly orderBy: readonly (readonly ['id', 'asc' | 'desc'])[];
  readonly limit: number;
  readonly where: { readonly id?: { readonly gt: number } | { readonly lt: number } };
}

interface Page<Row> {
  readonly rows: readonly Row[];
  /** What the answer says of the next page; nothing after the last. */
  readonly next: { readonly next_cursor?: string };
}

/** So many rows are read before anything of them is counted; workspaces, the largest of all, have some 700 kB at most. */
const usualRowsAtOnce = 100;

/**
 * Reads one page of a list, or all of it where the query has no limit, in parts, so that a list that nobody has room for is not read. A page of more than `list_bytes` ends early.
 *
 * @param read Gives the first rows of a part, in its order. More than its limit does no harm.
 * @throws ApiError `too_large` for a whole list of more than `list_bytes`; `invalid_field` for a cursor that no page of this order gave.
 */
export async function readPage<Row extends { readonly id: number }>(
  limits: { readonly list_bytes: number },
  { limit, cursor, order = 'id' }: PageQuery,
  read: (part: PagePart) => Promise<readonly Row[]>,
  rowsAtOnce = usualRowsAtOnce,
): Promise<Page<Row>> {
  const descending = order.startsWith('-');
  const rows: Row[] = [];
  let bytes = 0;
  let after = cursor === undefined ? undefined : decodeCursor(cursor, order);
  for (;;) {
    const wanted = Math.min(rowsAtOnce, (limit ?? Number.POSITIVE_INFINITY) - rows.length);
    // One row more tells whether there is another.
    const part = await read({
      orderBy: [['id', descending ? 'desc' : 'asc']],
      limit: wanted + 1,
      where: after === undefined ? {} : { id: descending ? { lt: after } : { gt: after } },
    });
    const taken = part.slice(0, wanted);
    for (const row of taken) rows.push(row);
    const last = taken.at(-1);
    if (part.length <= wanted || !last) return { rows, next: {} };
    if (rows.length === limit) return { rows, next: { next_cursor: encodeCursor(last.id, order) } };
    bytes += Buffer.byteLength(JSON.stringify(taken));
    if (bytes > limits.list_bytes) {
      if (limit === undefined)
        throw tooLarge(limits, 'list_bytes', 'The list, which can be asked for in pages with `limit`,');
      return { rows, next: { next_cursor: encodeCursor(last.id, order) } };
    }
    after = last.id;
  }
}

/** What several reads of one part gave, as one read would have given it. */
export function mergedPart<Row extends { readonly id: number }>(
  { orderBy, limit }: { readonly orderBy?: readonly (readonly [string, 'asc' | 'desc'])[]; readonly limit?: number },
  ...found: readonly (readonly Row[])[]
): Row[] {
  const rows = [...new Map(found.flat().map((row) => [row.id, row])).values()];
  const descending = orderBy?.[0]?.[1] === 'desc';
  return rows.sort((a, b) => (descending ? b.id - a.id : a.id - b.id)).slice(0, limit);
}

function encodeCursor(id: number, order: string): string {
  return Buffer.from(JSON.stringify([order, id])).toString('base64url');
}

function decodeCursor(cursor: string, order: string): number {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Array.isArray(value) && value[0] === order && Number.isSafeInteger(value[1])) return Number(value[1]);
  } catch {
    // Told below, like every other cursor that this server did not make for this order.
  }
  throw new ApiError('invalid_field', 'cursor: not a cursor of this list in this order. Begin with the first page.', {
    field: 'cursor',
  });
}
