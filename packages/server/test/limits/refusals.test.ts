// Each limit over HTTP, with the smallest values that show it.
import { mkdir, readdir } from 'node:fs/promises';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { JobType, Resource } from '@user-workspaces/contract';
import { schemas } from '@user-workspaces/schema';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { setApiClient } from '../../src/services/tokens.js';
import { type Fixture, startFixture, until } from '../files/fixture.js';

type Limits = NonNullable<NonNullable<Parameters<typeof startFixture>[0]>['limits']>;

let server: Fixture;
const closing: (() => void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) close();
  await server.close();
});

/** Checks a refusal: its status, its code, and that it says which limit and how much. */
async function expectRefusal(
  answer: { readonly status: number; readonly headers: Headers; json(): Promise<unknown> },
  status: 413 | 429,
  details: { readonly name: string; readonly [fact: string]: unknown },
): Promise<void> {
  const body = schemas.answers.getMe.default.parse(await answer.json());
  expect([answer.status, body.error.details]).toEqual([status, expect.objectContaining(details)]);
  expect(body.message).toContain(`(${details.name})`);
  if (status === 429) expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  else expect(body.error.code).toBe('too_large');
}

const json = (body: unknown): RequestInit => ({ method: 'POST', body: JSON.stringify(body) });
const at = (path: string): string => `/workspaces/${server.workspace.id}${path}`;
const start = async (limits: Limits): Promise<void> => {
  server = await startFixture({ limits });
};

