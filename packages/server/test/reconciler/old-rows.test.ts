// What is decided by a row that another process has changed meanwhile.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { releaseFormerLeases } from '../../src/reconciler/lease.js';
import type { SessionProbe } from '../../src/reconciler/session-probe.js';
import { SessionWatch } from '../../src/reconciler/session-watch.js';
import { type Fixture, startFixture } from '../files/fixture.js';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(() => fixture.close());

const unasked: SessionProbe = {
  isReady: () => expect.unreachable(),
  isClosed: async () => true,
  use: () => expect.unreachable(),
};

test('a session that another process has found ready is not given up', async () => {
  const { context, database } = fixture;
  const sessions = new SessionWatch(context, unasked, { heardAtMs: () => undefined }, { sinceMs: 0 });
  const started_at_ms = Date.now() - 31 * 60_000;
  const awaited = { status: 'running', launch_begun: true, session_base_path: 'keep', started_at_ms } as const;
  const [old, late] = [await fixture.addJob(awaited), await fixture.addJob(awaited)];
  const ready = { session_host: '127.0.0.1', session_port: 4_000, session_path: '/', version: 2 };
  await database.transaction((rows) => rows.update('jobs', { id: old.id }, ready));
  expect(await sessions.giveUp(old)).toBe(false);
  expect(await database.findOne('jobs', { id: old.id })).toMatchObject({ status: 'running', ...ready });
  expect(await sessions.giveUp(late)).toBe(true);
  expect(await database.findOne('jobs', { id: late.id })).toMatchObject({ status: 'stopping' });
});

test('a job that ended while its launch was under way is not due after the next start', async () => {
  const { context, database } = fixture;
  const leased = { lease_owner: context.instance, lease_until_ms: 9e15, lease_fence: 1, due_at_ms: null } as const;
  const ended = await fixture.addJob({ ...leased, status: 'failed' });
  const active = await fixture.addJob({ ...leased, launch_begun: true });
  await releaseFormerLeases(context);
  const free = { lease_owner: null, lease_until_ms: 0 };
  expect(await database.findOne('jobs', { id: ended.id })).toMatchObject({ ...free, due_at_ms: null });
  const freed = await database.findOne('jobs', { id: active.id });
  expect(freed).toMatchObject(free);
  expect(freed?.due_at_ms).toBeGreaterThan(0);
});
