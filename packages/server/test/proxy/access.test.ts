import { expect, test } from 'vitest';
import { type SessionRoute, sessionLabel } from '../../src/proxy/index.js';
import {
  type Answer,
  ask,
  basePathOf,
  eventually,
  type Front,
  openSession,
  routeTo,
  startApp,
  startFront,
  stranger,
} from './support.js';

const minuteMs = 60_000;

async function started(more: Partial<SessionRoute> = {}, options: Parameters<typeof startFront>[1] = {}) {
  const app = await startApp((request, response) =>
    response.end(`application ${request.url} ${request.headers.authorization ?? ''}`),
  );
  const mine = routeTo(app.port, more);
  const other = routeTo(app.port, { ...more, jobId: 71 });
  const foreign = routeTo(app.port, { ...more, jobId: 8, userId: stranger });
  const front = await startFront([mine, other, foreign], options);
  return { app, mine, other, foreign, front };
}

const withTicket = (front: Front, route: SessionRoute, ticket = front.ticketOf(route)): Promise<Answer> =>
  ask(front, `${basePathOf(route)}/?uws_ticket=${ticket}`);

const messageOf = ({ body }: Answer): unknown => JSON.parse(body).message;

function refusal(answer: Answer, status: number, code: string): void {
  expect(answer.status).toBe(status);
  expect(JSON.parse(answer.body)).toEqual({
    success: false,
    message: expect.stringMatching(/^[A-Z].*\.$/),
    error: { code },
    request_id: answer.headers['x-request-id'],
  });
}

test('a ticket is traded for the session’s cookie and an address without it', async () => {
  const { front, mine } = await started();
  const ticket = front.ticketOf(mine);
  for (const method of ['GET', 'HEAD']) {
    const rest = '//tree//a%2Fb.ipynb?b=%2F&&uws_ticket=';
    const answer = await ask(front, `${basePathOf(mine)}${rest}${ticket}&a=1&b=2`, { method });
    expect(answer.status).toBe(302);
    expect(answer.headers).toMatchObject({
      location: `${front.origin}${basePathOf(mine)}//tree//a%2Fb.ipynb?b=%2F&&a=1&b=2`,
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
    });
    expect(answer.headers['set-cookie']).toEqual([
      expect.stringMatching(
        /^uws_session=v2\.[0-9a-z]+\.[\w-]{43}; Path=\/passthrough\/127\.0\.0\.1\/7; HttpOnly; SameSite=Lax$/,
      ),
    ]);
  }
  const only = await withTicket(front, mine, ticket);
  expect(only.headers.location).toBe(`${front.origin}${basePathOf(mine)}/`);
});

test('the address that the portal rebuilds opens the session', async () => {
  const { front, mine } = await started();
  for (const path of ['/', '/lab']) {
    const { url_domain, url_path } = front.proxy.addressOf(mine, path, {
      token: 'x',
      uws_ticket: front.ticketOf(mine),
    });
    const [start, query, ...others] = url_path.split('?');
    expect(others).toEqual([]);
    const rebuilt = `${start}/tree//notes/a b.ipynb?${query}`.replace(' ', '%20');
    const answer = await ask(front, rebuilt);
    expect(answer.headers.location).toBe(
      `${url_domain}${basePathOf(mine)}${path === '/' ? '' : path}/tree//notes/a%20b.ipynb?token=x`,
    );
  }
});

test('a ticket is the same within a minute, good for 15 minutes and several uses, and then refused', async () => {
  const { front, mine } = await started();
  front.clock.now = Math.floor(front.clock.now / minuteMs) * minuteMs;
  const ticket = front.ticketOf(mine);
  front.clock.now += minuteMs - 1;
  expect(front.ticketOf(mine)).toBe(ticket);
  front.clock.now += 1;
  expect(front.ticketOf(mine)).not.toBe(ticket);
  for (const _ of [1, 2]) expect((await withTicket(front, mine, ticket)).status).toBe(302);
  front.clock.now += 15 * minuteMs - 1;
  expect((await withTicket(front, mine, ticket)).status).toBe(302);
  front.clock.now += 1;
  refusal(await withTicket(front, mine, ticket), 401, 'not_authenticated');
});

