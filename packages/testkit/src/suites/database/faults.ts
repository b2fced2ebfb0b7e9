import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { AdapterError, type Database } from '@user-workspaces/contract';
import { failureOf, refused } from '../../expectation.js';
import { faultAt, injectFaults, seededFaults } from '../../faults/calls.js';
import { withJumpingClock } from '../../faults/clock.js';
import { seedOf } from '../../faults/random.js';
import { addUser, newRow, newUser } from './rows.js';
import { type DatabaseGuarantee, offered, withTables } from './world.js';

export const faultGuarantees: readonly DatabaseGuarantee[] = [
  {
    id: 'faults.lost-answer',
    promise:
      'After an answer that was lost, looking tells what happened, and trying again under the same unique key makes nothing twice.',
    trial: 'The answers to `migrate` and to a transaction are lost; both are tried again.',
    check: async ({ database }) => {
      const migrating = injectFaults(database, faultAt<Database>('migrate', { kind: 'lost-answer' }));
      await refused(migrating.adapter.migrate(), 'unavailable');
      await migrating.adapter.migrate();
      const { adapter: faulty } = injectFaults(database, faultAt<Database>('transaction', { kind: 'lost-answer' }));
      await refused(addUser(faulty, 'once'), 'unavailable');
      assert.equal(await database.count('users', { username: 'once' }), 1);
      assert.equal((await refused(addUser(faulty, 'once'), 'conflict')).field, 'username');
      assert.equal(await database.count('users', {}), 1);
    },
  },
  {
    id: 'faults.lost-request',
    promise: 'A request that was lost had no effect, and trying again works.',
    trial: 'The first call of a transaction never arrives.',
    check: withTables(async ({ database }) => {
      const { adapter: faulty } = injectFaults(database, faultAt<Database>('transaction', { kind: 'lost-request' }));
      await refused(addUser(faulty, 'once'), 'unavailable');
      assert.equal(await database.count('users', {}), 0);
      await addUser(faulty, 'once');
      assert.equal(await database.count('users', {}), 1);
    }),
  },
  {
    id: 'faults.twice',
    promise:
      'Of a call that arrives twice, at once or in sequence, one stores its row, and the other is told of the conflict.',
    trial: 'A transaction with a unique key is duplicated.',
    check: withTables(async ({ database }) => {
      for (const how of ['at-once', 'in-sequence'] as const) {
        const faulty = injectFaults(database, faultAt<Database>('transaction', { kind: 'twice', how }));
        await addUser(faulty.adapter, how).catch((error: unknown) => refused(Promise.reject(error), 'conflict'));
        const ends = faulty.calls[0]?.ends ?? [];
        assert.deepEqual(ends.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
        for (const end of ends) if (end.status === 'rejected') await refused(Promise.reject(end.reason), 'conflict');
        assert.equal(await database.count('users', { username: how }), 1);
      }
    }),
  },
  {
    id: 'faults.by-chance',
    promise:
      'Whatever is lost, late or doubled: what was written under a unique key is there exactly once, with everything that belongs to it.',
    trial:
      'Eight writers store 80 events and count them on a bad line, trying again until they know that each is there. The seed of a failure is repeated by UWS_SEED.',
    timeoutMs: 60_000,
    check: withTables(async ({ database }) => {
      const seed = seedOf(4);
      const { id } = await addUser(database, 'counter');
      const plan = seededFaults<Database>(
        seed,
        0.4,
        ['transaction'],
        [
          { kind: 'lost-request' },
          { kind: 'lost-answer' },
          { kind: 'slow', requestMs: 1, answerMs: 2 },
          { kind: 'twice', how: 'at-once' },
          { kind: 'twice', how: 'in-sequence' },
        ],
      );
      const { adapter: faulty, calls } = injectFaults(database, plan);
      const write = async (number: number): Promise<void> => {
        for (;;) {
          try {
            await faulty.transaction(async (transaction) => {
              await transaction.insert('events', newRow('events', number));
              await transaction.increment('users', id, 'event_seq', 1);
            });
            return;
          } catch (error) {
            if (AdapterError.is(error, 'conflict')) return;
            if (!AdapterError.is(error, 'unavailable')) throw error;
          }
        }
      };
      const writers = Array.from({ length: 8 }, async (_, writer) => {
        for (let number = writer; number < 80; number += 8) await write(number);
      });
      await Promise.all(writers);
      assert.ok(calls.length > 10, `too few faults with the seed ${seed}`);
      assert.equal(await database.count('events', {}), 80, `events, with the seed ${seed}`);
      assert.equal((await database.findOne('users', { id }))?.event_seq, 80, `counted events, with the seed ${seed}`);
    }),
  },
  {
    id: 'faults.abort-anywhere',
    promise:
      'A transaction that is aborted in the middle happens whole or not at all, and leaves the database to others.',
    trial: 'The signal comes after nothing, 1 ms, 2 ms and so on, while a transaction writes ten rows.',
    check: withTables(async ({ database }) => {
      const reason = new Error('enough');
      for (let afterMs = 0; afterMs < 12; afterMs += 1) {
        const controller = new AbortController();
        const work = database.transaction(async (transaction) => {
          for (let row = 0; row < 10; row += 1) {
            await transaction.insert('users', newUser(`${afterMs} ${row}`));
            await sleep(1);
          }
        }, controller.signal);
        const ended = work.then(
          () => undefined,
          (error: unknown) => error,
        );
        await sleep(afterMs);
        controller.abort(reason);
        const error = await ended;
        assert.ok(error === undefined || error === reason, `the transaction ended with ${String(error)}`);
        const expected = error === undefined ? 10 : 0;
        assert.equal(await database.count('users', { username: { contains: `${afterMs} ` } }), expected);
        await database.transaction((transaction) => transaction.remove('users', { username: { contains: ' ' } }));
      }
    }),
  },
  {
    id: 'faults.clock',
    promise: 'Nothing is lost and nothing hangs when the clock jumps.',
    trial: 'The clock jumps by a day, forward and back, while contended transactions run.',
    check: withTables(async ({ database }) => {
      const { id } = await addUser(database, 'counter');
      await withJumpingClock(async (clock) => {
        const raise = (): Promise<unknown> =>
          database.transaction(async (transaction) => {
            await transaction.increment('users', id, 'event_seq', 1);
            clock.jump(86_400_000);
            await sleep(1);
            clock.jump(-2 * 86_400_000);
          });
        await Promise.all(Array.from({ length: 10 }, raise));
      });
      assert.equal((await database.findOne('users', { id }))?.event_seq, 10);
    }),
  },
  {
    id: 'faults.full-disk',
    promise:
      'A full disk refuses a transaction whole, keeps what was stored, and is survived once there is room again.',
    trial: 'The disk is filled; rows are written until it is noticed; room is made.',
    timeoutMs: 60_000,
    check: async ({ openOnSmallDisk }) => {
      const { database, fill, free } = await offered(openOnSmallDisk, 'fullDisk')();
      await database.migrate();
      const kept = await addUser(database, 'kept');
      await fill();
      const write = (number: number): Promise<unknown> =>
        database.transaction(async (transaction) => {
          const search_text = 'x'.repeat(100_000);
          await transaction.insert('users', newUser(`a-${number}`, { search_text }));
          await transaction.insert('users', newUser(`b-${number}`, { search_text }));
        });
      let written = 0;
      const failure = await (async () => {
        // What it has set aside is used up first.
        for (; written < 300; written += 1) await write(written);
      })().catch((error: unknown) => error);
      await refused(Promise.reject(failure), ['no_space', 'unavailable']);
      const halves = async (letter: string): Promise<number> =>
        database.count('users', { username: { contains: `${letter}-` } });
      assert.deepEqual(await database.findOne('users', { id: kept.id }), kept);
      assert.deepEqual([await halves('a'), await halves('b')], [written, written]);
      await free();
      await write(written);
      assert.deepEqual([await halves('a'), await halves('b')], [written + 1, written + 1]);
    },
    without: {
      capability: 'fullDisk',
      trial: 'The work itself runs out of space after it wrote rows; nothing of them is stored.',
      check: withTables(async ({ database }) => {
        const full = new AdapterError('no_space', 'The disk is full (a fault of the test kit).');
        const work = database.transaction(async (transaction) => {
          await transaction.insert('users', newUser('never'));
          throw full;
        });
        assert.equal(await failureOf(work), full);
        assert.equal(await database.count('users', {}), 0);
      }),
    },
  },
];
