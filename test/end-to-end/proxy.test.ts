// Sessions of real jobs through the proxy of a real server: who gets in, and what passes.
import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { writeTestConfiguration } from '../support/configuration.js';
import { putAway } from '../support/put-away.js';
import { type RunningServer, startServer, temporaryDirectory } from '../support/server.js';
import { signIn, startSession, type User } from '../support/users.js';
import { visit } from '../support/visit.js';

/** Tells what reached it, as JSON; sets cookies, redirects, streams, breaks off, and echoes what a WebSocket sends. */
const application = `
const { createHash } = require('node:crypto');
const http = require('node:http');
const server = http.createServer((request, response) => {
  const path = request.url.split('?')[0];
  if (path.endsWith('/redirect')) return response.writeHead(302, { Location: '/elsewhere' }).end();
  if (path.endsWith('/cookie')) return response.writeHead(200, { 'Set-Cookie': ['theme=dark; Path=/; Domain=example.org', 'plain=1'] }).end();
  if (path.endsWith('/die')) return process.exit(1);
  if (path.endsWith('/deaf')) return server.close(), setInterval(() => undefined, 1000), server.closeAllConnections();
  if (path.endsWith('/drip')) {
    response.writeHead(200, { 'Content-Type': 'text/plain' });
    let count = 0;
    const timer = setInterval(() => { response.write('drop ' + count + '\\n'); if (++count === 4) { clearInterval(timer); response.end(); } }, 150);
    return;
  }
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const { method, url, headers } = request;
    const body = Buffer.concat(chunks);
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ method, url, headers, bodyBytes: body.length, hash: createHash('sha1').update(body).digest('hex'), base: process.env.BASE_PATH }));
  });
});
server.on('upgrade', (request, socket) => {
  const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' + accept + '\\r\\n\\r\\n');
  // Frames of a client are masked, those of a server are not.
  socket.on('data', (frame) => {
    const opcode = frame[0] & 15;
    const length = frame[1] & 127;
    const mask = frame.subarray(2, 6);
    const payload = Buffer.from(frame.subarray(6, 6 + length)).map((byte, index) => byte ^ mask[index % 4]);
    socket.write(Buffer.concat([Buffer.from([128 | opcode, length]), payload]));
    if (opcode === 8) socket.end();
  });
  socket.on('error', () => undefined);
});
server.listen(Number(process.env.PORT), process.env.HOST);
`;
const files = [{ name: 'app.cjs', content: application }];

interface Echo {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly bodyBytes: number;
  readonly base: string;
}

async function echoOf(response: Response): Promise<Echo> {
  expect(response.status).toBe(200);
  const echo: Echo = await response.json();
  return echo;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Asks a server of this machine under any name, with nothing but the headers given, as `fetch` cannot. */
async function ask(port: number, host: string, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const request = httpRequest({ host: '127.0.0.1', port, path, headers: { ...headers, Host: host } });
  request.end();
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request.on('response', resolve).on('error', reject);
  });
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

