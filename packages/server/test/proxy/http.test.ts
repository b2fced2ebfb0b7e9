import http, { type IncomingHttpHeaders } from 'node:http';
import { expect, test } from 'vitest';
import { ask, basePathOf, eventually, openSession, routeTo, startApp, startFront, startRawApp } from './support.js';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

/** Answers with what it was asked. */
async function mirror() {
  return startApp((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part) => {
      body += part;
    });
    request.on('end', () => {
      const { method, url, headers, rawHeaders } = request;
      response.end(JSON.stringify({ method, url, headers, rawHeaders, body }));
    });
  });
}

const seenIn = (body: string): Seen => JSON.parse(body);

test.each([
  '/',
  '//',
  '/tree//a/../b/./c.ipynb',
  '/a%2Fb%2f..%2F%2e%2e/%C3%A9?x=%2F&x=//&y=a+b&empty=&flag',
  '/..%2f..%2fjobs',
  '/../8/secret',
  '/a;b=c/d?e=?f#g',
  "/~!$&'()*+,;=:@[]|\\^`{}",
])('the path %s reaches the application byte for byte', async (rest) => {
  const app = await mirror();
  const keep = routeTo(app.port);
  const strip = routeTo(app.port, { jobId: 8, basePath: 'strip' });
  const front = await startFront([keep, strip]);
  for (const route of [keep, strip]) {
    const cookie = await openSession(front, route);
    const answer = await ask(front, basePathOf(route) + rest, { headers: { cookie } });
    expect(seenIn(answer.body).url).toBe(route === keep ? basePathOf(route) + rest : rest);
  }
});

test('under a mount prefix the prefix is part of the base path, of the cookie and of the address', async () => {
  const app = await mirror();
  const route = routeTo(app.port);
  const front = await startFront([route], { prefix: '/api/v2' });
  const ticket = front.ticketOf(route);
  const { url_domain, url_path } = front.proxy.addressOf(route, '/lab', { token: 'a b&', uws_ticket: ticket });
  expect(url_domain).toBe(front.origin);
  expect(url_path).toBe(`/api/v2/passthrough/127.0.0.1/7/lab?token=a%20b%26&uws_ticket=${ticket}`);
  const opened = await ask(front, url_path);
  expect(opened.headers['set-cookie']?.[0]).toMatch(/; Path=\/api\/v2\/passthrough\/127\.0\.0\.1\/7;/);
  const cookie = await openSession(front, route, '/api/v2');
  const answer = await ask(front, '/api/v2/passthrough/127.0.0.1/7/x', { headers: { cookie } });
  expect(seenIn(answer.body).url).toBe('/api/v2/passthrough/127.0.0.1/7/x');
  expect((await ask(front, '/passthrough/127.0.0.1/7/x', { headers: { cookie } })).status).toBe(418);
});

test.each([
  'GET',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'PROPFIND',
  'MKCOL',
  'REPORT',
])('%s and its body arrive', async (method) => {
  const app = await mirror();
  const route = routeTo(app.port);
  const front = await startFront([route]);
  const cookie = await openSession(front, route);
  for (const headers of [
    { cookie, 'content-length': '5' },
    { cookie, 'transfer-encoding': 'chunked' },
  ]) {
    const answer = await ask(front, `${basePathOf(route)}/m`, { method, headers, body: 'héy!'.slice(0, 4) });
    expect(answer.status).toBe(200);
    expect(seenIn(answer.body)).toMatchObject({ method, body: 'héy!' });
  }
});

