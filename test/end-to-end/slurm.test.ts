// One server with a local resource and a real cluster; a session that runs on a node that is not the server's.
import { writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { missingForSlurm, type SlurmCluster, startSlurmCluster } from '../backends/slurm/cluster.js';
import { compute } from '../support/jupyter.js';
import { putAway } from '../support/put-away.js';
import { describeUnless, describeWith } from '../support/requirements.js';
import { type RunningServer, startServer } from '../support/server.js';
import { signIn, startJob, type User } from '../support/users.js';
import { visit } from '../support/visit.js';

const username = 'uwsslurm1';

describeUnless(missingForSlurm(), 'uws serve with a cluster', () => {
  let cluster: SlurmCluster;
  let server: RunningServer;
  let user: User;

  beforeAll(async () => {
    cluster = await startSlurmCluster([username]);
    // Nodes need no Node of their own.
    await cluster.runOn('node2', 'mount', '--bind', '/dev/null', process.execPath);
    const parameter_mapping = {
      num_cpus: 'cpus_per_task',
      memory_mb: 'memory_per_node',
      time_limit_minutes: 'time_limit',
    };
    const everywhere = (details: object = {}) => ({
      here: details,
      cluster: { ...details, resource_details: { constraint: 'node2' } },
      astray: { ...details, resource_details: { constraint: 'node2' } },
    });
    const files = { command: ['{uws_node}', '{uws_files_program}'], token_query: 'token' };
    const configuration = {
      main_resource: 'here',
      accounts: 'system',
      available_resources: {
        here: { resource_type: 'LocalResource', parameter_mapping },
        cluster: {
          resource_type: 'SlurmResource',
          parameter_mapping,
          cpu_partition: 'main',
          connection_details: { slurm_conf: cluster.slurmConf },
        },
        // The same cluster; its second node is looked for where nobody answers.
        astray: {
          resource_type: 'SlurmResource',
          parameter_mapping,
          connection_details: { slurm_conf: cluster.slurmConf },
          node_addresses: { node2: '10.77.0.250' },
        },
      },
      available_job_types: {
        local_test: { job_type: 'LocalTestJob', environment_details: everywhere() },
        terminal: { job_type: 'TerminalJob', environment_details: everywhere() },
        web_app: { job_type: 'WebApplicationJob', environment_details: everywhere(files) },
        jupyter_lab: { job_type: 'JupyterLabJob', environment_details: everywhere({ module_manager: 'system' }) },
      },
    };
    const path = join(cluster.directory, 'config.json');
    await writeFile(path, JSON.stringify(configuration));
    server = await startServer({
      dataDirectory: join(cluster.directory, 'uws', 'data'),
      env: { UWS_CONFIG: path, UWS_STOP_GRACE_SECONDS: '2' },
    });
    user = await signIn(server, username);
  }, 900_000);

  afterAll(async () => {
    const left = server && user ? await putAway(server, [user]) : [];
    await cluster?.down();
    expect(left).toEqual([]);
  }, 120_000);

  test('the health of the cluster is told', async () => {
    const status = await (await user.request('/status/')).json();
    expect(status).toMatchObject({ dependencies: { resources: { cluster: { connected: true } } } });
  });

  test.each(['here', 'cluster'])('a local test job runs on the resource "%s" to its end', async (resource) => {
    const { job } = await startJob(user, { job_type: 'local_test', resource });
    const ended = await user.client.jobs.waitUntilEnded(job.id, { timeoutMs: 60_000 });
    expect(ended).toMatchObject({ status: 'complete', resource, exit_code: 0 });
    expect(ended.resource_job_id).toBeGreaterThan(0);
    expect(Number(ended.core_hours)).toBeGreaterThan(0);
  }, 90_000);

  test.each(['here', 'cluster'])('a terminal opens on the resource "%s"', async (resource) => {
    const { job } = await startJob(user, { job_type: 'terminal', resource });
    const session = await user.client.jobs.waitUntilReady(job.id, { timeoutMs: 60_000 });
    // On the second node, which is not the machine that the server is on.
    const host = resource === 'cluster' ? '10.77.0.12' : '127.0.0.1';
    const details = (await user.client.jobs.get(job.id)).job_details.current_job_details;
    expect(details).toMatchObject({ proxy_details: { hostname: host } });
    const { response } = await visit(session.url);
    expect(response.status).toBe(200);
    expect(await response.text()).toMatch(/terminal/i);
    await user.client.jobs.stop(job.id);
    expect(await user.client.jobs.waitUntilEnded(job.id, { timeoutMs: 60_000 })).toMatchObject({
      status: 'complete',
      status_reason: 'stopped',
    });
  }, 120_000);

  describeWith(['jupyter'], 'one workspace', () => {
    test('is open in Jupyter and a web application, first on the machine and then on the cluster', async () => {
      const { id } = await user.client.workspaces.create({ name: 'For both', description: '', workspace_details: {} });
      const names = { here: hostname(), cluster: 'node2' };
      for (const [resource, name] of Object.entries(names)) {
        const open = async (job_type: string) => {
          const job = await user.client.workspaces.start(id, { job_type, resource });
          return { job, session: await user.client.jobs.waitUntilReady(job.id, { timeoutMs: 60_000 }) };
        };
        const [jupyter, files] = await Promise.all([open('jupyter_lab'), open('web_app')]);
        const code = "import os\nopen('log', 'a').write(os.uname().nodename + '\\n')\nprint(open('log').read())";
        const before = resource === 'here' ? '' : `${names.here}\n`;
        expect(await compute(server, jupyter.session, code)).toBe(`${before}${name}\n\n`);
        expect(await user.client.files.readText(id, 'log')).toBe(`${before}${name}\n`);
        const page = await visit(files.session.url);
        expect(page.response.status).toBe(200);
        expect(await page.response.text()).toContain('>log<');
        for (const { job } of [jupyter, files]) {
          await user.client.jobs.stop(job.id);
          const ended = await user.client.jobs.waitUntilEnded(job.id, { timeoutMs: 60_000 });
          expect(ended).toMatchObject({ resource, status: 'complete', status_reason: 'stopped' });
        }
      }
    }, 180_000);
  });

  test('a job that waits for a full node tells when it is expected to start', async () => {
    const details = { job_type: 'local_test', resource: 'cluster' };
    const sbatch = ['sbatch', '--parsable', '--chdir=/', '--output=/dev/null', '--constraint=node2', '--exclusive'];
    const environment = ['runuser', '-u', username, '--', 'env', `SLURM_CONF=${cluster.slurmConf}`];
    const [asUser = '', ...words] = [...environment, ...sbatch, '--time=30', '--wrap=sleep 600'];
    const full = (await cluster.run(asUser, ...words)).trim();
    try {
      const squeue = ['squeue', '--noheader', '--states=running', `--jobs=${full}`, '--format=%e'];
      const endOfFull = async () => (await cluster.run('env', 'SLURM_TIME_FORMAT=%s', ...squeue)).trim();
      await vi.waitFor(async () => expect(await endOfFull()).toMatch(/^\d+$/), 30_000);
      const endsAtMs = Number(await endOfFull()) * 1000;
      const { job } = await startJob(user, details);
      await vi.waitFor(
        async () => {
          const { status, queue_reason, datetime_expected_start } = await user.client.jobs.get(job.id);
          expect(status).toBe('pending');
          expect(queue_reason).toMatch(/^It waits until enough|^Other jobs of a higher priority/);
          const expectedAtMs = Date.parse(datetime_expected_start ?? '');
          // The scheduler plans in steps of a minute.
          expect(expectedAtMs).toBeGreaterThanOrEqual(endsAtMs);
          expect(expectedAtMs).toBeLessThanOrEqual(endsAtMs + 120_000);
        },
        { timeout: 60_000, interval: 500 },
      );
      await cluster.run('scancel', full);
      const ended = await user.client.jobs.waitUntilEnded(job.id, { timeoutMs: 60_000 });
      expect(ended).toMatchObject({ status: 'complete', queue_reason: null, datetime_expected_start: null });
    } finally {
      await cluster.run('scancel', full);
    }
  }, 150_000);

  test('of a session that the server cannot reach it is told where it was looked for, and what came of that', async () => {
    const { job } = await startJob(user, { job_type: 'web_app', resource: 'astray' });
    await vi.waitFor(
      async () => {
        const { status, phase, job_details } = await user.client.jobs.get(job.id);
        expect({ status, phase }).toEqual({ status: 'running', phase: 'starting' });
        expect(job_details.current_job_details.message).toMatch(
          /^The session cannot be reached from the server at 10\.77\.0\.250, port \d+: (no answer within 2 s|.*EHOSTUNREACH.*)\.$/,
        );
      },
      { timeout: 60_000, interval: 500 },
    );
    await user.client.jobs.stop(job.id);
    await user.client.jobs.waitUntilEnded(job.id, { timeoutMs: 60_000 });
  }, 150_000);

  test('what cannot run there fails with the reason of the scheduler', async () => {
    const { job } = await startJob(user, {
      job_type: 'local_test',
      resource: 'cluster',
      resource_options: { num_cpus: 16, memory_mb: 131072 },
    });
    const ended = await user.client.jobs.waitUntilEnded(job.id, { timeoutMs: 60_000 });
    expect(ended).toMatchObject({ status: 'failed', status_reason: 'launch_failed' });
    expect(ended.status_message).toContain('No node of the cluster has what it asks for');
  }, 90_000);
});
