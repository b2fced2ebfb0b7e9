import { AdapterError } from '@user-workspaces/contract';
import { SqlDatabase } from './database.js';
import { createMariadbDialect } from './dialects/mariadb.js';
import { createPostgresDialect } from './dialects/postgres.js';
import { createSqliteDialect } from './dialects/sqlite.js';
import type { SqlDatabaseOptions } from './options.js';

/**
 * Makes a database adapter; {@link Database.migrate} creates or upgrades the tables and comes first.
 *
 * Connections are opened when they are needed, so a server that does not answer yet is no error here.
 *
 * @throws AdapterError `misconfigured` when the SQLite file cannot be made, or the driver of the server is not installed.
 *
 * @example
 * const database = createSqlDatabase({ client: 'sqlite', file: 'data/server.db' });
 * await database.migrate();
 */
export function createSqlDatabase(options: SqlDatabaseOptions): SqlDatabase {
  switch (options.client) {
    case 'sqlite':
      return new SqlDatabase(createSqliteDialect(options));
    case 'pg':
      return new SqlDatabase(createPostgresDialect(options));
    case 'mysql2':
      return new SqlDatabase(createMariadbDialect(options));
    default:
      throw new AdapterError('misconfigured', 'The database client must be "sqlite", "pg" or "mysql2".', {
        field: 'client',
      });
  }
}
