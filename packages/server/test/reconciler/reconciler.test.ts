import type { LaunchReference, Observation, Resource } from '@user-workspaces/contract';
import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import { Reconciler } from '../../src/reconciler/reconciler.js';
import { probeSession } from '../../src/reconciler/session-probe.js';
import { type Fixture, startFixture } from '../files/fixture.js';

let fixture: Fixture;
afterEach(() => fixture.close());

/** Stands for a resource whose jobs all wait, and counts what it is asked about: only the rows and the statements matter here. */
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
  const reconciler = new Reconciler(context, context.metrics, probeSession);
  const { signal } = new AbortController();
  await reconciler.pass(signal);
  expect(asked).toEqual([count]);
  expect(await database.count('jobs', { queue_reason: 'It waits.' })).toBe(count);
  const events = await database.count('events', {});
  // The rows are known as they were read, and are written by now: the next sweeps read some anew, and learn of the others when a write is refused.
  for (let sweep = 0; sweep < 3; sweep += 1) {
    nowMs += 40_000;
    await reconciler.pass(signal);
  }
  read = 0;
  nowMs += 40_000;
  await reconciler.pass(signal);
  expect(asked.at(-1)).toBe(count);
  expect(read).toBeLessThanOrEqual(500);
  expect(await database.count('events', {})).toBe(events);
  expect(lines).toEqual([]);
  nowMs += 600_000;
  await reconciler.pass(signal);
  await reconciler.pass(signal);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain(`"jobs":${count}`);
});
