// What an application, or a page of one, could do beyond its own session.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { expect, test } from 'vitest';
import { sessionLabel } from '../../src/proxy/index.js';
import {
  ask,
  basePathOf,
  eventually,
  openSession,
  routeTo,
  sendRaw,
  startApp,
  startFront,
  startRawApp,
} from './support.js';

test('heads that give orders to a server in front, or to a browser about the whole origin, are left out', async () => {
  const orders = [
    'X-Accel-Redirect',
    'X-Accel-Expires',
    'X-Accel-Limit-Rate',
    'X-Accel-Charset',
    'X-Sendfile',
    'X-LIGHTTPD-send-file',
    'X-LiteSpeed-Location',
    'X-Reproxy-URL',
    'Use-As-Dictionary',
    'Set-Login',
    'Secure-Session-Registration',
    'Sec-Session-Registration',
    'Clear-Site-Data',
    'Alt-Svc',
    'Service-Worker-Allowed',
    'NEL',
    'Report-To',
    'Strict-Transport-Security',
  ];
  const app = await startApp((_request, response) => {
    for (const name of orders) response.setHeader(name, '/');
    response.setHeader('X-Accel-Buffering', 'no').end('ok');
  });
  const route = routeTo(app.port);
  const front = await startFront([route]);
  const { headers } = await ask(front, `${basePathOf(route)}/`, {
    headers: { cookie: await openSession(front, route) },
  });
  expect(orders.filter((name) => name.toLowerCase() in headers)).toEqual([]);
  expect(headers['x-accel-buffering']).toBe('no');
});

test.each([
  ['document', 200],
  ['iframe', 403],
  ['frame', 403],
  ['embed', 403],
  ['object', 403],
] as const)('a page on a neighbouring sub-domain gets a session into a %s: %i', async (dest, status) => {
  const app = await startApp((_request, response) => response.end('application'));
  const route = routeTo(app.port);
  const front = await startFront([route]);
  const headers = {
    cookie: await openSession(front, route),
    'sec-fetch-site': 'same-site',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-dest': dest,
  };
  expect((await ask(front, `${basePathOf(route)}/`, { headers })).status).toBe(status);
  const own = { ...headers, 'sec-fetch-site': 'same-origin' };
  expect((await ask(front, `${basePathOf(route)}/`, { headers: own })).status).toBe(200);
});

test('no service worker is served from an address whose directory holds other sessions', async () => {
  const app = await startApp((_request, response) => response.end('self.onfetch = 1'));
  for (const basePath of ['keep', 'strip'] as const) {
    const route = routeTo(app.port, { basePath });
    const front = await startFront([route]);
    const headers = { cookie: await openSession(front, route), 'service-worker': 'script' };
    const base = basePathOf(route);
    for (const path of [base, `${base}?x`, `${base}#x`]) {
      const answer = await ask(front, path, { headers });
      expect([path, answer.status]).toEqual([path, 403]);
    }
    expect((await ask(front, `${base}/worker.js`, { headers })).status).toBe(200);
  }
});

test('where sessions have host names of their own, a ticket or cookie opens none below the path of the API', async () => {
  const app = await startApp((_request, response) => response.end('application'));
  const route = routeTo(app.port);
  const domain = 'sessions.example.org';
  const front = await startFront([route], { passthroughDomain: domain });
  const host = `${sessionLabel(route.host, route.port)}.${domain}`;
  const ticket = front.ticketOf(route);
  const opened = await ask(front, `/?uws_ticket=${ticket}`, { headers: { host } });
  expect(opened.status).toBe(302);
  const [cookie = ''] = opened.headers['set-cookie']?.[0]?.split(';') ?? [];
  expect((await ask(front, '/', { headers: { host, cookie } })).status).toBe(200);
  const base = basePathOf(route);
  const byTicket = await ask(front, `${base}/?uws_ticket=${ticket}`);
  expect([byTicket.status, byTicket.headers['set-cookie']]).toEqual([401, undefined]);
  expect((await ask(front, `${base}/`, { headers: { cookie } })).status).toBe(401);
  expect((await ask(front, `${base}/?uws_ticket=${ticket}`, { method: 'POST' })).status).toBe(401);
  // Programs have no origin to protect.
  expect((await ask(front, `${base}/`, { headers: { 'uws-authorization': 'Token owner-token' } })).status).toBe(200);
});

test('over TLS a session on a host of its own counts only the cookie that no neighbour can set', async () => {
  const app = await startApp((_request, response) => response.end('application'));
  const route = routeTo(app.port);
  const domain = 'sessions.example.org';
  const front = await startFront([route], { passthroughDomain: domain, publicOrigin: () => 'https://example.org' });
  const host = `${sessionLabel(route.host, route.port)}.${domain}`;
  const opened = await ask(front, `/?uws_ticket=${front.ticketOf(route)}`, { headers: { host } });
  const [cookie = ''] = opened.headers['set-cookie']?.[0]?.split(';') ?? [];
  const tossed = cookie.replace('__Host-', '');
  expect(tossed).toMatch(/^uws_session=/);
  expect((await ask(front, '/', { headers: { host, cookie } })).status).toBe(200);
  expect((await ask(front, '/', { headers: { host, cookie: tossed } })).status).toBe(401);
  expect((await ask(front, '/', { headers: { host, cookie: `${tossed}; ${cookie}` } })).status).toBe(200);
});

