import { connect } from 'node:net';
import type { JobRow } from '@user-workspaces/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Journal } from '../../src/records/journal.js';
import { systemClock } from '../../src/system-clock.js';
import { type Fixture, startFixture, until } from '../files/fixture.js';

const origin = Date.now();
let setBackMs = 0;
const fastClock = {
  now: () => origin + (Date.now() - origin) * 100 - setBackMs,
  elapsed: () => systemClock.elapsed() * 100,
  sleep: (delayMs: number, signal?: AbortSignal) => systemClock.sleep(delayMs / 100, signal),
};

let server: Fixture;
let sockets: WebSocket[] = [];
beforeEach(async () => {
  setBackMs = 0;
  server = await startFixture({ clock: fastClock });
});
afterEach(async () => {
  for (const socket of sockets) socket.terminate();
  sockets = [];
  await server.close();
});

interface Opened {
  readonly socket: WebSocket;
  readonly states: { status: string; current_job_details: Record<string, unknown> }[];
  readonly closed: Promise<number>;
}

function open(path: string, options: { token?: string; protocols?: string[]; headers?: object } = {}): Opened {
  const headers = options.headers ?? { 'UWS-Authorization': `Token ${options.token ?? server.token}` };
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, options.protocols ?? [], {
    headers: { ...headers },
  });
  sockets.push(socket);
  const states: Opened['states'] = [];
  socket.on('message', (data) => states.push(JSON.parse(String(data))));
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  socket.on('error', () => undefined);
  return { socket, states, closed };
}

async function change(row: JobRow, changes: Partial<JobRow>, journal = server.context.journal): Promise<JobRow> {
  return journal.transaction(async (transaction) => {
    const present = await transaction.rows.lock('jobs', row.id);
    if (!present) throw new Error('No such job.');
    const { id: _, version: __, ...rest } = { ...changes, id: 0, version: 0 };
    return transaction.changeJob(present, rest);
  });
}