describe('what is too large is refused', () => {
  it('a JSON body, with and without its length told', async () => {
    await start({ json_bytes: 200 });
    const body = JSON.stringify({ name: 'x', description: 'y'.repeat(300) });
    await expectRefusal(await server.call(at('/'), { method: 'PUT', body }), 413, {
      name: 'json_bytes',
      limit: 200,
      requested: body.length,
    });
    const streamed = new Blob([body]).stream();
    const init = { method: 'PUT', body: streamed, duplex: 'half' } as RequestInit;
    await expectRefusal(await server.call(at('/'), init), 413, { name: 'json_bytes', limit: 200 });
    const figures = await (await fetch(`${server.url}/metrics`)).text();
    expect(figures).toContain('uws_limit_refusals_total{name="json_bytes"} 2\n');
  });

  it('the body of a sign-in, of which everybody may send one', async () => {
    await start({});
    const answer = await fetch(`${server.url}/tokens/`, json({ client_token: 'x'.repeat(70_000) }));
    await expectRefusal(answer, 413, { name: 'json_bytes', limit: 65_536 });
  });

  it('a JSON body that is too deep, whatever its strings hold', async () => {
    await start({ json_depth: 5 });
    const nested = (depth: number): string => `{"job_details":${'['.repeat(depth)}"]}\\"[[[[["${']'.repeat(depth)}}`;
    const put = (body: string): Promise<Response> => server.call(at('/start/'), { method: 'PUT', body });
    expect((await put(nested(4))).status).toBe(400);
    await expectRefusal(await put(nested(5)), 413, { name: 'json_depth', limit: 5, requested: 6 });
    await expectRefusal(await put('['.repeat(1_000_000)), 413, { name: 'json_depth', requested: 1_000_000 });
  });

  it('a JSON body of too many values, before they are made', async () => {
    await start({ json_values: 8 });
    const put = (body: string): Promise<Response> => server.call(at('/start/'), { method: 'PUT', body });
    // The object, its two members, and the five in them.
    expect(
      (await put('{"job_details": {"a,[": [], "b": 1}, "resource_options": {"c": {"d": "\\",{1"} }}')).status,
    ).toBe(400);
    const details = { name: 'json_values', limit: 8 };
    await expectRefusal(await put('{"job_details": [0, 1, 2, 3, 4, [], []]}'), 413, { ...details, requested: 9 });
    await expectRefusal(await put(`[${'{},'.repeat(1_000_000)}`), 413, { ...details, requested: 1_000_002 });
  });

  it('too many files, links or users, before each of them is looked at', async () => {
    await start({ files_per_request: 2, links_per_request: 2, shares_per_request: 2 });
    const wrong = [0, 0, 0];
    const put = (workspace_details: unknown): Promise<Response> =>
      server.call(at('/'), { method: 'PUT', body: JSON.stringify({ workspace_details }) });
    await expectRefusal(await put({ files: wrong }), 413, { name: 'files_per_request', limit: 2, requested: 3 });
    await expectRefusal(await put({ symlinks: wrong }), 413, { name: 'links_per_request', limit: 2, requested: 3 });
    expect((await put({ files: wrong.slice(1) })).status).toBe(400);
    const share = json({ original_workspace_id: server.workspace.id, shared_user_ids: ['', '', ''] });
    await expectRefusal(await server.call('/shared_workspaces/', share), 413, { name: 'shares_per_request', limit: 2 });
  });

  it('what the row of a job would keep of its request', async () => {
    // Of job type and resource only what a start asks of them before anything runs.
    const jobType = { recipe: () => ({ kind: 'script', script: '' }) } as unknown as JobType;
    const resource = { name: 'farm', capabilities: {} } as unknown as Resource;
    server = await startFixture({
      resource,
      jobTypes: new Map([['test', { name: 'Test', resources: new Map([['farm', jobType]]) }]]),
      parameters: [
        { display_name: '', description: '', variable_name: 'word', default_value: '', validation: { type: 'str' } },
      ],
      limits: { job_details_bytes: 60 },
    });
    const put = (job_details: object, word = ''): Promise<Response> => {
      const body = JSON.stringify({
        job_type: 'test',
        job_details,
        resource_options: { word, unknown: 'x'.repeat(99) },
      });
      return server.call(at('/start/'), { method: 'PUT', body });
    };
    const details = { name: 'job_details_bytes', limit: 60 };
    const bytes = Buffer.byteLength(JSON.stringify({ a: 'é', resource_options: { word: '' } }));
    expect((await put({ a: `é${'x'.repeat(60 - bytes)}` })).status).toBe(200);
    await expectRefusal(await put({ a: `é${'x'.repeat(61 - bytes)}` }), 413, { ...details, requested: 61 });
    await expectRefusal(await put({ a: 'é' }, 'x'.repeat(61 - bytes)), 413, { ...details, requested: 61 });
    expect(await server.database.count('jobs', {})).toBe(1);
  });

  it('what a workspace would keep of its request: the names, not the contents', async () => {
    await start({ workspace_details_bytes: 60 });
    const name = (length: number) => 'x'.repeat(length - '{"files":[""],"symlinks":[]}'.length);
    const details = { name: 'workspace_details_bytes', limit: 60, requested: 61 };
    const body = (length: number) => ({
      name: 'n',
      description: 'd'.repeat(100),
      workspace_details: { files: [{ name: name(length), content: 'c'.repeat(100) }] },
    });
    expect((await server.call('/workspaces/', json(body(60)))).status).toBe(200);
    await expectRefusal(await server.call('/workspaces/', json(body(61))), 413, details);
    const put = { ...json(body(61)), method: 'PUT' };
    await expectRefusal(await server.call(at('/'), put), 413, details);
    expect(await server.database.count('workspaces', {})).toBe(2);
  });

  it('an address, and more headers than allowed', async () => {
    await start({ url_bytes: 100, headers: 20 });
    await expectRefusal(await server.call(`/jobs/?status=${'x'.repeat(100)}`), 413, { name: 'url_bytes', limit: 100 });
    const headers = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`x-${index}`, 'y']));
    await expectRefusal(await server.call('/jobs/', { headers }), 413, { name: 'headers', limit: 20 });
  });

  it('a first line that ends too early, and what follows it', async () => {
    await start({});
    for (const path of ['/jobs/', '/passthrough/1/']) {
      const { socket, text } = open();
      socket.write(`GET ${path}?name=a\r\nX-Injected: 1 HTTP/1.1\r\nHost: x\r\n\r\n`);
      await until(() => text().includes('}'));
      expect(text()).toMatch(/^HTTP\/1\.1 400 /);
    }
  });

  it('a head, which no handler ever sees', async () => {
    await start({ header_bytes: 1_024 });
    const { socket, text } = open();
    socket.write(`GET /jobs/ HTTP/1.1\r\nHost: x\r\nX-Long: ${'y'.repeat(2_000)}\r\n\r\n`);
    await until(() => text().includes('}'));
    expect(text()).toMatch(/^HTTP\/1\.1 413 /);
    const body = schemas.answers.getMe.default.parse(JSON.parse(text().split('\r\n\r\n')[1] ?? ''));
    expect(body.error).toEqual({ code: 'too_large', details: { name: 'header_bytes', limit: 1_024 } });
  });

  const chunked = 'Host: x\r\nTransfer-Encoding: chunked\r\n';
  const extended = `1;x=${'y'.repeat(20_000)}\r\n{`;

  it('the extensions of a chunk, after the answer and while it is waited for', async () => {
    await start({});
    const { socket, text } = open();
    socket.write(`POST /nothing/ HTTP/1.1\r\n${chunked}\r\n`);
    await until(() => text().includes('}'));
    expect(text()).toMatch(/^HTTP\/1\.1 404 /);
    const before = text().length;
    socket.write(extended);
    const waiting = open();
    const own = `${chunked}Authorization: Token ${server.token}\r\n`;
    const closed = new Promise((resolve) => waiting.socket.once('close', resolve));
    waiting.socket.write(`PUT ${at('/files/content/?path=a')} HTTP/1.1\r\n${own}\r\n1\r\nx\r\n${extended}`);
    for (const answer of [() => text().slice(before), waiting.text]) {
      await until(() => answer().includes('}'));
      expect(answer()).toMatch(/^HTTP\/1\.1 413 /);
      const body = schemas.answers.getMe.default.parse(JSON.parse(answer().split('\r\n\r\n')[1] ?? ''));
      expect(body.error).toEqual({ code: 'too_large', details: { name: 'header_bytes', limit: 16_384 } });
    }
    await closed;
    expect(await readdir(server.directory)).toEqual([]);
  });

  it('and the connection is cut where the answer to another request would be taken for it', async () => {
    await start({});
    const jobs = `GET /jobs/ HTTP/1.1\r\nHost: x\r\nAuthorization: Token ${server.token}\r\n\r\n`;
    const [behind, begun] = [open(), open()];
    const closed = [behind, begun].map(({ socket }) => new Promise((resolve) => socket.once('close', resolve)));
    behind.socket.write(`${jobs}PUT /nothing/ HTTP/1.1\r\n${chunked}\r\n${extended}`);
    begun.socket.write(`GET /events/ HTTP/1.1\r\n${chunked}Authorization: Token ${server.token}\r\n\r\n`);
    await until(() => begun.text().includes('hello'));
    begun.socket.write(extended);
    await Promise.all(closed);
    for (const { text } of [behind, begun]) expect(text()).not.toContain('413');
  });

  it('a file in every way of sending one, and nothing of it stays', async () => {
    await start({ file_bytes: 10, chunk_bytes: 5 });
    const long = 'x'.repeat(11);
    const content = at('/files/content/?path=a');
    const details = { name: 'file_bytes', limit: 10, requested: 11 };
    await expectRefusal(await server.call(content, { method: 'PUT', body: long }), 413, details);
    const init = { method: 'PUT', body: new Blob([long]).stream(), duplex: 'half' } as RequestInit;
    await expectRefusal(await server.call(content, init), 413, details);
    await expectRefusal(await server.call(at('/uploads/'), json({ path: 'a', size_bytes: 11 })), 413, details);
    const form = new FormData();
    form.set('a', new Blob([long]), 'a');
    await expectRefusal(await server.call(at('/upload/'), { method: 'PUT', body: form }), 413, details);
    const { data } = (await (await server.call(at('/uploads/'), json({ path: 'a', size_bytes: 10 }))).json()) as {
      data: { upload: { id: string } };
    };
    const chunk = await server.call(at(`/uploads/${data.upload.id}/?offset=0`), { method: 'PUT', body: 'x'.repeat(6) });
    await expectRefusal(chunk, 413, { name: 'chunk_bytes', limit: 5, requested: 6 });
    expect(await readdir(server.directory)).toEqual([]);
  });

  it('too many files or links of a request, and too many links of a workspace', async () => {
    await start({ files_per_request: 2, links_per_request: 2, links_per_workspace: 3, shares_per_request: 1 });
    await mkdir(server.data, { recursive: true });
    // Only what requests did is known.
    Object.assign(server.storage, { watch: () => undefined });
    const names = (count: number, from = 0) =>
      Array.from({ length: count }, (_, index) => ({ name: `f${from + index}` }));
    const links = (count: number, from = 0) =>
      names(count, from).map((link) => ({ ...link, source_path: server.data }));
    const put = (workspace_details: unknown): Promise<Response> =>
      server.call(at('/'), { method: 'PUT', body: JSON.stringify({ workspace_details }) });
    await expectRefusal(await put({ files: names(3) }), 413, { name: 'files_per_request', limit: 2, requested: 3 });
    await expectRefusal(await put({ symlinks: links(3) }), 413, { name: 'links_per_request', limit: 2, requested: 3 });
    const form = new FormData();
    for (const { name } of names(3)) form.set(name, new Blob(['x']), name);
    const many = await server.call(at('/upload/'), { method: 'PUT', body: form });
    await expectRefusal(many, 413, { name: 'files_per_request', limit: 2 });
    await server.context.journal.transaction(async (transaction) => {
      const row = await transaction.rows.lock('workspaces', server.workspace.id);
      if (row) await transaction.touchWorkspace(row, { current_details: { files: [], symlinks: ['/f0', '/f1'] } });
    });
    // One is there already: together they are three.
    expect((await put({ symlinks: links(2, 1) })).status).toBe(200);
    const third = { name: 'links_per_workspace', limit: 3, requested: 4 };
    await expectRefusal(await put({ symlinks: links(2, 2) }), 413, third);
    // At the same moment as well.
    await server.context.journal.transaction(async (transaction) => {
      const row = await transaction.rows.lock('workspaces', server.workspace.id);
      if (row) await transaction.touchWorkspace(row, { current_details: { files: ['/g'], symlinks: [] } });
    });
    const answers = await Promise.all([10, 20, 30, 40].map((from) => put({ symlinks: links(2, from) })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 413, 413, 413]);
    const present = await server.database.findOne('workspaces', { id: server.workspace.id });
    expect(present?.current_details).toMatchObject({ files: ['/g'], symlinks: { length: 2 } });
    // Surveys show no hidden ones, and so they count in no later request.
    expect((await put({ symlinks: [{ name: '.h/i', source_path: server.data }] })).status).toBe(200);
    expect((await put({ symlinks: links(1, 50) })).status).toBe(200);
    const share = json({ original_workspace_id: server.workspace.id, shared_user_ids: [8, 9] });
    await expectRefusal(await server.call('/shared_workspaces/', share), 413, { name: 'shares_per_request', limit: 1 });
  });
});

