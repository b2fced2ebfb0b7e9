import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import net, { type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import {
  type App,
  ask,
  basePathOf,
  eventually,
  type Front,
  openSession,
  routeTo,
  sendRaw,
  startApp,
  startFront,
  startRawApp,
} from './support.js';

/** A job's server that echoes what it gets. */
async function echo(options: { handleProtocols?: (protocols: Set<string>) => string | false } = {}) {
  const app = await startApp((_request, response) => response.writeHead(426).end('only WebSockets'));
  const requests: IncomingMessage[] = [];
  const peers = new Set<WebSocket>();
  const server = new WebSocketServer({ server: app.server, perMessageDeflate: true, ...options });
  server.on('connection', (peer, request) => {
    requests.push(request);
    peers.add(peer);
    peer.on('message', (data, isBinary) => peer.send(data, { binary: isBinary }));
    peer.on('close', () => peers.delete(peer));
    peer.on('error', () => undefined);
  });
  return { ...app, requests, peers };
}

function connect(
  front: Front,
  path: string,
  headers: Record<string, string>,
  protocols: string[] = [],
): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${front.port}${path}`, protocols, { headers });
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket));
    socket.once('error', reject);
    socket.once('unexpected-response', (_request, answer) => reject(new Error(`answered ${answer.statusCode}`)));
  });
}

/** The opening of a WebSocket by hand, up to the end of the answer's head. */
async function openByHand(
  front: Front,
  path: string,
  cookie: string,
): Promise<{ socket: Socket; head: string; rest: Buffer[] }> {
  const socket = net.connect(front.port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${front.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nCookie: ${cookie}\r\n\r\n`,
  );
  const rest: Buffer[] = [];
  let head = '';
  await new Promise<void>((resolve, reject) => {
    socket.once('close', () => reject(new Error(`closed after "${head}"`)));
    socket.on('data', (part) => {
      if (head.includes('\r\n\r\n')) {
        rest.push(part);
        return;
      }
      head += part.toString('latin1');
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      if (head.length > end + 4) rest.push(Buffer.from(head.slice(end + 4), 'latin1'));
      head = head.slice(0, end + 4);
      resolve();
    });
  });
  return { socket, head, rest };
}

/** Accepts the opening and hands over the bare socket. */
function acceptByHand(onOpen: (socket: Socket) => void): (socket: Socket) => void {
  return (socket) => {
    let head = '';
    const onData = (part: Buffer) => {
      head += part.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.off('data', onData);
      const key = /sec-websocket-key: (.*)\r\n/i.exec(head)?.[1] ?? '';
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
      onOpen(socket);
    };
    socket.on('data', onData);
  };
}

async function nothingLeft(front: Front, app?: App): Promise<void> {
  await eventually('no socket is counted', () => front.proxy.metrics().openSockets === 0);
  await eventually('no socket is open', () => front.sockets.size + (app?.sockets.size ?? 0) === 0);
}

const closed = (socket: WebSocket): Promise<number> => new Promise((resolve) => socket.once('close', resolve));
const ping = Buffer.from('\x89\x03uws', 'latin1');

test('messages pass both ways unchanged, compression and path included', async () => {
  const app = await echo();
  const route = routeTo(app.port);
  const front = await startFront([route]);
  const cookie = await openSession(front, route);
  const socket = await connect(front, `${basePathOf(route)}//a%2Fb?x=1`, {
    cookie: `${cookie}; own=1`,
    origin: front.origin,
  });
  expect(socket.extensions).toContain('permessage-deflate');
  const [request] = app.requests;
  expect(request?.url).toBe(`${basePathOf(route)}//a%2Fb?x=1`);
  expect(request?.headers).toMatchObject({
    cookie: 'own=1',
    origin: front.origin,
    host: `127.0.0.1:${front.port}`,
    'x-forwarded-for': '127.0.0.1',
  });
  for (const message of [Buffer.alloc(0), Buffer.from('text'), randomBytes(3 << 20), Buffer.alloc(5 << 20, 'z')]) {
    const back = new Promise((resolve) => socket.once('message', resolve));
    socket.send(message);
    expect(message.equals((await back) as Buffer)).toBe(true);
  }
  socket.close(4001, 'done');
  expect(await closed(socket)).toBe(4001);
  await nothingLeft(front, app);
});

