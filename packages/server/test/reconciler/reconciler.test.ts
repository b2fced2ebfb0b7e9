import type { LaunchReference, Observation, Resource } from '@user-workspaces/contract';
import { pino } from 'pino';
import { afterEach, expect, test, vi } from 'vitest';
import { Reconciler } from '../../src/reconciler/reconciler.js';
import { probeSession } from '../../src/reconciler/session-probe.js';
import { type Fixture, startFixture } from '../files/fixture.js';

let fixture: Fixture;
let reconciler: Reconciler;
afterEach(async () => {
  await reconciler.stop();
  await fixture.close();
});

/** Stands for a resource whose jobs all wait, and tells what it is asked about: only the rows and the statements matter here. */
function queue(asked: (launches: readonly LaunchReference[]) => void): Resource {
  return {
    name: 'fake',
    capabilities: { push: false },
    async observe(launches: readonly LaunchReference[]) {
      asked(launches);
      const waiting = ({ launchKey, jobId }: LaunchReference): [string, Observation] => [
        launchKey,
        { kind: 'pending', handle: String(jobId), resourceJobId: jobId, reason: 'It waits.' },
      ];
      return new Map(launches.map(waiting));
    },
  } as unknown as Resource;
}

test('many jobs that wait as before are asked about together, and nothing is written and hardly anything read for them', async () => {
  const lines: string[] = [];
  let nowMs = Date.now();
  const asked: number[] = [];
  fixture = await startFixture({
    resource: queue((launches) => asked.push(launches.length)),
    clock: { now: () => nowMs },
    log: pino({}, { write: (line: string) => void lines.push(line) }),
  });
  const { context, database } = fixture;
  const count = 700;
  const { id: _, ...first } = await fixture.addJob({ launch_begun: true, due_at_ms: null, created_at_ms: nowMs });
  await database.transaction(async (rows) => {
    for (let index = 1; index < count; index += 1) {
      await rows.insert('jobs', { ...first, launch_key: String(index).padStart(32, '0') });
    }
  });
  let read = 0;
  const { find } = context.database;
  Object.assign(context.database, {
    find: async (...query: Parameters<typeof find>) => {
      const rows = await find.apply(database, query);
      read += rows.length;
      return rows;
    },
  });
  /** Time passes, and all that runs is looked at once. */
  const sweepAfter = async (passedMs: number): Promise<void> => {
    const before = asked.length;
    nowMs += passedMs;
    reconciler.nudge();
    await vi.waitUntil(() => asked.length > before, { timeout: 10_000 });
  };
  reconciler = new Reconciler(context, context.metrics, probeSession, { heardAtMs: () => undefined });
  reconciler.start();
  await vi.waitUntil(async () => (await database.count('jobs', { queue_reason: 'It waits.' })) === count, {
    timeout: 30_000,
  });
  expect(asked).toEqual([count]);
  const events = await database.count('events', {});
  // The rows are known as they were read, and are written by now: the next sweeps read some anew, and learn of the others when a write is refused.
  for (let sweep = 0; sweep < 3; sweep += 1) await sweepAfter(40_000);
  read = 0;
  await sweepAfter(40_000);
  expect(asked.at(-1)).toBe(count);
  expect(read).toBeLessThanOrEqual(500);
  expect(await database.count('events', {})).toBe(events);
  expect(lines).toEqual([]);
  await sweepAfter(600_000);
  await sweepAfter(40_000);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain(`"jobs":${count}`);
});