test('what was made before the user’s epoch rose is refused, also when it rises during the request', async () => {
  const { front, mine } = await started();
  const ticket = front.ticketOf(mine);
  const cookie = await openSession(front, mine);
  const withCookie = (own: string): Promise<Answer> => ask(front, `${basePathOf(mine)}/`, { headers: { cookie: own } });
  expect((await withCookie(cookie)).status).toBe(200);
  front.epochs.set(mine.userId, 1);
  refusal(await withTicket(front, mine, ticket), 401, 'not_authenticated');
  refusal(await withCookie(cookie), 401, 'not_authenticated');
  expect((await withCookie(await openSession(front, mine))).status).toBe(200);

  const token = { headers: { 'uws-authorization': 'Token owner-token' } };
  const { front: risen, mine: same } = await started(undefined, {
    authenticate: async () => {
      risen.epochs.set(same.userId, 1);
      return { user: { id: same.userId, username: 'owner' }, tokenId: 1 };
    },
  });
  expect((await ask(risen, `${basePathOf(same)}/`, token)).status).toBe(404);
  expect((await ask(risen, `${basePathOf(same)}/`, token)).status).toBe(200);
});

test('a ticket opens no other job, no other user’s, and is no cookie; nor does anything made up', async () => {
  const { front, mine, other, foreign } = await started();
  const ticket = front.ticketOf(mine);
  const cookie = await openSession(front, mine);
  const [, seal = ''] = cookie.split('=');
  for (const route of [other, foreign]) refusal(await withTicket(front, route, ticket), 401, 'not_authenticated');
  // The same job, given to somebody else.
  front.routes.set(mine.jobId, { ...mine, userId: stranger });
  refusal(await withTicket(front, mine, ticket), 401, 'not_authenticated');
  front.routes.set(mine.jobId, mine);
  const longer = ticket.replace(
    /\.(\w+)\./,
    (_, expiry: string) => `.${(Number.parseInt(expiry, 36) + 1).toString(36)}.`,
  );
  const lastFlipped = ticket.slice(0, -1) + (ticket.endsWith('A') ? 'B' : 'A');
  for (const made of [
    '',
    'x',
    seal,
    longer,
    lastFlipped,
    `${ticket}=`,
    `${ticket}.`,
    ticket.replace('v2', 'v1'),
    ticket.toUpperCase(),
  ]) {
    refusal(await withTicket(front, mine, encodeURIComponent(made)), 401, 'not_authenticated');
  }
  refusal(
    await ask(front, `${basePathOf(mine)}/`, { headers: { cookie: `uws_session=${ticket}` } }),
    401,
    'not_authenticated',
  );
  refusal(await ask(front, `${basePathOf(mine)}/`), 401, 'not_authenticated');
});

test('a cookie opens its own job only, also when a neighbour’s cookie comes first', async () => {
  const { front, mine, other, foreign } = await started();
  const cookie = await openSession(front, mine);
  const open = (route: SessionRoute, cookies: string) =>
    ask(front, `${basePathOf(route)}/x`, { headers: { cookie: cookies } });
  expect((await open(mine, cookie)).body).toContain('application');
  expect((await open(mine, `uws_session=evil; ${cookie}`)).status).toBe(200);
  for (const route of [other, foreign]) refusal(await open(route, cookie), 401, 'not_authenticated');
  front.routes.set(mine.jobId, { ...mine, userId: stranger });
  refusal(await open(mine, cookie), 401, 'not_authenticated');
});

test('a cookie lasts 12 hours and is renewed by use', async () => {
  const { front, mine } = await started();
  const cookie = await openSession(front, mine);
  const use = (value: string) => ask(front, `${basePathOf(mine)}/x`, { headers: { cookie: value } });
  front.clock.now += 5.9 * 60 * minuteMs;
  expect((await use(cookie)).headers['set-cookie']).toBeUndefined();
  front.clock.now += 0.2 * 60 * minuteMs;
  const [renewed = ''] = (await use(cookie)).headers['set-cookie'] ?? [];
  expect(renewed).toMatch(/^uws_session=.*; Path=\/passthrough\/127\.0\.0\.1\/7; HttpOnly; SameSite=Lax$/);
  front.clock.now += 6 * 60 * minuteMs;
  refusal(await use(cookie), 401, 'not_authenticated');
  expect((await use(renewed.split(';')[0] ?? '')).status).toBe(200);
});

test('a ticket that is too old does no harm to somebody whose cookie is good', async () => {
  const { front, mine } = await started();
  const cookie = await openSession(front, mine);
  const answer = await ask(front, `${basePathOf(mine)}/a?uws_ticket=old&b`, { headers: { cookie } });
  expect(answer).toMatchObject({ status: 302, headers: { location: `${front.origin}${basePathOf(mine)}/a?b` } });
  expect(answer.headers['set-cookie']).toBeUndefined();
});

