import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Resource } from '@user-workspaces/contract';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { missingForSlurm, type SlurmCluster, startSlurmCluster } from '../../../test/backends/slurm/cluster.js';
import { referenceTo, specificationOf } from '../../../test/support/launches.js';
import { describeUnless } from '../../../test/support/requirements.js';
import { until } from './launches.js';
import { jobUser, openSlurmWorld, type SlurmWorld } from './world.js';

// What the scheduler says of jobs that wait, or that it refuses. One after the other: they take what others would need.

vi.setConfig({ testTimeout: 120_000 });

describeUnless(missingForSlurm(), 'the scheduler of a real cluster', () => {
  let cluster: SlurmCluster;
  let world: SlurmWorld;
  /** By commands and by slurmrestd. */
  let ways: readonly Resource[];
  beforeAll(async () => {
    cluster = await startSlurmCluster([jobUser]);
    world = await openSlurmWorld(cluster);
    const rest = { url: 'http://127.0.0.1:6820', keyFile: `${cluster.directory}/keys/jwt.key` };
    ways = [world.resource, await world.make({ rest })];
  }, 900_000);
  afterAll(async () => {
    await world?.close();
    await cluster?.down();
  }, 180_000);

  test('what can never run is refused with the reason of the scheduler', async () => {
    const { resource } = world;
    const tooMuch = specificationOf(world, 'true', { limits: { memoryMb: 900_000 } });
    await resource.launch(tooMuch);
    expect(await until(resource, tooMuch, 'ended')).toMatchObject({
      cause: 'launch_failed',
      startedAtMs: null,
      reason: expect.stringContaining('No node of the cluster has what it asks for.'),
    });
    expect(await cluster.run('squeue', '--noheader', `--name=uws-${tooMuch.launchKey}`)).toBe('');
    await cluster.run('sacctmgr', '-i', 'add', 'qos', 'tiny', 'MaxTRESPerJob=cpu=1');
    await cluster.run('sacctmgr', '-i', 'modify', 'user', jobUser, 'set', 'qos+=tiny');
    const tooMany = specificationOf(world, 'true', { limits: { cpus: 2 }, resourceDetails: { qos: 'tiny' } });
    await vi.waitFor(() => resource.launch(tooMany), { timeout: 30_000, interval: 1_000 });
    expect(await until(resource, tooMany, 'ended')).toMatchObject({
      cause: 'launch_failed',
      reason: expect.stringContaining('more than a single job of its user, account or quality of service may have'),
    });
    const nowhere = specificationOf(world, 'true', { resourceDetails: { partition: 'nowhere' } });
    await expect(resource.launch(nowhere)).rejects.toMatchObject({
      kind: 'invalid',
      message: expect.stringContaining('partition'),
    });
    const other = specificationOf(world, 'true', { options: { nodelist: 'node1' } });
    await expect(resource.launch(other)).rejects.toMatchObject({ kind: 'invalid', field: 'nodelist' });
  });

  test('a workspace whose directory is not there is told apart from one that the account may not enter', async () => {
    for (const resource of ways) {
      const gone = specificationOf(world, 'true', { workspacePath: `${world.workspacePath}/gone` });
      await resource.launch(gone);
      expect(await until(resource, gone, 'ended')).toMatchObject({
        cause: 'launch_failed',
        reason: expect.stringContaining('The directory of the workspace is not there'),
      });
      const closed = specificationOf(world, 'true', { workspacePath: '/root' });
      await resource.launch(closed);
      expect(await until(resource, closed, 'ended')).toMatchObject({
        cause: 'launch_failed',
        reason: expect.stringContaining('The account of the job may not enter the workspace.'),
      });
    }
  });

  test('what asks for more time than its partition has ends at once, or is refused', async () => {
    const { resource } = world;
    const specification = specificationOf(world, 'true', {
      limits: { timeLimitMinutes: 60 },
      resourceDetails: { partition: 'short' },
    });
    const refused: unknown = await resource.launch(specification).catch((error: unknown) => error);
    if (refused instanceof Error) {
      expect(refused).toMatchObject({ kind: 'invalid', message: expect.stringMatching(/time limit/i) });
      return;
    }
    const end = await until(resource, specification, 'ended');
    expect(end).toMatchObject({
      cause: 'launch_failed',
      reason: expect.stringContaining('more time than its partition allows'),
    });
  });

  test('a waiting job says why it waits, in words', async () => {
    const { resource } = world;
    await cluster.run('scontrol', 'update', 'NodeName=node1,node2', 'State=DRAIN', 'Reason=test');
    try {
      const specification = specificationOf(world, 'true');
      await resource.launch(specification);
      let seen = await until(resource, specification, 'pending');
      for (let tries = 0; tries < 50 && !/down, drained|enough/.test(seen.reason ?? ''); tries++) {
        await sleep(200);
        seen = await until(resource, specification, 'pending');
      }
      expect(seen.reason).toMatch(/are down, drained or reserved|enough processors/);
      await cluster.run('scontrol', 'hold', seen.handle);
      expect((await until(resource, specification, 'pending')).reason).toMatch(/held by an operator.*\(JobHeldAdmin\)/);
      await resource.stop(referenceTo(specification), 0);
      expect(await until(resource, specification, 'ended')).toMatchObject({
        cause: 'stopped',
        startedAtMs: null,
        coreHours: 0,
      });
    } finally {
      await cluster.run('scontrol', 'update', 'NodeName=node1,node2', 'State=RESUME');
    }
  });

  test('a job that waits for full nodes says when the scheduler expects to start it', async () => {
    const { resource } = world;
    const full = ['node1', 'node2'].map((constraint) =>
      specificationOf(world, 'sleep 600', {
        limits: { cpus: 16, timeLimitMinutes: 30 },
        resourceDetails: { constraint },
      }),
    );
    const specification = specificationOf(world, 'sleep 600', { limits: { timeLimitMinutes: 5 } });
    onTestFinished(async () => {
      for (const each of [...full, specification]) await resource.stop(referenceTo(each), 0);
      // The next test needs the nodes empty, however long a busy machine takes.
      await vi.waitFor(async () => expect(await cluster.run('squeue', '--noheader')).toBe(''), 110_000);
    }, 120_000);
    for (const each of full) await resource.launch(each);
    const ends: (number | null)[] = [];
    for (const each of full) ends.push((await until(resource, each, 'running')).endsAtMs);
    const first = Math.min(...ends.map((end) => end ?? Number.NaN));
    await resource.launch(specification);
    for (const way of ways) {
      await vi.waitFor(async () => {
        const { reason, expectedStartAtMs } = await until(way, specification, 'pending');
        // The scheduler plans in steps of a minute.
        expect(expectedStartAtMs).toBeGreaterThanOrEqual(first);
        expect(expectedStartAtMs).toBeLessThanOrEqual(first + 120_000);
        expect(reason).toMatch(/^It waits until enough|^Other jobs of a higher priority/);
      }, 60_000);
    }
  });

  test('a job runs in the reservation that it names; one that names none that is there is refused at once, with the reason', async () => {
    const { workspacePath } = world;
    const words = ['ReservationName=course', 'StartTime=now', 'Duration=60', `Users=${jobUser}`, 'Nodes=node2'];
    await cluster.run('scontrol', 'create', 'reservation', ...words);
    try {
      for (const [index, way] of ways.entries()) {
        const elsewhere = specificationOf(world, 'true', { resourceDetails: { constraint: 'node2' } });
        await way.launch(elsewhere);
        const script = `echo "$SLURM_JOB_RESERVATION $SLURMD_NODENAME" > reserved-${index}`;
        const inside = specificationOf(world, script, { resourceDetails: { reservation: 'course' } });
        await way.launch(inside);
        expect(await until(way, inside, 'ended')).toMatchObject({ exitCode: 0, cause: 'exited' });
        expect(await readFile(`${workspacePath}/reserved-${index}`, 'utf8')).toBe('course node2\n');
        // The node is kept for those who name it.
        expect((await until(way, elsewhere, 'pending')).reason).toContain('are down, drained or reserved');
        await way.stop(referenceTo(elsewhere), 0);
        const unknown = specificationOf(world, 'true', { resourceDetails: { reservation: 'lecture' } });
        await expect(way.launch(unknown)).rejects.toMatchObject({
          kind: 'invalid',
          message: expect.stringMatching(/^The cluster refuses the job: .*reservation/),
        });
      }
    } finally {
      await cluster.run('scontrol', 'delete', 'ReservationName=course');
    }
  });
});
