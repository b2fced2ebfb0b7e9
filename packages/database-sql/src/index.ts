export { createSqlDatabase } from './create.js';
export type { SqlDatabase } from './database.js';
export type { TableVersion } from './migrate.js';
export type { ServerDatabaseOptions, SqlDatabaseOptions, SqliteDatabaseOptions } from './options.js';
