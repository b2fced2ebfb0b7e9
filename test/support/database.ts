import { join } from 'node:path';
import type { Database } from '@user-workspaces/contract';
import { createSqlDatabase } from '@user-workspaces/database-sql';

/** The rows of a server that was started by `startServer`, for what no request shows or changes. */
export function openDatabase(dataDirectory: string): Database {
  return createSqlDatabase({ client: 'sqlite', file: join(dataDirectory, 'server', 'user-workspaces.db') });
}
