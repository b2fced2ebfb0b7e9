// What a caller may send to sessions and open there: refused by the server with its numbers, before the application sees any of it.
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { application, type Echo } from '../../support/application.js';
import { writeTestConfiguration } from '../../support/configuration.js';
import { putAway } from '../../support/put-away.js';
import { type RunningServer, startServer, temporaryDirectory } from '../../support/server.js';
import { signIn, startSession, type User } from '../../support/users.js';
import { visit } from '../../support/visit.js';

let server: RunningServer;
let user: User;
/** Address of the session, with a slash, and its cookie. */
let base: string;
let cookie: string;

beforeAll(async () => {
  const root = await temporaryDirectory();
  await mkdir(join(root, 'data'), { mode: 0o755 });
  server = await startServer({
    dataDirectory: join(root, 'data'),
    env: {
      UWS_CONFIG: await writeTestConfiguration(root),
      UWS_LIMIT_FAILED_SIGN_INS_PER_MINUTE: '5',
      UWS_LIMIT_REQUESTS_PER_MINUTE: '300',
      UWS_LIMIT_OPEN_SESSION_REQUESTS: '3',
      UWS_LIMIT_OPEN_SESSION_SOCKETS: '2',
    },
  });
  user = await signIn(server);
  const { session } = await startSession(user, { job_type: 'web_app' }, application);
  const opened = await visit(session.url);
  ({ cookie } = opened);
  base = opened.url;
  expect(await opened.response.json()).toMatchObject({ method: 'GET' });
});

afterAll(async () => {
  expect(await putAway(server, [user])).toEqual([]);
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** One request, or the opening of a WebSocket, with its headers as they are given. */
function ask(path: string, options: RequestOptions, body = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(new URL(path, base), { agent: false, ...options });
    const answered = async (answer: IncomingMessage): Promise<void> =>
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: await text(answer) });
    asked.on('response', (answer) => void answered(answer).catch(reject));
    asked.on('upgrade', (answer, socket) => {
      socket.destroy();
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: '' });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

const host = (): string[] => ['Host', new URL(base).host];
const many = (count: number): string[] => Array.from({ length: count }, (_, index) => [`X-${index}`, 'y']).flat();
const upgrade = (): string[] => [
  ...['Connection', 'Upgrade', 'Upgrade', 'websocket', 'Sec-WebSocket-Version', '13'],
  ...['Sec-WebSocket-Key', randomBytes(16).toString('base64')],
];

/** What reached the application since it was last asked. */
async function seen(): Promise<unknown> {
  return JSON.parse((await ask('log?clear', { headers: { cookie } })).body);
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; !(await holds()); attempt += 1) {
    if (attempt > 100) throw new Error('It did not come to that.');
    await delay(100);
  }
}

function errorOf({ body }: Answer): unknown {
  return JSON.parse(body).error;
}

describe('the head of a request', () => {
  test('with more headers than allowed is refused, not cut: neither its body nor its origin is lost on the way', async () => {
    await seen();
    const credentials = [...host(), 'Cookie', cookie];
    const headers = [...credentials, ...many(260), 'Content-Length', '4', 'Origin', 'https://evil.example'];
    const post = await ask('x', { method: 'POST', headers }, 'body');
    expect(post.status, post.body).toBe(413);
    expect(errorOf(post)).toMatchObject({ code: 'too_large', details: { name: 'headers', limit: 200 } });
    const opening = await ask('ws', { headers: [...credentials, ...upgrade(), ...many(260)] });
    expect(opening.status, opening.body).toBe(413);
    expect(errorOf(opening)).toMatchObject({ code: 'too_large', details: { name: 'headers', limit: 200 } });
    expect(await seen()).toEqual([]);
    const figures = await (await fetch(`${server.baseUrl}/metrics`)).text();
    expect(figures).toContain('uws_limit_refusals_total{name="headers"} 2\n');
  });

  test('with as many headers as allowed passes whole', async () => {
    const headers = [...host(), 'Cookie', cookie, 'Connection', 'close', ...many(196), 'Content-Length', '4'];
    expect(headers.length / 2).toBe(200);
    const answer = await ask('x', { method: 'POST', headers }, 'body');
    expect(answer.status, answer.body).toBe(200);
    const echo: Echo = JSON.parse(answer.body);
    expect(echo).toMatchObject({ method: 'POST', bytes: 4, headers: { 'x-0': 'y', 'x-195': 'y' } });
  });

  test('with a longer address than allowed is refused; a person is shown a page', async () => {
    const long = `x?${'y'.repeat(17_000)}`;
    const answer = await ask(long, { headers: { cookie } });
    expect([answer.status, errorOf(answer)]).toEqual([
      413,
      { code: 'too_large', details: { name: 'url_bytes', limit: 16_384, requested: expect.any(Number) } },
    ]);
    const page = await ask(long, { headers: { cookie, accept: 'text/html' } });
    expect([page.status, page.headers['content-type']]).toEqual([413, 'text/html; charset=utf-8']);
    expect(page.body).toContain('more than the limit of 16384 bytes (url_bytes)');
  });
});