test('a token of ours in Authorization stays here, also when the cookie was what counted', async () => {
  const app = await startApp((request, response) => response.end(request.headers.authorization ?? 'none'));
  const route = routeTo(app.port);
  const front = await startFront([route]);
  const cookie = await openSession(front, route);
  const token = `uws_${'A-_9'.repeat(10)}abc`;
  for (const [authorization, seen] of [
    [`Token ${token}`, 'none'],
    [`bearer  ${token} `, 'none'],
    ['token of-the-application', 'token of-the-application'],
    ['Basic dXdzX3g6eQ==', 'Basic dXdzX3g6eQ=='],
  ] as const) {
    const answer = await ask(front, `${basePathOf(route)}/`, { headers: { cookie, authorization } });
    expect(answer.body).toBe(seen);
  }
});

test('an application that sends interim answers without end is given up', async () => {
  const sent = { count: 0 };
  const port = await startRawApp((socket) => {
    socket.once('data', () => {
      const more = (): void => {
        if (socket.destroyed) return;
        sent.count += 1;
        socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n');
        setImmediate(more);
      };
      more();
    });
  });
  const route = routeTo(port);
  const front = await startFront([route]);
  const cookie = await openSession(front, route);
  const answer = await ask(front, `${basePathOf(route)}/`, { headers: { cookie } });
  expect(answer.status).toBe(502);
  await eventually('nothing is open', () => front.proxy.metrics().openRequests === 0);
  expect(sent.count).toBeLessThan(5_000);
});

test('a few interim answers before the answer do no harm', async () => {
  const port = await startRawApp((socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n'.repeat(3));
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
  });
  const route = routeTo(port);
  const front = await startFront([route]);
  const answer = await ask(front, `${basePathOf(route)}/`, { headers: { cookie: await openSession(front, route) } });
  expect([answer.status, answer.body]).toEqual([200, 'ok']);
});

test('a browser that leaves during the handshake takes the application’s connection along', async () => {
  const app = await startApp(() => undefined);
  // Takes the opening of a WebSocket and never answers.
  app.server.on('upgrade', (_request, socket) => {
    socket.on('error', () => undefined).on('end', () => socket.end());
    socket.resume();
  });
  const route = routeTo(app.port);
  const front = await startFront([route]);
  const cookie = await openSession(front, route);
  for (const leave of ['end', 'reset'] as const) {
    const socket = net.connect(front.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(
      `GET ${basePathOf(route)}/ HTTP/1.1\r\nHost: 127.0.0.1:${front.port}\r\nCookie: ${cookie}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
    );
    await eventually('the application is asked', () => app.sockets.size === 1);
    if (leave === 'end') socket.end();
    else socket.resetAndDestroy();
    await eventually(
      `nothing is open after ${leave}`,
      () => front.proxy.metrics().openSockets + app.sockets.size === 0,
    );
    socket.destroy();
  }
});

test('what a browser sends before the handshake is answered reaches the application after it, and not before', async () => {
  const got: string[] = [];
  const app = await startApp(() => undefined);
  app.server.on('upgrade', (request, socket, head) => {
    got.push(`head ${head.length}`);
    socket.on('error', () => undefined);
    socket.on('data', (part: Buffer) => got.push(part.toString()));
    setTimeout(() => {
      got.push('answered');
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptOf(request.headers['sec-websocket-key'])}\r\n\r\n`,
      );
    }, 150);
  });
  const route = routeTo(app.port);
  const front = await startFront([route]);
  const cookie = await openSession(front, route);
  const opening = `GET ${basePathOf(route)}/ HTTP/1.1\r\nHost: 127.0.0.1:${front.port}\r\nCookie: ${cookie}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`;
  const answer = await sendRaw(front.port, `${opening}early-bytes-of-the-browser`);
  expect(answer).toMatch(/^HTTP\/1\.1 101/);
  expect(got).toEqual(['head 0', 'answered', 'early-bytes-of-the-browser']);
});

function acceptOf(key: string | undefined): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

test('a body that goes on long after its answer is cut off', async () => {
  const app = await startApp((_request, response) => response.end('early'));
  const route = routeTo(app.port);
  const front = await startFront([route], { limits: { lingerMs: 300 } });
  const cookie = await openSession(front, route);
  for (const [credentials, status] of [
    ['', 401],
    [`Cookie: ${cookie}\r\n`, 200],
  ] as const) {
    const socket = net.connect(front.port, '127.0.0.1');
    let got = '';
    socket.on('data', (part) => (got += part.toString()));
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(
      `POST ${basePathOf(route)}/ HTTP/1.1\r\nHost: 127.0.0.1\r\n${credentials}Content-Length: 900000\r\n\r\nab`,
    );
    const dripping = setInterval(() => socket.write('c'), 50);
    await closed;
    clearInterval(dripping);
    expect(got).toContain(`HTTP/1.1 ${status}`);
    await eventually('nothing is open', () => front.proxy.metrics().openRequests + front.sockets.size === 0);
  }
});
