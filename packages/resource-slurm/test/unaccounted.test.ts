import { readdir, readFile, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Observation, Resource } from '@user-workspaces/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { missingForSlurm, type SlurmCluster, startSlurmCluster } from '../../../test/backends/slurm/cluster.js';
import { observe, specificationOf } from '../../../test/support/launches.js';
import { describeUnless } from '../../../test/support/requirements.js';
import { until } from './launches.js';
import { jobUser, openSlurmWorld, type SlurmWorld } from './world.js';

const minJobAgeSeconds = 10;

describeUnless(missingForSlurm(), 'a real cluster without accounting', () => {
  let cluster: SlurmCluster;
  let world: SlurmWorld;
  beforeAll(async () => {
    cluster = await startSlurmCluster([jobUser], { ACCOUNTING: '0', MIN_JOB_AGE: String(minJobAgeSeconds) });
    world = await openSlurmWorld(cluster);
  }, 900_000);
  afterAll(async () => {
    await cluster?.up().catch(() => undefined);
    await world?.close();
    await cluster?.down();
  }, 180_000);

  /** The controller ends, and comes back without knowing of any job. */
  async function loseJobs(): Promise<void> {
    process.kill(Number(await readFile(`${cluster.directory}/run/slurmctld/slurmctld.pid`, 'utf8')), 'SIGKILL');
    const state = `${cluster.directory}/spool/ctld`;
    for (const name of await readdir(state)) await rm(`${state}/${name}`, { recursive: true });
    await cluster.up();
  }

  test('a job that the controller has lost is gone only after the time for which it lists jobs after their end', async () => {
    const { resource, make } = world;
    const rest = { url: 'http://127.0.0.1:6820', keyFile: `${cluster.directory}/keys/jwt.key` };
    const specification = specificationOf(world, 'sleep 600');
    await resource.launch(specification);
    await until(resource, specification, 'running');
    const seenAtMs = performance.now();
    await until(resource, specification, 'running');
    await loseJobs();
    /** Looks until it is absent: how long that took, and what was said before. */
    const follow = async (way: Resource, sinceMs: number) => {
      const before = new Set<Observation['kind']>();
      for (let tries = 0; tries < 300; tries++) {
        const { kind } = await observe(way, specification);
        if (kind === 'absent') return { seconds: (performance.now() - sinceMs) / 1000, before: [...before] };
        before.add(kind);
        await sleep(200);
      }
      throw new Error('It is never absent.');
    };
    // Of the job the others know nothing but its claim, as after a new start.
    const [seen, ...others] = await Promise.all([
      follow(resource, seenAtMs),
      follow(await make(), performance.now()),
      follow(await make({ rest }), performance.now()),
    ]);
    for (const { seconds, before } of [seen, ...others]) {
      expect(before).toEqual(['unknown']);
      expect(seconds).toBeGreaterThan(minJobAgeSeconds);
    }
  }, 180_000);
});
