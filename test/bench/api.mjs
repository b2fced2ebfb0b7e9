// Requests per second of the list of 100 jobs, beside bare node:http and bare Koa that send the same bytes, in the same run.
//   node test/bench/api.mjs [seconds per target]      Needs a build, and wrk (apt-get install wrk).
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserWorkspaces } from '@user-workspaces/client';
import Koa from 'koa';

const seconds = Number(process.argv[2] ?? 5);
const uws = fileURLToPath(new URL('../../packages/cli/bin/uws.mjs', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'uws-bench-'));
const port = 5990;
const baseUrl = `http://127.0.0.1:${port}`;
const server = spawn(process.execPath, [uws, 'serve'], {
  env: {
    ...process.env,
    UWS_DATA_DIR: directory,
    UWS_PORT: String(port),
    UWS_CLIENT_TOKEN: 'bench-token-of-this-run-only',
    UWS_LOG_LEVEL: 'warn',
  },
  stdio: ['ignore', 'ignore', 'inherit'],
});

try {
  for (let attempt = 0; ; attempt++) {
    if ((await fetch(`${baseUrl}/readyz`).catch(() => undefined))?.ok) break;
    if (attempt > 100 || server.exitCode !== null) throw new Error('The server did not start.');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const client = new UserWorkspaces({ baseUrl });
  const user_info = { username: 'user', email: 'user@localhost' };
  const { token } = await client.signIn({ client_token: 'bench-token-of-this-run-only', user_info });
  const workspace = await client.workspaces.create({ name: 'bench', description: '' });
  for (let index = 0; index < 100; index++) {
    const job = await client.workspaces.start(workspace.id, { job_type: 'local_test_job' });
    await client.jobs.stop(job.id);
  }
  const content = await (
    await fetch(`${baseUrl}/jobs/`, { headers: { 'UWS-Authorization': `Token ${token}` } })
  ).text();
  const rows = JSON.parse(content);
  const bare = createServer((_, response) =>
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(rows)),
  );
  const application = new Koa();
  application.use((context) => {
    context.body = rows;
  });
  const koa = createServer(application.callback());
  await Promise.all(
    [bare, koa].map((each, index) => new Promise((resolve) => each.listen(port + 1 + index, '127.0.0.1', resolve))),
  );
  const results = [
    ['node:http, same JSON', await rateOf(`http://127.0.0.1:${port + 1}/`)],
    ['Koa, same JSON', await rateOf(`http://127.0.0.1:${port + 2}/`)],
    ['GET /jobs/ with 100 jobs', await rateOf(`${baseUrl}/jobs/`, token)],
    ['GET /me/', await rateOf(`${baseUrl}/me/`, token)],
    ['GET /healthz', await rateOf(`${baseUrl}/healthz`)],
  ];
  console.log(`${content.length} bytes of JSON, 16 connections, ${seconds} s each; requests per second:`);
  for (const [name, rate] of results)
    console.log(`  ${name.padEnd(28)}${Math.round(rate).toLocaleString('en').padStart(8)}`);
  bare.close();
  koa.close();
} finally {
  if (server.exitCode === null) server.kill('SIGTERM');
  if (server.exitCode === null) await new Promise((resolve) => server.once('exit', resolve));
  rmSync(directory, { recursive: true, force: true });
}

/** wrk runs beside this process, which serves the bare targets. */
async function rateOf(url, token) {
  const args = ['-t1', '-c16', `-d${seconds}s`, ...(token ? ['-H', `UWS-Authorization: Token ${token}`] : []), url];
  const wrk = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  wrk.stdout.on('data', (chunk) => {
    output += chunk;
  });
  await new Promise((resolve, reject) => wrk.once('exit', resolve).once('error', reject));
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1] ?? Number.NaN);
}
