import type { Health } from './health.js';
import type { NewRow, Row, TableName } from './tables.js';

/** A condition on one column. A plain value means equality; `null` matches NULL. Of two bounds, such as `gte` with `lt`, both must hold. */
export type Condition<T> =
  | T
  | { readonly in: readonly T[] }
  | { readonly not: T }
  | { readonly lt: T & (number | string) }
  | { readonly lte: T & (number | string) }
  | { readonly gt: T & (number | string) }
  | { readonly gte: T & (number | string) }
  /** Contains this text, compared byte by byte; `%` and `_` have no meaning. For columns kept in lower case. */
  | { readonly contains: T & string };

/** Conditions that must all hold. Columns that hold JSON cannot be asked for. */
export type Where<T extends TableName> = {
  readonly [C in ScalarColumn<T>]?: Condition<Row<T>[C]>;
};

/** The columns of a table that hold numbers, text, booleans or NULL. */
export type ScalarColumn<T extends TableName> = {
  [C in keyof Row<T>]-?: Row<T>[C] extends string | number | boolean | null ? C : never;
}[keyof Row<T>] &
  string;

export interface Query<T extends TableName> {
  readonly where?: Where<T>;
  /** @default [['id', 'asc']] */
  readonly orderBy?: readonly (readonly [ScalarColumn<T>, 'asc' | 'desc'])[];
  readonly limit?: number;
}

/** Reads rows. Each call is one statement. */
export interface DatabaseReader {
  find<T extends TableName>(table: T, query: Query<T>): Promise<Row<T>[]>;
  /** The first row of the query, or `undefined`. */
  findOne<T extends TableName>(table: T, where: Where<T>): Promise<Row<T> | undefined>;
  count<T extends TableName>(table: T, where: Where<T>): Promise<number>;
}

/** Reads and writes rows, all or nothing. */
export interface DatabaseTransaction extends DatabaseReader {
  /** Reads one row and keeps every other transaction from changing it until this one ends. */
  lock<T extends TableName>(table: T, id: number): Promise<Row<T> | undefined>;
  /** @throws AdapterError `conflict`, with the unique key in `field`, when a unique key exists already. */
  insert<T extends TableName>(table: T, row: NewRow<T>): Promise<Row<T>>;
  /** Changes all rows that match at the moment of writing and returns how many did: the ground for compare-and-set. An empty `where` is refused. */
  update<T extends TableName>(table: T, where: Where<T>, changes: Partial<NewRow<T>>): Promise<number>;
  /** Adds to a number in one row, atomically, and returns the new value; `undefined` when the row does not exist. */
  increment<T extends TableName>(
    table: T,
    id: number,
    column: ScalarColumn<T>,
    by: number,
  ): Promise<number | undefined>;
  /** An empty `where` is refused. */
  remove<T extends TableName>(table: T, where: Where<T>): Promise<number>;
  /**
   * Gives no id up to this one any more: rows that are inserted into the table later in this transaction, or by anybody once it is committed, get higher ones, from
   * soon above it on. Where the next id is higher anyhow nothing changes: it never goes back. When the transaction is rolled back they may be passed over all the same, or not.
   *
   * @returns whether one of them might have been given.
   */
  passOverIds(table: TableName, upTo: number): Promise<boolean>;
}

/**
 * Keeps the rows that are the server's truth.
 *
 * Guarantees the server relies on:
 * - a transaction happens whole or not at all, and is on disk when its promise resolves;
 * - no update is lost: of two transactions that `lock` or conditionally `update` the same row, the second sees what the first did;
 * - ids grow and are never given twice, also after rows were removed;
 * - a read outside a transaction sees what transactions committed before it began;
 * - `transaction` may run `work` more than once (after a deadlock or a serialisation failure), so `work` has no effects but rows;
 * - text, numbers up to 2^53, booleans and JSON come back as they were stored;
 * - messages of errors, which anybody may be told, do not say where the database is: their causes may, which only the log shows, and so may what `migrate` throws.
 */
export interface Database extends DatabaseReader {
  /** Several server processes may use the database at once. */
  readonly capabilities: { readonly replicas: boolean };
  /** Creates or upgrades the tables; safe to call from several processes at once, and again. */
  migrate(signal?: AbortSignal): Promise<void>;
  /** @throws AdapterError `unavailable` when the database cannot be reached; then nothing was written, or, if the connection broke while committing, `details.outcome` is `"unknown"`. */
  transaction<R>(work: (transaction: DatabaseTransaction) => Promise<R>, signal?: AbortSignal): Promise<R>;
  check(signal?: AbortSignal): Promise<Health>;
  /**
   * The time by the database's own clock at the moment when it is asked, in whole milliseconds since the epoch: servers on several machines, whose clocks may differ,
   * compare their times by it. So it is one clock for all of them, goes on with real time, and does not follow the clock of who asks. Absent where all servers run on one
   * machine, whose clock they share.
   *
   * @throws AdapterError `unavailable` when the database cannot be reached: never another clock's time instead.
   */
  nowMs?(): Promise<number>;
  close(): Promise<void>;
}
