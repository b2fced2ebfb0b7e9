import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  missingForSlurm,
  type RestDaemon,
  type SlurmCluster,
  startRestDaemon,
  startSlurmCluster,
} from '../../../test/backends/slurm/cluster.js';
import { observe, referenceTo, specificationOf } from '../../../test/support/launches.js';
import { describeUnless } from '../../../test/support/requirements.js';
import { Records } from '../src/records.js';
import { Rest } from '../src/rest/transport.js';
import { until } from './launches.js';
import { jobUser, openSlurmWorld, type SlurmWorld, stranger } from './world.js';

// What slurmrestd makes of jobs, in each version that the installed one speaks, and what becomes of jobs without it.

vi.setConfig({ testTimeout: 120_000 });

describeUnless(missingForSlurm(), 'slurmrestd', () => {
  let cluster: SlurmCluster;
  beforeAll(async () => {
    cluster = await startSlurmCluster([jobUser, stranger]);
  }, 900_000);
  afterAll(() => cluster?.down(), 120_000);
  afterEach(() => {
    vi.restoreAllMocks();
  });

  describe.each(['v0.0.36', 'v0.0.37', 'v0.0.38'])('%s', (version) => {
    const plugin = `openapi/${version}`;
    let daemon: RestDaemon;
    let world: SlurmWorld;
    beforeAll(async () => {
      daemon = await startRestDaemon(cluster, plugin);
      world = await openSlurmWorld(cluster, daemon.port);
    }, 60_000);
    afterAll(async () => {
      await world?.close();
      await daemon?.kill();
    }, 60_000);

    test('jobs are launched, watched, given more time and stopped', async () => {
      const { resource, workspacePath } = world;
      const short = specificationOf(world, 'exit 3', { limits: { cpus: 1, memoryMb: 100, timeLimitMinutes: 2 } });
      const long = specificationOf(world, 'trap "echo stopped > obeyed; exit 0" TERM; touch ready; sleep 600 & wait', {
        limits: { timeLimitMinutes: 2, cpus: 2, gpus: 1 },
        resourceDetails: { constraint: 'node2', partition: 'short' },
      });
      await resource.launch(short);
      const { handle } = await resource.launch(long);
      const failed = await until(resource, short, 'ended');
      expect(failed).toMatchObject({ exitCode: 3, cause: 'exited', signal: null });
      // Of a job without GPUs the cluster lists none.
      expect(failed).not.toHaveProperty('gpuHours');
      const running = await until(resource, long, 'running');
      expect(running.endsAtMs).toBe(running.startedAtMs + 120_000);
      expect(running.coreHours).toBeCloseTo(2 * (running.gpuHours ?? 0), 12);
      // What the cluster itself says of it: it may not be put back into the queue, after none of the changes.
      const job = () => cluster.run('scontrol', '--oneliner', 'show', 'job', handle);
      expect(await job()).toMatch(/ Requeue=0 .* NodeList=node2 /);
      await resource.extend(referenceTo(long), 7);
      expect(await job()).toMatch(/ Requeue=0 .* TimeLimit=00:07:00 /);
      await vi.waitFor(() => readFile(`${workspacePath}/ready`), 20_000);
      const load = await resource.load?.();
      expect(load).toMatchObject({ queuedJobs: expect.any(Number), runningJobs: expect.any(Number) });
      // The oldest version does not tell what is allocated.
      if (version === 'v0.0.36') expect(load?.cpus).toBeUndefined();
      else expect(load?.cpus?.free).toBeLessThan(load?.cpus?.total ?? 0);
      if (version !== 'v0.0.36') expect(load?.gpus).toEqual({ total: 2, free: 1 });
      await resource.stop(referenceTo(long), 60_000);
      const end = await until(resource, long, 'ended');
      const hours = (end.endedAtMs - (end.startedAtMs ?? 0)) / 3_600_000;
      expect(end).toMatchObject({ exitCode: 0, cause: 'stopped', coreHours: hours * 2, gpuHours: hours });
      expect(await readFile(`${workspacePath}/obeyed`, 'utf8')).toBe('stopped\n');
      // Of a job that has ended nothing is changed any more, and nothing is wrong with trying.
      await resource.stop(referenceTo(long), 0);
      await expect(resource.extend(referenceTo(long), 9)).rejects.toMatchObject({ kind: 'not_found' });
    });

    test('a few jobs among many are asked for alone, and once a minute all are listed', async () => {
      const rest = new Rest(
        { url: `http://127.0.0.1:${daemon.port}`, keyFile: `${cluster.directory}/keys/jwt.key` },
        { history: async () => null, listedAfterEndMs: async () => null },
      );
      const name = `uws-${randomBytes(16).toString('hex')}`;
      const submit = async (jobName: string) => {
        const words = ['--parsable', '--hold', `--uid=${jobUser}`, `--job-name=${jobName}`, '--chdir=/', '--wrap=true'];
        return Number(await cluster.run('sbatch', '--output=/dev/null', ...words));
      };
      const submitted = [await submit(name)];
      onTestFinished(async () => {
        await cluster.run('scancel', ...submitted.map(String));
      });
      const [id = 0] = submitted;
      for (let others = 1; others < 20; others++) submitted.push(await submit('other'));
      const gone = { id: 4_000_000, name: 'uws-gone', account: world.account };
      const look = async () => {
        const jobs = await rest.list(async () => [{ id, name, account: world.account }, gone], undefined, [name]);
        return jobs.filter((job) => job.name === name);
      };
      const [whole, ...more] = await look();
      expect(whole).toMatchObject({ id, state: 'PENDING', reason: 'JobHeldUser' });
      expect(more).toEqual([]);
      const second = await submit(name);
      submitted.push(second);
      // The oldest version cannot be asked for a job that may be gone.
      if (version === 'v0.0.36') return expect(await look()).toHaveLength(2);
      expect(await look()).toEqual([whole]);
      const now = performance.now.bind(performance);
      vi.spyOn(performance, 'now').mockImplementation(() => now() + 60_000);
      expect(new Set((await look()).map((job) => job.id))).toEqual(new Set([id, second]));
    });

    test('what cannot be run is refused with the reason of the scheduler', async () => {
      const { make } = world;
      const resource = await make({ allowedOptions: ['exclusive', 'bogus'] });
      const launch = (resourceDetails: Record<string, unknown>) =>
        resource.launch(specificationOf(world, 'true', { resourceDetails }));
      await expect(launch({ partition: 'nowhere' })).rejects.toMatchObject({
        kind: 'invalid',
        message: 'The cluster refuses the job: Invalid partition name specified.',
      });
      await expect(launch({ bogus: '1' })).rejects.toMatchObject({ kind: 'invalid' });
      const tooLong = specificationOf(world, 'true', {
        limits: { timeLimitMinutes: 60 },
        resourceDetails: { partition: 'short' },
      });
      await resource.launch(tooLong);
      expect(await until(resource, tooLong, 'ended')).toMatchObject({
        cause: 'launch_failed',
        reason: expect.stringContaining('more time than its partition allows'),
      });
      const alone = specificationOf(world, 'true', { resourceDetails: { exclusive: true } });
      await resource.launch(alone);
      expect(await until(resource, alone, 'ended')).toMatchObject({ exitCode: 0 });
    });

    test('a submit whose answer is lost is found again, and runs once', async () => {
      const { resource, link, workspacePath } = world;
      expect(await resource.check()).toMatchObject({ connected: true });
      const specification = specificationOf(world, 'echo started >> once');
      link.loseAnswers(1);
      await expect(resource.launch(specification)).rejects.toMatchObject({ kind: 'unavailable' });
      expect((await observe(resource, specification)).kind).toBe('absent');
      await resource.launch(specification);
      expect(await until(resource, specification, 'ended')).toMatchObject({ exitCode: 0, cause: 'exited' });
      expect(await readFile(`${workspacePath}/once`, 'utf8')).toBe('started\n');
      const name = `uws-${specification.launchKey}`;
      expect((await cluster.run('squeue', '--noheader', '--states=pending', `--name=${name}`)).trim()).toBe('');
    });

    test('a job whose number the cluster has given to somebody else is neither let go nor renamed in its place', async () => {
      const { resource, recordsDirectory } = world;
      const words = ['--parsable', '--hold', '--job-name=of-another', '--output=/dev/null', '--wrap=sleep 600'];
      const environment = ['env', `SLURM_CONF=${cluster.slurmConf}`];
      const foreign = (
        await cluster.run('runuser', '-u', stranger, '--', ...environment, 'sbatch', '--chdir=/', ...words)
      ).trim();
      onTestFinished(async () => void (await cluster.run('scancel', foreign)));
      const specification = specificationOf(world, 'true');
      const records = new Records(recordsDirectory);
      await records.claimOnce(specification.launchKey, { kind: 'job', id: Number(foreign), port: null });
      expect(await resource.launch(specification)).toMatchObject({ handle: foreign });
      const seen = await cluster.run('squeue', '--noheader', `--jobs=${foreign}`, '--format=%j %r');
      expect(seen).toBe('of-another JobHeldUser\n');
    });

    test('tokens that are too old, or signed with another key, change nothing; then they are made anew', async () => {
      const { make, resource } = world;
      const specification = specificationOf(world, 'sleep 600');
      await resource.launch(specification);
      await until(resource, specification, 'running');
      const doubt = { kind: 'unknown', reason: expect.stringContaining('The cluster does not answer') };

      const late = await make();
      const clock = vi
        .spyOn(Date, 'now')
        .mockImplementation(() => Math.round(performance.timeOrigin + performance.now()) - 3_600_000);
      expect(await observe(late, specification)).toMatchObject(doubt);
      await expect(late.launch(specificationOf(world, 'true'))).rejects.toMatchObject({ kind: 'unavailable' });
      await expect(late.stop(referenceTo(specification), 0)).rejects.toMatchObject({ kind: 'unavailable' });
      expect(await late.check()).toMatchObject({ connected: false });
      clock.mockRestore();
      expect(await observe(late, specification)).toMatchObject({ kind: 'running' });

      const keyFile = `${cluster.directory}/wrong.key`;
      await writeFile(keyFile, randomBytes(32));
      const stranger = await make({ rest: { url: `http://127.0.0.1:${daemon.port}`, keyFile } });
      expect(await observe(stranger, specification)).toMatchObject(doubt);
      await expect(stranger.launch(specificationOf(world, 'true'))).rejects.toMatchObject({ kind: 'unavailable' });
      expect(await stranger.check()).toMatchObject({ connected: false });
      expect(await observe(resource, specification)).toMatchObject({ kind: 'running' });
      await resource.stop(referenceTo(specification), 0);
      expect(await until(resource, specification, 'ended')).toMatchObject({ cause: 'stopped' });
    });

    test('a slurmrestd that is killed and comes back changes nothing', async () => {
      const { resource, workspacePath } = world;
      const specification = specificationOf(world, 'while [ ! -e rest-is-back ]; do sleep 0.2; done; exit 5');
      await resource.launch(specification);
      await until(resource, specification, 'running');
      await daemon.kill();
      expect(await observe(resource, specification)).toMatchObject({ kind: 'unknown' });
      const late = specificationOf(world, 'true');
      await expect(resource.launch(late)).rejects.toMatchObject({ kind: 'unavailable' });
      expect(await resource.check()).toMatchObject({ connected: false });
      await daemon.start(plugin);
      expect(await observe(resource, specification)).toMatchObject({ kind: 'running' });
      await writeFile(`${workspacePath}/rest-is-back`, '');
      expect(await until(resource, specification, 'ended')).toMatchObject({ exitCode: 5, cause: 'exited' });
      await resource.launch(late);
      expect(await until(resource, late, 'ended')).toMatchObject({ exitCode: 0 });
    });
  });

  test('the newest version that both know is spoken, also after an exchange of slurmrestd', async () => {
    const world = await openSlurmWorld(cluster, 6820);
    expect((await observe(world.resource, specificationOf(world, 'true'))).kind).toBe('absent');
    await world.close();
    const asked = await readFile(`${cluster.directory}/log/slurmrestd.log`, 'utf8');
    expect(asked.match(/GET \/slurm\/v[\d.]+\/jobs/g)).toContain('GET /slurm/v0.0.38/jobs');
    expect(asked).not.toMatch(/GET \/slurm\/v0\.0\.3[67]\/jobs/);

    const daemon = await startRestDaemon(cluster, 'openapi/v0.0.38');
    onTestFinished(() => daemon.kill());
    const changing = await openSlurmWorld(cluster, daemon.port);
    const specification = specificationOf(changing, 'exit 4');
    await changing.resource.launch(specification);
    await daemon.kill();
    await daemon.start('openapi/v0.0.36');
    expect(await observe(changing.resource, specification)).toMatchObject({ kind: 'unknown' });
    expect(await until(changing.resource, specification, 'ended')).toMatchObject({ exitCode: 4 });
    await changing.close();
  });

  test('a slurmrestd that speaks no known version is refused, with what it speaks', async () => {
    const daemon = await startRestDaemon(cluster, 'openapi/dbv0.0.38');
    onTestFinished(() => daemon.kill());
    const world = await openSlurmWorld(cluster);
    const rest = { url: `http://127.0.0.1:${daemon.port}`, keyFile: `${cluster.directory}/keys/jwt.key` };
    const resource = await world.make({ rest });
    const message = `slurmrestd at ${rest.url} speaks no version for jobs, which this resource was not tried with; it knows v0.0.45, v0.0.44, `;
    await expect(resource.launch(specificationOf(world, 'true'))).rejects.toMatchObject({
      kind: 'misconfigured',
      message: expect.stringContaining(message),
    });
    expect(await resource.check()).toMatchObject({ connected: false, message: expect.stringContaining(message) });
    await world.close();
  });
});
