// What somebody has open when an administrator deactivates them: it ends, nothing opens it again, and nobody else notices.
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { administration } from '@user-workspaces/client/admin';
import type { DatabaseTransaction } from '@user-workspaces/contract';
import type { Actor } from '@user-workspaces/server';
import * as rules from '@user-workspaces/server/administration';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { writeTestConfiguration } from '../../support/configuration.js';
import { openDatabase } from '../../support/database.js';
import { putAway } from '../../support/put-away.js';
import { type RunningServer, startServer, temporaryDirectory } from '../../support/server.js';
import { signIn, startSession, type User } from '../../support/users.js';
import { visit } from '../../support/visit.js';
import { until } from './world.js';

/** Sends a piece every fifth of a second, by HTTP and by WebSocket, for as long as it is let. */
const application = `
const { createHash } = require('node:crypto');
const server = require('node:http').createServer((request, response) => {
  if (!request.url.endsWith('/endless')) return response.end('session');
  const timer = setInterval(() => response.write('piece'), 200);
  response.on('close', () => clearInterval(timer));
});
server.on('upgrade', (request, socket) => {
  const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' + accept + '\\r\\n\\r\\n');
  const timer = setInterval(() => socket.write(Buffer.from([0x81, 5, ...Buffer.from('piece')])), 200);
  socket.on('error', () => {}).on('close', () => clearInterval(timer));
});
server.listen(Number(process.env.PORT), process.env.HOST);
`;

let server: RunningServer;
let chief: User;
let ada: User;
let ben: User;
let adaId: number;

beforeAll(async () => {
  const root = await temporaryDirectory();
  server = await startServer({
    dataDirectory: join(root, 'data'),
    env: { UWS_CONFIG: await writeTestConfiguration(root), UWS_STOP_GRACE_SECONDS: '1' },
  });
  [chief, ada, ben] = await Promise.all([signIn(server, 'chief'), signIn(server, 'ada'), signIn(server, 'ben')]);
  adaId = (await ada.client.me()).id;
  const database = openDatabase(server.dataDirectory);
  await database.transaction((rows) => rows.update('users', { username: 'chief' }, { role: 'administrator' }));
  await database.close();
});

afterAll(async () => {
  await administration(chief.client).reactivate(adaId);
  expect(await putAway(server, [await signIn(server, 'ada'), ben])).toEqual([]);
});

interface Open {
  /** Names of what is still open. */
  readonly names: Set<string>;
  /** Asserts that everything goes on: a further piece comes through each of those that send without end. */
  goesOn(): Promise<void>;
}

interface Session {
  readonly jobId: number;
  readonly address: string;
  readonly ticketUrl: string;
  readonly cookie: string;
}

async function startOf(user: User): Promise<Session> {
  const files = [{ name: 'app.cjs', content: application }];
  const { job, session } = await startSession(user, { job_type: 'web_app' }, files);
  const { cookie, url } = await visit(session.url);
  return { jobId: job.id, address: url, ticketUrl: session.url, cookie };
}

/** Opens one of each kind, and waits until something has come through each. */
async function openEverything(user: User, { jobId, address, cookie }: Session): Promise<Open> {
  const names = new Set<string>();
  const pieces = new Map<string, number>();
  const heard = (name: string): void => void pieces.set(name, (pieces.get(name) ?? 0) + 1);
  const read = async (name: string, answer: Response): Promise<void> => {
    expect([name, answer.status]).toEqual([name, 200]);
    names.add(name);
    const reader = answer.body?.getReader();
    await reader?.read();
    heard(name);
    (async () => {
      while ((await reader?.read())?.done === false) heard(name);
    })()
      .catch(() => undefined)
      .finally(() => names.delete(name));
  };
  const listen = async (name: string, socket: WebSocket): Promise<void> => {
    names.add(name);
    socket.on('message', () => heard(name)).on('error', () => undefined);
    socket.on('close', () => names.delete(name));
    await once(socket, 'message');
  };
  const ofSession = (url: string): string => url.replace(/^http/, 'ws');
  await Promise.all([
    user.request('/events/').then((answer) => read('event stream', answer)),
    user.request(`/jobs/${jobId}/logs/?follow=true`).then((answer) => {
      // It has nothing to tell yet, so nothing is waited for.
      expect(answer.status).toBe(200);
      names.add('followed output');
      answer.text().then(
        () => names.delete('followed output'),
        () => names.delete('followed output'),
      );
    }),
    listen(
      'job socket',
      new WebSocket(`${ofSession(server.baseUrl)}/jobs/${jobId}/`, ['uws', `uws.token.${user.token}`]),
    ),
    fetch(new URL('endless', address), { headers: { Cookie: cookie } }).then((answer) => read('session, HTTP', answer)),
    listen('session, WebSocket', new WebSocket(ofSession(address), { headers: { Cookie: cookie } })),
  ]);
  return {
    names,
    async goesOn() {
      const before = new Map(pieces);
      const endless = ['session, HTTP', 'session, WebSocket'];
      await until(async () => endless.every((name) => (pieces.get(name) ?? 0) > (before.get(name) ?? 0)));
      expect([...names].sort()).toEqual([
        'event stream',
        'followed output',
        'job socket',
        'session, HTTP',
        'session, WebSocket',
      ]);
    },
  };
}