describe('what is too much at a time is refused', () => {
  it('requests of a user, and of an address without a good token', async () => {
    await start({ requests_per_minute: 5 });
    const details = { name: 'requests_per_minute', limit: 5, used: 5, requested: 1 };
    for (let index = 0; index < 5; index += 1) expect((await server.call('/jobs/')).status).toBe(200);
    await expectRefusal(await server.call('/jobs/'), 429, details);
    const bob = await server.addUser('bob');
    const headers = { Authorization: `Token ${bob.token}` };
    expect((await fetch(`${server.url}/jobs/`, { headers })).status).toBe(200);
    const wrong = (): Promise<Response> => fetch(`${server.url}/jobs/`, { headers: { Authorization: 'Token wrong' } });
    for (let index = 0; index < 4; index += 1) expect((await wrong()).status).toBe(401);
    expect((await fetch(`${server.url}/limits/`)).status).toBe(200);
    await expectRefusal(await wrong(), 429, details);
    await expectRefusal(await fetch(`${server.url}/limits/`), 429, details);
    // Others of the address who have a token are not in the way.
    expect((await fetch(`${server.url}/jobs/`, { headers })).status).toBe(200);
  });

  it('of an address all else that it asks for without a token, but never what watches the server', async () => {
    await start({ requests_per_minute: 5 });
    const status = async (path: string, init?: RequestInit): Promise<number> =>
      (await fetch(server.url + path, init)).status;
    for (const path of ['/', '/docs/', '/openapi.json', '/no-such/path']) expect(await status(path)).not.toBe(429);
    expect(await status('/jobs/', { method: 'PATCH' })).toBe(405);
    for (const path of ['/', '/docs/', '/openapi.json', '/no-such/path', '/limits/'])
      expect(await status(path)).toBe(429);
    for (let index = 0; index < 6; index += 1) {
      for (const path of ['/healthz', '/readyz', '/metrics']) expect(await status(path)).not.toBe(429);
    }
    // Whoever has a token is counted by it.
    expect((await server.call('/jobs/')).status).toBe(200);
    // A token makes the server look it up, so it counts here, too.
    const wrong = { headers: { Authorization: 'Token wrong' } };
    expect(await status('/healthz', wrong)).toBe(429);
  });

  it('sign-ins that fail, also when they come all at once; good ones do not count', async () => {
    const authentication = {
      name: 'test',
      signIn: async ({ good }: { good?: boolean }) =>
        good
          ? { kind: 'identity', identity: { username: 'eve', email: 'e@x', firstName: '', lastName: '' } }
          : { kind: 'refused', message: 'No.' },
    };
    await start({ failed_sign_ins_per_minute: 3 });
    Object.assign(server.context, { authentication });
    await setApiClient(server.context, 'portal', 'right');
    const attempt = (good: boolean): Promise<Response> => fetch(`${server.url}/tokens/`, json({ good }));
    for (let index = 0; index < 10; index += 1) expect((await attempt(true)).status).toBe(200);
    const statuses = (await Promise.all(Array.from({ length: 10 }, () => attempt(false)))).map(({ status }) => status);
    expect(statuses.filter((status) => status === 401).length).toBe(3);
    await expectRefusal(await attempt(true), 429, { name: 'failed_sign_ins_per_minute', limit: 3 });
    // A job on the portal's machine has its address: it must not lock it out.
    const ofPortal = (client_token: string): Promise<Response> =>
      fetch(`${server.url}/tokens/`, json({ good: true, client_token }));
    expect((await ofPortal('right')).status).toBe(200);
    expect((await ofPortal('wrong')).status).toBe(429);
  });

  it('event streams and requests of a user, which count no longer once they have ended', async () => {
    await start({ open_event_streams: 2, open_requests: 3 });
    const streams = [await stream(), await stream()];
    await expectRefusal(await server.call('/events/'), 429, { name: 'open_event_streams', limit: 2, used: 2 });
    const slow = request(server.url + at('/files/content/?path=a'), { method: 'PUT', headers: ownHeaders() });
    closing.push(() => slow.destroy());
    slow.on('error', () => undefined);
    slow.write('x');
    await until(async () => (await server.call('/jobs/')).status === 429);
    await expectRefusal(await server.call('/jobs/'), 429, { name: 'open_requests', limit: 3, used: 3 });
    const bob = await server.addUser('bob');
    const headers = { Authorization: `Token ${bob.token}` };
    expect((await fetch(`${server.url}/jobs/`, { headers })).status).toBe(200);
    for (const { call } of streams) call.destroy();
    slow.destroy();
    await until(async () => (await server.call('/jobs/')).status === 200);
    await stream();
  });

  it('WebSockets of jobs', async () => {
    await start({ open_job_sockets: 1 });
    const { id } = await server.addJob();
    const connectTo = (): WebSocket => {
      const socket = new WebSocket(`${server.url.replace('http', 'ws')}/jobs/${id}/`, [
        'uws',
        `uws.token.${server.token}`,
      ]);
      closing.push(() => socket.terminate());
      socket.on('error', () => undefined);
      return socket;
    };
    const first = connectTo();
    await new Promise((resolve) => first.once('message', resolve));
    const refusal = await new Promise<IncomingMessage>((resolve) => {
      connectTo().once('unexpected-response', (_, response) => resolve(response));
    });
    expect([refusal.statusCode, refusal.headers['retry-after']]).toEqual([429, '5']);
    first.close();
    await until(async () => {
      const next = connectTo();
      return new Promise<boolean>((resolve) => {
        next.once('message', () => resolve(true));
        next.once('unexpected-response', () => resolve(false));
      });
    });
  });

  it('unfinished uploads', async () => {
    await start({ open_uploads: 2 });
    const begin = (): Promise<Response> => server.call(at('/uploads/'), json({ path: 'a', size_bytes: 3 }));
    const ids: string[] = [];
    for (let index = 0; index < 2; index += 1) {
      ids.push(((await (await begin()).json()) as { data: { upload: { id: string } } }).data.upload.id);
    }
    await expectRefusal(await begin(), 429, { name: 'open_uploads', limit: 2, used: 2, requested: 1 });
    expect((await server.call(at(`/uploads/${ids[0]}/?offset=0`), { method: 'PUT', body: 'abc' })).status).toBe(200);
    expect((await begin()).status).toBe(200);
  });
});

