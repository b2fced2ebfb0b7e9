export { createSqlDatabase } from './create.js';
export type { ServerDatabaseOptions, SqlDatabaseOptions, SqliteDatabaseOptions } from './options.js';