describe('sessions below the path of the server', () => {
  let server: RunningServer;
  let ada: User;
  let eve: User;
  let base: string;
  let address: string;
  let jobId: number;
  let cookie: string;

  beforeAll(async () => {
    const root = await temporaryDirectory();
    server = await startServer({
      dataDirectory: join(root, 'data'),
      env: { UWS_CONFIG: await writeTestConfiguration(root) },
    });
    [ada, eve] = await Promise.all([signIn(server, 'ada'), signIn(server, 'eve')]);
    const { session, job } = await startSession(ada, { job_type: 'web_app' }, files);
    jobId = job.id;
    address = session.url;
    base = `${server.baseUrl}/passthrough/127.0.0.1/${jobId}`;
    const opened = await visit(address);
    cookie = opened.cookie;
    await echoOf(opened.response);
  });

  afterAll(async () => {
    expect(await putAway(server, [ada, eve])).toEqual([]);
  });

  test('a ticket is traded for a cookie of the session, by a redirect to the same address without it', async () => {
    expect(address).toMatch(new RegExp(`^${base}\\?uws_ticket=[\\w.-]+$`));
    const first = await fetch(address, { redirect: 'manual' });
    expect(first.status).toBe(302);
    expect(first.headers.get('location')).toBe(base);
    expect(first.headers.getSetCookie()).toEqual([
      expect.stringMatching(`^uws_session=[\\w.-]+; Path=/passthrough/127.0.0.1/${jobId}; HttpOnly; SameSite=Lax$`),
    ]);
    expect(first.headers.get('referrer-policy')).toBe('no-referrer');
    // With two slashes, an encoded one, and a query of the application's own.
    const ticket = new URL(address).searchParams.get('uws_ticket') ?? '';
    const odd = `${base}/tree//a%2Fb?x=1&uws_ticket=${ticket}&y=%20`;
    const second = await fetch(odd, { redirect: 'manual' });
    expect(second.headers.get('location')).toBe(`${base}/tree//a%2Fb?x=1&y=%20`);
    const echo = await echoOf((await visit(odd)).response);
    expect(echo.url).toBe('/tree//a%2Fb?x=1&y=%20');
  });

  test('nobody else gets in: without anything, with a ticket of another job or user, with another user’s token', async () => {
    const other = await startSession(ada, { job_type: 'web_app' }, files);
    const foreign = await startSession(eve, { job_type: 'web_app' }, files);
    const ticketOf = (url: string) => new URL(url).searchParams.get('uws_ticket') ?? '';
    const attempts: [string, number, RequestInit][] = [
      ['nothing', 401, {}],
      ['a bad cookie', 401, { headers: { Cookie: 'uws_session=v2.zzzzzzzz.aaaa' } }],
      ['another user', 404, { headers: { 'UWS-Authorization': `Token ${eve.token}` } }],
      ['an unknown token', 401, { headers: { 'UWS-Authorization': 'Token uws_nobody' } }],
      ['a page of another site', 403, { method: 'POST', headers: { Cookie: cookie, Origin: 'https://evil.example' } }],
      [
        'an embedded request',
        403,
        { headers: { Cookie: cookie, 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors' } },
      ],
    ];
    for (const [name, status, init] of attempts) {
      expect([name, (await fetch(`${base}/x`, init)).status]).toEqual([name, status]);
    }
    for (const url of [other.session.url, foreign.session.url]) {
      const ticket = ticketOf(url);
      expect((await fetch(`${base}/x?uws_ticket=${ticket}`, { redirect: 'manual' })).status).toBe(401);
    }
    const cookies = (await visit(other.session.url)).cookie;
    expect((await fetch(`${base}/x`, { headers: { Cookie: cookies } })).status).toBe(401);
    // A made-up host or number is no session, and no way to another address.
    for (const path of [
      '/passthrough/127.0.0.1/999999/',
      `/passthrough/localhost/${jobId}/`,
      '/passthrough/evil.example/1/',
    ]) {
      expect((await ada.request(path)).status).toBe(404);
    }
    expect((await ada.request(`/passthrough/127.0.0.1/${jobId}/x`)).status).toBe(200);
    expect((await fetch(`${base}/x`, { headers: { Cookie: cookie } })).status).toBe(200);
  });

  test('every method passes, with its body', async () => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']) {
      const hasBody = method !== 'GET';
      const response = await fetch(`${base}/any`, {
        method,
        headers: { Cookie: cookie },
        ...(hasBody && { body: 'x'.repeat(300_000) }),
      });
      expect(await echoOf(response)).toMatchObject({ method, url: '/any', bodyBytes: hasBody ? 300_000 : 0 });
    }
    const head = await fetch(`${base}/any`, { method: 'HEAD', headers: { Cookie: cookie } });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  test('an answer arrives as it is made', async () => {
    const startedAt = performance.now();
    const response = await fetch(`${base}/drip`, { headers: { Cookie: cookie } });
    const arrivals: number[] = [];
    for await (const _ of response.body ?? []) arrivals.push(performance.now() - startedAt);
    expect(arrivals.length).toBeGreaterThanOrEqual(3);
    expect((arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0)).toBeGreaterThan(250);
  });

  test('the application sees neither ticket nor cookie nor token, and its cookies stay in its path', async () => {
    const ticket = new URL(address).searchParams.get('uws_ticket') ?? '';
    const response = await fetch(`${base}/x`, {
      method: 'POST',
      headers: {
        Cookie: `${cookie}; own=1`,
        'UWS-Authorization': `Token ${ada.token}`,
        Authorization: 'Bearer of-the-application',
        Referer: `${base}/y?uws_ticket=${ticket}`,
      },
    });
    const { headers } = await echoOf(response);
    expect(headers).toMatchObject({
      cookie: 'own=1',
      authorization: 'Bearer of-the-application',
      referer: `${base}/y`,
    });
    expect(JSON.stringify(headers)).not.toContain(ada.token);
    expect(JSON.stringify(headers)).not.toContain(ticket);
    expect(headers['uws-authorization']).toBeUndefined();
    const set = (await fetch(`${base}/cookie`, { headers: { Cookie: cookie } })).headers.getSetCookie();
    expect(set).toHaveLength(2);
    expect(set[0]).toMatch(new RegExp(`^theme=dark; Path=/passthrough/127.0.0.1/${jobId}/?$`));
    expect(set[1]).toMatch(/^plain=1/);
    const moved = await fetch(`${base}/redirect`, { headers: { Cookie: cookie }, redirect: 'manual' });
    expect(moved.headers.get('location')).toBe(`/passthrough/127.0.0.1/${jobId}/elsewhere`);
  });

  test('WebSockets pass both ways, for the owner and their own pages only', async () => {
    const url = `${base.replace('http', 'ws')}/socket`;
    const open = async (headers: Record<string, string>): Promise<string> => {
      const socket = new WebSocket(url, { headers });
      const result = await new Promise<string>((resolve) => {
        socket.on('open', () => socket.send('hello'));
        socket.on('message', (data) => resolve(String(data)));
        socket.on('unexpected-response', (_, response) => resolve(`refused ${response.statusCode}`));
        socket.on('error', (error) => resolve(String(error)));
      });
      socket.terminate();
      return result;
    };
    expect(await open({ Cookie: cookie, Origin: server.baseUrl })).toBe('hello');
    expect(await open({ 'UWS-Authorization': `Token ${ada.token}` })).toBe('hello');
    expect(await open({ Cookie: cookie, Origin: 'https://evil.example' })).toBe('refused 403');
    expect(await open({ 'UWS-Authorization': `Token ${eve.token}` })).toBe('refused 404');
    expect(await open({})).toBe('refused 401');

    const socket = new WebSocket(url, { headers: { Cookie: cookie } });
    await once(socket, 'open');
    socket.ping('are you there');
    const [pong]: unknown[] = await once(socket, 'pong');
    expect(String(pong)).toBe('are you there');
    socket.close(4001, 'bye');
    const [code]: unknown[] = await once(socket, 'close');
    expect(code).toBe(4001);
  });

  test('an application that keeps its base path gets addresses as they are', async () => {
    const { session, job } = await startSession(ada, { job_type: 'web_app_keep' }, files);
    const path = `/passthrough/127.0.0.1/${job.id}`;
    const opened = await visit(session.open('/tree//x'));
    const echo = await echoOf(opened.response);
    expect(echo).toMatchObject({ url: `${path}/tree//x`, base: path });
    const moved = await fetch(`${server.baseUrl}${path}/redirect`, {
      headers: { Cookie: opened.cookie },
      redirect: 'manual',
    });
    expect(moved.status).toBe(302);
  });

  test('a session that has died gets a page for people, JSON for programs, and is looked after at once', async () => {
    const { session, job } = await startSession(ada, { job_type: 'web_app' }, files);
    const opened = await visit(session.url);
    await fetch(`${session.url.split('?')[0]}/die`, { headers: { Cookie: opened.cookie } }).catch(() => undefined);
    const { host, pathname } = new URL(opened.url);
    const person = await ask(server.port, host, pathname, {
      Cookie: opened.cookie,
      Accept: 'text/html',
      'Sec-Fetch-Mode': 'navigate',
    });
    expect([502, 404]).toContain(person.status);
    expect(person.headers['content-type']).toMatch(/^text\/html/);
    expect(person.text).toMatch(/<h1>[^<]+<\/h1>/);
    expect(person.text).toContain(`href="${server.baseUrl}/"`);
    const program = await fetch(opened.url, { headers: { Cookie: opened.cookie, Accept: 'application/json' } });
    expect(await program.json()).toMatchObject({ success: false, message: expect.stringMatching(/\.$/), error: {} });
    const ended = await ada.client.jobs.waitUntilEnded(job.id, { timeoutMs: 5_000 });
    expect(ended).toMatchObject({ status: 'failed', exit_code: 1 });
  });

  test('a session whose server has stopped listening says so, while its job goes on', async () => {
    const { session, job } = await startSession(ada, { job_type: 'web_app' }, files);
    const opened = await visit(session.url);
    await fetch(`${session.url.split('?')[0]}/deaf`, { headers: { Cookie: opened.cookie } }).catch(() => undefined);
    const { host, pathname } = new URL(opened.url);
    const person = await ask(server.port, host, pathname, { Cookie: opened.cookie, Accept: 'text/html' });
    expect(person.status).toBe(502);
    expect(person.text).toContain('<h1>The session does not answer</h1>');
    expect(person.text).toContain(`job ${job.id}`);
    const program = await fetch(opened.url, { headers: { Cookie: opened.cookie, Accept: 'application/json' } });
    expect(program.status).toBe(502);
    expect(program.headers.get('retry-after')).toBe('10');
    expect(await program.json()).toMatchObject({ success: false, error: { code: 'session_unreachable' } });
    expect((await ada.client.jobs.get(job.id)).status).toBe('running');
    await ada.client.jobs.stop(job.id);
  });

  test('a stopped job’s session is closed at once, WebSockets included', async () => {
    const { session, job } = await startSession(ada, { job_type: 'web_app' }, files);
    const opened = await visit(session.url);
    const socket = new WebSocket(`${session.url.split('?')[0]?.replace('http', 'ws')}/s`, {
      headers: { Cookie: opened.cookie },
    });
    await once(socket, 'open');
    const closed = once(socket, 'close');
    await ada.client.jobs.stop(job.id);
    await closed;
    expect((await fetch(opened.url, { headers: { Cookie: opened.cookie } })).status).toBe(404);
    await ada.client.jobs.waitUntilEnded(job.id);
  });
});

describe('sessions under host names of their own', () => {
  let server: RunningServer;
  let ada: User;

  beforeAll(async () => {
    const root = await temporaryDirectory();
    server = await startServer({
      dataDirectory: join(root, 'data'),
      env: { UWS_CONFIG: await writeTestConfiguration(root), UWS_PASSTHROUGH_DOMAIN: 'sessions.test' },
    });
    ada = await signIn(server, 'ada');
  });

  afterAll(async () => {
    expect(await putAway(server, [ada])).toEqual([]);
  });

  test.each(['web_app', 'web_app_keep'])('%s: ticket, cookie, application', async (jobType) => {
    const { session, job } = await startSession(ada, { job_type: jobType }, files);
    const url = new URL(session.url);
    expect(url.hostname).toMatch(/^127-0-0-1-\d+\.sessions\.test$/);
    const traded = await ask(server.port, url.host, url.pathname + url.search);
    expect(traded.status).toBe(302);
    const [set = ''] = traded.headers['set-cookie'] ?? [];
    expect(set).toMatch(/^uws_session=[\w.-]+; Path=\/; HttpOnly; SameSite=Lax$/);
    expect(traded.headers.location).toBe(`http://${url.host}${url.pathname}`);

    const cookie = set.split(';')[0] ?? '';
    const seen = await ask(server.port, url.host, `${url.pathname.replace(/\/$/, '')}/tree//a?b`, { Cookie: cookie });
    expect(seen.status).toBe(200);
    const echo: Echo = JSON.parse(seen.text);
    expect(echo.url).toBe(`${jobType === 'web_app_keep' ? '/passthrough' : ''}/tree//a?b`);
    expect(echo.headers.cookie).toBeUndefined();

    expect((await ask(server.port, url.host, '/')).status).toBe(401);
    expect((await ask(server.port, '127-0-0-1-1.sessions.test', '/', { Cookie: cookie })).status).toBe(404);
    // The API does not appear under a session's name, nor the session's cookie open the API.
    expect(JSON.parse((await ask(server.port, url.host, '/workspaces/', { Cookie: cookie })).text)).toMatchObject({
      method: 'GET',
    });
    expect((await ask(server.port, `127.0.0.1:${server.port}`, '/workspaces/', { Cookie: cookie })).status).toBe(401);
    await ada.client.jobs.stop(job.id);
  });
});
