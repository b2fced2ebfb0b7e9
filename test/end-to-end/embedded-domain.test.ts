// Mounted into a Koa application below a prefix, with sessions under host names of their own: these know nothing of the prefix.
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import type { Database } from '@user-workspaces/contract';
import { createSqlDatabase } from '@user-workspaces/database-sql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EmbeddedServer, startEmbedded } from '../support/embedded.js';
import { stopJobs } from '../support/put-away.js';
import { freePort, removeDirectory, temporaryDirectory } from '../support/server.js';
import { signIn, startSession, type User } from '../support/users.js';

const prefix = '/workspaces-api';
const domain = 'sessions.example.org';

let root: string;
let database: Database;
let server: EmbeddedServer;
let ada: User;

beforeAll(async () => {
  root = await temporaryDirectory();
  const dataDirectory = join(root, 'data');
  database = createSqlDatabase({ client: 'sqlite', file: join(root, 'database.sqlite') });
  server = await startEmbedded({ dataDirectory, database, port: await freePort(), prefix, passthroughDomain: domain });
  ada = await signIn(server, 'ada', { prefix });
});

afterAll(async () => {
  if (ada) await stopJobs([ada]);
  await server?.close();
  await database?.close();
  await removeDirectory(root);
});

interface Answer {
  readonly status: number | undefined;
  readonly cookie: string;
  readonly text: string;
}

/** Asks under any name, as `fetch` cannot. */
function ask(host: string, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { port } = server;
    const request = httpRequest({ host: '127.0.0.1', port, path, headers: { ...headers, Host: host } }, (response) => {
      const chunks: Buffer[] = [];
      const [cookie = ''] = (response.headers['set-cookie'] ?? []).map((set) => set.split(';', 1)[0] ?? '');
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode, cookie, text: Buffer.concat(chunks).toString() }),
      );
    });
    request.on('error', reject).end();
  });
}

test('a session gets every path of its host name; the application keeps what is its own, and other sub-domains lead nowhere', async () => {
  const { session } = await startSession(ada, { job_type: 'web_app' });
  const url = new URL(session.url);
  expect(url.hostname).toMatch(new RegExp(`^127-0-0-1-\\d+\\.${domain}$`));
  const opened = await ask(url.host, url.pathname + url.search);
  expect(opened.status).toBe(302);
  for (const path of ['/', '/lab', `${prefix}/workspaces/`]) {
    const { status, text } = await ask(url.host, path, { Cookie: opened.cookie });
    expect([path, status, text]).toEqual([path, 200, 'The session.']);
  }
  expect((await ask(url.host, '/lab')).status).toBe(401);
  const unknown = await ask(`127-0-0-1-1.${domain}`, '/lab', { Accept: 'application/json' });
  expect([unknown.status, unknown.text]).toEqual([404, expect.stringContaining('not_found')]);
  const own = await ask(`127.0.0.1:${server.port}`, '/lab');
  expect([own.status, own.text]).toEqual([200, 'The portal itself.']);
  expect((await ada.request('/workspaces/')).status).toBe(200);
});