/** What an upgrade request that is refused gets. */
function refusal(path: string, headers: Record<string, string> = {}): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, '127.0.0.1');
    const lines = Object.entries({
      Host: 'x',
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      ...headers,
    });
    let text = '';
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    socket.on('error', reject);
    socket.on('close', () => {
      const [head = '', body = ''] = text.split('\r\n\r\n');
      resolve({ status: Number(head.split(' ')[1]), body: body === '' ? undefined : JSON.parse(body) });
    });
    socket.write(`GET ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
  });
}

describe('the WebSocket of a job', () => {
  it.each([
    '/jobs/ID/',
    '/jobs/ID',
    '/jobs/ID/?x=1',
  ])('tells the state at %s, then every change, until the end', async (path) => {
    const job = await server.addJob();
    const { states, closed } = open(path.replace('ID', String(job.id)));
    await until(() => states.length === 1);
    await change(job, { status: 'running', current_details: { message: 'Webserver not ready.' } });
    await change(job, { session_host: 'node', session_port: 80, session_path: '/' });
    await change(job, { status: 'stopping' });
    await change(job, { status: 'complete', status_reason: 'stopped' });
    expect(await closed).toBe(1000);
    expect(states).toEqual([
      { status: 'pending', current_job_details: {} },
      { status: 'running', current_job_details: { message: 'Webserver not ready.' } },
      {
        status: 'running',
        current_job_details: {
          message: 'Webserver not ready.',
          proxy_details: { hostname: 'node', port: 80, path: '/' },
          connection_details: { url_domain: 'http://sessions', url_path: `/session/${job.id}` },
        },
      },
      { status: 'stopping', current_job_details: { message: 'Webserver not ready.' } },
      { status: 'complete', current_job_details: { message: 'Webserver not ready.' } },
    ]);
  });

  it('tells the last state of a job that has ended, and closes', async () => {
    const job = await server.addJob({ status: 'failed' });
    const { states, closed } = open(`/jobs/${job.id}/`);
    expect(await closed).toBe(1000);
    expect(states).toEqual([{ status: 'failed', current_job_details: {} }]);
  });

  it('says nothing when only the reconciler needs to know', async () => {
    const job = await server.addJob();
    const { states } = open(`/jobs/${job.id}/`);
    await until(() => states.length === 1);
    await server.context.journal.transaction((transaction) => transaction.touchJob(job, { attempts: 3 }));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(states.length).toBe(1);
  });

  it('sees what other processes write', async () => {
    const job = await server.addJob();
    const { states } = open(`/jobs/${job.id}/`);
    await until(() => states.length === 1);
    await change(job, { status: 'running' }, new Journal(server.database, server.context.clock));
    await until(() => states.length === 2);
  });

  it('sees what other processes write when the clock was set back', async () => {
    const job = await server.addJob();
    const { states } = open(`/jobs/${job.id}/`);
    await until(() => states.length === 1);
    setBackMs = 3_600_000;
    await change(job, { status: 'running' }, new Journal(server.database, server.context.clock));
    await until(() => states.length === 2);
  });

  it('takes the token as a subprotocol and never answers it', async () => {
    const job = await server.addJob();
    const { socket, states } = open(`/jobs/${job.id}/`, {
      headers: { Origin: 'https://portal.example' },
      protocols: [`uws.token.${server.token}`, 'uws'],
    });
    await until(() => states.length === 1);
    expect(socket.protocol).toBe('uws');
    const plain = open(`/jobs/${job.id}/`, { headers: { Authorization: `Bearer ${server.token}` } });
    await until(() => plain.states.length === 1);
    expect(plain.socket.protocol).toBe('');
  });

  it('is refused to strangers, in the envelope', async () => {
    const job = await server.addJob();
    const bob = await server.addUser('bob');
    expect(await refusal(`/jobs/${job.id}/`)).toMatchObject({
      status: 401,
      body: { success: false, error: { code: 'not_authenticated' } },
    });
    expect(await refusal(`/jobs/${job.id}/?token=${server.token}`)).toMatchObject({ status: 401 });
    expect(await refusal(`/jobs/${job.id}/`, { Cookie: `uws_session=${server.token}` })).toMatchObject({ status: 401 });
    expect(await refusal(`/jobs/${job.id}/`, { 'Sec-WebSocket-Protocol': 'uws, uws.token.wrong' })).toMatchObject({
      status: 401,
      body: { error: { code: 'invalid_token' } },
    });
    const headers = { Authorization: `Token ${bob.token}` };
    expect(await refusal(`/jobs/${job.id}/`, headers)).toMatchObject({
      status: 404,
      body: { error: { code: 'not_found' } },
    });
    expect(await refusal('/jobs/999999/', headers)).toMatchObject({ status: 404 });
    expect((await refusal('/jobs/x/', { ...headers, Connection: 'Upgrade, close' })).status).toBe(404);
  });

  it('ends when the token is revoked, for a user, and for all', async () => {
    const job = await server.addJob();
    const first = open(`/jobs/${job.id}/`);
    await until(() => first.states.length === 1);
    server.sockets.closeUser(server.user.id);
    expect(await first.closed).toBe(1001);
    const second = open(`/jobs/${job.id}/`);
    await until(() => second.states.length === 1);
    await server.database.transaction((rows) => rows.remove('tokens', { user_id: server.user.id }));
    expect(await second.closed).toBe(1001);
    const bob = await server.addUser('bob');
    const other = await server.addJob({ user_id: bob.user.id });
    const third = open(`/jobs/${other.id}/`, { token: bob.token });
    await until(() => third.states.length === 1);
    server.sockets.close();
    expect(await third.closed).toBe(1001);
  });

  it('gives up a peer that does not answer pings, and one that talks', async () => {
    const job = await server.addJob();
    const { socket, states, closed } = open(`/jobs/${job.id}/`);
    await until(() => states.length === 1);
    socket.pong = () => undefined;
    const silentSince = Date.now();
    expect(await closed).toBe(1006);
    // Two pings at a hundredth of their time.
    expect(Date.now() - silentSince).toBeLessThan(3_000);
    const talker = open(`/jobs/${job.id}/`);
    await until(() => talker.states.length === 1);
    talker.socket.send('x'.repeat(2_000));
    expect(await talker.closed).toBe(1009);
  });
});