test('other methods use a ticket without a redirect, and it does not reach the application', async () => {
  const { front, mine } = await started();
  const ticket = front.ticketOf(mine);
  for (const name of ['uws_ticket', 'uws%5fticket', '%75ws_ticket']) {
    const answer = await ask(front, `${basePathOf(mine)}/run?${name}=${ticket}&b`, { method: 'POST', body: 'x' });
    expect(answer.body).toBe(`application ${basePathOf(mine)}/run?b `);
  }
});

test('a token opens its owner’s sessions; Authorization is the application’s unless it was ours that counted', async () => {
  const { front, mine } = await started();
  const use = (headers: Record<string, string>) => ask(front, `${basePathOf(mine)}/x`, { headers });
  for (const scheme of ['Token', 'Bearer']) {
    expect((await use({ 'uws-authorization': `${scheme} owner-token`, authorization: 'token app' })).body).toMatch(
      / token app$/,
    );
    expect((await use({ authorization: `${scheme} owner-token` })).body).toMatch(/\/x $/);
  }
  const cookie = await openSession(front, mine);
  expect((await use({ cookie, authorization: 'Bearer app-secret' })).body).toMatch(/ Bearer app-secret$/);
  // As where there is no session at all, to the word.
  const nowhere = await ask(front, '/passthrough/127.0.0.1/9/x', {
    headers: { 'uws-authorization': 'Token stranger-token' },
  });
  for (const name of ['uws-authorization', 'authorization']) {
    const answer = await use({ [name]: 'Token stranger-token' });
    refusal(answer, 404, 'not_found');
    expect(messageOf(answer)).toBe(messageOf(nowhere));
  }
  refusal(await use({ 'uws-authorization': 'Token nobody' }), 401, 'invalid_token');
  refusal(await use({ 'uws-authorization': 'Token constructor' }), 401, 'invalid_token');
  for (const odd of ['Basic owner-token', 'owner-token', 'Token', 'Token a b', '']) {
    refusal(await use({ 'uws-authorization': odd, cookie }), 401, 'not_authenticated');
  }
});

test('a request that a token opened ends with it, those of other tokens, cookie and ticket go on', async () => {
  const ended: string[] = [];
  const app = await startApp((request, response) => {
    response.write('piece');
    response.on('close', () => ended.push(String(request.headers['x-name'])));
  });
  const mine = routeTo(app.port);
  const front = await startFront([mine]);
  const path = `${basePathOf(mine)}/endless`;
  const ticket = front.ticketOf(mine);
  const broken: string[] = [];
  const open: [string, string, RequestInit][] = [
    ['own header', path, { headers: { 'UWS-Authorization': 'Token owner-token' } }],
    ['Authorization', path, { headers: { Authorization: 'Token owner-token' } }],
    ['other token', path, { headers: { 'UWS-Authorization': 'Token second-token' } }],
    ['cookie', path, { headers: { Cookie: await openSession(front, mine) } }],
    ['ticket', `${path}?uws_ticket=${ticket}`, { method: 'POST' }],
  ];
  for (const [name, address, init] of open) {
    const answer = await fetch(front.origin + address, { ...init, headers: { ...init.headers, 'X-Name': name } });
    const reader = answer.body?.getReader();
    await reader?.read();
    reader?.read().catch(() => broken.push(name));
  }
  expect(front.readers.size).toBe(3);
  front.readers.closeTokens([1]);
  await eventually('both have ended', () => ended.length === 2 && broken.length === 2);
  expect([...ended].sort()).toEqual(['Authorization', 'own header']);
  expect([...broken].sort()).toEqual(['Authorization', 'own header']);
  expect([front.proxy.metrics().openRequests, front.readers.size]).toEqual([3, 1]);
  // What has ended by itself is not kept either.
  const short = await startApp((_request, response) => response.end());
  front.routes.set(72, routeTo(short.port, { jobId: 72 }));
  const headers = { 'uws-authorization': 'Token owner-token' };
  expect((await ask(front, '/passthrough/127.0.0.1/72/', { headers })).status).toBe(200);
  await eventually('nothing is kept of it', () => front.readers.size === 1);
});

