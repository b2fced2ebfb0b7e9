import {
  type ColumnType,
  type Database,
  type NewRow,
  type Row,
  type TableName,
  tableDefinitions,
} from '@user-workspaces/contract';

type Kept = ColumnType | { readonly type: ColumnType; readonly nullable: true };

/** The columns of a table, `id` left out, each with how it is kept. */
export function columnsOf(table: TableName): { name: string; type: ColumnType; nullable: boolean }[] {
  const columns: [string, Kept][] = Object.entries(tableDefinitions[table].columns);
  return columns
    .map(([name, kept]) =>
      typeof kept === 'string' ? { name, type: kept, nullable: false } : { name, type: kept.type, nullable: true },
    )
    .filter(({ type }) => type !== 'id');
}

/** A row with a value in every column, made from the table's definition: rows with different numbers have no value in common, booleans apart. */
export function newRow<T extends TableName>(table: T, number: number, changes: Partial<NewRow<T>> = {}): NewRow<T> {
  const row: Record<string, unknown> = {};
  for (const { name, type } of columnsOf(table)) row[name] = exampleOf(type, name, number);
  // The loop has made exactly the columns of the definition, and the contract types that definition by Row<T>.
  return { ...(row as unknown as NewRow<T>), ...changes };
}

/** A user of that name whose counter stands at 0. */
export function newUser(username: string, changes: Partial<NewRow<'users'>> = {}): NewRow<'users'> {
  return newRow('users', 1, { username, event_seq: 0, ...changes });
}

/** Adds a user in a transaction of its own. */
export function addUser(
  database: Database,
  username: string,
  changes: Partial<NewRow<'users'>> = {},
): Promise<Row<'users'>> {
  return database.transaction((transaction) => transaction.insert('users', newUser(username, changes)));
}

function exampleOf(type: ColumnType, name: string, number: number): unknown {
  switch (type) {
    case 'id':
    case 'integer':
      return number;
    case 'number':
      return number + 0.5;
    case 'boolean':
      return number % 2 === 0;
    case 'name':
    case 'text':
      return `${name} ${number}`;
    case 'json':
      return { [name]: number };
  }
}
