import { createHash } from 'node:crypto';
import { createSqlDatabase, type SqlDatabase } from '@user-workspaces/database-sql';

/**
 * The configured database, or the embedded one.
 *
 * @param url Checked already: PostgreSQL, or MariaDB and MySQL.
 * @param file Where the embedded one is kept.
 */
export function createDatabase(url: string | undefined, file: string): SqlDatabase {
  if (url === undefined) return createSqlDatabase({ client: 'sqlite', file });
  return /^postgres/.test(url)
    ? createSqlDatabase({ client: 'pg', connection: url })
    : createSqlDatabase({ client: 'mysql2', connection: url.replace(/^mariadb:/, 'mysql:') });
}

/** Names where the database is: the same for all servers on it, and when its password changes. An embedded one is where its data directory is. */
export function databasePlace(url: string | undefined, instance: string): string {
  const address = url === undefined ? undefined : new URL(url);
  if (address) [address.username, address.password] = ['', ''];
  return createHash('sha256')
    .update(address?.href ?? instance)
    .digest('hex')
    .slice(0, 16);
}
