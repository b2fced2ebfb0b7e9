import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '@user-workspaces/contract';
import { newRow } from './rows.js';

/** What another process does with the database. */
export type DatabaseTask = 'migrate' | 'increment' | 'write-pairs';

/**
 * Does, in a process of its own, what the suite asks for, and closes the database. To be called by the program that {@link DatabaseWorld.start}
 * starts, with the parameters that it was given.
 */
export async function runDatabaseTask(database: Database, task: string, times: number): Promise<void> {
  switch (task) {
    case 'migrate':
      await database.migrate();
      break;
    case 'increment':
      // The number of each is printed once it is committed.
      for (let count = 1; count <= times; count += 1) {
        await database.transaction((transaction) => transaction.increment('users', 1, 'event_seq', 1));
        process.stdout.write(`${count}\n`);
        // So that others get their turn, and both come into each other's way again and again.
        await sleep(1);
      }
      break;
    case 'write-pairs':
      // Two rows in each transaction; its number is printed once it is committed.
      for (let count = 1; count <= times; count += 1) {
        await database.transaction(async (transaction) => {
          await transaction.insert('users', newRow('users', count, { username: `a-${count}` }));
          await transaction.insert('users', newRow('users', count, { username: `b-${count}` }));
        });
        process.stdout.write(`${count}\n`);
      }
      break;
    default:
      throw new TypeError(`There is no task ${JSON.stringify(task)}.`);
  }
  await database.close();
}
