import type { Knex } from 'knex';
import type { Dialect } from './dialect.js';
import { asAdapterError, type Failure, Transient } from './failure.js';

/** One connection, taken from the pool for the length of one transaction. */
export class Session {
  readonly knex: Knex;
  private readonly dialect: Dialect;
  private readonly connection: PooledConnection;

  private constructor(dialect: Dialect, connection: PooledConnection) {
    this.dialect = dialect;
    this.knex = dialect.writer;
    this.connection = connection;
  }

  /** @throws AdapterError `unavailable` when no connection is to be had. */
  static async open(dialect: Dialect): Promise<Session> {
    const client: Knex.Client = dialect.writer.client;
    try {
      for (;;) {
        const session = new Session(dialect, await client.acquireConnection());
        if (!dialect.writerAge?.isOutdated(session.connection)) return session;
        session.discard('The server was found to take no writes after it was opened.');
        await session.release();
      }
    } catch (cause) {
      const { failure, error } = translated(dialect, cause);
      throw failure.kind === 'transient' ? new Transient(error) : error;
    }
  }

  /** Runs a statement; its errors are the driver's. */
  async run(statement: Knex.QueryBuilder | Knex.Raw): Promise<unknown> {
    return statement.connection(this.connection);
  }

  /** A statement without parameters or result, such as one that changes the schema. */
  async runText(sql: string): Promise<unknown> {
    return this.run(this.knex.raw(sql));
  }

  async hasTable(name: string): Promise<boolean> {
    return this.knex.schema.connection(this.connection).hasTable(name);
  }

  begin(): Promise<void> {
    return this.dialect.control(this, this.dialect.beginStatement);
  }

  commit(): Promise<void> {
    return this.dialect.control(this, 'COMMIT');
  }

  /** Ends the transaction without effect; a connection on which that fails is closed, which has the same effect. */
  async rollback(): Promise<void> {
    try {
      await this.dialect.control(this, 'ROLLBACK');
    } catch (error) {
      this.discard(error);
    }
  }

  /** Has the pool close the connection instead of using it again. */
  discard(reason: unknown): void {
    this.connection.__knex__disposed = reason;
  }

  /** {@link discard}, unless only the disk was full: once it is rolled back, such a connection is as good as before. */
  discardAfter({ kind }: Failure, reason: unknown): void {
    if (kind !== 'no_space') this.discard(reason);
  }

  async release(): Promise<void> {
    const client: Knex.Client = this.dialect.writer.client;
    await client.releaseConnection(this.connection);
  }
}

/** A driver's connection; the mark is how Knex itself tells its pool that a connection is broken. */
interface PooledConnection {
  __knex__disposed?: unknown;
}

export function translated(dialect: Dialect, error: unknown): { failure: Failure; error: unknown } {
  const failure = dialect.classify(error);
  return { failure, error: asAdapterError(failure, error, dialect.product, dialect.place) };
}

/** The rows that a select returned. */
export function rowsOf(result: unknown): Readonly<Record<string, unknown>>[] {
  if (!Array.isArray(result)) throw new TypeError('The database driver returned no list of rows.');
  return result.map((row: unknown) => {
    if (!isRow(row)) throw new TypeError('The database driver returned a row that is not an object.');
    return row;
  });
}

/** How many rows a statement changed. */
export function changesOf(result: unknown): number {
  if (typeof result !== 'number') throw new TypeError('The database driver did not say how many rows were changed.');
  return result;
}

function isRow(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
