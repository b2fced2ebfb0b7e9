import { ApiError } from './api-error.js';

/** What a list request says about its page. */
export interface PageQuery {
  readonly limit?: number;
  readonly cursor?: string;
  readonly order?: 'id' | '-id' | 'datetime_created' | '-datetime_created';
}

/** Ids grow with creation times, so all orders are orders of the id, which makes a cursor exact and cheap. */
interface Order {
  readonly orderBy: readonly (readonly ['id', 'asc' | 'desc'])[];
  readonly limit?: number;
  readonly where: { readonly id?: { readonly gt: number } | { readonly lt: number } };
}

/** The database's part of a page. Asks one row more than the page has, to know whether there is another. */
export function pageOrder({ limit, cursor, order = 'id' }: PageQuery): Order {
  const descending = order.startsWith('-');
  const after = cursor === undefined ? undefined : decodeCursor(cursor, order);
  return {
    orderBy: [['id', descending ? 'desc' : 'asc']],
    ...(limit !== undefined && { limit: limit + 1 }),
    where: after === undefined ? {} : { id: descending ? { lt: after } : { gt: after } },
  };
}

/** Cuts the extra row off and makes the cursor of the next page. */
export function pageOf<T extends { readonly id: number }>(
  rows: readonly T[],
  { limit, order = 'id' }: PageQuery,
): { rows: readonly T[]; next: { next_cursor?: string } } {
  if (limit === undefined || rows.length <= limit) return { rows, next: {} };
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return { rows: page, next: last ? { next_cursor: encodeCursor(last.id, order) } : {} };
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
