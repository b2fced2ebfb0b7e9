import {
  AdapterError,
  type ColumnType,
  type NewRow,
  type Row,
  type TableName,
  tableDefinitions,
} from '@user-workspaces/contract';

/** A row in memory. It is never changed, only replaced. */
export type StoredRow = Readonly<Record<string, unknown>> & { readonly id: number };

export interface Column {
  readonly table: TableName;
  readonly name: string;
  readonly type: ColumnType;
  readonly isNullable: boolean;
}

export const tableNames = Object.keys(tableDefinitions).filter((name): name is TableName => name in tableDefinitions);

export function columnsOf(table: TableName): Column[] {
  return Object.entries(tableDefinitions[table].columns).map(([name, kept]) =>
    typeof kept === 'string'
      ? { table, name, type: kept, isNullable: false }
      : { table, name, type: kept.type, isNullable: true },
  );
}

export function columnOf(table: TableName, name: string): Column {
  const column = columnsOf(table).find((each) => each.name === name);
  if (!column) throw new TypeError(`The table ${table} has no column ${JSON.stringify(name)}.`);
  return column;
}

/**
 * A value as it is kept: what JSON would bring back otherwise is refused here, so that it is the same before and after a restart.
 *
 * @throws AdapterError `invalid` for a name that is too long, which a user may have sent; TypeError for what only a defect can ask for.
 */
export function checkedValue({ table, name, type, isNullable }: Column, value: unknown): unknown {
  if (value === null && isNullable) return null;
  switch (type) {
    case 'id':
    case 'integer':
      if (Number.isSafeInteger(value)) return value;
      break;
    case 'number':
      if (Number.isFinite(value)) return value;
      break;
    case 'boolean':
      if (typeof value === 'boolean') return value;
      break;
    case 'name':
      if (typeof value === 'string' && [...value].length > 255) {
        throw new AdapterError('invalid', `The value of ${name} has more than 255 characters; shorten it.`, {
          field: name,
        });
      }
      if (typeof value === 'string') return value;
      break;
    case 'text':
      if (typeof value === 'string') return value;
      break;
    case 'json': {
      const text: unknown = JSON.stringify(value);
      if (typeof text === 'string') return JSON.parse(text);
    }
  }
  throw new TypeError(`A value of type ${typeof value} cannot be kept in ${table}.${name}, a column of type ${type}.`);
}

/** Some columns to change; `id` is never one of them. */
export function checkedChanges(table: TableName, changes: object): Record<string, unknown> {
  const entries = Object.entries(changes).map(([name, value]): [string, unknown] => {
    const column = columnOf(table, name);
    if (column.type === 'id') throw new TypeError(`The id of a row of ${table} is given by the database.`);
    return [name, checkedValue(column, value)];
  });
  if (entries.length === 0) throw new TypeError(`A change of ${table} without a column is refused.`);
  return Object.fromEntries(entries);
}

/** A new row: every column must be there, and no other. */
export function checkedRow<T extends TableName>(table: T, id: number, row: NewRow<T>): StoredRow {
  const stored = { ...checkedChanges(table, row), id };
  const missing = columnsOf(table).find(({ name }) => !(name in stored));
  if (missing) throw new TypeError(`A new row of ${table} lacks ${missing.name}.`);
  return stored;
}

/** A row for the caller, who may change it. */
export function rowOf<T extends TableName>(stored: StoredRow): Row<T> {
  // Everything stored has passed `checkedRow`, which made exactly the columns of the definition, and the contract types that by Row<T>.
  return structuredClone(stored) as unknown as Row<T>;
}
