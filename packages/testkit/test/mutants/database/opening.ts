import '../in-memory.js';
import type { Database, DatabaseTransaction } from '@user-workspaces/contract';
import { smallDiskObstacle } from '@user-workspaces/testkit';
import { SqlDatabase } from '../../../../database-sql/src/database.js';
import type { Dialect } from '../../../../database-sql/src/dialect.js';
import { createSqliteDialect } from '../../../../database-sql/src/dialects/sqlite.js';
import type { SqlDatabaseOptions } from '../../../../database-sql/src/index.js';
import { databaseUnderTest, sqlitePlace } from '../../../../database-sql/test/support/world.js';
import { altered } from '../altered.js';

const obstacle = await smallDiskObstacle();
export const differences = {
  lostCommits: 'SQLite is a part of this process; postgres.test.ts breaks the connection to a server.',
  clock: 'All servers of a SQLite file run on one machine; postgres.test.ts breaks the clock of a server.',
  ...(obstacle !== undefined && { fullDisk: obstacle }),
};

/** The shipped database on SQLite with some of its calls replaced. */
export const opening = (change: (database: Database) => Partial<Database>) =>
  openingOn(
    (dialect) => dialect,
    (database) => altered(database, change(database)),
  );

/** The shipped database with a part of its SQLite dialect replaced. */
export const openingOn = (
  change: (dialect: Dialect) => Dialect,
  adapt: (database: Database) => Database = (database) => database,
) =>
  databaseUnderTest('SQLite', sqlitePlace, differences, (options) =>
    adapt(new SqlDatabase(change(createSqliteDialect(onFile(options))))),
  ).open;

/** Replaces calls of what the work of each transaction is given. */
export const inTransactions = (change: (transaction: DatabaseTransaction) => Partial<DatabaseTransaction>) =>
  opening((database) => ({
    transaction: (work, signal) => database.transaction((own) => work(altered(own, change(own))), signal),
  }));

function onFile(options: SqlDatabaseOptions) {
  if (options.client !== 'sqlite') throw new TypeError('The mutants are made of the database on SQLite.');
  return options;
}
