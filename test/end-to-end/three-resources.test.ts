// The server of examples/three-resources with a real cluster and a real engine: one workspace, opened on each of them in turn.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { busyboxImage, DockerEngine, whatEngineNeeds } from '../backends/docker-engine.js';
import { missingForSlurm, type SlurmCluster, startSlurmCluster } from '../backends/slurm/cluster.js';
import { putAway } from '../support/put-away.js';
import { describeUnless } from '../support/requirements.js';
import { type RunningServer, startServer } from '../support/server.js';
import { typeInto } from '../support/terminal.js';
import { signIn, type User } from '../support/users.js';

const username = 'uwsthree1';
const missing = [whatEngineNeeds(), missingForSlurm()].filter((sentence) => sentence !== '').join('; ');

describeUnless(missing, 'a server with a machine, a cluster and an engine', () => {
  let cluster: SlurmCluster;
  let engine: DockerEngine;
  let server: RunningServer;
  let user: User;
  let datasets: string;

  beforeAll(async () => {
    [cluster, engine] = await Promise.all([startSlurmCluster([username]), DockerEngine.start()]);
    const root = join(cluster.directory, 'uws');
    datasets = join(cluster.directory, 'datasets');
    for (const path of [root, datasets]) await mkdir(path);
    await writeFile(join(datasets, 'cells.csv'), 'cell,count\n');
    const example = fileURLToPath(new URL('../../examples/three-resources/config.json', import.meta.url));
    const text = (await readFile(example, 'utf8'))
      .replaceAll('/srv/user-workspaces', root)
      .replaceAll('/srv/datasets', datasets)
      .replaceAll('/etc/slurm/slurm.conf', cluster.slurmConf)
      .replaceAll('unix:///var/run/docker.sock', engine.url)
      .replaceAll('debian:12-slim', busyboxImage);
    await writeFile(join(root, 'config.json'), text);
    server = await startServer({ dataDirectory: join(root, 'data'), env: { UWS_CONFIG: join(root, 'config.json') } });
    user = await signIn(server, username);
  }, 900_000);

  afterAll(async () => {
    const left = server && user ? await putAway(server, [user]) : [];
    await engine?.stop();
    await cluster?.down();
    expect(left).toEqual([]);
  }, 120_000);

  test('one workspace and its linked data are open on each of them, one after the other', async () => {
    const resources = await user.client.catalogue.resources();
    expect(resources).toMatchObject([
      { name: 'here', kind: 'local', health: { connected: true } },
      { name: 'cluster', kind: 'slurm', health: { connected: true } },
      { name: 'engine', kind: 'docker', health: { connected: true }, load: { running_jobs: 0 } },
    ]);
    const { id } = await user.client.workspaces.create({
      name: 'On all',
      description: '',
      workspace_details: { symlinks: [{ name: 'cells.csv', source_path: join(datasets, 'cells.csv') }] },
    });
    let before = '';
    for (const resource of ['here', 'cluster', 'engine']) {
      const job = await user.client.workspaces.start(id, { job_type: 'terminal', resource });
      const session = await user.client.jobs.waitUntilReady(job.id, { timeoutMs: 60_000 });
      // Typed in pieces, so that the echo is not taken for the answer.
      const text = `cat cel*s.csv; echo was-on-${resource} >> log; cat log; echo do''ne\r`;
      const screen = await typeInto(server, session, text, /done/);
      before += `was-on-${resource}\r\n`;
      expect(screen, resource).toContain(`cell,count\r\n${before}done`);
      await user.client.jobs.stop(job.id);
      const ended = await user.client.jobs.waitUntilEnded(job.id, { timeoutMs: 60_000 });
      expect(ended).toMatchObject({ resource, status: 'complete', status_reason: 'stopped' });
    }
    const file = await user.client.files.readText(id, 'log');
    expect(file).toBe(before.replaceAll('\r', ''));
  }, 240_000);

  test('while the controller of the cluster does not answer, jobs start and end elsewhere, and those of the cluster stay as they are', async () => {
    const pid = Number(await readFile(`${cluster.directory}/run/slurmctld/slurmctld.pid`, 'utf8'));
    const { id } = await user.client.workspaces.create({ name: 'Elsewhere', description: '' });
    const onCluster = await user.client.workspaces.start(id, { job_type: 'terminal', resource: 'cluster' });
    await user.client.jobs.waitUntilReady(onCluster.id, { timeoutMs: 60_000 });
    process.kill(pid, 'SIGSTOP');
    try {
      // A stop has to ask the controller, which takes its time: by now the server waits for it.
      await user.client.jobs.stop(onCluster.id);
      await delay(500);
      // The server gives a command up after 30 s: whoever waited for that would come too late.
      const here = await user.client.workspaces.start(id, { job_type: 'terminal', resource: 'here' });
      await user.client.jobs.waitUntilReady(here.id, { timeoutMs: 25_000 });
      await user.client.jobs.stop(here.id);
      await user.client.jobs.waitUntilEnded(here.id, { timeoutMs: 60_000 });
      expect(await user.client.jobs.get(onCluster.id)).toMatchObject({ status: 'stopping' });
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    const ended = await user.client.jobs.waitUntilEnded(onCluster.id, { timeoutMs: 120_000 });
    expect(ended).toMatchObject({ status: 'complete', status_reason: 'stopped' });
  }, 300_000);
});
