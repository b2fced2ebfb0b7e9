import { expect, test } from 'vitest';
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

/** Counts what reaches the job's own server. */
async function counting() {
  let requests = 0;
  const app = await startApp((request, response) => {
    requests += 1;
    request.resume();
    response.end('reached');
  });
  const route = routeTo(app.port);
  const front = await startFront([route]);
  const cookie = await openSession(front, route);
  return { front, route, cookie, seen: () => requests };
}

const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n';

test.each([
  ['length and chunks', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${smuggled}`],
  ['chunks and length', 'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n', `0\r\n\r\n${smuggled}`],
  ['two lengths', 'Content-Length: 0\r\nContent-Length: 30\r\n', smuggled],
  ['two equal lengths', 'Content-Length: 3\r\nContent-Length: 3\r\n', 'abc'],
  ['a list of lengths', 'Content-Length: 0, 30\r\n', smuggled],
  ['a signed length', 'Content-Length: +3\r\n', 'abc'],
  ['a hexadecimal length', 'Content-Length: 0x3\r\n', 'abc'],
  ['an unknown coding', 'Transfer-Encoding: xchunked\r\n', `0\r\n\r\n${smuggled}`],
  ['a coding before chunked', 'Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'],
  ['two codings', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', `0\r\n\r\n${smuggled}`],
  ['chunked twice', 'Transfer-Encoding: chunked, chunked\r\n', '0\r\n\r\n'],
  ['a space before the colon', 'Transfer-Encoding : chunked\r\n', '0\r\n\r\n'],
  ['a folded head', 'X-A: 1\r\n Transfer-Encoding: chunked\r\n', ''],
  ['a bare line feed', 'X-A: 1\nX-B: 2\r\n', ''],
  ['a bare carriage return', 'X-A: 1\rX-B: 2\r\n', ''],
  ['a zero byte', 'X-A: 1\x002\r\n', ''],
  ['two hosts', 'Host: other\r\n', ''],
  ['an odd host', 'HOST', ''],
])('a request with %s is refused and its connection ended', async (_what, heads, body) => {
  const { front, route, cookie, seen } = await counting();
  const host = heads === 'HOST' ? 'a/b@evil' : 'x';
  const lines = heads === 'HOST' ? '' : heads;
  const answer = await sendRaw(
    front.port,
    `POST ${basePathOf(route)}/ HTTP/1.1\r\nHost: ${host}\r\nCookie: ${cookie}\r\n${lines}\r\n${body}`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 (400|501|431)/);
  expect(answer).not.toContain('reached');
  expect(answer).toMatch(/\r\nConnection: close\r\n/);
  expect(seen()).toBe(0);
});

test.each([
  ['a chunk size that is too large', 'ffffffffffffffffff\r\nabc'],
  ['a chunk without its end', '3\r\nabcX\r\n0\r\n\r\n'],
  ['a chunk extension that hides a line', '3;a\nb\r\nabc\r\n0\r\n\r\n'],
  ['a negative chunk size', '-1\r\n\r\n'],
])('%s never makes a second request', async (_what, body) => {
  const { front, route, cookie, seen } = await counting();
  const answer = await sendRaw(
    front.port,
    `POST ${basePathOf(route)}/ HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\nTransfer-Encoding: chunked\r\n\r\n${body}${smuggled}`,
  );
  expect(answer).not.toMatch(/418/);
  expect(seen()).toBeLessThanOrEqual(1);
  await eventually('nothing is open', () => front.proxy.metrics().openRequests === 0);
});

test('an absolute or asterisk target is no session’s', async () => {
  const { front, route, cookie, seen } = await counting();
  for (const target of [`http://127.0.0.1:${front.port}${basePathOf(route)}/`, '*', `127.0.0.1${basePathOf(route)}/`]) {
    const answer = await sendRaw(
      front.port,
      `OPTIONS ${target} HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 (400|418)/);
  }
  expect(seen()).toBe(0);
});

test('heads that are too large are refused by the server, not passed on', async () => {
  const { front, route, cookie, seen } = await counting();
  const answer = await sendRaw(
    front.port,
    `GET ${basePathOf(route)}/ HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\nX-A: ${'a'.repeat(40_000)}\r\n\r\n`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 431/);
  expect(seen()).toBe(0);
});

test('requests in a row on one connection are judged one by one', async () => {
  const { front, route, cookie, seen } = await counting();
  const one = (extra: string) => `GET ${basePathOf(route)}/ HTTP/1.1\r\nHost: x\r\n${extra}\r\n`;
  const answer = await sendRaw(front.port, one(`Cookie: ${cookie}\r\n`) + one('') + one(`Cookie: ${cookie}\r\n`));
  expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 401', 'HTTP/1.1 200']);
  expect(seen()).toBe(2);
});

test.each([
  ['no HTTP at all', 'hello\r\n\r\n'],
  ['length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
  ['a control character in a head', 'HTTP/1.1 200 OK\r\nX-A: a\x01b\r\nContent-Length: 0\r\n\r\n'],
  ['a folded head', 'HTTP/1.1 200 OK\r\nX-A: 1\r\n Set-Cookie: uws_session=1\r\nContent-Length: 0\r\n\r\n'],
  [
    'an unasked change of protocol',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  ],
  ['a head that is too large', `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(70_000)}\r\nContent-Length: 0\r\n\r\n`],
])('an application that answers with %s gives a 502, or an answer without it', async (_what, bytes) => {
  const port = await startRawApp((socket) => socket.on('data', () => socket.write(bytes, 'latin1')));
  const route = routeTo(port);
  const front = await startFront([route]);
  const answer = await ask(front, `${basePathOf(route)}/`, { headers: { cookie: await openSession(front, route) } });
  expect(answer.status).toBe(502);
  expect(JSON.parse(answer.body)).toMatchObject({ success: false, error: { code: 'session_unreachable' } });
  expect(JSON.stringify(answer.headers)).not.toContain('uws_session');
});

test('what an application sends after its answer is no answer to the next request', async () => {
  const port = await startRawApp((socket) =>
    socket.on('data', () =>
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'),
    ),
  );
  const route = routeTo(port);
  const front = await startFront([route]);
  const cookie = await openSession(front, route);
  for (let i = 0; i < 5; i++) {
    const answer = await ask(front, `${basePathOf(route)}/`, { headers: { cookie } });
    expect(answer.body).toBe('ok');
  }
});

test('a dead application gets a page that asks again, the envelope for programs, and one status check', async () => {
  const app = await startApp((_request, response) => response.end());
  const dead = routeTo(app.port);
  const front = await startFront([dead]);
  const cookie = await openSession(front, dead);
  await new Promise((resolve) => app.server.close(resolve));
  const page = await ask(front, `${basePathOf(dead)}/`, { headers: { cookie, accept: 'text/html' } });
  expect(page.status).toBe(502);
  expect(page.headers['retry-after']).toBe('10');
  expect(page.body).toContain('The session does not answer');
  expect(page.body).toContain('<meta http-equiv="refresh" content="10">');
  const program = await ask(front, `${basePathOf(dead)}/`, { method: 'POST', headers: { cookie }, body: 'x' });
  expect(program.status).toBe(502);
  expect(JSON.parse(program.body)).toMatchObject({ success: false, error: { code: 'session_unreachable' } });
  expect(front.unreachable).toEqual([7]);
  expect(front.proxy.metrics()).toMatchObject({ unreachableTotal: 2, openRequests: 0 });
});

test('an application that accepts and says nothing is given up after its time', async () => {
  const port = await startRawApp(() => undefined);
  const route = routeTo(port);
  const front = await startFront([route], { limits: { answerTimeoutMs: 1_000 } });
  const answer = await ask(front, `${basePathOf(route)}/`, { headers: { cookie: await openSession(front, route) } });
  expect(answer.status).toBe(504);
  expect(front.unreachable).toEqual([7]);
});

test('an application that dies in the middle of its answer ends the browser’s, and nothing crashes', async () => {
  const port = await startRawApp((socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf');
      setTimeout(() => socket.resetAndDestroy(), 50);
    });
  });
  const route = routeTo(port);
  const front = await startFront([route]);
  const cookie = await openSession(front, route);
  await expect(ask(front, `${basePathOf(route)}/`, { headers: { cookie } })).rejects.toThrow('aborted');
  await eventually('nothing is open', () => front.proxy.metrics().openRequests === 0);
});

test('a kept connection that the application closed is replaced where asking twice is harmless', async () => {
  let connections = 0;
  const port = await startRawApp((socket) => {
    connections += 1;
    let requests = 0;
    socket.on('data', () => {
      requests += 1;
      // The second request on a connection finds it closed.
      if (requests === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      else socket.resetAndDestroy();
    });
  });
  const route = routeTo(port);
  const front = await startFront([route]);
  const headers = { cookie: await openSession(front, route) };
  for (let i = 0; i < 3; i++) expect((await ask(front, `${basePathOf(route)}/`, { headers })).body).toBe('ok');
  expect(connections).toBe(3);
  expect(front.unreachable).toEqual([]);
  const unsafe = await ask(front, `${basePathOf(route)}/`, { method: 'POST', headers, body: 'x' });
  expect(unsafe.status).toBe(502);
});

test('requests beyond the limit of a job are refused with a time to come back', async () => {
  const app = await startApp((_request, response) => void response.writeHead(200).write('begun'));
  const route = routeTo(app.port);
  const front = await startFront([route], { limits: { open_session_requests: 3 } });
  const headers = { cookie: await openSession(front, route) };
  const open = Array.from({ length: 3 }, () => ask(front, `${basePathOf(route)}/`, { headers }).catch(() => 'ended'));
  await eventually('three are open', () => app.sockets.size === 3);
  const refused = await ask(front, `${basePathOf(route)}/`, { headers });
  expect(refused.status).toBe(429);
  expect(refused.headers['retry-after']).toBe('5');
  expect(JSON.parse(refused.body).error).toEqual({
    code: 'rate_limited',
    details: { name: 'open_session_requests', limit: 3, used: 3, requested: 1 },
  });
  front.proxy.closeJob(7);
  expect(await Promise.all(open)).toEqual(['ended', 'ended', 'ended']);
});

test('a database that does not answer is no reason to let somebody in, and no crash', async () => {
  const app = await startApp((_request, response) => response.end('application'));
  const route = routeTo(app.port);
  const front = await startFront([route], {
    authenticate: async () => {
      throw new Error('no database');
    },
  });
  const answer = await ask(front, `${basePathOf(route)}/`, { headers: { 'uws-authorization': 'Token x' } });
  expect(answer.status).toBe(503);
  expect(answer.body).not.toContain('no database');
});

test('a job that ends while its visitor is still being judged is not opened', async () => {
  const app = await startApp((_request, response) => response.end('application'));
  const route = routeTo(app.port);
  const front = await startFront([route], {
    authenticate: async () => {
      front.routes.delete(7);
      return { user: { id: route.userId, username: 'owner' }, tokenId: 1 };
    },
  });
  const answer = await ask(front, `${basePathOf(route)}/`, { headers: { 'uws-authorization': 'Token x' } });
  expect(answer.status).toBe(404);
  expect(app.sockets.size).toBe(0);
});

test('a wrong prefix or a short key stops the start', async () => {
  for (const prefix of ['api', '/api/', '/', '/a b', '/a//b'])
    await expect(startFront([], { prefix })).rejects.toThrow('must be empty or like');
  await expect(startFront([], { signingKey: Buffer.alloc(31) })).rejects.toThrow('at least 32 bytes');
});
