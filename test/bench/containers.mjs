// What a whole server costs that follows containers with a session each, of a real engine.
//   node test/bench/containers.mjs docker-url image [seconds of each measurement] [numbers of containers]      Needs a build, root, and an image with busybox.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserWorkspaces } from '@user-workspaces/client';
import { baseUrl, clientToken, costOf, startServer } from './server-process.mjs';

const [url, image, secondsText = '120', ...counts] = process.argv.slice(2);
const seconds = Number(secondsText);
const command = ['busybox', 'httpd', '-f', '-p', '{host}:{port}', '-h', '/tmp'];

const directory = mkdtempSync(join(tmpdir(), 'uws-bench-'));
chmodSync(directory, 0o755);
const configuration = join(directory, 'config.json');
writeFileSync(
  configuration,
  JSON.stringify({
    main_resource: 'engine',
    available_resources: {
      engine: { resource_type: 'DockerResource', image, pull_policy: 'never', connection_details: { url } },
    },
    available_job_types: {
      web_app: {
        job_type: 'WebApplicationJob',
        environment_details: { engine: { command } },
      },
    },
  }),
);
const server = await startServer(join(directory, 'data'), configuration);
const client = new UserWorkspaces({ baseUrl });
const jobs = [];
try {
  const rows = [{ containers: 0, ...(await costOf(server, seconds)) }];
  await client.signIn({ client_token: clientToken, user_info: { username: 'bench', email: 'bench@localhost' } });
  for (const count of counts.length > 0 ? counts.map(Number) : [10, 100]) {
    const startMs = performance.now();
    const added = [];
    while (jobs.length < count) {
      const workspace = await client.workspaces.create({ name: 'bench', description: '' });
      const { id } = await client.workspaces.start(workspace.id, { job_type: 'web_app' });
      jobs.push(id);
      added.push(id);
    }
    for (const id of added) await client.jobs.waitUntilReady(id, { timeoutMs: 1_800_000 });
    console.error(`${count} sessions are ready after ${Math.round((performance.now() - startMs) / 1000)} s.`);
    await sleep(30_000);
    rows.push({ containers: count, ...(await costOf(server, seconds)) });
  }
  console.table(rows);
} finally {
  try {
    for (const id of jobs) if (!(await client.jobs.get(id)).datetime_end) await client.jobs.stop(id);
    for (const id of jobs) await client.jobs.waitUntilEnded(id, { timeoutMs: 1_800_000 });
  } finally {
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}
