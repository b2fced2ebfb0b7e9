import type { JobRow, LaunchEnd, LaunchReference, Observation, Resource } from '@user-workspaces/contract';
import { schemas } from '@user-workspaces/schema';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Reconciler } from '../../src/reconciler/reconciler.js';
import { probeSession } from '../../src/reconciler/session-probe.js';
import { statusOfEnd } from '../../src/records/job-ends.js';
import { stopAnyJob } from '../../src/services/administration/index.js';
import { type Fixture, startFixture } from '../files/fixture.js';

let fixture: Fixture;
let reconciler: Reconciler;
/** What the resource says of each launch, by its key. */
const ends = new Map<string, Partial<LaunchEnd>>();

/** Stands for a resource that says of each launch what a test wants it to say. */
const resource = {
  name: 'fake',
  capabilities: { push: false },
  async observe(launches: readonly LaunchReference[]) {
    const ended = ({ launchKey, jobId }: LaunchReference): [string, Observation] => [
      launchKey,
      {
        ...{ kind: 'ended', handle: String(jobId), resourceJobId: jobId, endedAtMs: Date.now(), startedAtMs: 0 },
        ...{ exitCode: null, signal: null, cause: 'exited', coreHours: 0 },
        ...ends.get(launchKey),
      },
    ];
    return new Map(launches.map(ended));
  },
} as unknown as Resource;

beforeEach(async () => {
  ends.clear();
  fixture = await startFixture({ resource });
  reconciler = new Reconciler(fixture.context, fixture.context.metrics, probeSession, { heardAtMs: () => undefined });
});
afterEach(async () => {
  await reconciler.stop();
  await fixture.close();
});

/** Counts that are not zero, by status and reason. */
async function counted(): Promise<Record<string, number>> {
  const text = await (await fetch(`${fixture.url}/metrics`)).text();
  const series = /^uws_jobs_ended_total\{resource="fake",status="(\w+)",reason="(\w+)"\} (\d+)$/gm;
  const found = [...text.matchAll(series)].map(([, status, reason, count]) => [`${status} ${reason}`, Number(count)]);
  return Object.fromEntries(found.filter(([, count]) => count !== 0));
}

let keys = 0;
function begun(changes: Partial<JobRow>, end: Partial<LaunchEnd>): Promise<JobRow> {
  keys += 1;
  const launch_key = String(keys).padStart(32, '0');
  ends.set(launch_key, end);
  return fixture.addJob({
    ...{ launch_key, launch_begun: true, due_at_ms: 0, status: 'running', resource_handle: '1' },
    ...changes,
  });
}

test('each end of a job is counted once, by its status and its reason as the job tells them', async () => {
  const own = { status: 'stopping', stop_requested_at_ms: 1 } as const;
  await begun({}, { exitCode: 0 });
  await begun({}, { exitCode: 1 });
  await begun({}, { exitCode: 127 });
  await begun({}, { signal: 'SIGSEGV' });
  await begun({ ...own, stop_reason: 'idle' }, { cause: 'stopped' });
  await begun({ ...own, stop_reason: 'start_timeout' }, { cause: 'stopped' });
  await begun({ ...own, stop_reason: 'session_lost' }, { cause: 'stopped' });
  await begun(own, { cause: 'stopped' });
  await begun({}, { cause: 'launch_failed' });
  // No job type of this name: its launch can never succeed.
  await fixture.addJob({ launch_key: 'f'.repeat(32), due_at_ms: 0 });
  // Ended by a person before it was launched; no resource is asked.
  const waiting = await fixture.addJob({ launch_key: 'e'.repeat(32) });
  const actor = { kind: 'terminal', userId: null, name: null, address: null, requestId: null } as const;
  await stopAnyJob(fixture.context, actor, waiting.id);
  reconciler.start();
  const active = { status: { in: ['pending', 'running', 'stopping'] as const } };
  await vi.waitUntil(async () => (await fixture.database.count('jobs', active)) === 0, { timeout: 10_000 });
  expect(await counted()).toEqual({
    'complete finished': 1,
    'failed exit_code': 2,
    'failed signal': 1,
    'complete idle': 1,
    'failed start_timeout': 1,
    'failed session_lost': 1,
    'complete stopped': 2,
    'failed launch_failed': 2,
  });
});

test('every reason has its status', () => {
  expect(Object.keys(statusOfEnd).sort()).toEqual([...schemas.JobStatusReason.options].sort());
});
