import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '@user-workspaces/contract';
import { refused } from '../../expectation.js';
import { withJumpingClock } from '../../faults/clock.js';
import { type DatabaseGuarantee, withTables } from './world.js';

/** A clock may be set right by a little; and half a second is what the server takes for no difference. */
const toleranceMs = 250;
/** What differs by more has another unit or another beginning. */
const yearMs = 366 * 86_400_000;
const hourMs = 3_600_000;

/** What a database told, and between which moments, by a clock that nobody sets. */
interface Reading {
  readonly toldMs: number;
  readonly askedMs: number;
  readonly answeredMs: number;
}

async function read(database: Database): Promise<Reading> {
  assert.ok(
    database.nowMs,
    'The database has no `nowMs`; declare the difference `clock` if all servers run on one machine.',
  );
  const askedMs = performance.now();
  const toldMs = await database.nowMs();
  return { toldMs, askedMs, answeredMs: performance.now() };
}

/** Asserts that between two readings as much time has passed by the database's clock as by the other one. */
function assertGoesOn(first: Reading, second: Reading, what: string): void {
  const toldMs = second.toldMs - first.toldMs;
  const leastMs = second.askedMs - first.answeredMs - toleranceMs;
  const mostMs = second.answeredMs - first.askedMs + toleranceMs;
  assert.ok(
    toldMs >= leastMs && toldMs <= mostMs,
    `${what} its clock went on by ${toldMs} ms, where it should be between ${Math.round(leastMs)} and ${Math.round(mostMs)}.`,
  );
}

const hasNone = withTables(async ({ database }) =>
  assert.equal(database.nowMs, undefined, 'There is a `nowMs`, though the difference `clock` is declared.'),
);
const without = { capability: 'clock', trial: 'There is no `nowMs`.', check: hasNone } as const;

export const clockGuarantees: readonly DatabaseGuarantee[] = [
  {
    id: 'clock.time',
    promise:
      '`nowMs` tells the time at which it is asked, in whole milliseconds since the epoch; it goes on with real time, and does not go back.',
    trial: 'The time is asked for again and again within a second and a half, and while a transaction is open.',
    check: withTables(async ({ database }) => {
      const first = await read(database);
      const awayMs = Math.abs(first.toldMs - Date.now());
      assert.ok(awayMs < yearMs, `It tells ${first.toldMs}, years away: another unit, or another beginning?`);
      let last = first;
      await database.transaction(async (transaction) => {
        await transaction.count('users', {});
        for (let reading = 0; reading < 10; reading += 1) {
          await sleep(150);
          const next = await read(database);
          assert.ok(Number.isSafeInteger(next.toldMs), `${next.toldMs} is no whole number of milliseconds.`);
          assertGoesOn(last, next, 'Between two readings');
          last = next;
        }
      });
      assertGoesOn(first, last, 'From the first reading to the last');
    }),
    without,
  },
  {
    id: 'clock.shared',
    promise: '`nowMs` tells every replica the same time, whatever the clock of its own machine says.',
    trial: 'Two replicas ask in turn, while the clock of this machine jumps by an hour, forward and back.',
    check: withTables(async ({ database, reopen }) => {
      const other = await reopen();
      let last = await read(database);
      await withJumpingClock(async (clock) => {
        for (const [replica, jumpMs] of [
          [other, 0],
          [database, hourMs],
          [other, 0],
          [database, -2 * hourMs],
          [other, 0],
        ] as const) {
          clock.jump(jumpMs);
          const next = await read(replica);
          assertGoesOn(
            last,
            next,
            jumpMs === 0 ? 'From one replica to the other' : 'Over a jump of this machine’s clock',
          );
          last = next;
        }
      });
    }),
    without,
  },
  {
    id: 'clock.unavailable',
    promise: '`nowMs` is `unavailable` when the database cannot be reached: no other clock’s time is told instead.',
    trial: 'A closed database is asked for the time.',
    check: withTables(async ({ reopen }) => {
      const closed = await reopen();
      await read(closed);
      await closed.close();
      await refused(() => read(closed), 'unavailable', 'The question for the time');
    }),
    without,
  },
];