test('heads tell the application who asks and where, and hold nothing of ours or of one connection', async () => {
  const app = await mirror();
  const route = routeTo(app.port, { basePath: 'strip' });
  const front = await startFront([route]);
  const cookie = await openSession(front, route);
  const ticket = front.ticketOf(route);
  const answer = await ask(front, `${basePathOf(route)}/x`, {
    headers: {
      cookie: `a=1; ${cookie};b="2;3"; __Host-${cookie}; uws_sessions=kept`,
      referer: `${front.origin}${basePathOf(route)}/?a=1&uws_ticket=${ticket}&b=%20`,
      authorization: 'token application-secret',
      connection: 'keep-alive, X-Mine',
      'x-mine': 'hop',
      'x-kept': 'yes',
      'keep-alive': 'timeout=9',
      'proxy-authorization': 'Basic eA==',
      te: 'trailers',
      'x-forwarded-for': '6.6.6.6',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      'x-forwarded-prefix': '/evil',
      'x-real-ip': '6.6.6.6',
      forwarded: 'for=6.6.6.6',
      'uws-authorization': 'Token owner-token',
    },
  });
  const { headers, rawHeaders } = seenIn(answer.body);
  expect(headers).toMatchObject({
    host: `127.0.0.1:${front.port}`,
    cookie: 'a=1;b="2;3"; uws_sessions=kept',
    referer: `${front.origin}${basePathOf(route)}/?a=1&b=%20`,
    authorization: 'token application-secret',
    'x-kept': 'yes',
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-host': `127.0.0.1:${front.port}`,
    'x-forwarded-proto': 'http',
    'x-forwarded-prefix': basePathOf(route),
  });
  for (const name of [
    'x-mine',
    'keep-alive',
    'proxy-authorization',
    'te',
    'x-real-ip',
    'forwarded',
    'uws-authorization',
  ]) {
    expect(headers[name], name).toBeUndefined();
  }
  expect(JSON.stringify(rawHeaders)).not.toMatch(/uws_ticket|owner-token|uws_session=|evil|6\.6\.6\.6/);
});

test('a proxy in front is believed where the operator says so', async () => {
  const app = await mirror();
  const route = routeTo(app.port);
  const front = await startFront([route], { trustsPeer: (address) => address === '127.0.0.1' });
  const headers = {
    'x-forwarded-for': '203.0.113.9',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'portal.example.org',
  };
  const opened = await ask(front, `${basePathOf(route)}//tree?uws_ticket=${front.ticketOf(route)}`, {
    headers,
  });
  expect(opened.headers.location).toBe(`https://portal.example.org${basePathOf(route)}//tree`);
  const [cookie = ''] = opened.headers['set-cookie'] ?? [];
  expect(cookie).toMatch(/; Secure$/);
  const answer = await ask(front, `${basePathOf(route)}/`, { headers: { ...headers, cookie } });
  expect(seenIn(answer.body).headers).toMatchObject({
    host: 'portal.example.org',
    'x-forwarded-for': '203.0.113.9, 127.0.0.1',
    'x-forwarded-proto': 'https',
  });
});

test('answers keep status, reason, order and repetition of heads, but nothing wider than the session', async () => {
  const app = await startApp((_request, response) => {
    response.writeHead(299, 'Odd but fine', [
      ...['X-A', '1', 'X-A', '2', 'Content-Disposition', 'attachment; filename="\xe9.txt"', 'ETag', '"e"'],
      ...[
        'Clear-Site-Data',
        '"*"',
        'Service-Worker-Allowed',
        '/',
        'Strict-Transport-Security',
        'max-age=1',
        'Alt-Svc',
        'h2=":1"',
      ],
      ...['NEL', '{}', 'Report-To', '{}', 'Connection', 'X-Hop, close', 'X-Hop', '1', 'Keep-Alive', 'timeout=1'],
    ]);
    response.end('x');
  });
  const route = routeTo(app.port);
  const front = await startFront([route]);
  const answer = await ask(front, `${basePathOf(route)}/`, { headers: { cookie: await openSession(front, route) } });
  expect(answer).toMatchObject({ status: 299, reason: 'Odd but fine', body: 'x' });
  expect(answer.rawHeaders.slice(0, 8)).toEqual([
    'X-A',
    '1',
    'X-A',
    '2',
    'Content-Disposition',
    'attachment; filename="\xe9.txt"',
    'ETag',
    '"e"',
  ]);
  const names = Object.keys(answer.headers);
  for (const name of [
    'clear-site-data',
    'service-worker-allowed',
    'strict-transport-security',
    'alt-svc',
    'nel',
    'report-to',
    'x-hop',
  ]) {
    expect(names).not.toContain(name);
  }
});

test('HEAD, 204 and 304 have no body and keep their heads', async () => {
  const app = await startApp((request, response) => {
    if (request.url?.endsWith('204')) response.writeHead(204, { 'x-a': '1' }).end();
    else if (request.url?.endsWith('304')) response.writeHead(304, { etag: '"1"' }).end();
    else
      response
        .writeHead(200, { 'content-length': '1234' })
        .end(request.method === 'HEAD' ? undefined : 'x'.repeat(1234));
  });
  const route = routeTo(app.port);
  const front = await startFront([route]);
  const headers = { cookie: await openSession(front, route) };
  const base = basePathOf(route);
  expect(await ask(front, `${base}/h`, { method: 'HEAD', headers })).toMatchObject({
    status: 200,
    body: '',
    headers: { 'content-length': '1234' },
  });
  expect(await ask(front, `${base}/204`, { headers })).toMatchObject({
    status: 204,
    body: '',
    headers: { 'x-a': '1' },
  });
  expect(await ask(front, `${base}/304`, { headers })).toMatchObject({
    status: 304,
    body: '',
    headers: { etag: '"1"' },
  });
});

