import { runDatabaseTask } from '@user-workspaces/testkit';
import { createSqlDatabase, type SqlDatabaseOptions } from '../../src/index.js';

/** A second process on the database; run with the task, the options and a number as arguments. */
const [task = '', options = '', times] = process.argv.slice(2);
const parsed: SqlDatabaseOptions = JSON.parse(options);
await runDatabaseTask(createSqlDatabase(parsed), task, Number(times));
