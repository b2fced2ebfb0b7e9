// What becomes of sessions when the clock of the machine is set, or the machine slept.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Attendance } from '../../src/reconciler/attendance.js';
import { SessionWatch } from '../../src/reconciler/session-watch.js';
import { type Fixture, startFixture } from '../files/fixture.js';

const hour = 3_600_000;

let fixture: Fixture;
let time: { wallMs: number; elapsedMs: number };
let sessions: SessionWatch;
/** Time passes, and the process is there. */
let pass: (ms: number) => void;

beforeEach(async () => {
  time = { wallMs: Date.now(), elapsedMs: 0 };
  fixture = await startFixture({ clock: { now: () => time.wallMs, elapsed: () => time.elapsedMs } });
  const attendance = new Attendance(fixture.context.clock);
  pass = (ms) => {
    for (let left = ms; left > 0; left -= 2_000) {
      time.wallMs += 2_000;
      time.elapsedMs += 2_000;
      attendance.mark();
    }
  };
  sessions = new SessionWatch(
    fixture.context,
    { isReady: () => expect.unreachable(), isClosed: async () => true, use: () => expect.unreachable() },
    { heardAtMs: () => undefined },
    attendance,
  );
  pass(hour);
});
afterEach(() => fixture.close());

test('a session that is just starting is given its time all the same', async () => {
  const job = { status: 'running', launch_begun: true, session_base_path: 'keep' } as const;
  const row = await fixture.addJob({ ...job, started_at_ms: time.wallMs });
  pass(4_000);
  time.wallMs += hour;
  expect(await sessions.giveUp(row)).toBe(false);
  pass(29 * 60_000);
  expect(await sessions.giveUp(row)).toBe(false);
  pass(2 * 60_000);
  expect(await sessions.giveUp(row)).toBe(true);
});

test('a session that restarts itself is not called lost', async () => {
  const session = { session_base_path: 'keep', session_host: '127.0.0.1', session_port: 4_000 } as const;
  const row = await fixture.addJob({ ...session, status: 'running', launch_begun: true, started_at_ms: time.wallMs });
  const isRunning = async () => (await fixture.database.findOne('jobs', { id: row.id }))?.status === 'running';
  sessions.suspect(row.id);
  time.wallMs += hour;
  await sessions.step(row);
  expect(await isRunning()).toBe(true);
  pass(61_000);
  await sessions.step(row);
  expect(await isRunning()).toBe(false);
});