describe('what is open at once', () => {
  test('is bounded for requests to a session, with the numbers that are advertised', async () => {
    expect(await user.client.catalogue.limits()).toMatchObject({
      open_session_requests: 3,
      open_session_sockets: 2,
      all_session_sockets: 20_000,
    });
    const streams = Array.from({ length: 3 }, () =>
      request(new URL('stream', base), { agent: false, headers: { cookie } }),
    );
    for (const stream of streams) {
      stream.on('error', () => undefined);
      await new Promise((resolve) => stream.once('response', resolve).end());
    }
    const refused = await ask('x', { headers: { cookie } });
    expect([refused.status, refused.headers['retry-after'], errorOf(refused)]).toEqual([
      429,
      '5',
      { code: 'rate_limited', details: { name: 'open_session_requests', limit: 3, used: 3, requested: 1 } },
    ]);
    for (const stream of streams) stream.destroy();
    await eventually(async () => (await ask('x', { headers: { cookie } })).status === 200);
  });

  test('is bounded for WebSockets to a session', async () => {
    const headers = (): string[] => [...host(), 'Cookie', cookie, ...upgrade()];
    const sockets: Duplex[] = [];
    for (let index = 0; index < 2; index += 1) {
      const opening = request(new URL('hold', base), { agent: false, headers: headers() });
      sockets.push(
        await new Promise<Duplex>((resolve, reject) => {
          opening.once('upgrade', (_, socket) => resolve(socket));
          opening.once('response', (answer) => reject(new Error(`The WebSocket was answered ${answer.statusCode}.`)));
          opening.once('error', reject);
          opening.end();
        }),
      );
    }
    const refused = await ask('hold', { headers: headers() });
    expect([refused.status, refused.headers['retry-after'], errorOf(refused)]).toEqual([
      429,
      '5',
      { code: 'rate_limited', details: { name: 'open_session_sockets', limit: 2, used: 2, requested: 1 } },
    ]);
    for (const socket of sockets) socket.destroy();
    await eventually(async () => (await ask('hold', { headers: headers() })).status === 101);
  });
});

test('requests to a session are as many as its pages like: those of the API, to which a minute has fewer, are not counted with them', async () => {
  for (let index = 0; index < 400; index += 1) expect((await ask('x', { headers: { cookie } })).status).toBe(200);
  expect((await user.client.me()).username).toBe(user.username);
});

test('wrong tokens of an address are refused after a while without being looked up; tickets and cookies, sign-ins and the API go on', async () => {
  const withToken = (token: string): Promise<Answer> =>
    ask('x', { headers: { 'uws-authorization': `Token ${token}` } });
  expect((await withToken(user.token)).status).toBe(200);
  let wrong = 0;
  let refused = await withToken('wrong');
  for (; refused.status === 401 && wrong < 50; wrong += 1) refused = await withToken(`wrong${wrong}`);
  expect([refused.status, wrong >= 5]).toEqual([429, true]);
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  const error = {
    code: 'rate_limited',
    details: { name: 'failed_sign_ins_per_minute', limit: 5, used: 5, requested: 1 },
  };
  expect(errorOf(refused)).toEqual(error);
  const opening = await ask('ws', {
    headers: [...host(), ...upgrade(), 'Sec-WebSocket-Protocol', 'uws, uws.token.wrong'],
  });
  expect([opening.status, errorOf(opening)]).toEqual([429, error]);
  expect((await ask('x', { headers: { cookie } })).status).toBe(200);
  expect((await user.client.me()).username).toBe(user.username);
  const again = await signIn(server);
  expect((await again.client.me()).username).toBe(user.username);
});