describe('copies that wait', () => {
  it('are refused beyond what a sender may offer, to one and in all, with the numbers', async () => {
    await start({ open_shares: 4, open_shares_to_one: 2 });
    const bob = await server.addUser('bob');
    const others = [await server.addUser('carol'), await server.addUser('dora'), await server.addUser('erik')];
    const share = (...receivers: (typeof bob)[]): Promise<Response> => {
      const shared_user_ids = receivers.map(({ user }) => user.id);
      return server.call('/shared_workspaces/', json({ original_workspace_id: server.workspace.id, shared_user_ids }));
    };
    const made: number[] = [];
    for (let index = 0; index < 2; index += 1) {
      const { data } = (await (await share(bob)).json()) as { data: { shared_workspaces: Shared[] } };
      made.push(...data.shared_workspaces.map(({ shared_workspace_id }) => shared_workspace_id.id));
    }
    await expectRefusal(await share(bob), 429, { name: 'open_shares_to_one', limit: 2, used: 2, requested: 1 });
    await expectRefusal(await share(...others), 429, { name: 'open_shares', limit: 4, used: 2, requested: 3 });
    expect(await server.database.count('shares', {})).toBe(2);
    expect((await share(...others.slice(1))).status).toBe(200);
    // One that is cancelled makes room, and one that is accepted once it is made.
    expect((await server.call(`/shared_workspaces/${made[0]}/`, { method: 'DELETE' })).status).toBe(200);
    const accept = { method: 'PUT', headers: { Authorization: `Token ${bob.token}` } };
    expect((await server.call(`/shared_workspaces/${made[1]}/accept/`, accept)).status).toBe(200);
    expect((await share(bob)).status).toBe(200);
    await expectRefusal(await share(bob), 429, { name: 'open_shares', limit: 4, used: 4, requested: 1 });
    await server.database.transaction((rows) =>
      rows.update('shares', { shared_workspace_id: made[1] ?? 0 }, { work: 'none' }),
    );
    expect((await share(bob)).status).toBe(200);
  });

  it('of ten requests at once no more than the limit is made', async () => {
    await start({ open_shares: 3 });
    const { user } = await server.addUser('bob');
    const body = { original_workspace_id: server.workspace.id, shared_user_ids: [user.id] };
    const answers = await Promise.all(Array.from({ length: 10 }, () => server.call('/shared_workspaces/', json(body))));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, ...Array(7).fill(429)]);
  });
});