test('a WebSocket that a token opened ends with it, open or not yet; those of ticket and cookie go on', async () => {
  const app = await echo();
  const route = routeTo(app.port);
  const silent = routeTo(await startRawApp(() => undefined), { jobId: 71 });
  const front = await startFront([route, silent]);
  const path = `${basePathOf(route)}/ws`;
  const cookie = await openSession(front, route);
  const revoked = [
    await connect(front, path, {}, ['uws', 'uws.token.owner-token']),
    await connect(front, path, { 'uws-authorization': 'Token owner-token' }),
  ];
  const lasting = [
    await connect(front, path, {}, ['uws', 'uws.token.second-token']),
    await connect(front, `${path}?uws_ticket=${front.ticketOf(route)}`, {}),
    await connect(front, path, { cookie }),
  ];
  const begun = connect(front, `${basePathOf(silent)}/ws`, {}, ['uws', 'uws.token.owner-token']);
  const refused = expect(begun).rejects.toThrow('socket hang up');
  await eventually('all are known', () => front.readers.size === 4);
  const codes = Promise.all(revoked.map(closed));
  front.readers.closeTokens([1]);
  expect(await codes).toEqual([1001, 1001]);
  await refused;
  await eventually('none is kept', () => front.readers.size === 1 && front.proxy.metrics().openSockets === 3);
  for (const socket of lasting) {
    const back = new Promise((resolve) => socket.once('message', (data) => resolve(String(data))));
    socket.send('still here');
    expect(await back).toBe('still here');
    socket.terminate();
  }
  await eventually('nothing is kept', () => front.readers.size === 0);
});

test('whatever a ticket or token opens is told, with who did it; what the cookie opens, and what is refused, is not', async () => {
  const app = await echo();
  const route = routeTo(app.port);
  const front = await startFront([route], { limits: { open_session_sockets: 3 } });
  const path = `${basePathOf(route)}/ws`;
  const ticket = front.ticketOf(route);
  const token = { 'uws-authorization': 'Token owner-token' };
  const told = async (open: () => Promise<unknown>): Promise<readonly string[]> => {
    front.openings.length = 0;
    await open().catch(() => undefined);
    return [...front.openings];
  };
  expect(await told(() => connect(front, `${path}?uws_ticket=${ticket}`, {}))).toEqual(['7 ticket']);
  expect(await told(() => connect(front, path, {}, ['uws', 'uws.token.owner-token']))).toEqual(['7 owner']);
  expect(await told(() => ask(front, path, { headers: token }))).toEqual(['7 owner']);
  expect(await told(() => ask(front, path, { method: 'POST', headers: token }))).toEqual(['7 owner']);
  expect(await told(() => ask(front, `${path}?uws_ticket=${ticket}`, { method: 'POST' }))).toEqual(['7 ticket']);
  let cookie = '';
  const opening = async (): Promise<void> => {
    cookie = await openSession(front, route);
  };
  expect(await told(opening)).toEqual(['7 ticket']);
  expect(await told(() => connect(front, path, { cookie }))).toEqual([]);
  expect(await told(() => ask(front, path, { headers: { cookie } }))).toEqual([]);
  expect(await told(() => connect(front, path, token))).toEqual([]);
  expect(await told(() => ask(front, path, { headers: { 'uws-authorization': 'Token stranger-token' } }))).toEqual([]);
});

test('whoever shows a token of somebody else than the owner is told of, for a request and a WebSocket; nobody else is', async () => {
  const app = await echo();
  const route = routeTo(app.port);
  const front = await startFront([route]);
  const path = `${basePathOf(route)}/ws`;
  await ask(front, path, { headers: { authorization: 'Token stranger-token' } });
  await expect(connect(front, path, {}, ['uws', 'uws.token.stranger-token'])).rejects.toThrow('answered 404');
  expect(front.intruders).toEqual(['7 stranger', '7 stranger']);
  await ask(front, path, { headers: { authorization: 'Token wrong' } });
  await ask(front, path, { headers: { authorization: 'Token owner-token' } });
  await ask(front, '/passthrough/127.0.0.1/9/ws', { headers: { authorization: 'Token stranger-token' } });
  expect(front.intruders).toHaveLength(2);
});

