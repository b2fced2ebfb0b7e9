// The examples, run as their readers run them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { UserWorkspaces } from '@user-workspaces/client';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBrowser } from '../support/browser.js';
import { putAway } from '../support/put-away.js';
import { describeWith } from '../support/requirements.js';
import { freePort, type RunningServer, startServer, temporaryDirectory } from '../support/server.js';
import { signIn, startSession, type User } from '../support/users.js';
import { visit } from '../support/visit.js';

const example = (path: string): string => fileURLToPath(new URL(`../../examples/${path}`, import.meta.url));
const prefix = '/workspaces-api';

/** Starts a program that is no `uws serve`: its settings travel in variables of its own. */
async function startExample(
  path: string,
  env: (port: number, dataDirectory: string) => Record<string, string>,
): Promise<RunningServer> {
  const [port, root] = await Promise.all([freePort(), temporaryDirectory()]);
  const dataDirectory = join(root, 'data');
  return startServer({ command: [example(path)], port, dataDirectory, env: env(port, dataDirectory) });
}

describeWith(['python3'], 'mounted into a Koa application', () => {
  let server: RunningServer;
  let ada: User;

  beforeAll(async () => {
    server = await startExample('embedded-koa/dist/main.js', (port, dataDirectory) => ({
      PORT: String(port),
      DATA_DIRECTORY: dataDirectory,
      CLIENT_TOKEN: 'c0ffee0000000000000000000000000000000000',
    }));
    ada = await signIn(server, 'ada', { prefix });
  });

  afterAll(async () => {
    expect(await putAway(server, [ada])).toEqual([]);
  });

  test('the application goes on to answer what is its own', async () => {
    for (const path of ['/', '/workspaces/', '/workspaces-apix', '/passthrough/127.0.0.1/1/']) {
      const answer = await fetch(server.baseUrl + path);
      expect([path, answer.status, await answer.text()]).toEqual([path, 200, 'The portal itself.']);
    }
  });

  test('the API answers below the prefix, with both forms of its slashes', async () => {
    for (const path of ['/workspaces', '/workspaces/']) expect((await ada.request(path)).status).toBe(200);
    const unknown = await ada.request('/no-such-thing');
    expect([unknown.status, unknown.headers.get('content-type')]).toEqual([404, 'application/json; charset=utf-8']);
    const specification: { servers: { url: string }[] } = await (
      await fetch(`${server.baseUrl}${prefix}/openapi.json`)
    ).json();
    expect(specification.servers).toEqual([{ url: server.baseUrl + prefix }]);
  });

  test('the SDK works below the prefix: files, events, WebSocket, and a session whose address has it', async () => {
    const { event_id } = await ada.client.me();
    const { session, job } = await startSession(ada, { job_type: 'files' }, [
      { name: 'hello.txt', content: 'Hello, portal!' },
    ]);
    expect(session.url).toMatch(
      new RegExp(`^${server.baseUrl}${prefix}/passthrough/127\\.0\\.0\\.1/${job.id}\\?uws_ticket=`),
    );
    const opened = await visit(session.url);
    expect(await opened.response.text()).toContain('hello.txt');
    const file = await fetch(`${server.baseUrl}${prefix}/passthrough/127.0.0.1/${job.id}/hello.txt`, {
      headers: { Cookie: opened.cookie },
    });
    expect(await file.text()).toBe('Hello, portal!');
    const seen: string[] = [];
    for await (const event of ada.client.events.stream({ lastEventId: event_id })) {
      if (event.type === 'job.changed') seen.push(event.job.status);
      if (event.type === 'job.changed' && event.job.job_details.current_job_details.proxy_details) break;
    }
    expect(seen[0]).toBe('pending');
    expect(seen.at(-1)).toBe('running');
    await ada.client.jobs.stop(job.id);
    expect(await ada.client.jobs.waitUntilEnded(job.id)).toMatchObject({ status_reason: 'stopped' });
  });
});

describe('adapters of one’s own', () => {
  let server: RunningServer;
  const users: UserWorkspaces[] = [];

  beforeAll(async () => {
    server = await startExample('custom-adapters/dist/main.js', () => ({}));
  });

  afterAll(async () => {
    expect(
      await putAway(
        server,
        users.map((client) => ({ client })),
      ),
    ).toEqual([]);
  });

  test('the sign-in by a reverse proxy’s headers, and a job type that greets', async () => {
    const answer = await fetch(`${server.baseUrl}/tokens/`, {
      method: 'POST',
      headers: { 'X-Remote-User': 'grace', 'X-Remote-Email': 'grace@example.org' },
      body: '{}',
    });
    expect(answer.status).toBe(200);
    const { token }: { token: string } = await answer.json();
    const client = new UserWorkspaces({ baseUrl: server.baseUrl, token });
    users.push(client);
    expect((await client.me()).username).toBe('grace');
    expect(await client.catalogue.jobTypes()).toMatchObject({ terminal: { name: 'Greeting' } });
    const { session } = await startSession({ client }, { job_type: 'terminal' });
    expect(await (await visit(session.url)).response.text()).toBe('Good morning, grace!\n');
  });

  test('nobody signs in without them', async () => {
    const answer = await fetch(`${server.baseUrl}/tokens/`, { method: 'POST', body: '{"client_token":"guess"}' });
    expect([answer.status, (await answer.json()).success]).toEqual([401, false]);
  });
});

