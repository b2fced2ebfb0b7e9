// A session that goes while its job runs on. The server's clock runs twenty times as fast as the machine's, so that its minute of patience takes 3 s.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createLocalAuthentication, createOwnAccount, createReservedAccounts } from '@user-workspaces/auth-local';
import { createSqlDatabase } from '@user-workspaces/database-sql';
import { webApplicationJob } from '@user-workspaces/job-types';
import { createLocalResource } from '@user-workspaces/resource-local';
import { type Clock, createServer } from '@user-workspaces/server';
import { createLocalStorage } from '@user-workspaces/storage-local';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort, processesBelow, removeDirectory, temporaryDirectory } from '../support/server.js';
import { signIn, startSession, type User } from '../support/users.js';
import { visit } from '../support/visit.js';

const speed = 20;
const beganMs = Date.now();
const fastClock: Clock = {
  now: () => beganMs + (Date.now() - beganMs) * speed,
  elapsed: () => performance.now() * speed,
  random: (byteCount) => randomBytes(byteCount),
  sleep: (delayMs, signal) =>
    delay(delayMs / speed, undefined, signal ? { signal } : {}).catch((error: unknown) => {
      if (!signal?.aborted) throw error;
    }),
};

const clientToken = 'c0ffee0000000000000000000000000000000000';
/** Listens until it is told to leave its port; then it comes back, or only goes on computing. */
const application = `
const http = require('node:http');
const listen = () => {
  const server = http.createServer((request, response) => {
    response.end('here');
    if (request.url === '/leave' || request.url === '/restart') {
      server.close();
      server.closeAllConnections();
      setTimeout(request.url === '/restart' ? listen : () => {}, 1000);
    }
  }).listen(Number(process.env.PORT), process.env.HOST);
};
listen();
setInterval(() => {}, 1000);
`;

let root: string;
let ada: User;
let close: () => Promise<void>;

beforeAll(async () => {
  root = await temporaryDirectory();
  for (const [name, mode] of [
    ['server', 0o700],
    ['workspaces', 0o711],
    ['launches', 0o711],
  ] as const) {
    await mkdir(join(root, name), { mode });
  }
  const isRoot = process.getuid?.() === 0;
  const database = createSqlDatabase({ client: 'sqlite', file: join(root, 'server', 'database.sqlite') });
  const storage = await createLocalStorage({
    name: 'files',
    rootDirectory: join(root, 'workspaces'),
    allowedLinkRoots: [],
    ownership: isRoot ? 'chown' : 'none',
  });
  const resource = await createLocalResource({ name: 'here', recordsDirectory: join(root, 'launches') });
  const port = await freePort();
  const baseUrl = `http://127.0.0.1:${port}`;
  const jobType = webApplicationJob.configure({ command: [process.execPath, 'app.cjs'] }, 'web_app');
  const server = await createServer({
    authentication: createLocalAuthentication({ name: 'portal' }),
    accounts: isRoot ? createReservedAccounts({ directory: join(root, 'server', 'accounts') }) : createOwnAccount(),
    database,
    storages: [storage],
    resources: [{ resource, parameterMapping: {} }],
    jobTypes: new Map([['web_app', { name: 'Web application', resources: new Map([['here', jobType]]) }]]),
    parameters: [],
    publicUrl: baseUrl,
    stopGraceMs: 1_000,
    clock: fastClock,
  });
  await server.setApiClient('portal', clientToken);
  const http = createHttpServer(server.handler);
  server.attach(http);
  http.listen(port, '127.0.0.1');
  await once(http, 'listening');
  ada = await signIn({ baseUrl, clientToken });
  close = async () => {
    http.close();
    http.closeAllConnections();
    await server.close();
    await Promise.all([storage.close(), resource.close(), database.close()]);
  };
});

afterAll(async () => {
  await close();
  expect(await processesBelow(root)).toEqual([]);
  await removeDirectory(root);
});

async function open() {
  const started = await startSession(ada, { job_type: 'web_app' }, [{ name: 'app.cjs', content: application }]);
  const { url, cookie, response } = await visit(started.session.url);
  expect(await response.text()).toBe('here');
  const base = url.replace(/\/?(\?.*)?$/, '');
  return { ...started, ask: (path: string) => fetch(base + path, { headers: { Cookie: cookie } }) };
}

test('a session whose port stays closed fails, and what it used is released', async () => {
  const { job, workspace, ask } = await open();
  await (await ask('/leave')).text();
  expect((await ask('/')).status).toBe(502);
  const failed = await ada.client.jobs.waitUntilEnded(job.id, { timeoutMs: 30_000 });
  expect(failed).toMatchObject({ status: 'failed', status_reason: 'session_lost', phase: 'running' });
  expect(await processesBelow(join(root, 'workspaces', 'ada', `${workspace.id}`, `.${job.id}`))).toEqual([]);
  expect(await ada.client.files.readText(workspace.id, 'app.cjs')).toBe(application);
});

test('a session that comes back in time goes on', async () => {
  const { job, ask } = await open();
  await (await ask('/restart')).text();
  expect((await ask('/')).status).toBe(502);
  await delay(6_000);
  expect(await (await ask('/')).text()).toBe('here');
  expect(await ada.client.jobs.get(job.id)).toMatchObject({ status: 'running' });
  await ada.client.jobs.stop(job.id);
  await ada.client.jobs.waitUntilEnded(job.id);
});
