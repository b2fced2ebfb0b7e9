// Upgrades that are no opening of a WebSocket, redirects that lead elsewhere, and tickets in the wrong hands.
import { createHash } from 'node:crypto';
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

const key = 'AAAAAAAAAAAAAAAAAAAAAA==';
const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
const asked = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${key}`];
const without = (start: string): string[] => asked.filter((line) => !line.startsWith(start));

test.each([
  ['GET', 'HTTP/1.1', ['Connection: Upgrade', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk']],
  ['GET', 'HTTP/1.1', [...without('Upgrade'), 'Upgrade: h2c']],
  ['GET', 'HTTP/1.1', [...without('Upgrade'), 'Upgrade: websocket, h2c']],
  ['GET', 'HTTP/1.1', [...asked, 'Upgrade: h2c']],
  ['GET', 'HTTP/1.1', [...asked, 'Upgrade: websocket']],
  ['GET', 'HTTP/1.1', [...without('Upgrade'), 'Upgrade: websocket/13']],
  ['GET', 'HTTP/1.1', [...without('Upgrade'), 'Upgrade: TLS/1.0']],
  ['GET', 'HTTP/1.1', without('Sec-WebSocket-Key')],
  ['GET', 'HTTP/1.1', [...asked, `Sec-WebSocket-Key: ${key}`]],
  ['GET', 'HTTP/1.1', [...without('Sec-WebSocket-Key'), 'Sec-WebSocket-Key: short==']],
  ['GET', 'HTTP/1.1', [...without('Sec-WebSocket-Key'), `Sec-WebSocket-Key: ${key}, x`]],
  ['GET', 'HTTP/1.1', without('Sec-WebSocket-Version')],
  ['GET', 'HTTP/1.1', [...without('Sec-WebSocket-Version'), 'Sec-WebSocket-Version: 8']],
  ['GET', 'HTTP/1.1', [...asked, 'Sec-WebSocket-Version: 8']],
  ['POST', 'HTTP/1.1', asked],
  ['PUT', 'HTTP/1.1', [...asked, 'Content-Length: 40']],
  ['GET', 'HTTP/1.0', asked],
  ['GET', 'HTTP/1.1', [...asked, 'Content-Length: 40']],
  ['GET', 'HTTP/1.1', [...asked, 'Transfer-Encoding: chunked']],
] as const)('%s %s with %j is refused, and what follows is read by nobody', async (method, version, lines) => {
  const heard: string[] = [];
  const port = await startRawApp((socket) => socket.on('data', (part) => heard.push(part.toString())));
  const route = routeTo(port);
  const front = await startFront([route]);
  const cookie = await openSession(front, route);
  const base = basePathOf(route);
  const head = `${method} ${base}/ ${version}\r\nHost: x\r\nCookie: ${cookie}\r\n${lines.join('\r\n')}\r\n\r\n`;
  const answer = await sendRaw(
    front.port,
    `${head}GET ${base}/smuggled HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\n\r\n`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 400/);
  expect(answer.match(/^HTTP\/1\.1/gm)).toHaveLength(1);
  expect(answer).toMatch(/^Connection: close\r$/m);
  expect(heard).toEqual([]);
  await eventually('nothing is open', () => front.proxy.metrics().openSockets === 0);
});

test.each([
  ['200', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 200],
  [
    'another key’s proof',
    'HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n',
    502,
  ],
  ['no proof', 'HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n', 502],
  [
    'another protocol',
    `HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    502,
  ],
  ['no protocol', `HTTP/1.1 101 X\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`, 502],
  [
    'two proofs',
    `HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    502,
  ],
  ['interim answers only', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(100), 502],
  ['no HTTP', '\x82\x05hello', 502],
] as const)('a WebSocket that is answered with %s is not opened, and what follows is read by nobody', async (_what, bytes, status) => {
  const heard: string[] = [];
  const port = await startRawApp((socket) => {
    socket.on('data', (part) => heard.push(part.toString()));
    socket.once('data', () => socket.end(bytes, 'latin1'));
  });
  const route = routeTo(port);
  const front = await startFront([route]);
  const cookie = await openSession(front, route);
  const base = basePathOf(route);
  const answer = await sendRaw(
    front.port,
    `GET ${base}/ HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\n${asked.join('\r\n')}\r\n\r\nGET ${base}/smuggled HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\n\r\n`,
  );
  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status}`));
  expect(answer.match(/^HTTP\/1\.1/gm)).toHaveLength(1);
  expect(heard.join('')).not.toContain('smuggled');
  await eventually('nothing is open', () => front.proxy.metrics().openSockets === 0);
});

