/** The embedded database: one SQLite file, for one machine. */
export interface SqliteDatabaseOptions {
  readonly client: 'sqlite';
  /** Path of the database file; it and its directory are made when missing, readable by their owner only. */
  readonly file: string;
}

/** A PostgreSQL (`pg`) or MariaDB (`mysql2`) server. The driver of that name must be installed next to this package. */
export interface ServerDatabaseOptions {
  readonly client: 'pg' | 'mysql2';
  /** A connection address such as `postgres://user:password@host/database`, or the driver's own connection options. */
  readonly connection: string | Readonly<Record<string, unknown>>;
  /**
   * How many connections this process opens at most.
   * @default 10
   */
  readonly poolSize?: number;
}

export type SqlDatabaseOptions = SqliteDatabaseOptions | ServerDatabaseOptions;
