import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '@user-workspaces/contract';
import type { DatabaseWorld } from '@user-workspaces/testkit';
import type { Dialect } from '../../../../database-sql/src/dialect.js';
import { rowsOf, type Session } from '../../../../database-sql/src/session.js';
import { altered } from '../altered.js';
import type { Mutant } from '../mutants.js';
import { inTransactions, openingOn } from './opening.js';

type PassOver = Dialect['passOverIds'];

/** The shipped database with another way of passing over ids in its SQLite dialect. */
const passingOver = (change: (passOver: PassOver) => PassOver) =>
  openingOn((dialect) => ({ ...dialect, passOverIds: change(dialect.passOverIds) }));

/** Sets the last id of a table to what it is told, whatever it is. */
async function set(session: Session, table: string, last: number): Promise<void> {
  await session.run(session.knex('sqlite_sequence').where('name', table).update('seq', last));
}

/** What is wrong with passing over ids. */
export const idMutants: readonly Mutant<DatabaseWorld>[] = [
  {
    fault: 'passes over no ids of a table to which nobody has written',
    open: passingOver((passOver) => async (session, table, upTo) => {
      const last = rowsOf(await session.run(session.knex('sqlite_sequence').where('name', table)));
      return last.length > 0 && (await passOver(session, table, upTo));
    }),
    breaks: ['ids.passed-over'],
  },
  {
    fault: 'says that no id was passed over where some were',
    open: inTransactions((own) => ({
      passOverIds: async (table, upTo) => {
        await own.passOverIds(table, upTo);
        return false;
      },
    })),
    breaks: ['ids.never-back', 'ids.passed-over', 'ids.passed-over-undone'],
  },
  {
    fault: 'removes the rows whose ids it passes over',
    open: inTransactions((own) => ({
      passOverIds: async (table, upTo) => {
        const isNew = await own.passOverIds(table, upTo);
        await own.remove<typeof table>(table, { id: { lte: upTo } });
        return isNew;
      },
    })),
    breaks: ['ids.passed-over', 'ids.passed-over-undone'],
  },
  {
    fault: 'goes back to a lower id where all rows were removed',
    open: passingOver((passOver) => async (session, table, upTo) => {
      const isNew = await passOver(session, table, upTo);
      const rows = rowsOf(await session.run(session.knex(table).select('id').limit(1)));
      if (!isNew && rows.length === 0) await set(session, table, upTo);
      return isNew;
    }),
    breaks: ['ids.never-back'],
  },
  {
    fault: 'takes ids for passed over that were so in a transaction which was rolled back',
    open: () => {
      const known = new Map<string, number>();
      return inTransactions((own) => ({
        passOverIds: async (table, upTo) => {
          if ((known.get(table) ?? 0) >= upTo) return false;
          known.set(table, upTo);
          return own.passOverIds(table, upTo);
        },
      }))();
    },
    breaks: ['ids.passed-over-undone'],
  },
  {
    fault: 'looks at the last id before the transaction in which it sets it',
    open: () => {
      const dialects: Dialect[] = [];
      const lookAndSet = (database: Database): Database => {
        const reader = dialects.at(-1)?.reader;
        return altered<Database>(database, {
          transaction: async (work, signal) => {
            // Before the first migration there is nothing to look at.
            const rows: unknown = await reader?.('sqlite_sequence').catch(() => []);
            const last = new Map(rowsOf(rows).map(({ name, seq }) => [name, Number(seq)]));
            await sleep(20);
            return database.transaction(
              (own) =>
                work(
                  altered(own, {
                    passOverIds: async (table, upTo) =>
                      !((last.get(table) ?? 0) >= upTo) && (await own.passOverIds(table, upTo)),
                  }),
                ),
              signal,
            );
          },
        });
      };
      return openingOn((dialect) => {
        const setting: Dialect = {
          ...dialect,
          async passOverIds(session, table, upTo) {
            if (!(await dialect.passOverIds(session, table, upTo))) await set(session, table, upTo);
            return true;
          },
        };
        dialects.push(setting);
        return setting;
      }, lookAndSet)();
    },
    breaks: ['ids.passed-over-at-once'],
  },
];
