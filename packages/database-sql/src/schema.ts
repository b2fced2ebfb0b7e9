import { type ColumnType, tableDefinitions } from '@user-workspaces/contract';

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
}

export interface TableSchema {
  readonly name: string;
  readonly columns: ReadonlyMap<string, Column>;
  readonly unique: readonly (readonly string[])[];
  readonly indexes: readonly (readonly string[])[];
}

/** The contract's tables, by name: `tableDefinitions` in the form that code over any table needs. */
export const tableSchemas: ReadonlyMap<string, TableSchema> = new Map(
  Object.entries(tableDefinitions).map(([name, definition]): [string, TableSchema] => [
    name,
    {
      name,
      columns: new Map(
        Object.entries(definition.columns).map(([column, kept]): [string, Column] => [
          column,
          typeof kept === 'string'
            ? { name: column, type: kept, nullable: false }
            : { name: column, type: kept.type, nullable: true },
        ]),
      ),
      unique: definition.unique,
      indexes: definition.indexes,
    },
  ]),
);

export function schemaOf(table: string): TableSchema {
  const schema = tableSchemas.get(table);
  if (!schema) throw new TypeError(`There is no table ${JSON.stringify(table)}.`);
  return schema;
}

export function columnOf(table: string, name: string): Column {
  const column = schemaOf(table).columns.get(name);
  if (!column) throw new TypeError(`The table ${table} has no column ${JSON.stringify(name)}.`);
  return column;
}

/** Name of the constraint that keeps these columns unique, as the migrations made it. */
export function uniqueKeyName(table: string, columns: readonly string[]): string {
  return `${table}_${columns.join('_')}_unique`;
}

/** The columns of a unique key, as the conflict's `field`; more than one are joined by commas. */
export function fieldOfUniqueKey(keyName: string): string | undefined {
  for (const { name, unique } of tableSchemas.values()) {
    const columns = unique.find((key) => uniqueKeyName(name, key) === keyName);
    if (columns) return columns.join(',');
  }
  return undefined;
}
