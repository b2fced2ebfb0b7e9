import { setTimeout as sleep } from 'node:timers/promises';
import {
  AdapterError,
  type DatabaseTransaction,
  type NewRow,
  type Row,
  type TableName,
  type Where,
} from '@user-workspaces/contract';
import type { DatabaseWorld } from '@user-workspaces/testkit';
import { altered } from '../altered.js';
import type { Mutant } from '../mutants.js';
import { inTransactions, opening, openingOn } from './opening.js';

/** Whether all conditions are plain values, and the row has them. */
const equals = (row: object, where: object): boolean =>
  Object.entries(where).every(([column, value]) => Reflect.get(row, column) === value);

/** What transactions do wrong, and what they write. */
export const writingMutants: readonly Mutant<DatabaseWorld>[] = [
  {
    fault: 'loses an update: a number is raised from what it was before the transaction',
    open: opening((database) => ({
      transaction: async (work, signal) => {
        const before = new Map((await database.find('users', {})).map((row) => [row.id, row.event_seq]));
        return database.transaction((own) => {
          const increment: DatabaseTransaction['increment'] = async (table, id, column, by) => {
            const old = before.get(id);
            if (table !== 'users' || column !== 'event_seq' || old === undefined) {
              return own.increment(table, id, column, by);
            }
            await own.update('users', { id }, { event_seq: old + by });
            return old + by;
          };
          return work(altered(own, { increment }));
        }, signal);
      },
    })),
    breaks: [
      'faults.by-chance',
      'faults.clock',
      'increment.atomic',
      'programs.no-lost-update',
      'replicas.shared',
      'transaction.contended',
    ],
  },
  {
    fault: 'looks at the condition of an update before the transaction, not at the moment of writing',
    open: opening((database) => ({
      transaction: async (work, signal) => {
        const before = await database.find('users', {});
        return database.transaction((own) => {
          const update: DatabaseTransaction['update'] = async (table, where, changes) => {
            const old = table === 'users' && Object.keys(where).length > 1 && before.find((row) => equals(row, where));
            return own.update(table, old ? idOnly(old.id) : where, changes);
          };
          return work(altered(own, { update }));
        }, signal);
      },
    })),
    breaks: ['update.compare-and-set'],
  },
  {
    fault: 'commits the half that was done when the work throws',
    open: opening((database) => ({
      transaction: async (work, signal) => {
        const end = await database.transaction(async (own) => {
          const [settled] = await Promise.allSettled([work(own)]);
          return settled;
        }, signal);
        if (end.status === 'rejected') throw end.reason;
        return end.value;
      },
    })),
    breaks: ['ids.passed-over-undone', 'insert.conflict', 'transaction.nothing'],
  },
  {
    fault: 'answers before a transaction is stored',
    open: opening((database) => {
      let storing: Promise<unknown> = Promise.resolve();
      return {
        transaction: (work, signal) =>
          new Promise((resolve, reject) => {
            const stored = database
              .transaction(async (own) => {
                const result = await work(own);
                signal?.throwIfAborted();
                storing = stored;
                resolve(result);
                await sleep(30);
              }, signal)
              .catch(reject);
          }),
        // What it wrote itself it finds: only others, and its successor, are told too early.
        find: (table, query) => storing.then(() => database.find(table, query)),
        findOne: (table, where) => storing.then(() => database.findOne(table, where)),
        count: (table, where) => storing.then(() => database.count(table, where)),
      };
    }),
    breaks: [
      'faults.full-disk',
      'lock.held',
      'replicas.shared',
      'transaction.caught-error',
      'transaction.contended',
      'transaction.durable',
    ],
  },
  {
    fault: 'does a transaction twice when others are open',
    open: opening((database) => {
      let open = 0;
      return {
        transaction: async (work, signal) => {
          open += 1;
          const isContended = open === 3;
          try {
            const result = await database.transaction(work, signal);
            if (isContended) await database.transaction(work, signal);
            return result;
          } finally {
            open -= 1;
          }
        },
      };
    }),
    breaks: [
      'faults.clock',
      'ids.passed-over-at-once',
      'increment.atomic',
      'lock.no-lost-update',
      'transaction.contended',
      'replicas.shared',
    ],
  },
  {
    fault: 'commits what was done until its signal came',
    open: opening((database) => ({
      transaction: async (work, signal) => {
        if (!signal) return database.transaction(work);
        signal.throwIfAborted();
        const waiting = new AbortController();
        const ended = new Promise<never>((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        });
        // Where it waits for its turn nobody looks at this.
        ended.catch(() => undefined);
        const giveUpWaiting = (): void => waiting.abort(signal.reason);
        signal.addEventListener('abort', giveUpWaiting, { once: true });
        const end = await database.transaction(async (own) => {
          signal.removeEventListener('abort', giveUpWaiting);
          const [settled] = await Promise.allSettled([Promise.race([work(own), ended])]);
          if (settled.status === 'rejected' && settled.reason !== signal.reason) throw settled.reason;
          return settled;
        }, waiting.signal);
        signal.throwIfAborted();
        if (end.status === 'rejected') throw end.reason;
        return end.value;
      },
    })),
    breaks: ['faults.abort-anywhere', 'transaction.signal'],
  },
  {
    fault: 'says that it removed one row where it removed several',
    open: inTransactions((own) => ({
      remove: async (table, where) => Math.min(1, await own.remove(table, where)),
    })),
    breaks: ['remove.count'],
  },
  {
    fault: 'ignores the signal of a transaction',
    open: opening((database) => ({ transaction: (work) => database.transaction(work) })),
    breaks: ['transaction.signal', 'transaction.signal-waiting'],
  },
  {
    fault: 'begins a transaction without the right to write',
    // It tries in vain for half a minute.
    isLong: true,
    open: openingOn((dialect) => ({ ...dialect, beginStatement: 'BEGIN' })),
    breaks: ['lock.held'],
  },
  {
    fault: 'takes a commit that failed for done',
    open: openingOn((dialect) => ({
      ...dialect,
      async control(session, statement) {
        try {
          await dialect.control(session, statement);
        } catch (error) {
          if (statement !== 'COMMIT') throw error;
          await dialect.control(session, 'ROLLBACK');
        }
      },
    })),
    breaks: ['faults.full-disk'],
  },
  {
    fault: 'forgets the unique key of launches',
    open: openingOn((dialect) => ({
      ...dialect,
      async releaseMigrationLock(session) {
        await session.runText('drop index if exists jobs_launch_key_unique');
        await dialect.releaseMigrationLock(session);
      },
    })),
    breaks: ['tables.unique'],
  },
  {
    fault: 'gives the id of a removed row again',
    open: openingOn((dialect) => ({
      ...dialect,
      async insert(session, table, row) {
        await session.runText(`delete from sqlite_sequence where name = '${table}'`);
        return dialect.insert(session, table, row);
      },
    })),
    breaks: ['ids.never-back', 'ids.once', 'ids.passed-over', 'ids.passed-over-at-once', 'ids.passed-over-undone'],
  },
  {
    fault: 'swallows a conflict and answers with a row that is there',
    open: inTransactions((own) => ({
      insert: async <T extends TableName>(table: T, row: NewRow<T>): Promise<Row<T>> => {
        try {
          return await own.insert(table, row);
        } catch (error) {
          const [present] = await own.find(table, { limit: 1 });
          if (!AdapterError.is(error, 'conflict') || !present) throw error;
          return present;
        }
      },
    })),
    breaks: [
      'faults.by-chance',
      'faults.lost-answer',
      'faults.twice',
      'insert.conflict',
      'migrate.at-once',
      'tables.unique',
    ],
  },
  {
    fault: 'does not say which key a row has in common with another',
    open: inTransactions((own) => ({
      insert: async (table, row) => {
        try {
          return await own.insert(table, row);
        } catch (error) {
          throw AdapterError.is(error, 'conflict') ? new AdapterError('conflict', error.message) : error;
        }
      },
    })),
    breaks: ['faults.lost-answer', 'insert.conflict', 'tables.unique'],
  },
  {
    fault: 'counts the rows that an update changed, not those that matched',
    open: inTransactions((own) => ({
      update: async (table, where, changes) => {
        const same = (await own.find(table, { where })).filter((row) => equals(row, changes));
        return (await own.update(table, where, changes)) - same.length;
      },
    })),
    breaks: ['update.count'],
  },
  {
    fault: 'changes all rows where an update has no condition',
    open: inTransactions((own) => ({
      update: (table, where, changes) => own.update(table, unlessEmpty(where), changes),
    })),
    breaks: ['update.where-required'],
  },
  {
    fault: 'removes all rows where no condition is given',
    open: inTransactions((own) => ({ remove: (table, where) => own.remove(table, unlessEmpty(where)) })),
    breaks: ['remove.where-required'],
  },
  {
    fault: 'says that it raised a number in a row that does not exist',
    open: inTransactions((own) => ({
      increment: async (table, id, column, by) => (await own.increment(table, id, column, by)) ?? by,
    })),
    breaks: ['increment.value'],
  },
  {
    fault: 'removes what is there when it migrates again',
    open: opening((database) => ({
      async migrate(signal) {
        await database.migrate(signal);
        await database.transaction((own) => own.remove('users', { id: { gt: 0 } }));
      },
    })),
    breaks: ['migrate.again'],
  },
];

function idOnly<T extends TableName>(id: number, none: Where<T> = {}): Where<T> {
  return { ...none, id };
}

function unlessEmpty<T extends TableName>(where: Where<T>): Where<T> {
  return Object.keys(where).length > 0 ? where : Object.assign({}, where, { id: { gt: 0 } });
}