test('whatever the path and the heads say, a ticket’s redirect stays on the host that was asked', async () => {
  const app = await startApp((_request, response) => response.end('application'));
  const domain = 'sessions.example.org';
  const route = routeTo(app.port, { basePath: 'strip' });
  const [pathForm, domainForm] = await Promise.all([
    startFront([route]),
    startFront([route], { passthroughDomain: domain, publicOrigin: () => 'https://portal.example.org' }),
  ]);
  const rests = ['//evil.example', '/\\evil.example', '/@evil.example', '/%0d%0aSet-Cookie:%20x=1', '/..//evil.example']
    .concat([
      '/;@evil.example',
      '/%2f%2fevil.example',
      '/https://evil.example',
      '/\\\\evil.example',
      '/.evil.example:443',
    ])
    .concat([
      '///evil.example/..',
      '/\t/evil.example',
      '/?//evil.example',
      '/?url=https://evil.example',
      '/#@evil.example',
    ]);
  for (const rest of rests) {
    for (const [front, base, host] of [
      [pathForm, basePathOf(route), `127.0.0.1:${pathForm.port}`],
      [domainForm, '', `${sessionLabel(route.host, route.port)}.${domain}`],
    ] as const) {
      const query = `${rest.includes('?') ? '&' : '?'}uws_ticket=${front.ticketOf(route)}`;
      const [before = '', fragment] = rest.split('#', 2);
      const target = `${base}${before}${query}${fragment === undefined ? '' : `#${fragment}`}`;
      const lies = 'X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: ftp\r\nX-Original-URL: //evil.example\r\n';
      const answer = await sendRaw(
        front.port,
        `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${lies}\r\n`,
      );
      if (/^HTTP\/1\.1 400/.test(answer)) continue;
      const location = /^Location: (.*)\r$/im.exec(answer)?.[1] ?? '';
      expect([rest, new URL(location).host]).toEqual([rest, host]);
      expect(location).not.toContain('uws_ticket');
      expect(answer.match(/^Set-Cookie:/gim)).toHaveLength(1);
    }
  }
});

test.each([
  'evil.example',
  'evil.example.:80',
  '127.0.0.1.nip.example',
  '[::ffff:7f00:1]',
  'localhost',
])('under the name %s, as by DNS rebinding, nothing opens without credentials, and cookies are that name’s', async (name) => {
  const app = await startApp((_request, response) => response.end('application'));
  const route = routeTo(app.port);
  const front = await startFront([route]);
  const path = `${basePathOf(route)}/`;
  const own = { host: name, origin: `http://${name}`, 'sec-fetch-site': 'same-origin' };
  expect((await ask(front, path, { headers: own })).status).toBe(401);
  const opened = await ask(front, `${path}?uws_ticket=${front.ticketOf(route)}`, { headers: own });
  expect(opened.headers.location).toBe(`http://${name}${path}`);
  expect(opened.headers['set-cookie']?.join()).not.toMatch(/domain/i);
});

test('a ticket in a Referer, in any spelling and of any session, does not reach the application', async () => {
  const app = await startApp((request, response) => response.end(request.headers.referer ?? 'none'));
  const route = routeTo(app.port);
  const front = await startFront([route]);
  const cookie = await openSession(front, route);
  const ticket = front.ticketOf({ jobId: 8, userId: 12 });
  for (const name of ['uws_ticket', 'uws%5Fticket', '%75%77%73_ticket', 'uws_ticket=x&uws_ticket']) {
    const referer = `http://x/passthrough/127.0.0.1/8/?a=1&${name}=${ticket}&b#uws_ticket=c`;
    const { body } = await ask(front, `${basePathOf(route)}/`, { headers: { cookie, referer } });
    expect(body).not.toContain(ticket);
    expect(body).toContain('?a=1&b');
  }
});

test('of a port that is used again, cookie and ticket of the former job open nothing, in either form', async () => {
  const app = await startApp((_request, response) => response.end('application'));
  const former = routeTo(app.port);
  const domain = 'sessions.example.org';
  const host = `${sessionLabel(former.host, former.port)}.${domain}`;
  const front = await startFront([former], { passthroughDomain: domain });
  const ticket = front.ticketOf(former);
  const opened = await ask(front, `/?uws_ticket=${ticket}`, { headers: { host } });
  const cookie = opened.headers['set-cookie']?.[0]?.split(';', 1)[0] ?? '';
  expect((await ask(front, '/', { headers: { host, cookie } })).body).toBe('application');
  for (const next of [
    { ...former, jobId: 9 },
    { ...former, jobId: 9, userId: 12 },
    { ...former, userId: 12 },
  ]) {
    front.routes.clear();
    front.routes.set(next.jobId, next);
    expect((await ask(front, '/', { headers: { host, cookie } })).status).toBe(401);
    expect((await ask(front, `/?uws_ticket=${ticket}`, { headers: { host } })).status).toBe(401);
    expect((await ask(front, `/?uws_ticket=${ticket}`, { headers: { host }, method: 'POST' })).status).toBe(401);
  }
});