const statusOf = async (url: string, headers: Record<string, string> = {}): Promise<number> =>
  (await fetch(url, { headers, redirect: 'manual' })).status;

/** What an upgrade is answered, 101 included. */
async function upgradeStatusOf(url: string, cookie?: string): Promise<number> {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), { headers: cookie === undefined ? {} : { Cookie: cookie } });
  const status = await new Promise<number>((resolve, reject) => {
    socket.on('open', () => resolve(101));
    socket.on('unexpected-response', (_, answer) => resolve(answer.statusCode ?? 0));
    socket.on('error', reject);
  });
  socket.on('error', () => undefined).terminate();
  return status;
}

/** Asserts that a job runs and has a session, which its user's former ticket and cookie do not open. */
async function expectNoWayBack(again: User, former: Session): Promise<void> {
  const { url } = await again.client.jobs.waitUntilReady(former.jobId);
  const now = await visit(url);
  expect(await now.response.text()).toBe('session');
  expect(new URL(now.url).pathname).toBe(new URL(former.address).pathname);
  expect(await upgradeStatusOf(former.address, now.cookie)).toBe(101);

  expect(await statusOf(former.ticketUrl)).toBe(401);
  expect(await statusOf(former.address, { Cookie: former.cookie })).toBe(401);
  expect(await upgradeStatusOf(former.ticketUrl)).toBe(401);
  expect(await upgradeStatusOf(former.address, former.cookie)).toBe(401);
}

test('everything that a deactivated user has open ends; ticket, cookie and token open nothing; the job and other users go on', async () => {
  const [adas, bens] = await Promise.all([startOf(ada), startOf(ben)]);
  const [open, openOfBen] = await Promise.all([openEverything(ada, adas), openEverything(ben, bens)]);
  await Promise.all([open.goesOn(), openOfBen.goesOn()]);

  const admin = administration(chief.client);
  expect((await admin.deactivate(adaId)).user.is_active).toBe(false);
  await expect.poll(() => [...open.names], { timeout: 20_000 }).toEqual([]);

  const refused = async (): Promise<void> => {
    expect(await statusOf(adas.ticketUrl)).toBeGreaterThanOrEqual(400);
    expect(await statusOf(adas.address, { Cookie: adas.cookie })).toBeGreaterThanOrEqual(400);
    expect(await statusOf(adas.address, { 'UWS-Authorization': `Token ${ada.token}` })).toBeGreaterThanOrEqual(400);
    expect((await ada.request('/me/')).status).toBe(401);
    await expect(signIn(server, 'ada')).rejects.toMatchObject({ status: 401, code: 'sign_in_failed' });
  };
  await refused();
  // Also when the rows have been looked at again.
  await delay(2_500);
  await refused();
  await openOfBen.goesOn();
  expect((await admin.jobs({ user_id: adaId, status: 'running' })).items).toMatchObject([{ id: adas.jobId }]);

  await admin.reactivate(adaId);
  expect((await ada.request('/me/')).status).toBe(401);
  await expectNoWayBack(await signIn(server, 'ada'), adas);
});

