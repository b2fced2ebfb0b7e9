import { createSqlDatabase, type SqlDatabaseOptions } from '../../src/index.js';
import { newUser } from './rows.js';

/** What a second process does with the database; run with the task and the options as arguments. */
export type ChildTask = 'migrate' | 'increment' | 'write';

const [task, options, times] = process.argv.slice(2);
const parsed: SqlDatabaseOptions = JSON.parse(options ?? '');
const database = createSqlDatabase(parsed);

switch (task) {
  case 'migrate':
    await database.migrate();
    break;
  case 'increment':
    for (let count = 0; count < Number(times); count++) {
      await database.transaction((transaction) => transaction.increment('users', 1, 'event_seq', 1));
    }
    break;
  case 'write':
    // Two rows in one transaction; their number is printed once they are committed.
    for (let count = 0; ; count++) {
      await database.transaction(async (transaction) => {
        await transaction.insert('users', newUser(`a${process.pid}-${count}`));
        await transaction.insert('users', newUser(`b${process.pid}-${count}`));
      });
      process.stdout.write(`${process.pid}-${count}\n`);
    }
}
await database.close();