test('a client that offers nothing but its token is answered without a subprotocol', async () => {
  const app = await echo();
  const route = routeTo(app.port);
  const front = await startFront([route]);
  const answer = await sendRaw(
    front.port,
    `GET ${basePathOf(route)}/ws HTTP/1.1\r\nHost: 127.0.0.1:${front.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nSec-WebSocket-Protocol: uws.token.owner-token\r\n\r\n`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 101 /);
  expect(answer).not.toMatch(/sec-websocket-protocol/i);
  expect(app.requests.at(-1)?.headers['sec-websocket-protocol']).toBeUndefined();
});

test('a token in the subprotocol opens it, is hidden from the application, and a protocol is chosen', async () => {
  const app = await echo({ handleProtocols: (offered) => (offered.has('v2.app') ? 'v2.app' : false) });
  const route = routeTo(app.port);
  const front = await startFront([route]);
  const path = `${basePathOf(route)}/ws`;
  const ours = await connect(front, path, {}, ['uws', 'uws.token.owner-token']);
  expect(ours.protocol).toBe('uws');
  const theirs = await connect(front, path, {}, ['v2.app', 'uws.token.owner-token', 'uws']);
  expect(theirs.protocol).toBe('v2.app');
  expect(app.requests.map(({ headers }) => headers['sec-websocket-protocol'])).toEqual([undefined, 'v2.app']);
  await expect(connect(front, path, {}, ['uws', 'uws.token.stranger-token'])).rejects.toThrow('answered 404');
  await expect(connect(front, path, {}, ['uws', 'uws.token.x'])).rejects.toThrow('answered 401');
  await expect(connect(front, path, {})).rejects.toThrow('answered 401');
  const ticket = front.ticketOf(route);
  await connect(front, `${path}?a=1&uws_ticket=${ticket}`, {});
  expect(app.requests.at(-1)?.url).toBe(`${path}?a=1`);
});

test('only pages of the session, or of an allowed origin, may open one', async () => {
  const app = await echo();
  const route = routeTo(app.port);
  const front = await startFront([route], { allowedOrigins: ['https://portal.example.org'] });
  const cookie = await openSession(front, route);
  const path = `${basePathOf(route)}/ws`;
  for (const origin of [
    'https://evil.example',
    'null',
    `${front.origin}.evil.example`,
    `http://127.0.0.1:${front.port + 1}`,
    'http://127.0.0.1',
    `ftp://127.0.0.1:${front.port}`,
  ]) {
    await expect(connect(front, path, { cookie, origin }), origin).rejects.toThrow('answered 403');
    await expect(connect(front, path, { 'uws-authorization': 'Token owner-token', origin }), origin).rejects.toThrow(
      'answered 403',
    );
  }
  for (const origin of [front.origin, 'https://portal.example.org'])
    (await connect(front, path, { cookie, origin })).terminate();
  expect(app.requests).toHaveLength(2);
  const secure = await startFront([route], { publicOrigin: () => 'https://portal.example.org' });
  const secureCookie = await openSession(secure, route);
  await expect(connect(secure, path, { cookie: secureCookie, origin: secure.origin })).rejects.toThrow('answered 403');
  (await connect(secure, path, { cookie: secureCookie, origin: secure.origin.replace('http', 'https') })).terminate();
});

