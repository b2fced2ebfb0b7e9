import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '@user-workspaces/contract';
import { failureOf, gate, refused } from '../../expectation.js';
import { addUser, newUser } from './rows.js';
import { type DatabaseGuarantee, withTables } from './world.js';

/** What ends a wait at once, ends it within this time on a busy machine, too. */
const patienceMs = 5_000;

export const transactionGuarantees: readonly DatabaseGuarantee[] = [
  {
    id: 'transaction.nothing',
    promise:
      'A transaction happens whole or not at all: when the work throws, nothing of it happened, and that error is thrown.',
    trial: 'The work inserts, changes and removes, then throws.',
    check: withTables(async ({ database }) => {
      const before = [await addUser(database, 'changed'), await addUser(database, 'removed')];
      const error = new Error('mine');
      const work = database.transaction(async (transaction) => {
        await transaction.insert('users', newUser('inserted'));
        await transaction.update('users', { username: 'changed' }, { first_name: 'New' });
        await transaction.increment('users', before[0]?.id ?? 0, 'event_seq', 1);
        await transaction.remove('users', { username: 'removed' });
        throw error;
      });
      assert.equal(await failureOf(work), error);
      assert.deepEqual(await database.find('users', {}), before);
    }),
  },
  {
    id: 'transaction.caught-error',
    promise: 'A transaction happens whole or not at all, also when its work catches the error of a statement.',
    trial: 'The work inserts, then catches the conflict of an update, and returns.',
    check: withTables(async ({ database }) => {
      await addUser(database, 'taken');
      const error = await database
        .transaction(async (transaction) => {
          const { id } = await transaction.insert('users', newUser('half'));
          await transaction.update('users', { id }, { username: 'taken' }).catch(() => undefined);
        })
        .catch((thrown: unknown) => thrown);
      const count = await database.count('users', {});
      assert.equal(count, error === undefined ? 2 : 1, 'what the promise said and what is stored must agree');
    }),
  },
  {
    id: 'transaction.own-writes',
    promise: 'A transaction reads what it wrote.',
    trial: 'Rows are inserted, changed, raised and removed, and read in the same transaction.',
    check: withTables(async ({ database }) => {
      await database.transaction(async (transaction) => {
        const { id } = await transaction.insert('users', newUser('mine'));
        await transaction.update('users', { id }, { first_name: 'New' });
        await transaction.increment('users', id, 'event_seq', 1);
        assert.equal(await transaction.increment('users', id, 'event_seq', 1), 2);
        const row = await transaction.findOne('users', { id });
        assert.deepEqual([row?.first_name, row?.event_seq], ['New', 2]);
        assert.equal((await transaction.lock('users', id))?.first_name, 'New');
        await transaction.remove('users', { id });
        assert.equal(await transaction.count('users', {}), 0);
      });
    }),
  },
  {
    id: 'read.committed',
    promise:
      'A read outside a transaction sees what transactions committed before it began, nothing else, and waits for none.',
    trial: 'Rows are read while a transaction that inserted and changed some is held open, and after it.',
    check: withTables(async ({ database }) => {
      const before = await addUser(database, 'changed');
      const inside = gate();
      const hold = gate();
      const work = database.transaction(async (transaction) => {
        await transaction.insert('users', newUser('inserted'));
        await transaction.update('users', { id: before.id }, { first_name: 'New' });
        inside.open();
        await hold.opened;
      });
      try {
        await inside.opened;
        assert.deepEqual(await database.find('users', {}), [before]);
        assert.equal(await database.count('users', {}), 1);
      } finally {
        hold.open();
        await Promise.allSettled([work]);
      }
      await work;
      const names = (await database.find('users', {})).map(({ first_name }) => first_name);
      assert.deepEqual(names, ['New', newUser('inserted').first_name]);
    }),
  },
  {
    id: 'read.one-statement',
    promise: 'Each read is one statement: it sees a transaction whole or not at all.',
    trial: 'Two rows are changed together, again and again, while both are read.',
    timeoutMs: 60_000,
    check: withTables(async ({ database }) => {
      const ids = [(await addUser(database, 'one')).id, (await addUser(database, 'two')).id];
      let isOver = false;
      const writing = (async () => {
        for (let version = 1; version <= 30; version += 1) {
          await database.transaction(async (transaction) => {
            for (const id of ids) {
              await transaction.update('users', { id }, { event_seq: version });
              await sleep(0);
            }
          });
        }
      })().finally(() => {
        isOver = true;
      });
      try {
        while (!isOver) {
          const [one, two] = await database.find('users', { where: { id: { in: ids } } });
          assert.equal(one?.event_seq, two?.event_seq);
          await sleep(0);
        }
      } finally {
        await Promise.allSettled([writing]);
      }
      await writing;
    }),
  },
  {
    id: 'transaction.durable',
    promise: 'A transaction is stored when its promise resolves: whoever opens the database finds it.',
    trial: 'The database is opened anew right after a transaction.',
    check: withTables(async ({ database, reopen }) => {
      const row = await addUser(database, 'kept');
      assert.deepEqual(await (await reopen()).find('users', {}), [row]);
    }),
  },
  {
    id: 'lock.row',
    promise: '`lock` reads one row, as it is; `undefined` when there is none.',
    trial: 'A row and no row are locked.',
    check: withTables(async ({ database }) => {
      const row = await addUser(database, 'locked');
      await addUser(database, 'other');
      assert.deepEqual(await database.transaction((t) => t.lock('users', row.id)), row);
      assert.equal(await database.transaction((t) => t.lock('users', row.id + 1000)), undefined);
    }),
  },
  {
    id: 'lock.held',
    promise: '`lock` keeps every other transaction from changing the row until this one ends.',
    trial: 'Another replica changes a locked row; it must wait.',
    check: withTables(async ({ database, reopen }) => {
      const { id } = await addUser(database, 'held');
      const other = await reopen();
      const log: string[] = [];
      let second: Promise<unknown> | undefined;
      await database.transaction(async (transaction) => {
        await transaction.lock('users', id);
        second ??= other
          .transaction((rival) => rival.update('users', { id }, { first_name: 'Second' }))
          .then(() => log.push('second'));
        await sleep(150);
        await transaction.update('users', { id }, { first_name: 'First', last_name: 'Changed' });
        log.push('first');
      });
      await second;
      assert.deepEqual(log, ['first', 'second']);
      const row = await database.findOne('users', { id });
      assert.deepEqual([row?.first_name, row?.last_name], ['Second', 'Changed']);
    }),
    without: {
      capability: 'replicas',
      trial: 'Another transaction of the same process changes a locked row; it must wait.',
      check: withTables(async ({ database }) => {
        const { id } = await addUser(database, 'held');
        const log: string[] = [];
        let second: Promise<unknown> | undefined;
        await database.transaction(async (transaction) => {
          await transaction.lock('users', id);
          second ??= database
            .transaction((rival) => rival.update('users', { id }, { first_name: 'Second' }))
            .then(() => log.push('second'));
          await sleep(150);
          log.push('first');
        });
        await second;
        assert.deepEqual(log, ['first', 'second']);
      }),
    },
  },
  {
    id: 'lock.no-lost-update',
    promise: 'No update is lost: of two transactions that `lock` the same row, the second sees what the first did.',
    trial: '40 transactions at once read a number under a lock and write it raised by 1.',
    timeoutMs: 60_000,
    check: withTables(async ({ database }) => {
      const { id } = await addUser(database, 'locked');
      const work = (): Promise<unknown> =>
        database.transaction(async (transaction) => {
          const row = await transaction.lock('users', id);
          await sleep(1);
          await transaction.update('users', { id }, { event_seq: (row?.event_seq ?? 0) + 1 });
        });
      await Promise.all(Array.from({ length: 40 }, work));
      assert.equal((await database.findOne('users', { id }))?.event_seq, 40);
    }),
  },
  {
    id: 'transaction.contended',
    promise: '`work` may run more than once, after a deadlock for instance, but its rows are written once.',
    trial: 'Transactions of two replicas that take the same two rows in opposite order run at once.',
    timeoutMs: 60_000,
    check: withTables(async ({ database, reopen }) => contend([database, await reopen()])),
    without: {
      capability: 'replicas',
      trial: 'Transactions that take the same two rows in opposite order run at once.',
      check: withTables(async ({ database }) => contend([database])),
    },
  },
  {
    id: 'transaction.signal',
    promise:
      "The signal ends a transaction without effect, before it begins and while it works, with the signal's reason.",
    trial: 'The signal comes before the call, and from inside the work.',
    check: withTables(async ({ database }) => {
      const reason = new Error('enough');
      let ran = false;
      const never = database.transaction(async () => {
        ran = true;
      }, AbortSignal.abort(reason));
      assert.equal(await failureOf(never), reason);
      assert.equal(ran, false);
      const controller = new AbortController();
      const work = database.transaction(async (transaction) => {
        await transaction.insert('users', newUser('aborted'));
        controller.abort(reason);
      }, controller.signal);
      assert.equal(await failureOf(work), reason);
      assert.equal(await database.count('users', {}), 0);
      await addUser(database, 'afterwards');
    }),
  },
  {
    id: 'transaction.signal-waiting',
    promise: 'The signal ends a transaction that waits for its turn.',
    trial: 'Many transactions are held open, one more waits, and its signal comes.',
    timeoutMs: 60_000,
    check: withTables(async ({ database }) => {
      const hold = gate();
      const reason = new Error('enough');
      const holders = Array.from({ length: 20 }, () => database.transaction(() => hold.opened));
      const controller = new AbortController();
      const queued = database.transaction(
        (transaction) => transaction.insert('users', newUser('late')),
        controller.signal,
      );
      // An adapter without a bound on its transactions is done already, which is fine.
      const ended = queued.then(
        () => ({ error: undefined }),
        (error: unknown) => ({ error }),
      );
      await sleep(20);
      controller.abort(reason);
      const endedInTime = await Promise.race([ended, sleep(patienceMs, undefined, { ref: false })]);
      hold.open();
      await Promise.all(holders);
      const { error } = await ended;
      assert.ok(endedInTime, 'the transaction went on waiting for its turn');
      assert.ok(error === undefined || error === reason, `the transaction ended with ${String(error)}`);
      assert.equal(await database.count('users', {}), error === undefined ? 1 : 0);
      await addUser(database, 'afterwards');
    }),
  },
  {
    id: 'closed.unavailable',
    promise: '`unavailable` is thrown when the database cannot be reached; then nothing was written.',
    trial: 'A closed database is asked and written to.',
    check: withTables(async ({ database, reopen }) => {
      assert.equal((await database.check()).connected, true);
      const closed = await reopen();
      await closed.close();
      assert.equal((await closed.check()).connected, false);
      await refused(addUser(closed, 'never'), 'unavailable');
      await refused(closed.find('users', {}), 'unavailable');
      const again = await reopen();
      assert.equal(await again.count('users', {}), 0);
      assert.equal((await again.check()).connected, true);
    }),
  },
  {
    id: 'check.signal',
    promise: 'The signal ends `check` and `migrate`.',
    trial: 'Both are called with a signal that came already.',
    check: async ({ database }) => {
      const reason = new Error('enough');
      assert.equal(await failureOf(database.migrate(AbortSignal.abort(reason))), reason);
      await database.migrate();
      assert.equal(await failureOf(database.check(AbortSignal.abort(reason))), reason);
    },
  },
];

async function contend(replicas: readonly [Database, ...Database[]]): Promise<void> {
  const [database] = replicas;
  const one = await addUser(database, 'one');
  const two = await addUser(database, 'two');
  const count = 6;
  const work = async (index: number): Promise<unknown> =>
    replicas[index % replicas.length]?.transaction(async (transaction) => {
      await transaction.insert('users', newUser(`done ${index}`));
      for (const id of index % 4 < 2 ? [one.id, two.id] : [two.id, one.id]) {
        await transaction.increment('users', id, 'event_seq', 1);
        await sleep(5);
      }
    });
  await Promise.all(Array.from({ length: count }, (_, index) => work(index)));
  const counters = await database.find('users', { where: { id: { in: [one.id, two.id] } } });
  assert.deepEqual(
    counters.map(({ event_seq }) => event_seq),
    [count, count],
  );
  assert.equal(await database.count('users', { username: { contains: 'done' } }), count);
}