test('a resource that does not answer holds up its own jobs alone, and what is told meanwhile is looked at after that', async () => {
  const asked: Record<string, number[]> = { silent: [], fake: [] };
  let answer = (): void => undefined;
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  let tell = (_: readonly string[]): void => undefined;
  const fake = queue((launches) => asked.fake?.push(...launches.map(({ jobId }) => jobId)));
  const silent: Resource = {
    ...queue((launches) => asked.silent?.push(...launches.map(({ jobId }) => jobId))),
    name: 'silent',
    capabilities: { ...fake.capabilities, push: true },
    watch: (changed) => {
      tell = changed;
    },
  };
  const { observe } = silent;
  Object.assign(silent, {
    observe: async (...question: Parameters<typeof observe>) => {
      const found = await observe(...question);
      await answered;
      return found;
    },
  });
  fixture = await startFixture({ resource: fake });
  const { context, database } = fixture;
  const entry = { resource: silent, parameterMapping: {} };
  Object.assign(context, { resources: new Map([['silent', entry], ...context.resources]) });
  const held = await fixture.addJob({ resource: 'silent', launch_begun: true, due_at_ms: 0 });
  reconciler = new Reconciler(context, context.metrics, probeSession, { heardAtMs: () => undefined });
  reconciler.start();
  await vi.waitUntil(() => asked.silent?.length === 1, { timeout: 10_000 });
  const other = await fixture.addJob({
    resource: 'fake',
    launch_begun: true,
    due_at_ms: 0,
    launch_key: 'f'.repeat(32),
  });
  reconciler.nudge();
  await vi.waitUntil(async () => (await database.findOne('jobs', { id: other.id }))?.queue_reason === 'It waits.', {
    timeout: 10_000,
  });
  expect(asked.silent).toEqual([held.id]);
  tell([held.launch_key]);
  reconciler.nudge();
  await vi.waitUntil(() => (asked.fake?.length ?? 0) > 1, { timeout: 10_000 });
  expect(asked.silent).toEqual([held.id]);
  answer();
  await vi.waitUntil(() => asked.silent?.length === 2, { timeout: 10_000 });
});

test('a job that may run on a resource that is not configured any more stays as it is, until the resource is back', async () => {
  const asked: number[] = [];
  fixture = await startFixture({ resource: queue((launches) => asked.push(...launches.map(({ jobId }) => jobId))) });
  const { context, database } = fixture;
  const due = { resource: 'gone', due_at_ms: 0 } as const;
  const begun = await fixture.addJob({ ...due, launch_begun: true });
  const stopping = await fixture.addJob({ ...due, launch_begun: true, status: 'stopping', launch_key: 'e'.repeat(32) });
  const neverBegun = await fixture.addJob({ ...due, launch_begun: false, launch_key: 'f'.repeat(32) });
  reconciler = new Reconciler(context, context.metrics, probeSession, { heardAtMs: () => undefined });
  reconciler.start();
  await vi.waitUntil(async () => (await database.findOne('jobs', { id: neverBegun.id }))?.status === 'failed', {
    timeout: 10_000,
  });
  expect(await database.findOne('jobs', { id: begun.id })).toEqual(begun);
  expect(await database.findOne('jobs', { id: stopping.id })).toEqual(stopping);
  await reconciler.stop();
  const [entry] = context.resources.values();
  Object.assign(context, { resources: new Map([...context.resources, ['gone', entry]]) });
  reconciler = new Reconciler(context, context.metrics, probeSession, { heardAtMs: () => undefined });
  reconciler.start();
  await vi.waitUntil(async () => (await database.findOne('jobs', { id: begun.id }))?.queue_reason === 'It waits.', {
    timeout: 10_000,
  });
});

test('a clock that is set back holds up no look', async () => {
  let nowMs = Date.now();
  const asked: number[] = [];
  fixture = await startFixture({
    resource: queue((launches) => asked.push(launches.length)),
    clock: { now: () => nowMs },
  });
  const { context } = fixture;
  await fixture.addJob({ launch_begun: true, due_at_ms: null, created_at_ms: nowMs });
  reconciler = new Reconciler(context, context.metrics, probeSession, { heardAtMs: () => undefined });
  reconciler.start();
  await vi.waitUntil(() => asked.length > 0, { timeout: 10_000 });
  const before = asked.length;
  nowMs -= 3_600_000;
  await vi.waitUntil(() => asked.length > before, { timeout: 10_000 });
});
