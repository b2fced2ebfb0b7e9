import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import {
  missingForSlurm,
  openRestLink,
  type SlurmCluster,
  type SlurmLink,
  startSlurmCluster,
} from '../../../test/backends/slurm/cluster.js';
import { type SlurmGateway, startSlurmGateway } from '../../../test/backends/slurm/gateway.js';
import { observe, referenceTo, specificationOf } from '../../../test/support/launches.js';
import { describeUnless } from '../../../test/support/requirements.js';
import type { SlurmResourceOptions } from '../src/index.js';
import { until } from './launches.js';
import { accountOf, jobUser, openSlurmWorld, type SlurmWorld, stranger } from './world.js';

// What a site's gateway makes of jobs: a stand-in for it, in front of a real cluster.

vi.setConfig({ testTimeout: 120_000 });

describeUnless(missingForSlurm(), 'the gateway of a site', () => {
  let cluster: SlurmCluster;
  let gateway: SlurmGateway;
  let link: SlurmLink;
  let world: SlurmWorld;
  let options: NonNullable<SlurmResourceOptions['gateway']>;
  const make = (more: Partial<typeof options> = {}) => world.make({ gateway: { ...options, ...more } });

  beforeAll(async () => {
    cluster = await startSlurmCluster([jobUser, stranger]);
    gateway = await startSlurmGateway(cluster);
    link = await openRestLink(gateway.port);
    world = await openSlurmWorld(cluster);
    options = { url: `http://127.0.0.1:${link.port}`, apiToken: gateway.apiToken };
  }, 900_000);
  afterEach(() => {
    vi.restoreAllMocks();
  });
  afterAll(async () => {
    await world?.close();
    await link?.close();
    await gateway?.close();
    await cluster?.down();
  }, 120_000);

  test('jobs are launched as their user, watched and stopped; time limits stay as they are', async () => {
    const resource = await make();
    expect(resource.capabilities.extend).toBe(false);
    const short = specificationOf(world, 'id -un > who; exit 3', {
      limits: { cpus: 1, memoryMb: 100, timeLimitMinutes: 2 },
    });
    const long = specificationOf(world, 'sleep 600', { limits: { timeLimitMinutes: 2, cpus: 2, gpus: 1 } });
    await resource.launch(short);
    const { handle } = await resource.launch(long);
    expect(await until(resource, short, 'ended')).toMatchObject({ exitCode: 3, cause: 'exited' });
    expect(await readFile(`${world.workspacePath}/who`, 'utf8')).toBe(`${jobUser}\n`);
    const running = await until(resource, long, 'running');
    expect(running.endsAtMs).toBe(running.startedAtMs + 120_000);
    expect(running.coreHours).toBeCloseTo(2 * (running.gpuHours ?? 0), 12);
    expect(await cluster.run('scontrol', '--oneliner', 'show', 'job', handle)).toMatch(/ Requeue=0 /);
    await expect(resource.extend(referenceTo(long), 5)).rejects.toMatchObject({ kind: 'unsupported' });
    await resource.stop(referenceTo(long), 60_000);
    expect(await until(resource, long, 'ended')).toMatchObject({ cause: 'stopped' });
    await resource.stop(referenceTo(long), 0);
  });

  test('what cannot be run is refused with the reason of the scheduler', async () => {
    const resource = await make();
    const nowhere = specificationOf(world, 'true', { resourceDetails: { partition: 'nowhere' } });
    await expect(resource.launch(nowhere)).rejects.toMatchObject({
      kind: 'invalid',
      message: 'The cluster refuses the job: Invalid partition name specified.',
    });
  });

  test('tokens are fetched once for all requests of a user, and anew before they end', async () => {
    const resource = await make({ tokenLifespanSeconds: 600 });
    const before = gateway.asked.length;
    const fetched = () => gateway.asked.slice(before).filter((asked) => asked === 'GET /getSlurmToken/').length;
    const specification = specificationOf(world, 'sleep 600');
    await resource.launch(specification);
    await until(resource, specification, 'running');
    expect(fetched()).toBe(1);
    const now = Date.now();
    vi.spyOn(Date, 'now').mockReturnValue(now + 550_000);
    expect(await observe(resource, specification)).toMatchObject({ kind: 'running' });
    expect(fetched()).toBe(2);
    vi.restoreAllMocks();
    await resource.stop(referenceTo(specification), 0);
    expect(await until(resource, specification, 'ended')).toMatchObject({ cause: 'stopped' });
  });

  test('a job whose answer was lost is never submitted again, and is given up in the end', async () => {
    const resource = await make();
    const specification = specificationOf(world, 'echo started >> once');
    // The first answer is the token.
    expect(await observe(resource, specification)).toEqual({ kind: 'absent' });
    await resource.launch(specificationOf(world, 'true'));
    link.loseAnswers(1);
    await expect(resource.launch(specification)).rejects.toMatchObject({ kind: 'unavailable' });
    await expect(resource.launch(specification)).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('its answer is awaited'),
    });
    const now = Date.now();
    vi.spyOn(Date, 'now').mockReturnValue(now + 180_000);
    await expect(resource.launch(specification)).rejects.toMatchObject({
      kind: 'invalid',
      message: expect.stringContaining('it is not submitted again'),
    });
    vi.restoreAllMocks();
    const name = `uws-${specification.launchKey}`;
    await vi.waitFor(async () => {
      const listed = await cluster.run('squeue', '--noheader', '--states=all', `--name=${name}`, '--format=%T');
      expect(listed).toBe('COMPLETED\n');
    }, 30_000);
    expect(await readFile(`${world.workspacePath}/once`, 'utf8')).toBe('started\n');
  });

  test('a job whose key was stopped while it was submitted is ended at once', async () => {
    const other = await make();
    const specification = specificationOf(world, 'touch begun; sleep 600');
    const resource = await world.make({
      gateway: options,
      steps: async (name) => {
        if (name !== 'launch.claim:before') return;
        await vi.waitFor(() => readFile(`${world.workspacePath}/begun`), 20_000);
        await other.stop(referenceTo(specification), 0);
      },
    });
    await expect(resource.launch(specification)).rejects.toMatchObject({ kind: 'conflict' });
    const name = `uws-${specification.launchKey}`;
    await vi.waitFor(async () => {
      const listed = await cluster.run('squeue', '--noheader', '--states=all', `--name=${name}`, '--format=%T');
      expect(listed).toBe('CANCELLED\n');
    }, 30_000);
  });

  test('a gateway that is away, or does not know the server, has made no job: later it is made', async () => {
    const resource = await make();
    const specification = specificationOf(world, 'exit 5');
    const bringBack = await link.cut();
    await expect(resource.launch(specification)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await resource.check()).toMatchObject({ connected: false });
    await bringBack();
    const stranger = await make({ apiToken: 'of somebody else' });
    await expect(stranger.launch(specification)).rejects.toMatchObject({ kind: 'unavailable' });
    await resource.launch(specification);
    expect(await until(resource, specification, 'ended')).toMatchObject({ exitCode: 5, cause: 'exited' });
    expect(await resource.check()).toMatchObject({ connected: true });
    const healthy = await make({ healthCheckUrl: `${options.url}/health/` });
    expect(await healthy.check()).toMatchObject({ connected: true });
    const ill = await make({ healthCheckUrl: `${options.url}/elsewhere/` });
    expect(await ill.check()).toMatchObject({ connected: false });
  });

  test('a user whom the site has removed takes nothing from the others: of his jobs alone nothing is known', async () => {
    const launching = await make();
    const account = accountOf(stranger);
    const workspacePath = `${cluster.directory}/workspace-of-another`;
    await cluster.run('install', '-d', '-o', stranger, workspacePath);
    const own = specificationOf(world, 'sleep 600');
    const others = Array.from({ length: 9 }, () => specificationOf({ account, workspacePath }, 'sleep 600'));
    for (const each of [...others, own]) await launching.launch(each);
    await until(launching, own, 'running');
    gateway.removed.add(stranger);
    onTestFinished(() => void gateway.removed.delete(stranger));
    // It has no token of the user left.
    const resource = await make();
    const seen = await resource.observe([...others, own].map(referenceTo));
    expect(seen.get(own.launchKey)).toMatchObject({ kind: 'running' });
    for (const { launchKey } of others) {
      const reason = expect.stringContaining(`The gateway gives no token for ${stranger}`);
      expect(seen.get(launchKey)).toMatchObject({ kind: 'unknown', reason });
    }
    await expect(resource.stop(referenceTo(own), 0)).resolves.toBeUndefined();
    await expect(resource.stop(referenceTo(others[0] ?? own), 0)).rejects.toMatchObject({ kind: 'unavailable' });
    gateway.removed.delete(stranger);
    for (const each of others) await resource.stop(referenceTo(each), 0);
    for (const each of [...others, own]) await until(resource, each, 'ended');
  });

  test('while the gateway is away nothing is known of jobs, and nothing changes', async () => {
    const resource = await make();
    const specification = specificationOf(world, 'sleep 600');
    await resource.launch(specification);
    await until(resource, specification, 'running');
    const bringBack = await link.cut();
    expect(await observe(resource, specification)).toMatchObject({ kind: 'unknown' });
    await expect(resource.stop(referenceTo(specification), 0)).rejects.toMatchObject({ kind: 'unavailable' });
    await bringBack();
    expect(await observe(resource, specification)).toMatchObject({ kind: 'running' });
    await resource.stop(referenceTo(specification), 0);
    expect(await until(resource, specification, 'ended')).toMatchObject({ cause: 'stopped' });
  });
});