interface Shared {
  shared_workspace_id: { id: number };
}

describe('who is too slow is let go', () => {
  it('with a JSON body, whether it stops or trickles', async () => {
    await start({ idle_seconds: 1, json_seconds: 2 });
    for (const trickles of [false, true]) {
      const { socket, text } = open();
      const headers = `Host: x\r\nAuthorization: Token ${server.token}\r\nContent-Length: 1000\r\n`;
      socket.write(`PUT ${at('/')} HTTP/1.1\r\n${headers}\r\n{`);
      const timer = setInterval(() => trickles && socket.write(' '), 300);
      closing.push(() => clearInterval(timer));
      await until(() => text().includes('request_timeout'));
      expect(text()).toMatch(/^HTTP\/1\.1 408 /);
      clearInterval(timer);
    }
  });

  it('with a file, which then is not there', async () => {
    await start({ idle_seconds: 1 });
    const { socket, text } = open();
    const headers = `Host: x\r\nAuthorization: Token ${server.token}\r\nContent-Length: 1000\r\n`;
    socket.write(`PUT ${at('/files/content/?path=slow')} HTTP/1.1\r\n${headers}\r\nabc`);
    await until(() => text().includes('request_timeout'));
    expect((await server.call(at('/files/content/?path=slow'))).status).toBe(404);
  });

  it('with a file of which a byte comes now and then, not with one of which something comes all the time', async () => {
    await start({ idle_seconds: 1 });
    const { socket, text } = open();
    const headers = `Host: x\r\nAuthorization: Token ${server.token}\r\n`;
    const route = at('/files/content/?path=slow');
    socket.write(`PUT ${route} HTTP/1.1\r\n${headers}Content-Length: 1000\r\n\r\nabc`);
    const trickling = setInterval(() => socket.write('x'), 200);
    closing.push(() => clearInterval(trickling));
    await until(() => text().includes('request_timeout'));
    expect(text()).toMatch(/^HTTP\/1\.1 408 /);
    clearInterval(trickling);
    const steady = open();
    steady.socket.write(`PUT ${route} HTTP/1.1\r\n${headers}Content-Length: 12000\r\n\r\n`);
    for (let piece = 0; piece < 6; piece += 1) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      steady.socket.write('x'.repeat(2_000));
    }
    await until(() => steady.text().startsWith('HTTP/1.1 200 '));
  });

  it('with a head', async () => {
    await start({ header_seconds: 1 });
    const { socket, text } = open();
    socket.write('GET /jobs/ HTTP/1.1\r\nHost:');
    await until(() => text().includes('request_timeout'));
    expect(text()).toMatch(/^HTTP\/1\.1 408 /);
    expect(text()).toContain('"details":{"limit":1}');
  });
});

function ownHeaders(): Record<string, string> {
  return { Authorization: `Token ${server.token}` };
}

function open(): { readonly socket: Socket; text(): string } {
  const socket = connect(server.port, '127.0.0.1');
  closing.push(() => socket.destroy());
  let text = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    text += String(chunk);
  });
  return { socket, text: () => text };
}

/** Opens an event stream and waits for its head. */
async function stream(): Promise<{ readonly call: ClientRequest }> {
  const call = request(`${server.url}/events/`, { headers: ownHeaders() });
  closing.push(() => call.destroy());
  call.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    call.once('response', (answer) => {
      answer.on('error', () => undefined).resume();
      if (answer.statusCode === 200) resolve();
      else reject(new Error(`The stream was answered ${answer.statusCode}.`));
    });
    call.end();
  });
  return { call };
}
