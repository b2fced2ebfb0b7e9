import type { Database } from '@user-workspaces/contract';
import { createSqlDatabase } from '@user-workspaces/database-sql';

/**
 * The configured database, or the embedded one.
 *
 * @param url Checked already: PostgreSQL, or MariaDB and MySQL.
 * @param file Where the embedded one is kept.
 */
export function createDatabase(url: string | undefined, file: string): Database {
  if (url === undefined) return createSqlDatabase({ client: 'sqlite', file });
  return /^postgres/.test(url)
    ? createSqlDatabase({ client: 'pg', connection: url })
    : createSqlDatabase({ client: 'mysql2', connection: url.replace(/^mariadb:/, 'mysql:') });
}