describeWith(['python3'], 'a configuration of one’s own', () => {
  let server: RunningServer;
  let user: User;
  let datasets: string;

  beforeAll(async () => {
    const root = await temporaryDirectory();
    datasets = join(root, 'datasets');
    await mkdir(datasets);
    await writeFile(join(datasets, 'cells.csv'), 'cell,count\n');
    const text = (await readFile(example('self-hosted/config.json'), 'utf8'))
      .replaceAll('/srv/user-workspaces', root)
      .replaceAll('/srv/datasets', datasets);
    await writeFile(join(root, 'config.json'), text);
    // As root its users need accounts of the machine, which the machine of a test does not have.
    const accounts = process.getuid?.() === 0 ? { UWS_ACCOUNTS: 'reserved' } : {};
    server = await startServer({
      dataDirectory: join(root, 'data'),
      env: { ...accounts, UWS_CONFIG: join(root, 'config.json') },
    });
    user = await signIn(server);
  });

  afterAll(async () => {
    expect(await putAway(server, [user])).toEqual([]);
  });

  test('starts, offers its job types, links to its data sets alone, and runs a job that reads them', async () => {
    expect(Object.keys(await user.client.catalogue.jobTypes()).sort()).toEqual([
      'dashboard',
      'jupyter_lab',
      'terminal',
    ]);
    const workspace = await user.client.workspaces.create({
      name: 'With data',
      description: '',
      workspace_details: { symlinks: [{ name: 'datasets/cells.csv', source_path: join(datasets, 'cells.csv') }] },
    });
    const job = await user.client.workspaces.start(workspace.id, { job_type: 'dashboard' });
    const session = await user.client.jobs.waitUntilReady(job.id, { timeoutMs: 30_000 });
    const page = await visit(session.open('/datasets/cells.csv'));
    expect(await page.response.text()).toBe('cell,count\n');
    const refused = user.client.workspaces.create({
      name: 'Too far',
      description: '',
      workspace_details: { symlinks: [{ name: 'passwd', source_path: '/etc/passwd' }] },
    });
    await expect(refused).rejects.toMatchObject({ status: 400 });
  });
});

describeWith(['chromium'], 'a page of a portal', () => {
  let server: RunningServer;
  let browser: Browser;
  let user: User;

  beforeAll(async () => {
    [server, browser] = await Promise.all([startServer(), startBrowser()]);
    const client = new UserWorkspaces({ baseUrl: server.baseUrl });
    const { token } = await client.signIn({
      client_token: server.clientToken,
      user_info: { username: 'user', email: 'user@localhost' },
    });
    user = { ...(await signIn(server, 'ada')), client, token: token ?? '', username: 'user' };
  });

  afterAll(async () => {
    await browser?.close();
    expect(await putAway(server, [user])).toEqual([]);
  });

  test('makes a workspace and leads into its terminal, from another origin', async () => {
    const port = await freePort();
    const portal = spawn(process.execPath, [example('browser-page/serve.mjs')], {
      cwd: dirname(dirname(example('browser-page/serve.mjs'))),
      env: {
        PATH: process.env.PATH ?? '',
        UWS_URL: server.baseUrl,
        UWS_CLIENT_TOKEN: server.clientToken,
        PORT: String(port),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await once(portal.stdout, 'data');
      const context = await browser.newContext();
      const page = await context.newPage();
      await page.goto(`http://127.0.0.1:${port}/`);
      await page.getByText('Signed in as user.').waitFor();
      await page.getByRole('button', { name: 'New workspace' }).click();
      await page.getByText('From the portal (active)').waitFor();
      const opening = context.waitForEvent('page');
      await page.getByRole('link', { name: 'Open the session' }).click();
      const terminal = await opening;
      await terminal.getByText('Connected').waitFor();
      await context.close();
    } finally {
      portal.kill();
      if (portal.exitCode === null && portal.signalCode === null)
        await Promise.race([once(portal, 'exit'), delay(5_000)]);
    }
  });
});