test.each([
  '/passthrough/',
  '/passthrough/127.0.0.1',
  '/passthrough/127.0.0.1/',
  '/passthrough/127.0.0.1/9/x',
  '/passthrough/localhost/7/',
  '/passthrough/127.0.0.1/07/',
  '/passthrough/127.0.0.1/7x/',
  '/passthrough/127.0.0.1/%37/',
  '/passthrough//127.0.0.1/7/',
  '/passthrough/127.0.0.1/7e0/',
  '/passthrough/127.0.0.1/99999999999999999999/',
  '/passthrough/../passthrough/127.0.0.1/7/',
])('%s is no session', async (path) => {
  const { front } = await started();
  refusal(await ask(front, path, { headers: { 'uws-authorization': 'Token owner-token' } }), 404, 'not_found');
});

test('other addresses are left to the server', async () => {
  const { front } = await started();
  for (const path of ['/', '/passthrough', '/jobs/', '//passthrough/127.0.0.1/7/', '/x/passthrough/127.0.0.1/7/']) {
    expect((await ask(front, path)).status).toBe(418);
  }
});

test('people get a page that says what to do, programs the envelope', async () => {
  const { front, mine } = await started();
  const page = await ask(front, `${basePathOf(mine)}/`, { headers: { accept: 'text/html,*/*' } });
  expect(page.status).toBe(401);
  expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
  expect(page.headers['content-security-policy']).toMatch(/default-src 'none'/);
  expect(page.body).toContain('Please open the session again');
  expect(page.body).toContain(`href="${front.origin}/"`);
  const fetched = await ask(front, `${basePathOf(mine)}/`, {
    headers: { accept: 'text/html,*/*', 'sec-fetch-mode': 'cors' },
  });
  refusal(fetched, 401, 'not_authenticated');
});