test('whichever side ends or breaks, the other ends too', async () => {
  const app = await echo();
  const route = routeTo(app.port);
  const front = await startFront([route]);
  const cookie = await openSession(front, route);
  const open = async () => {
    const socket = await connect(front, `${basePathOf(route)}/ws`, { cookie });
    socket.on('error', () => undefined);
    await eventually('both sides are there', () => app.peers.size === 1);
    return socket;
  };
  const browserBreaks = await open();
  browserBreaks.terminate();
  await nothingLeft(front, app);
  const applicationBreaks = await open();
  const code = closed(applicationBreaks);
  for (const peer of app.peers) peer.terminate();
  expect(await code).toBe(1001);
  await nothingLeft(front, app);
  const reset = await open();
  const resetCode = closed(reset);
  for (const socket of app.sockets) socket.resetAndDestroy();
  expect(await resetCode).toBe(1001);
  await nothingLeft(front, app);
  const jobEnds = await open();
  const jobCode = closed(jobEnds);
  front.proxy.closeJob(route.jobId);
  expect(await jobCode).toBe(1001);
  await nothingLeft(front, app);
  const userEnds = await open();
  front.proxy.closeUser(route.userId);
  await closed(userEnds);
  await nothingLeft(front, app);
});

test('a browser that does not take the end is cut off', async () => {
  const app = await echo();
  const route = routeTo(app.port);
  const front = await startFront([route], { limits: { lingerMs: 200 } });
  const { socket } = await openByHand(front, `${basePathOf(route)}/ws`, await openSession(front, route));
  socket.pause();
  for (const peer of app.peers) peer.send(Buffer.alloc(32 << 20));
  await new Promise((resolve) => setTimeout(resolve, 200));
  front.proxy.closeJob(route.jobId);
  await nothingLeft(front);
});

test('a quiet WebSocket is pinged, and one whose browser does not answer is ended', async () => {
  const app = await echo();
  const route = routeTo(app.port);
  const front = await startFront([route], { limits: { pingIntervalMs: 100, reportIntervalMs: 0 } });
  const cookie = await openSession(front, route);
  const alive = await connect(front, `${basePathOf(route)}/ws`, { cookie });
  const pings: string[] = [];
  alive.on('ping', (data) => pings.push(data.toString()));
  const dead = await openByHand(front, `${basePathOf(route)}/ws`, cookie);
  const trafficBefore = front.traffic.length;
  const deadClosed = new Promise<void>((resolve) => dead.socket.once('close', resolve));
  const startedAt = performance.now();
  await deadClosed;
  expect(performance.now() - startedAt).toBeGreaterThan(250);
  const got = Buffer.concat(dead.rest).toString('latin1');
  expect(got.length).toBeGreaterThan(0);
  expect(got.replaceAll(ping.toString('latin1'), '')).toBe('');
  await eventually('the living one is pinged again and again', () => pings.length >= 8);
  expect(new Set(pings)).toEqual(new Set(['uws']));
  expect(alive.readyState).toBe(WebSocket.OPEN);
  // Pings and pongs are no sign of a person.
  expect(front.traffic.length).toBe(trafficBefore);
  const back = new Promise((resolve) => alive.once('message', resolve));
  alive.send('still here');
  expect(String(await back)).toBe('still here');
  expect(front.traffic.length).toBeGreaterThan(trafficBefore);
});

test('a browser is not taken for dead while the application does not read', async () => {
  const port = await startRawApp(acceptByHand((socket) => socket.pause()));
  const route = routeTo(port);
  const front = await startFront([route], { limits: { pingIntervalMs: 50 } });
  const { socket } = await openByHand(front, `${basePathOf(route)}/ws`, await openSession(front, route));
  const frame = Buffer.concat([Buffer.from([0x82, 0xff, 0, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4]), Buffer.alloc(64 << 20)]);
  socket.write(frame);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(front.proxy.metrics().openSockets).toBe(1);
  expect(socket.destroyed).toBe(false);
});

