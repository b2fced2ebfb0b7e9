import { pino } from 'pino';
import { expect, test } from 'vitest';
import { SharedClock } from '../src/shared-clock.js';
import { systemClock } from '../src/system-clock.js';

const hour = 3_600_000;

/** A machine whose clock is an hour ahead of its database's. */
async function begin() {
  const lines: string[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(line) });
  const time = { wallMs: 10 * hour, elapsedMs: 0, databaseMs: 9 * hour, asked: 0, isThere: true };
  const pass = (ms: number): void => {
    time.wallMs += ms;
    time.elapsedMs += ms;
    time.databaseMs += ms;
  };
  const own = { ...systemClock, now: () => time.wallMs, elapsed: () => time.elapsedMs };
  const nowMs = async (): Promise<number> => {
    time.asked += 1;
    if (!time.isThere) throw new Error('no database');
    return time.databaseMs;
  };
  const clock = new SharedClock(own, { nowMs }, log);
  await clock.ask();
  return { time, pass, clock, lines };
}

test('is the database’s, and tells how far the machine’s is from it', async () => {
  const { time, pass, clock, lines } = await begin();
  expect(clock.now()).toBe(9 * hour);
  expect(clock.aheadMs()).toBe(hour);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('"aheadSeconds":3600');
  pass(60_000);
  time.databaseMs += 300;
  await clock.ask();
  // What a question takes is no reason to go to and fro.
  expect(clock.now()).toBe(9 * hour + 60_000);
  expect(lines).toHaveLength(1);
  time.databaseMs += 5_000;
  await clock.ask();
  expect(clock.now()).toBe(time.databaseMs);
});

test('goes on when the machine’s clock is set, and asks at once whether it slept', async () => {
  const { time, pass, clock } = await begin();
  pass(5_000);
  time.wallMs -= hour;
  expect(clock.now()).toBe(9 * hour + 5_000);
  await new Promise(setImmediate);
  expect(time.asked).toBe(2);
  expect(clock.aheadMs()).toBe(0);
  pass(5_000);
  // Asleep: no time has passed for the process.
  time.wallMs += hour;
  time.databaseMs += hour;
  clock.now();
  await new Promise(setImmediate);
  expect(time.asked).toBe(3);
  expect(clock.now()).toBe(10 * hour + 10_000);
});

test('goes on without the database, which is not asked at every look', async () => {
  const { time, pass, clock } = await begin();
  time.isThere = false;
  time.wallMs += hour;
  for (let look = 0; look < 100; look += 1) {
    pass(20);
    expect(clock.now()).toBe(9 * hour + time.elapsedMs);
    await new Promise(setImmediate);
  }
  expect(time.asked).toBe(3);
});

test('is the machine’s where the database has none', async () => {
  const clock = new SharedClock({ ...systemClock, now: () => 5 }, {}, pino({ level: 'silent' }));
  await clock.ask();
  clock.start();
  expect([clock.now(), clock.aheadMs()]).toEqual([5, 0]);
  await clock.close();
});
