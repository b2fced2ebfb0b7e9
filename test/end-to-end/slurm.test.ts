// One server with a local resource and a real cluster; a session that runs on a node that is not the server's.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { missingForSlurm, type SlurmCluster, startSlurmCluster } from '../backends/slurm/cluster.js';
import { putAway } from '../support/put-away.js';
import { describeUnless } from '../support/requirements.js';
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
    const parameter_mapping = {
      num_cpus: 'cpus_per_task',
      memory_mb: 'memory_per_node',
      time_limit_minutes: 'time_limit',
    };
    const everywhere = () => ({ here: {}, cluster: { resource_details: { constraint: 'node2' } } });
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
      },
      available_job_types: {
        local_test: { job_type: 'LocalTestJob', environment_details: everywhere() },
        terminal: { job_type: 'TerminalJob', environment_details: everywhere() },
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
