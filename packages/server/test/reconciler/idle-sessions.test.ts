// What counts when a session that nobody uses is about to be stopped.
import type { JobRow, SessionUse } from '@user-workspaces/contract';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Clock } from '../../src/clock.js';
import type { JobTypeEntry } from '../../src/options.js';
import { Attendance } from '../../src/reconciler/attendance.js';
import { SessionWatch } from '../../src/reconciler/session-watch.js';
import { SessionActivity } from '../../src/services/session-activity.js';
import { type Fixture, startFixture, until } from '../files/fixture.js';

const minute = 60_000;
const jobType: JobTypeEntry = {
  name: 'Test',
  idle: { timeoutMs: 60 * minute, warningMs: 10 * minute },
  resources: new Map([
    [
      'fake',
      {
        recipe: () => ({ command: ['true'], files: [], environment: {} }),
        activity: {
          traffic: [],
          questions: [{ path: '/status', read: (): SessionUse => ({ kind: 'idle', lastUsedAtMs: null }) }],
        },
      },
    ],
  ]),
};

let fixture: Fixture;
let nowMs: number;
let attendance: Attendance;
let activity: SessionActivity;
let sessions: SessionWatch;
/** Pauses that are under way. */
let pauses: (() => void)[];
/** What happens while a session is asked for its use. */
let meanwhile: () => Promise<unknown>;

/** Time passes, and the process is there. */
function pass(ms: number): void {
  for (const end = nowMs + ms; nowMs < end; ) {
    nowMs = Math.min(end, nowMs + 2_000);
    attendance.mark();
  }
}

/** A process is started. */
function start(): void {
  attendance = new Attendance(fixture.context.clock);
  activity = new SessionActivity(fixture.context);
  sessions = new SessionWatch(
    fixture.context,
    {
      isReady: () => expect.unreachable(),
      isClosed: () => expect.unreachable(),
      use: async () => {
        await meanwhile();
        return { kind: 'idle', lastUsedAtMs: null };
      },
    },
    activity,
    attendance,
  );
}

beforeEach(async () => {
  nowMs = Date.UTC(2026, 0, 1);
  const startedMs = nowMs;
  pauses = [];
  meanwhile = async () => undefined;
  const clock: Partial<Clock> = {
    now: () => nowMs,
    elapsed: () => nowMs - startedMs,
    sleep: (_, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        pauses.push(resolve);
        signal?.addEventListener('abort', () => resolve());
      }),
  };
  fixture = await startFixture({ clock, jobTypes: new Map([['test', jobType]]) });
  start();
});
afterEach(async () => {
  await activity.close();
  await fixture.close();
});

const addSession = (): Promise<JobRow> =>
  fixture.addJob({
    status: 'running',
    launch_begun: true,
    session_base_path: 'strip',
    session_host: '127.0.0.1',
    session_port: 4_000,
    session_path: '/',
    started_at_ms: nowMs,
    last_activity_at_ms: nowMs,
  });

async function present(row: JobRow): Promise<JobRow> {
  const found = await fixture.database.findOne('jobs', { id: row.id });
  if (!found) throw new Error(`Job ${row.id} is gone.`);
  return found;
}

const step = async (row: JobRow): Promise<unknown> => sessions.step(await present(row));

const warnings = (): Promise<number> => fixture.database.count('events', { type: 'job.idle_warning' });

/** One that will be stopped in `leftMs`, unless somebody uses it. */
async function addWarned(leftMs = 0): Promise<JobRow> {
  const row = await addSession();
  pass(50 * minute);
  await step(row);
  pass(10 * minute - leftMs);
  const warned = await present(row);
  expect(warned.idle_stop_at_ms).toBe(nowMs + leftMs);
  return warned;
}

test('a session that nobody has used since its warning is stopped', async () => {
  const row = await addWarned();
  await step(row);
  expect(await present(row)).toMatchObject({ status: 'stopping', stop_reason: 'idle' });
  expect(await warnings()).toBe(1);
});

test('what this process has heard counts before it is stored', async () => {
  const [row, other] = [await addWarned(2_000), await addSession()];
  activity.note(other, 'openings');
  await until(() => pauses.length > 0);
  // By what this process knows of it, there is no warning yet.
  activity.note({ ...row, idle_stop_at_ms: null }, 'openings');
  pass(2_000);
  await step(row);
  expect(await present(row)).toMatchObject({ status: 'running', idle_stop_at_ms: null });
});

test('the use of a session that is about to be stopped is stored at once, that of others together', async () => {
  const [row, other, third] = [await addWarned(2_000), await addSession(), await addSession()];
  activity.note(other, 'openings');
  await until(() => pauses.length > 0);
  pass(1_000);
  activity.note(third, 'openings');
  expect(activity.heardAtMs(third.id)).toBe(nowMs);
  activity.note(row, 'openings');
  await until(async () => (await present(row)).last_activity_at_ms === nowMs);
  expect(await present(third)).toMatchObject({ last_activity_at_ms: nowMs });
  await until(() => activity.heardAtMs(row.id) === undefined);
});

test('what another process stores while the session is asked counts', async () => {
  const row = await addWarned();
  meanwhile = () =>
    fixture.database.transaction((rows) => rows.update('jobs', { id: row.id }, { last_activity_at_ms: nowMs - 1 }));
  await step(row);
  expect(await present(row)).toMatchObject({ status: 'running', idle_stop_at_ms: null });
});

test('what this process hears while the session is asked counts', async () => {
  const row = await addWarned();
  meanwhile = async () => activity.note(row, 'openings');
  await step(row);
  expect(await present(row)).toMatchObject({ status: 'running', idle_stop_at_ms: null });
});

test.each<[string, () => void]>([
  ['was started after the warning', start],
  ['was halted meanwhile', () => undefined],
])('a process that %s warns anew, and stops the session when that is over', async (_, wake) => {
  const row = await addWarned(9 * minute);
  nowMs += 20 * minute;
  wake();
  await step(row);
  expect(await present(row)).toMatchObject({ status: 'running', idle_stop_at_ms: nowMs + 10 * minute });
  expect(await warnings()).toBe(2);
  attendance.mark();
  pass(10 * minute);
  await step(row);
  expect(await present(row)).toMatchObject({ status: 'stopping', stop_reason: 'idle' });
});