test('an answer without a length ends where the application ends the connection', async () => {
  const port = await startRawApp((socket) => {
    socket.once('data', () => socket.end('HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nall of it'));
  });
  const route = routeTo(port);
  const front = await startFront([route]);
  const answer = await ask(front, `${basePathOf(route)}/`, { headers: { cookie: await openSession(front, route) } });
  expect(answer).toMatchObject({ status: 200, body: 'all of it' });
});

test('head and events of a stream arrive as they are sent, and the end of the browser ends the application’s answer', async () => {
  let push: (text: string) => void = () => undefined;
  let ended = false;
  const app = await startApp((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    push = (text) => response.write(text);
    response.on('close', () => {
      ended = true;
    });
  });
  const route = routeTo(app.port);
  const front = await startFront([route]);
  const cookie = await openSession(front, route);
  const received: string[] = [];
  const asked = http.get(
    { host: '127.0.0.1', port: front.port, path: `${basePathOf(route)}/events`, headers: { cookie } },
    (answer) => {
      received.push(answer.headers['content-type'] ?? '');
      answer.setEncoding('utf8').on('data', (part: string) => received.push(part));
      answer.on('error', () => undefined);
    },
  );
  asked.on('error', () => undefined);
  await eventually('the head arrives before any event', () => received.length === 1);
  push('data: 1\n\n');
  await eventually('the event arrives', () => received.length === 2);
  expect(received).toEqual(['text/event-stream', 'data: 1\n\n']);
  expect(front.proxy.metrics().openRequests).toBe(1);
  asked.destroy();
  await eventually('the application notices', () => ended);
  await eventually('nothing is open', () => front.proxy.metrics().openRequests === 0);
});

test('a request may be answered while it is still being sent', async () => {
  const app = await startApp((request, response) => {
    response.writeHead(200);
    request.pipe(response);
  });
  const route = routeTo(app.port);
  const front = await startFront([route]);
  const cookie = await openSession(front, route);
  let echoed = '';
  const asked = http.request({
    host: '127.0.0.1',
    port: front.port,
    path: `${basePathOf(route)}/`,
    method: 'POST',
    headers: { cookie },
  });
  asked.on('response', (answer) =>
    answer.setEncoding('utf8').on('data', (part: string) => {
      echoed += part;
    }),
  );
  asked.write('one ');
  await eventually('the first part comes back', () => echoed === 'one ');
  asked.end('two');
  await eventually('the second part comes back', () => echoed === 'one two');
});

test('an early refusal of a large upload reaches the browser', async () => {
  const app = await startApp((_request, response) => {
    response.writeHead(413).end('too large');
  });
  const route = routeTo(app.port);
  const front = await startFront([route]);
  const cookie = await openSession(front, route);
  const answer = await ask(front, `${basePathOf(route)}/`, {
    method: 'POST',
    headers: { cookie },
    body: Buffer.alloc(8 << 20),
  });
  expect(answer).toMatchObject({ status: 413, body: 'too large' });
});

test('redirects to the application’s own address lead back through the proxy, others stay', async () => {
  let location = '';
  const app = await startApp((_request, response) => {
    response.writeHead(302, { location }).end();
  });
  const keep = routeTo(app.port);
  const strip = routeTo(app.port, { jobId: 8, basePath: 'strip' });
  const front = await startFront([keep, strip]);
  const own = `http://127.0.0.1:${app.port}`;
  const elsewhere = [
    'https://example.org/x',
    '//example.org/x',
    'next?a=1',
    `${own}0/x`,
    `http://127.0.0.1:${app.port}@example.org/x`,
  ];
  const cases = {
    keep: {
      '/foo': '/foo',
      [`${own}//a%2f?b`]: `${front.origin}//a%2f?b`,
      [front.origin.replace('http', 'https')]: `${front.origin}/`,
    },
    strip: {
      '/foo?x=1': `${basePathOf(strip)}/foo?x=1`,
      [`${basePathOf(strip)}/foo`]: `${basePathOf(strip)}/foo`,
      [`${basePathOf(strip)}1/foo`]: `${basePathOf(strip)}${basePathOf(strip)}1/foo`,
      [`${own}/foo`]: `${front.origin}${basePathOf(strip)}/foo`,
      [`${front.origin}/foo`]: `${front.origin}${basePathOf(strip)}/foo`,
    },
  };
  for (const route of [keep, strip]) {
    const cookie = await openSession(front, route);
    const expected = { ...cases[route.basePath], ...Object.fromEntries(elsewhere.map((at) => [at, at])) };
    for (const [given, wanted] of Object.entries(expected)) {
      location = given;
      const answer = await ask(front, `${basePathOf(route)}/`, { headers: { cookie } });
      expect(answer.headers.location, `${route.basePath}: ${given}`).toBe(wanted);
    }
  }
});

