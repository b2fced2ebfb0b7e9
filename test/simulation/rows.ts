import type { NewRow, Query, Row, TableName, Where } from '@user-workspaces/contract';
import { tableDefinitions } from '@user-workspaces/contract';

/** Committed rows of every table, by id. */
export type Rows = { readonly [T in TableName]: Map<number, Row<T>> };

export function emptyRows(): Rows {
  return {
    users: new Map(),
    api_clients: new Map(),
    tokens: new Map(),
    workspaces: new Map(),
    jobs: new Map(),
    shares: new Map(),
    events: new Map(),
    idempotency_keys: new Map(),
    uploads: new Map(),
    settings: new Map(),
    audit_entries: new Map(),
  };
}

function meets(value: unknown, condition: unknown): boolean {
  if (typeof condition !== 'object' || condition === null) return value === condition;
  if ('in' in condition) return Array.isArray(condition.in) && condition.in.includes(value);
  if ('not' in condition) return value !== condition.not;
  if ('contains' in condition) return String(value).includes(String(condition.contains));
  const [operator, bound] = Object.entries(condition)[0] ?? [];
  // As in SQL, nothing compares with NULL.
  if (value === null || (typeof bound !== 'number' && typeof bound !== 'string')) return false;
  if (typeof value !== 'number' && typeof value !== 'string') return false;
  switch (operator) {
    case 'lt':
      return value < bound;
    case 'lte':
      return value <= bound;
    case 'gt':
      return value > bound;
    case 'gte':
      return value >= bound;
    default:
      throw new TypeError(`The condition ${String(operator)} is not known.`);
  }
}

/** Whether a row meets all conditions. */
export function matches<T extends TableName>(row: Row<T>, where: Where<T> | undefined): boolean {
  for (const [column, condition] of Object.entries(where ?? {})) {
    if (condition !== undefined && !meets(Reflect.get(row, column), condition)) return false;
  }
  return true;
}

/** A row with other values in some columns. */
export function withChanges<T extends TableName>(row: Row<T>, changes: Partial<NewRow<T>>): Row<T> {
  return Object.assign({ ...row }, changes);
}

/** Orders and limits what a query found. */
export function arranged<T extends TableName>(rows: Row<T>[], query: Query<T>): Row<T>[] {
  const order = query.orderBy ?? [['id', 'asc']];
  rows.sort((a, b) => {
    for (const [column, direction] of order) {
      const [left, right]: unknown[] = [Reflect.get(a, column), Reflect.get(b, column)];
      if (left === right) continue;
      const isLess = left === null || (right !== null && Number(left) < Number(right));
      return isLess === (direction === 'asc') ? -1 : 1;
    }
    return 0;
  });
  return query.limit === undefined ? rows : rows.slice(0, query.limit);
}

/** The unique keys that a row takes, as text. */
export function uniqueKeysOf<T extends TableName>(table: T, row: Row<T>): { field: string; key: string }[] {
  return tableDefinitions[table].unique.map((columns) => {
    const names = columns.map(String);
    const values = names.map((name) => JSON.stringify(Reflect.get(row, name)));
    return { field: names.join(','), key: `${table} ${names.join(',')} ${values.join(',')}` };
  });
}