test('pings stand between frames while large fragmented messages are in flight, and no byte is lost', async () => {
  const fragments = 400;
  const sent: Buffer[] = [];
  const port = await startRawApp(
    acceptByHand((socket) => {
      let index = 0;
      const next = () => {
        if (index === fragments) return;
        const payload = randomBytes(20_000 + index);
        const head = Buffer.from([
          (index === fragments - 1 ? 0x80 : 0) | (index === 0 ? 2 : 0),
          126,
          payload.length >> 8,
          payload.length & 255,
        ]);
        const frame = Buffer.concat([head, payload]);
        sent.push(frame);
        index += 1;
        // Cut anywhere, also within the header, and stretched over several ping intervals.
        const cut = index % 7;
        socket.write(frame.subarray(0, cut));
        setImmediate(() => socket.write(frame.subarray(cut), () => setTimeout(next, 2)));
      };
      next();
    }),
  );
  const route = routeTo(port);
  const front = await startFront([route], { limits: { pingIntervalMs: 20 } });
  const { socket, rest } = await openByHand(front, `${basePathOf(route)}/ws`, await openSession(front, route));
  const pong = Buffer.concat([Buffer.from([0x8a, 0x83, 0, 0, 0, 0]), Buffer.from('uws')]);
  socket.on('data', (part) => part.includes(ping) && socket.write(pong));
  const expected = () => sent.reduce((sum, { length }) => sum + length, 0);
  const received = () => rest.reduce((sum, { length }) => sum + length, 0);
  await eventually(
    'all fragments arrive',
    () => sent.length === fragments && received() >= expected() + ping.length,
    15_000,
  );
  // Reads the frames as a browser does; whatever is not our ping must be what was sent.
  const bytes = Buffer.concat(rest);
  const kept: Buffer[] = [];
  let pings = 0;
  for (let at = 0; at < bytes.length; ) {
    const short = (bytes[at + 1] ?? 0) & 127;
    const length = short === 126 ? 4 + bytes.readUInt16BE(at + 2) : 2 + short;
    const frame = bytes.subarray(at, at + length);
    if (frame.equals(ping)) pings += 1;
    else kept.push(frame);
    at += length;
  }
  expect(Buffer.concat(kept).equals(Buffer.concat(sent))).toBe(true);
  expect(pings).toBeGreaterThan(3);
});

test('a browser that reads slowly slows the application down, and the other way round', async () => {
  let written = 0;
  const frame = Buffer.concat([Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]), Buffer.alloc(65_536)]);
  const port = await startRawApp(
    acceptByHand((socket) => {
      const more = () => {
        while (written < 512 << 20) {
          written += frame.length;
          if (!socket.write(frame)) return void socket.once('drain', more);
        }
      };
      more();
      socket.pause();
    }),
  );
  const route = routeTo(port);
  const front = await startFront([route]);
  const { socket } = await openByHand(front, `${basePathOf(route)}/ws`, await openSession(front, route));
  socket.pause();
  const masked = Buffer.concat([Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]), Buffer.alloc(65_536)]);
  let sent = 0;
  const more = () => {
    while (sent < 512 << 20) {
      sent += masked.length;
      if (!socket.write(masked)) return void socket.once('drain', more);
    }
  };
  more();
  let last = -1;
  while (last !== written + sent) {
    last = written + sent;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  expect(written).toBeLessThan(64 << 20);
  expect(sent).toBeLessThan(64 << 20);
});

test('a refused opening is passed on, a dead application told', async () => {
  const app = await startApp((_request, response) => response.writeHead(403, { 'x-why': 'origin' }).end('not you'));
  app.server.on('upgrade', (_request, socket) =>
    socket.end(
      'HTTP/1.1 403 Forbidden\r\nX-Why: origin\r\nSet-Cookie: a=1; Path=/\r\nContent-Length: 7\r\n\r\nnot you',
    ),
  );
  const gonePort = await startRawApp((socket) => socket.resetAndDestroy());
  const declining = routeTo(app.port);
  const gone = routeTo(gonePort, { jobId: 8 });
  const lying = routeTo(
    await startRawApp((socket) =>
      socket.end(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n',
      ),
    ),
    { jobId: 9 },
  );
  const front = await startFront([declining, gone, lying]);
  const answered = (path: string, cookie: string) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const socket = new WebSocket(`ws://127.0.0.1:${front.port}${path}`, { headers: { cookie } });
      socket.on('error', () => undefined);
      socket.once('open', () => reject(new Error('opened')));
      socket.once('unexpected-response', (_request, answer) => resolve(answer.resume()));
    });
  const cookie = front.ticketOf(declining);
  const declined = await answered(`${basePathOf(declining)}/ws?uws_ticket=${cookie}`, '');
  expect(declined.statusCode).toBe(403);
  expect(declined.headers).toMatchObject({ 'x-why': 'origin', 'set-cookie': [`a=1; Path=${basePathOf(declining)}`] });
  expect(front.unreachable).toEqual([]);
  expect((await answered(`${basePathOf(lying)}/?uws_ticket=${front.ticketOf(lying)}`, '')).statusCode).toBe(502);
  expect(front.unreachable).toEqual([]);
  const dead = await answered(`${basePathOf(gone)}/?uws_ticket=${front.ticketOf(gone)}`, '');
  expect(dead.statusCode).toBe(502);
  expect(front.unreachable).toEqual([8]);
  await nothingLeft(front);
});