test('the base path itself gets its slash where the application cannot ask for it', async () => {
  const app = await mirror();
  const route = routeTo(app.port, { basePath: 'strip' });
  const front = await startFront([route]);
  const cookie = await openSession(front, route);
  const answer = await ask(front, `${basePathOf(route)}?a=%2F`, { headers: { cookie } });
  expect(answer).toMatchObject({ status: 302, headers: { location: `${front.origin}${basePathOf(route)}/?a=%2F` } });
});

test('a slow reader slows the application down instead of filling the memory', async () => {
  let written = 0;
  const app = await startApp((_request, response) => {
    const chunk = Buffer.alloc(64 * 1024);
    const more = () => {
      while (written < 512 << 20) {
        written += chunk.length;
        if (!response.write(chunk)) return response.once('drain', more);
      }
      return response.end();
    };
    more();
  });
  const route = routeTo(app.port);
  const front = await startFront([route]);
  const cookie = await openSession(front, route);
  const asked = http.get({ host: '127.0.0.1', port: front.port, path: `${basePathOf(route)}/`, headers: { cookie } });
  const answer = await new Promise<http.IncomingMessage>((resolve) => asked.once('response', resolve));
  answer.pause();
  let last = -1;
  while (last !== written) {
    last = written;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  // What the kernel's buffers of three connections hold; without back-pressure all 512 MiB would have gone.
  expect(written).toBeLessThan(64 << 20);
  answer.on('error', () => undefined);
  asked.on('error', () => undefined);
  asked.destroy();
});

test('an application that reads slowly slows the upload down', async () => {
  const app = await startApp((request) => request.pause());
  const route = routeTo(app.port);
  const front = await startFront([route]);
  const cookie = await openSession(front, route);
  const asked = http.request({
    host: '127.0.0.1',
    port: front.port,
    path: `${basePathOf(route)}/`,
    method: 'PUT',
    headers: { cookie },
  });
  asked.on('error', () => undefined);
  const chunk = Buffer.alloc(64 * 1024);
  let written = 0;
  while (written < 512 << 20) {
    written += chunk.length;
    if (asked.write(chunk)) continue;
    const drained = await Promise.race([
      new Promise((resolve) => asked.once('drain', () => resolve(true))),
      new Promise((resolve) => setTimeout(() => resolve(false), 700)),
    ]);
    if (!drained) break;
  }
  expect(written).toBeLessThan(64 << 20);
  front.proxy.closeJob(route.jobId);
  await eventually('nothing is open', () => front.proxy.metrics().openRequests === 0);
  await eventually('the browser’s connection ends', () => front.sockets.size === 0);
});

test('traffic is told by its kind, each kind at most once in its time', async () => {
  const app = await mirror();
  const route = routeTo(app.port);
  const front = await startFront([route], { limits: { reportIntervalMs: 600_000 } });
  const headers = { cookie: await openSession(front, route) };
  expect(front.traffic.splice(0)).toEqual(['openings 7']);
  for (let i = 0; i < 5; i++) await ask(front, `${basePathOf(route)}/`, { headers });
  expect(front.traffic).toEqual(['reads 7']);
  for (let i = 0; i < 5; i++) await ask(front, `${basePathOf(route)}/`, { headers, method: 'PUT' });
  expect(front.traffic).toEqual(['reads 7', 'writes 7']);

  const often = await startFront([route], { limits: { reportIntervalMs: 1 } });
  const again = { headers: { cookie: await openSession(often, route) } };
  often.traffic.splice(0);
  await ask(often, `${basePathOf(route)}/`, again);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await ask(often, `${basePathOf(route)}/`, again);
  expect(often.traffic.filter((line) => line === 'reads 7').length).toBeGreaterThanOrEqual(2);
});