test.each([
  ['POST', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, 403],
  ['POST', { 'sec-fetch-site': 'same-site', origin: 'http://other.example.org' }, 403],
  ['GET', { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' }, 403],
  ['GET', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, 200],
  ['POST', { 'sec-fetch-site': 'same-origin', origin: 'null' }, 200],
  ['GET', { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' }, 200],
  ['POST', { origin: 'https://evil.example' }, 403],
  ['DELETE', { origin: 'null' }, 403],
  ['POST', { origin: 'SELF' }, 200],
  ['POST', { origin: 'https://portal.example.org', 'sec-fetch-site': 'same-site' }, 200],
  ['POST', {}, 200],
] as const)('%s with the cookie and %j is answered %i', async (method, given, status) => {
  const { front, mine } = await started({}, { allowedOrigins: ['https://portal.example.org'] });
  const cookie = await openSession(front, mine);
  const headers: Record<string, string> = { ...given, cookie };
  if (headers.origin === 'SELF') headers.origin = front.origin;
  const answer = await ask(front, `${basePathOf(mine)}/x`, { method, headers });
  expect(answer.status).toBe(status);
});

test('cookies of an application stay below its session and cannot be ours', async () => {
  let cookies: string[] = [];
  const app = await startApp((_request, response) => response.writeHead(200, { 'set-cookie': cookies }).end());
  const mine = routeTo(app.port);
  const front = await startFront([mine]);
  const cookie = await openSession(front, mine);
  const base = basePathOf(mine);
  cookies = [
    'a=1; Path=/',
    'b="x;y"; path=/foo ; Secure; DOMAIN=.example.org; Domain=x',
    'c=3',
    `d=4; Path=${base}/sub; SameSite=None`,
    `e=5; Path=${base}1`,
    'f=6; Path=relative; Path=/passthrough/127.0.0.1/71',
    'g==; Max-Age=5; Path',
    'uws_session=stolen; Path=/',
    '__Host-uws_session=stolen',
    ' uws_session =x',
    '=uws_session=x',
    'uws_session',
  ];
  const answer = await ask(front, `${base}/`, { headers: { cookie } });
  expect(answer.headers['set-cookie']).toEqual([
    `a=1; Path=${base}`,
    `b="x;y"; Secure; Path=${base}/foo`,
    `c=3; Path=${base}`,
    `d=4; SameSite=None; Path=${base}/sub`,
    `e=5; Path=${base}${base}1`,
    `f=6; Path=${base}/passthrough/127.0.0.1/71`,
    `g==; Max-Age=5; Path=${base}`,
  ]);
});

test('in the sub-domain form a session has a host of its own, its path untouched', async () => {
  const domain = 'sessions.example.org:8443';
  const { front, app, mine } = await started(
    { host: 'localhost' },
    { passthroughDomain: domain, publicOrigin: () => 'https://portal.example.org' },
  );
  front.routes.delete(8);
  front.routes.delete(71);
  const host = `${sessionLabel('localhost', app.port)}.${domain}`;
  const ticket = front.ticketOf(mine);
  expect(front.proxy.addressOf(mine, '/lab', { uws_ticket: ticket })).toEqual({
    url_domain: `https://${host}`,
    url_path: `/passthrough/lab?uws_ticket=${ticket}`,
  });
  expect(front.proxy.addressOf({ ...mine, basePath: 'strip' }, '/', {}).url_path).toBe('/');
  const opened = await ask(front, `//evil.example/x?uws_ticket=${ticket}`, { headers: { host } });
  expect(opened.headers.location).toBe(`https://${host}//evil.example/x`);
  const [cookie = ''] = opened.headers['set-cookie'] ?? [];
  expect(cookie).toMatch(/^__Host-uws_session=[^;]+; Path=\/; HttpOnly; SameSite=Lax; Secure$/);
  const value = cookie.split(';')[0] ?? '';
  const answer = await ask(front, '//x/../y%2f', { headers: { host: host.toUpperCase(), cookie: value } });
  expect(answer.body).toBe('application //x/../y%2f ');
  refusal(await ask(front, '/', { headers: { host: `x-1.${domain}`, cookie: value } }), 404, 'not_found');
  expect((await ask(front, '/', { headers: { host: domain } })).status).toBe(418);
  // The port is used again by another job: the cookie is the old one's.
  front.routes.delete(7);
  front.routes.set(9, { ...mine, jobId: 9 });
  refusal(await ask(front, '/', { headers: { host, cookie: value } }), 401, 'not_authenticated');
});

test('labels of different hosts that read the same are told apart by the table, not by decoding', () => {
  expect(sessionLabel('a.b', 1)).toBe('a-b-1');
  expect(sessionLabel('a-b', 1)).toBe('a-b-1');
  expect(sessionLabel('::1', 80)).toBe('--1-80');
});

test('when the user is deactivated or the job ends, ticket, cookie and token are refused and what is open ends', async () => {
  const app = await startApp((_request, response) => void response.writeHead(200).write('begun'));
  const mine = routeTo(app.port);
  for (const closing of ['user', 'job'] as const) {
    const front = await startFront([mine]);
    const cookie = await openSession(front, mine);
    const ticket = front.ticketOf(mine);
    const begun = await fetch(`${front.origin}${basePathOf(mine)}/`, { headers: { cookie } });
    const open = begun.text().then(
      () => 'ended whole',
      () => 'broken off',
    );
    front.routes.delete(7);
    if (closing === 'user') front.proxy.closeUser(mine.userId);
    else front.proxy.closeJob(mine.jobId);
    expect(await open).toBe('broken off');
    await eventually('nothing is open', () => front.proxy.metrics().openRequests + app.sockets.size === 0);
    for (const headers of [{ cookie }, { 'uws-authorization': 'Token owner-token' }]) {
      refusal(await ask(front, `${basePathOf(mine)}/`, { headers }), 404, 'not_found');
    }
    refusal(await withTicket(front, mine, ticket), 404, 'not_found');
  }
});

test('a session is looked up after others were asked whether its job still runs; where that fails, nothing reaches the application', async () => {
  const answers = { now: async (): Promise<void> => undefined };
  const { front, mine } = await started({}, { confirmJob: () => answers.now() });
  front.routes.delete(mine.jobId);
  answers.now = async () => void front.routes.set(mine.jobId, mine);
  const cookie = await openSession(front, mine);
  const asked = (headers: Record<string, string> = {}) =>
    ask(front, `${basePathOf(mine)}/x`, { headers: { Cookie: cookie, Accept: 'application/json', ...headers } });
  expect((await asked()).status).toBe(200);

  answers.now = () => Promise.reject(new Error('The database is away.'));
  const upgrade = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': Buffer.alloc(16, 1).toString('base64'),
  };
  for (const headers of [{}, upgrade]) refusal(await asked(headers), 503, 'unavailable');

  answers.now = async () => void front.routes.delete(mine.jobId);
  refusal(await asked(), 404, 'not_found');
  front.routes.set(mine.jobId, mine);
  refusal(await asked(upgrade), 404, 'not_found');
});