test.each([
  ['another protocol', { Upgrade: 'h2c', 'HTTP2-Settings': 'x' }],
  ['an old version', { 'Sec-WebSocket-Version': '8' }],
  ['no key', { 'Sec-WebSocket-Key': '' }],
  ['a body', { 'Content-Length': '5' }],
])('an upgrade with %s goes no further', async (_what, changed) => {
  const app = await echo();
  const route = routeTo(app.port);
  const front = await startFront([route]);
  const cookie = await openSession(front, route);
  const openBefore = app.sockets.size;
  const heads = {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    Cookie: cookie,
    ...changed,
  };
  const lines = Object.entries(heads).map(([name, value]) => `${name}: ${value}\r\n`);
  const socket = net.connect(front.port, '127.0.0.1');
  socket.write(`GET ${basePathOf(route)}/ HTTP/1.1\r\nHost: x\r\n${lines.join('')}\r\nhello`);
  let answer = '';
  socket.on('data', (part) => {
    answer += part;
  });
  await new Promise((resolve) => socket.once('close', resolve));
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(app.sockets.size).toBe(openBefore);
  expect(app.requests).toEqual([]);
});

test('sockets beyond the limits are refused with a time to come back', async () => {
  const app = await echo();
  const [first, second] = [routeTo(app.port), routeTo(app.port, { jobId: 8 })];
  const limits: string[] = [];
  const onLimit = (name: string): void => void limits.push(name);
  const front = await startFront([first, second], {
    onLimit,
    limits: { open_session_sockets: 2, all_session_sockets: 3 },
  });
  const tokens = { 'uws-authorization': 'Token owner-token' };
  const open = (route: typeof first) => connect(front, `${basePathOf(route)}/ws`, tokens);
  await Promise.all([open(first), open(first)]);
  await expect(open(first)).rejects.toThrow('answered 429');
  const third = await open(second);
  await expect(open(second)).rejects.toThrow('answered 503');
  expect(limits).toEqual(['open_session_sockets', 'all_session_sockets']);
  third.terminate();
  await eventually('one is closed', () => front.proxy.metrics().openSockets === 2);
  await open(second);
});

test('of 1,000 WebSockets that end in every way none is left', async () => {
  const app = await echo();
  const route = routeTo(app.port);
  const front = await startFront([route], { limits: { open_session_sockets: 2_000, lingerMs: 500 } });
  const cookie = await openSession(front, route);
  const descriptors = process.getActiveResourcesInfo().length;
  for (let batch = 0; batch < 10; batch++) {
    const sockets = await Promise.all(
      Array.from({ length: 100 }, () => connect(front, `${basePathOf(route)}/ws`, { cookie })),
    );
    for (const socket of sockets) socket.on('error', () => undefined);
    await eventually('all are there', () => app.peers.size === 100);
    const peers = [...app.peers];
    sockets.forEach((socket, index) => {
      socket.send('x');
      if (index % 4 === 0) socket.close();
      else if (index % 4 === 1) socket.terminate();
      else if (index % 4 === 2) peers[index]?.terminate();
      else peers[index]?.close();
    });
    for (const socket of sockets) {
      if (socket.readyState === WebSocket.CLOSED) continue;
      const ended = closed(socket);
      socket.close();
      await ended;
    }
  }
  await nothingLeft(front, app);
  expect(front.proxy.metrics().socketsTotal).toBe(1_000);
  await eventually('no timer or handle is left', () => process.getActiveResourcesInfo().length <= descriptors);
}, 60_000);