test('deactivated and reactivated by another process before the server looks: the same ends, and nothing opens it again', async () => {
  const [before, openOfBen] = await Promise.all([
    signIn(server, 'ada'),
    startOf(ben).then((s) => openEverything(ben, s)),
  ]);
  const adas = await startOf(before);
  const open = await openEverything(before, adas);
  await Promise.all([open.goesOn(), openOfBen.goesOn()]);

  // As `uws admin users` does.
  const database = openDatabase(server.dataDirectory);
  const context = rules.administrationContext({ database, parameters: [], resources: new Map() });
  const actor: Actor = { kind: 'terminal', userId: null, name: 'root', address: null, requestId: null };
  await rules.deactivateUser(context, actor, adaId, false);
  await rules.reactivateUser(context, actor, adaId);
  await database.close();
  await expect.poll(() => [...open.names], { timeout: 20_000 }).toEqual([]);

  expect((await before.request('/me/')).status).toBe(401);
  await expectNoWayBack(await signIn(server, 'ada'), adas);
  await openOfBen.goesOn();
});

test.each([
  'by an administrator',
  'by another process',
])('what a portal has signed in is revoked %s: everything open of its users ends, and nothing opens it again', async (how) => {
  const admin = administration(chief.client);
  const { client, client_token } = await admin.createClient(`leaked ${how}`);
  const [stolen, openOfBen] = await Promise.all([
    signIn({ ...server, clientToken: client_token }, 'ada'),
    startOf(ben).then((s) => openEverything(ben, s)),
  ]);
  const adas = await startOf(stolen);
  const open = await openEverything(stolen, adas);
  await Promise.all([open.goesOn(), openOfBen.goesOn()]);

  const { client_token: renewed } = await admin.rotateClient(client.id);
  const expected = { revoked: 1, users: 1, undetermined: 0 };
  if (how === 'by an administrator') expect(await admin.revokeSignIns(client.id)).toEqual(expected);
  else {
    const database = openDatabase(server.dataDirectory);
    const context = rules.administrationContext({ database, parameters: [], resources: new Map() });
    const actor: Actor = { kind: 'terminal', userId: null, name: 'root', address: null, requestId: null };
    expect(await rules.revokeSignIns(context, actor, client.id, undefined)).toEqual(expected);
    await database.close();
  }
  await expect.poll(() => [...open.names], { timeout: 20_000 }).toEqual([]);

  expect((await stolen.request('/me/')).status).toBe(401);
  await expect(signIn({ ...server, clientToken: client_token }, 'ada')).rejects.toMatchObject({ status: 401 });
  await expectNoWayBack(await signIn({ ...server, clientToken: renewed }, 'ada'), adas);
  await openOfBen.goesOn();
});

test('what a token has opened to a session ends when it is revoked, here or by another process, and when it expires; what cookies opened goes on', async () => {
  const again = await signIn(server, 'ada');
  const session = await startOf(again);
  const openOfCookie = await openEverything(again, session);
  const ends = {
    'revoked by its holder': async (token: User) => void (await token.client.tokens.revoke('current')),
    'revoked by an administrator': async (_: User, id: number) =>
      void (await administration(chief.client).revoke(adaId, id)),
    'revoked by another process': (_: User, id: number) => changeTokens((rows) => rows.remove('tokens', { id })),
    expired: (_: User, id: number) =>
      changeTokens((rows) => rows.update('tokens', { id }, { expires_at_ms: Date.now() - 1 })),
  };
  for (const [name, end] of Object.entries(ends)) {
    const other = await signIn(server, 'ada');
    const id = (await other.client.tokens.list()).find((token) => token.is_current)?.id ?? 0;
    const socket = new WebSocket(session.address.replace(/^http/, 'ws'), ['uws', `uws.token.${other.token}`]);
    const closed = once(socket, 'close');
    await once(socket, 'message');
    const answer = await fetch(new URL('endless', session.address), {
      headers: { 'UWS-Authorization': `Token ${other.token}` },
    });
    // As long as the server takes it for a request that may itself revoke the token.
    await delay(1_100);
    await end(other, id);
    const within = AbortSignal.timeout(8_000);
    const broken = expect(answer.text(), name).rejects.toThrow();
    const [code] = await Promise.race([closed, once(within, 'abort').then(() => [name])]);
    expect([name, code]).toEqual([name, 1001]);
    await broken;
    expect(within.aborted).toBe(false);
  }
  await openOfCookie.goesOn();
});

async function changeTokens(change: (rows: DatabaseTransaction) => Promise<unknown>): Promise<void> {
  const database = openDatabase(server.dataDirectory);
  await database.transaction(change);
  await database.close();
}
