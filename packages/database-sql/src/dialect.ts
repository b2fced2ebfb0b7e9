import type { Knex } from 'knex';
import type { EncodedRow } from './codec.js';
import type { PoolAge } from './dialects/server-connection.js';
import type { Failure } from './failure.js';
import type { Pauses } from './retry.js';
import type { Column } from './schema.js';
import type { Session } from './session.js';

/** How a migration builds what the databases name differently. */
export interface SchemaFlavour {
  /** A text column compared byte by byte, case and trailing blanks included. `name` holds 255 characters and may be indexed. */
  text(table: Knex.CreateTableBuilder, column: string, size: 'name' | 'text'): Knex.ColumnBuilder;
  /** Settings of a new table as a whole. */
  table(table: Knex.CreateTableBuilder): void;
}

/** All that differs between the databases. */
export interface Dialect {
  /** The product's name, for messages. */
  readonly product: string;
  /** Where it is, for messages: never holds a password. */
  readonly place: string;
  readonly replicas: boolean;
  /** Connections for transactions, and for reads outside them. They may be the same. */
  readonly writer: Knex;
  readonly reader: Knex;
  /** Of a server, which may take writes again. */
  readonly writerAge?: PoolAge;
  /** SQL for the time by the server's clock, in milliseconds since the epoch. Absent where this machine's is the only one. */
  readonly nowExpression?: string;
  readonly beginStatement: string;
  /** Pauses before work is run again. */
  readonly pauses: Pauses;
  /** False where the schema cannot be changed inside a transaction, so that an interrupted migration is carried on. */
  readonly transactionalSchema: boolean;

  classify(error: unknown): Failure;
  /** Runs one of BEGIN, COMMIT, ROLLBACK on a connection; COMMIT fails if the server rolled back instead. */
  control(session: Session, statement: string): Promise<void>;
  /** Whether a connection may write, by a statement that writes nothing. Absent where whoever can read can write. @throws the driver's errors */
  takesWrites?(session: Session): Promise<boolean>;
  whereContains(statement: Knex.QueryBuilder, column: string, text: string): void;
  /** NULL comes before all values in ascending order, after them in descending. */
  orderBy(statement: Knex.QueryBuilder, column: Column, direction: 'asc' | 'desc'): void;
  /** Adds what makes a select keep its rows from being changed; nothing where transactions never overlap. */
  forUpdate(statement: Knex.QueryBuilder): void;
  /** Returns the new id, or the failure `unique`, after which the transaction can go on. */
  insert(session: Session, table: string, row: EncodedRow): Promise<number | Failure>;
  /** Gives no id up to this one, above 0, any more; says whether one might have been given. */
  passOverIds(session: Session, table: string, upTo: number): Promise<boolean>;
  /** Adds to a column of one row and returns the new value as the driver gives it, `undefined` without such a row. */
  increment(session: Session, table: string, id: number, column: string, by: number): Promise<unknown>;
  /** Keeps other processes from migrating until the transaction ends (or {@link releaseMigrationLock}); false when one already does. */
  tryMigrationLock(session: Session): Promise<boolean>;
  releaseMigrationLock(session: Session): Promise<void>;
  schemaFlavour(session: Session): Promise<SchemaFlavour>;
  /** Closes all connections; may be called twice. */
  close(): Promise<void>;
}
