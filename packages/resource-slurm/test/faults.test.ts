import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LaunchSpecification, Observation } from '@user-workspaces/contract';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { missingForSlurm, type SlurmCluster, startSlurmCluster } from '../../../test/backends/slurm/cluster.js';
import { observe, referenceTo, specificationOf } from '../../../test/support/launches.js';
import { describeUnless } from '../../../test/support/requirements.js';
import { Records } from '../src/records.js';
import { until } from './launches.js';
import { jobUser, openSlurmWorld, type SlurmWorld, stranger } from './world.js';

// What only a cluster can do to a job. One after the other: they stop what others would need.

// The cluster itself takes its time: it looks after limits, lost nodes and forgotten jobs at intervals.
vi.setConfig({ testTimeout: 240_000 });

describeUnless(missingForSlurm(), 'faults of a real cluster', () => {
  let cluster: SlurmCluster;
  let world: SlurmWorld;
  beforeAll(async () => {
    // Forgotten soon, so that the accounting is needed; a lost node is given up soon.
    cluster = await startSlurmCluster([jobUser, stranger], { MIN_JOB_AGE: '5', SLURMD_TIMEOUT: '10' });
    world = await openSlurmWorld(cluster);
  }, 900_000);
  afterAll(async () => {
    await cluster?.up().catch(() => undefined);
    await world?.close();
    await cluster?.down();
  }, 180_000);

  /** Submits a job that is not ours; its number. */
  const submit = async (user: string, ...words: string[]) => {
    const command = ['sbatch', '--parsable', '--chdir=/', '--output=/dev/null', ...words];
    const environment = ['env', `SLURM_CONF=${cluster.slurmConf}`];
    return (await cluster.run('runuser', '-u', user, '--', ...environment, ...command)).trim();
  };
  const killController = async () => {
    const pid = Number(await readFile(`${cluster.directory}/run/slurmctld/slurmctld.pid`, 'utf8'));
    process.kill(pid, 'SIGKILL');
  };

  test('the load of a cluster falls with the end of its jobs, and is unknown without it', async () => {
    const { resource, link } = world;
    const busy = specificationOf(world, 'sleep 600');
    await resource.launch(busy);
    await until(resource, busy, 'running');
    const load = await resource.load?.();
    expect(load).toMatchObject({ queuedJobs: expect.any(Number), runningJobs: expect.any(Number) });
    expect(load?.cpus?.free).toBeLessThan(load?.cpus?.total ?? 0);
    await resource.stop(referenceTo(busy), 0);
    await until(resource, busy, 'ended');
    await vi.waitFor(async () => {
      const { cpus } = (await resource.load?.()) ?? {};
      expect(cpus?.free).toBe(cpus?.total);
    }, 30_000);
    link.loseAnswers(1);
    await expect(resource.load?.()).rejects.toMatchObject({ kind: 'unavailable' });
  });

  test('a submit whose answer is lost is found again, and runs once', async () => {
    const { resource, link, workspacePath } = world;
    const specification = specificationOf(world, 'echo started >> once');
    link.loseAnswers(1);
    await expect(resource.launch(specification)).rejects.toMatchObject({ kind: 'unavailable' });
    expect((await observe(resource, specification)).kind).toBe('absent');
    await resource.launch(specification);
    const end = await until(resource, specification, 'ended');
    expect(end).toMatchObject({ exitCode: 0, cause: 'exited' });
    expect(await readFile(`${workspacePath}/once`, 'utf8')).toBe('started\n');
    const held = await cluster.run('squeue', '--noheader', '--states=pending', `--name=uws-${specification.launchKey}`);
    expect(held.trim()).toBe('');
  });

  test('a session whose submit was answered to nobody is reached at the port that its job was told', async () => {
    const { resource, link, node } = world;
    const script = `const server = require('node:net').createServer().listen(process.env.UWS_PORT, () => {
  require('node:fs').writeFileSync(process.env.UWS_REPORT + '.new', [process.env.UWS_SECRET, process.env.UWS_PORT, '/\\n'].join(' '));
  require('node:fs').renameSync(process.env.UWS_REPORT + '.new', process.env.UWS_REPORT);
});`;
    const session = { secret: 's'.repeat(43) };
    // With it the addresses of the nodes are known: the next question is the submit.
    await resource.launch(specificationOf(world, 'true', { session }));
    const specification = specificationOf(world, '', { command: [node, '-e', script], session });
    link.loseAnswers(1);
    await expect(resource.launch(specification)).rejects.toMatchObject({ kind: 'unavailable' });
    expect((await observe(resource, specification)).kind).toBe('absent');
    await resource.launch(specification);
    await vi.waitFor(async () => {
      expect(await until(resource, specification, 'running')).toHaveProperty('session');
    }, 60_000);
    await resource.stop(referenceTo(specification), 0);
    await until(resource, specification, 'ended');
  });

  test('a job with a GPU runs where there is one, and is counted with it; more GPUs than a node has are refused with the reason', async () => {
    const { make, workspacePath } = world;
    const resource = await make({ cpuPartition: 'main', gpuPartition: 'gpu' });
    const script =
      'echo "$SLURM_JOB_PARTITION $CUDA_VISIBLE_DEVICES" > gpu; while [ ! -e counted ]; do sleep 0.2; done';
    const specification = specificationOf(world, script, { limits: { gpus: 1, cpus: 2 } });
    expect(await resource.load?.()).toMatchObject({ gpus: { total: 2, free: 2 } });
    const { handle } = await resource.launch(specification);
    await until(resource, specification, 'running');
    expect(await resource.load?.()).toMatchObject({ gpus: { total: 2, free: 1 } });
    const running = await until(resource, specification, 'running');
    expect(running.gpuHours).toBeGreaterThan(0);
    expect(running.coreHours).toBeCloseTo(2 * (running.gpuHours ?? 0), 12);
    await cluster.run('touch', `${workspacePath}/counted`);
    const end = await until(resource, specification, 'ended');
    expect(end).toMatchObject({ exitCode: 0, gpuHours: (end.endedAtMs - (end.startedAtMs ?? 0)) / 3_600_000 });
    expect(await readFile(`${workspacePath}/gpu`, 'utf8')).toMatch(/^gpu [01]\n$/);
    await vi.waitFor(async () => {
      const words = ['--noheader', '--parsable2', '--allocations', `--jobs=${handle}`, '--format=AllocTRES'];
      expect(await cluster.run('sacct', ...words)).toContain('gres/gpu=1');
    }, 30_000);
    const tooMany = specificationOf(world, 'true', { limits: { gpus: 5 } });
    await resource.launch(tooMany);
    expect(await until(resource, tooMany, 'ended')).toMatchObject({
      cause: 'launch_failed',
      reason: expect.stringContaining('No node of the cluster has what it asks for. (BadConstraints)'),
      gpuHours: 0,
    });
  });

  test('a job whose memory runs out has the cause and words of it', async () => {
    const { resource, node } = world;
    const command = [node, '-e', 'Buffer.alloc(400 * 1048576, 1); setInterval(() => {}, 1000)'] as const;
    const specification = specificationOf(world, '', { command: [...command], limits: { memoryMb: 120 } });
    await resource.launch(specification);
    const end = await until(resource, specification, 'ended');
    expect(end).toMatchObject({
      cause: 'memory_limit',
      exitCode: null,
      reason: expect.stringContaining('more memory'),
    });
  });

  test('a job that somebody cancels in the cluster is told so', async () => {
    const { resource } = world;
    const specification = specificationOf(world, 'sleep 600');
    const { handle } = await resource.launch(specification);
    await until(resource, specification, 'running');
    await cluster.run('scancel', handle);
    expect(await until(resource, specification, 'ended')).toMatchObject({
      cause: 'stopped',
      reason: expect.stringContaining('cancelled in the cluster'),
    });
  });

  test('a job is not put back into the queue; one that a more urgent one pushes out has ended, in words', async () => {
    const { resource } = world;
    const specification = specificationOf(world, 'sleep 600', {
      limits: { cpus: 16 },
      resourceDetails: { constraint: 'node1' },
    });
    const { handle } = await resource.launch(specification);
    await until(resource, specification, 'running');
    await expect(cluster.run('scontrol', 'requeue', handle)).rejects.toThrow();
    expect((await observe(resource, specification)).kind).toBe('running');
    const urgent = await submit(
      jobUser,
      '--partition=urgent',
      '--constraint=node1',
      '--cpus-per-task=16',
      '--wrap=sleep 600',
    );
    try {
      expect(await until(resource, specification, 'ended')).toMatchObject({
        cause: 'node_failure',
        reason: expect.stringContaining('another of a higher priority needed node1'),
      });
    } finally {
      await cluster.run('scancel', urgent);
    }
  });

  test('a port that another account of the node takes is no session, and its job ends', async () => {
    const { make, node, workspacePath } = world;
    const port = 31_999;
    const resource = await make({ sessionPorts: [port, port] });
    const launch = async (...command: [string, ...string[]]) => {
      const specification = specificationOf(world, '', {
        command,
        session: { secret: 'x'.repeat(43) },
        resourceDetails: { constraint: 'node2' },
      });
      await resource.launch(specification);
      return specification;
    };
    /** Looks until the job has ended: how, and at which addresses its session was believed to be. */
    const follow = async (specification: LaunchSpecification, stop: (seen: Observation) => boolean) => {
      const addresses = new Set<string>();
      for (let tries = 0; tries < 300; tries++) {
        const seen = await observe(resource, specification);
        if (seen.kind === 'running' && seen.session) addresses.add(`${seen.session.host}:${seen.session.port}`);
        if (stop(seen)) return { seen, addresses: [...addresses] };
        await sleep(100);
      }
      throw new Error('Nothing came of it.');
    };
    const outputOf = ({ jobId }: LaunchSpecification) => readFile(`${workspacePath}/.${jobId}/output.log`, 'utf8');
    const report = 'printf "%s %s /\\n" "$UWS_SECRET" "$UWS_PORT" > "$UWS_REPORT"';
    const listen = `const server = require('node:net').createServer().listen(${port}).unref();
setInterval(() => require('node:fs').existsSync('let-go') && server.close(), 50);`;
    const honest = await launch('/bin/sh', '-c', `${report}; exec "$0" -e "$1"`, node, listen);
    const first = await follow(honest, (seen) => seen.kind === 'ended' || (seen.kind === 'running' && !!seen.session));
    expect(first.addresses).toEqual([`10.77.0.12:${port}`]);

    const take = `const take = () => require('node:net').createServer((socket) => socket.end('stolen')).on('error', () => setTimeout(take, 20)).listen(${port}); take();`;
    const thief = await submit(stranger, '--constraint=node2', `--wrap=exec '${node}' -e "${take}"`);
    try {
      await cluster.run('touch', `${workspacePath}/let-go`);
      expect((await follow(honest, ({ kind }) => kind === 'ended')).seen).toMatchObject({ signal: 'SIGTERM' });
      expect(await outputOf(honest)).toContain(`Another account of this node listens on port ${port}`);

      // It reports before anybody of its own listens, as scripts do that become their program.
      const early = await launch('/bin/sh', '-c', `${report}; exec sleep 600`);
      const { seen, addresses } = await follow(early, ({ kind }) => kind === 'ended');
      expect(addresses).toEqual([]);
      expect(seen).toMatchObject({ signal: 'SIGTERM' });
      expect(await outputOf(early)).toContain(`Another account of this node listens on port ${port}`);
    } finally {
      await cluster.run('scancel', thief);
      await cluster.run('rm', `${workspacePath}/let-go`);
    }
  });

  test('a job that the cluster has forgotten is looked up in its accounting, its core and GPU hours too', async () => {
    const { make } = world;
    const rest = { url: 'http://127.0.0.1:6820', keyFile: `${cluster.directory}/keys/jwt.key` };
    // By commands and by slurmrestd.
    const ways = [{ gpuPartition: 'gpu' }, { gpuPartition: 'gpu', rest }];
    const launched = await Promise.all(
      ways.map(async (way) => {
        const specification = specificationOf(world, 'sleep 2; exit 7', { limits: { gpus: 1, cpus: 2 } });
        const { handle } = await (await make(way)).launch(specification);
        return { way, specification, handle };
      }),
    );
    // Nobody looks until they are forgotten.
    await vi.waitFor(async () => {
      const left = await cluster.run('squeue', '--noheader', '--states=all', '--format=%A');
      expect(left.split('\n').filter((id) => launched.some(({ handle }) => handle === id))).toEqual([]);
    }, 150_000);
    for (const { way, specification, handle } of launched) {
      const end = await until(await make(way), specification, 'ended');
      const hours = (end.endedAtMs - (end.startedAtMs ?? 0)) / 3_600_000;
      expect(hours).toBeGreaterThan(0);
      expect(end).toMatchObject({ exitCode: 7, cause: 'exited', handle, coreHours: hours * 2, gpuHours: hours });
    }
  });

  test('a job whose number the cluster has given to somebody else is not let go in its place: it is lost, and starts no second time', async () => {
    const { resource, make } = world;
    const foreign = await submit(stranger, '--hold', '--job-name=of-another', '--wrap=sleep 600');
    try {
      const specification = specificationOf(world, 'touch started-again');
      // As a controller leaves it that forgot the job in its crash, before it was let go.
      const records = new Records(world.recordsDirectory);
      await records.claimOnce(specification.launchKey, { kind: 'job', id: Number(foreign), port: null });
      for (const instance of [resource, await make()]) {
        expect(await instance.launch(specification)).toEqual({ handle: foreign, resourceJobId: Number(foreign) });
      }
      expect(await cluster.run('squeue', '--noheader', `--jobs=${foreign}`, '--format=%j %r')).toBe(
        'of-another JobHeldUser\n',
      );
      const own = await cluster.run('squeue', '--noheader', '--states=all', `--name=uws-${specification.launchKey}`);
      expect(own).toBe('');
      expect((await observe(resource, specification)).kind).toBe('unknown');
      await vi.waitFor(async () => expect(await observe(resource, specification)).toEqual({ kind: 'absent' }), 30_000);
    } finally {
      await cluster.run('scancel', foreign);
    }
  });

  test('a launch that was broken off between its claim and its release is let go by the next', async () => {
    const { make, resource, workspacePath } = world;
    const specification = specificationOf(world, 'echo started >> let-go-once');
    let crashed: (() => void) | undefined;
    const crash = new Promise<void>((resolve) => {
      crashed = resolve;
    });
    const stepping = await make({
      steps: async (name) => {
        if (name !== 'launch.release:before') return;
        crashed?.();
        await new Promise(() => {});
      },
    });
    stepping.launch(specification).catch(() => {});
    await crash;
    await resource.launch(specification);
    expect(await until(resource, specification, 'ended')).toMatchObject({ exitCode: 0 });
    expect(await readFile(`${workspacePath}/let-go-once`, 'utf8')).toBe('started\n');
  });

  test('a controller that is killed changes nothing; afterwards the truth is known', async () => {
    const { resource } = world;
    const specification = specificationOf(world, 'while [ ! -e controller-is-back ]; do sleep 0.2; done; exit 5');
    await resource.launch(specification);
    await until(resource, specification, 'running');
    // What it was told in its last seconds it may forget.
    await sleep(6000);
    await killController();
    expect((await observe(resource, specification)).kind).toBe('unknown');
    const late = specificationOf(world, 'true');
    await expect(resource.launch(late)).rejects.toMatchObject({ kind: 'unavailable' });
    await cluster.up();
    await until(resource, specification, 'running');
    await cluster.run('touch', `${world.workspacePath}/controller-is-back`);
    expect(await until(resource, specification, 'ended')).toMatchObject({ exitCode: 5, cause: 'exited' });
    await resource.launch(late);
    expect(await until(resource, late, 'ended')).toMatchObject({ exitCode: 0 });
  });

  test('a job whose node is powered off runs until the cluster knows better, and has then lost its node', async () => {
    const { resource } = world;
    const specification = specificationOf(world, 'sleep 600', { resourceDetails: { constraint: 'node2' } });
    await resource.launch(specification);
    await until(resource, specification, 'running');
    const anchor = Number(await readFile(`${cluster.directory}/run/node2.anchor`, 'utf8'));
    process.kill(anchor, 'SIGKILL');
    const end = await until(resource, specification, 'ended');
    expect(end).toMatchObject({ cause: 'node_failure', exitCode: null, reason: expect.stringContaining('node2') });
    await cluster.up();
  });
});
