// Jobs outlive their server: what becomes of them while it is dead is found out at its next start.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { namesIn, settled, until, violations } from './invariants.js';
import { type Answered, Bench } from './steps/bench.js';
import { putAwayBench, removeBench } from './steps/deaths.js';

/** A busy machine is no defect. */
const patienceMs = 60_000;

let bench: Bench;
beforeAll(async () => {
  bench = await Bench.open();
});
afterAll(() => removeBench(bench));

async function startCounting(workspaceId: number, details: Record<string, number>): Promise<number> {
  const body = { job_type: 'counting', job_details: details };
  const answer = await bench.send('ada', 'PUT', `/workspaces/${workspaceId}/start/`, { body });
  return idOf(answer, 'job');
}

function idOf(answer: Answered | undefined, what: string): number {
  const found = answer?.body.data?.[what];
  if (typeof found !== 'object' || found === null || !('id' in found) || typeof found.id !== 'number') {
    throw new Error(`No ${what}: ${JSON.stringify(answer)}`);
  }
  return found.id;
}

test('jobs go on and end while the server is dead, and the next start records how and when', {
  timeout: 300_000,
}, async () => {
  const made = await bench.send('ada', 'POST', '/workspaces/', { body: { name: 'survivors', description: '' } });
  const workspaceId = idOf(made, 'workspace');
  const runs = (id: number) =>
    until(`job ${id} runs`, async () => await bench.database.findOne('jobs', { id, status: 'running' }), patienceMs);
  const long = await startCounting(workspaceId, { seconds: 100 });
  await runs(long);
  const short = await startCounting(workspaceId, { seconds: 3, exit_code: 7 });
  const { launch_key } = await runs(short);
  await bench.server.stop('SIGKILL');
  const deadAtMs = Date.now();
  const hasResult = async () => (await namesIn(join(bench.data, 'launches', launch_key))).includes('result');
  await until('the short one ends', async () => ((await hasResult()) ? true : undefined), patienceMs);
  const startsAtMs = Date.now();
  await bench.start();
  const endOf = async () => await bench.database.findOne('jobs', { id: short, status: 'failed' });
  const ended = await until('its end is known', endOf, patienceMs);
  expect(ended).toMatchObject({ exit_code: 7, status_reason: 'exit_code' });
  expect(ended.ended_at_ms).toBeGreaterThan(deadAtMs - 1_000);
  expect(ended.ended_at_ms).toBeLessThanOrEqual(startsAtMs);
  expect(await bench.database.findOne('jobs', { id: long })).toMatchObject({ status: 'running' });
  await bench.send('ada', 'PUT', `/jobs/${long}/stop/`);
  await settled(bench, patienceMs);
  expect(await violations(bench)).toEqual([]);
  expect(await putAwayBench(bench)).toEqual([]);
});
