// The SDK's browser bundle in a real browser, on a page of another origin than the server's.
import { createServer, type Server } from 'node:http';
import type * as Sdk from '@user-workspaces/client';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBrowser } from '../support/browser.js';
import { putAway } from '../support/put-away.js';
import { describeWith } from '../support/requirements.js';
import { freePort, type RunningServer, startServer } from '../support/server.js';
import { signIn, type User } from '../support/users.js';

declare global {
  /** What the bundle of the test's page leaves. */
  var sdk: typeof Sdk;
  var client: Sdk.UserWorkspaces;
}

const entry = "import * as sdk from '@user-workspaces/client'; globalThis.sdk = sdk;";

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: entry, resolveDir: import.meta.dirname },
    bundle: true,
    format: 'esm',
    minify: true,
    platform: 'browser',
    target: 'es2022',
    write: false,
    logLevel: 'silent',
  });
  return outputFiles[0]?.text ?? '';
}

describeWith(['chromium'], "the SDK's browser bundle on a page of another origin", () => {
  let server: RunningServer;
  let browser: Browser;
  let site: Server;
  let page: Page;
  let ada: User;

  beforeAll(async () => {
    const port = await freePort();
    const [script] = await Promise.all([
      bundle(),
      startServer().then((started) => {
        server = started;
      }),
      startBrowser().then((started) => {
        browser = started;
      }),
    ]);
    site = createServer((request, response) => {
      const isScript = request.url === '/sdk.js';
      response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html');
      response.end(isScript ? script : '<!doctype html><script type="module" src="/sdk.js"></script>');
    }).listen(port, '127.0.0.1');
    ada = await signIn(server);
    page = await (await browser.newContext()).newPage();
    // Another host name is another site, too.
    await page.goto(`http://localhost:${port}/`);
    await page.waitForFunction(() => globalThis.sdk !== undefined);
    await page.evaluate(
      async ({ baseUrl, clientToken }) => {
        globalThis.client = new sdk.UserWorkspaces({ baseUrl });
        await client.signIn({ client_token: clientToken, user_info: { username: 'ada', email: 'ada@example.org' } });
      },
      { baseUrl: server.baseUrl, clientToken: server.clientToken },
    );
  });

  afterAll(async () => {
    await browser?.close();
    site?.close();
    expect(await putAway(server, [ada])).toEqual([]);
  });

  test('is signed in', async () => {
    expect(await page.evaluate(async () => (await client.me()).username)).toBe('ada');
    expect(await page.evaluate(() => document.cookie)).toBe('');
  });

  test('creates a workspace and hears of it by the event stream', async () => {
    const heard = await page.evaluate(async () => {
      const seen: string[] = [];
      for await (const event of client.events.stream()) {
        if (event.type === 'hello') void client.workspaces.create({ name: 'From the browser', description: '' });
        seen.push(
          event.type === 'workspace.changed' ? `${event.workspace.name} is ${event.workspace.status}` : event.type,
        );
        if (event.type === 'workspace.changed' && event.workspace.status === 'idle') break;
      }
      return seen;
    });
    expect(heard).toEqual(['hello', 'From the browser is initializing', 'From the browser is idle']);
    expect((await ada.client.workspaces.list()).items).toMatchObject([{ name: 'From the browser', status: 'idle' }]);
  });

  test('uploads in chunks with progress, over a connection that breaks, and downloads the same bytes', async () => {
    const workspace = await ada.client.workspaces.create({ name: 'Transfers', description: '' });
    let chunks = 0;
    await page.context().route('**/uploads/*/*', async (route) => {
      if (route.request().method() === 'OPTIONS') return route.continue();
      chunks += 1;
      // The third chunk arrives, but its answer is lost.
      if (chunks === 3) {
        await route.fetch();
        return route.abort('connectionreset');
      }
      return route.continue();
    });
    const result = await page.evaluate(async (workspaceId) => {
      const hex = async (bytes: BufferSource): Promise<string> =>
        [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))]
          .map((byte) => byte.toString(16).padStart(2, '0'))
          .join('');
      const block = new Uint8Array(65_536);
      crypto.getRandomValues(block);
      const sizeBytes = 5_000_001;
      const content = new Uint8Array(sizeBytes).map((_, index) => (block[index % block.length] ?? 0) ^ (index >> 16));
      const progress: number[] = [];
      const file = await client.files.upload(workspaceId, 'data/measurements.bin', new Blob([content]), {
        chunkSizeBytes: 1_000_000,
        onProgress: ({ transferredBytes }) => progress.push(transferredBytes),
      });
      const received: Uint8Array<ArrayBuffer>[] = [];
      let last = 0;
      const download = await client.files.read(workspaceId, 'data/measurements.bin', {
        onProgress: ({ transferredBytes }) => {
          last = transferredBytes;
        },
      });
      for await (const chunk of download) received.push(new Uint8Array(chunk));
      const returned = await new Blob(received).arrayBuffer();
      return {
        size: file.size_bytes,
        progress,
        downloaded: last,
        told: download.sizeBytes,
        etag: download.etag === `"${file.etag}"`,
        same: (await hex(content)) === (await hex(returned)),
      };
    }, workspace.id);
    await page.context().unroute('**/uploads/*/*');
    expect(result).toMatchObject({ size: 5_000_001, downloaded: 5_000_001, told: 5_000_001, etag: true, same: true });
    expect(result.progress[0]).toBe(0);
    expect(result.progress.at(-1)).toBe(5_000_001);
    expect(result.progress).toEqual([...result.progress].sort((a, b) => a - b));
    expect(new Set(result.progress).size).toBeGreaterThanOrEqual(6);
    expect(chunks).toBeGreaterThanOrEqual(6);
  });

  test('takes an upload as complete whose last answer is lost', async () => {
    const workspace = await ada.client.workspaces.create({ name: 'Lost answer', description: '' });
    let lost = 0;
    await page.context().route('**/uploads/*/*', async (route) => {
      if (route.request().method() !== 'PUT' || lost > 0) return route.continue();
      lost += 1;
      await route.fetch();
      return route.abort('connectionreset');
    });
    const file = await page.evaluate(
      async (workspaceId) => (await client.files.upload(workspaceId, 'small.txt', new Blob(['all of it']))).size_bytes,
      workspace.id,
    );
    await page.context().unroute('**/uploads/*/*');
    expect([file, lost]).toEqual([9, 1]);
    expect(await ada.client.files.readText(workspace.id, 'small.txt')).toBe('all of it');
  });

  test('follows a job over a WebSocket until it is ready, and opens its session', async () => {
    const sockets: string[] = [];
    page.on('websocket', (socket) => sockets.push(socket.url()));
    const workspace = await ada.client.workspaces.create({ name: 'Followed', description: '' });
    const url = await page.evaluate(async (workspaceId) => {
      const job = await client.workspaces.start(workspaceId, { job_type: 'terminal' });
      const session = await client.jobs.waitUntilReady(job.id, { timeoutMs: 30_000 });
      return session.url;
    }, workspace.id);
    const [job] = (await ada.client.jobs.list({ workspace_id: workspace.id })).items;
    if (!job) throw new Error('No job was started.');
    expect(sockets).toEqual([`${server.baseUrl.replace('http', 'ws')}/jobs/${job.id}/`]);
    const terminal = await page.context().newPage();
    await terminal.goto(url);
    await terminal.getByText('Connected').waitFor();
    await terminal.close();

    const states = await page.evaluate(async (jobId) => {
      const seen: string[] = [];
      for await (const { status } of client.jobs.watch(jobId)) {
        if (seen.at(-1) !== status) seen.push(status);
        if (status === 'running' && seen.length === 1) void client.jobs.stop(jobId);
      }
      return seen;
    }, job.id);
    expect(states).toEqual(['running', 'stopping', 'complete']);
  });

  test('gives typed errors, also of answers from another origin', async () => {
    const error = await page.evaluate(async () => {
      try {
        await client.workspaces.get(999_999);
        return undefined;
      } catch (thrown) {
        if (!(thrown instanceof sdk.NotFoundError)) throw thrown;
        return { code: thrown.code, status: thrown.status };
      }
    });
    expect(error).toEqual({ code: 'not_found', status: 404 });
    const refusal = await page.evaluate(async () => {
      const stranger = new sdk.UserWorkspaces({ baseUrl: 'http://127.0.0.1:1', retries: 0 });
      return stranger.status().catch((thrown: unknown) => thrown instanceof sdk.ConnectionError);
    });
    expect(refusal).toBe(true);
    const request = await page.evaluate(async () => {
      try {
        await client.workspaces.start(999_999, { job_type: 'terminal' });
        return undefined;
      } catch (thrown) {
        return thrown instanceof sdk.UserWorkspacesError ? thrown.requestId : undefined;
      }
    });
    expect(request).toMatch(/^[\w-]{8,}$/);
  });
});
