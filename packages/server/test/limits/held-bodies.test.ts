// What JSON bodies take of memory, one by one and in sum, also while they are still on their way.
import { connect, type Socket } from 'node:net';
import { schemas } from '@user-workspaces/schema';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { ApiError } from '../../src/http/api-error.js';
import { HeldBodies } from '../../src/limits/held-bodies.js';
import { type Fixture, startFixture, until } from '../files/fixture.js';

function refusalOf(work: () => void): object {
  try {
    work();
  } catch (error) {
    if (error instanceof ApiError) return { code: error.code, details: error.details, headers: error.headers };
    throw error;
  }
  throw new Error('Nothing was refused.');
}

describe('the count of bodies', () => {
  it('refuses an owner what all of their bodies have no room for, with the numbers, and no other', () => {
    const bodies = new HeldBodies({ open_json_bytes: 100, all_json_bytes: 1_000 });
    const [first, second] = [bodies.hold('a'), bodies.hold('a')];
    first.add(40);
    first.add(40);
    second.add(20);
    expect(refusalOf(() => second.add(1))).toEqual({
      code: 'rate_limited',
      details: { name: 'open_json_bytes', limit: 100, used: 100, requested: 1 },
      headers: { 'Retry-After': '5' },
    });
    bodies.hold('b').add(100);
    first.release();
    second.add(80);
    // What is over is not counted twice.
    first.release();
    expect(bodies.bytes).toBe(200);
  });

  it('refuses everybody what all bodies together have no room for', () => {
    const bodies = new HeldBodies({ open_json_bytes: 100, all_json_bytes: 150 });
    const first = bodies.hold('a');
    first.add(100);
    const second = bodies.hold('b');
    expect(refusalOf(() => second.add(51))).toEqual({
      code: 'unavailable',
      details: { name: 'all_json_bytes', limit: 150, used: 100, requested: 51 },
      headers: { 'Retry-After': '5' },
    });
    second.add(50);
    first.release();
    second.release();
    expect(bodies.bytes).toBe(0);
  });

  it.each([
    [{ open_json_bytes: 10, all_json_bytes: 20 }, 'open_json_bytes'],
    [{ open_json_bytes: 20, all_json_bytes: 10 }, 'all_json_bytes'],
  ])('tells a body that never has room (%j) that it is too large', (limits, name) => {
    const body = new HeldBodies(limits).hold('a');
    body.add(10);
    const details = { name, limit: 10, requested: 11 };
    expect(refusalOf(() => body.add(1))).toMatchObject({ code: 'too_large', details });
  });
});

let server: Fixture;
const sockets: Socket[] = [];
/** A request of whose body only the beginning comes. */
interface HalfSent {
  readonly socket: Socket;
  text(): string;
}

const size = 20_000;
const piece = `{"description":"${'x'.repeat(size - 16)}`;

function halfSend(line: string, framing: 'length' | 'chunks', token?: string, sent = piece): HalfSent {
  const socket = connect(server.port, '127.0.0.1');
  sockets.push(socket);
  let text = '';
  socket.on('error', () => undefined);
  socket.on('data', (data) => {
    text += String(data);
  });
  const authorization = token === undefined ? '' : `Authorization: Token ${token}\r\n`;
  const body = framing === 'chunks' ? 'Transfer-Encoding: chunked\r\n\r\n' : `Content-Length: ${2 * size}\r\n\r\n`;
  const pieces = framing === 'chunks' && sent !== '' ? `${sent.length.toString(16)}\r\n${sent}\r\n` : sent;
  socket.write(`${line} HTTP/1.1\r\nHost: x\r\n${authorization}${body}${pieces}`);
  return { socket, text: () => text };
}

const ownLine = (): string => `PUT /workspaces/${server.workspace.id}/`;
const statusesOf = (sent: readonly HalfSent[]): string[] => sent.map(({ text }) => text().slice(9, 12));
const countOf = (sent: readonly HalfSent[], status: string): number =>
  statusesOf(sent).filter((other) => other === status).length;

function errorOf({ text }: HalfSent): { code: string; details?: Record<string, unknown> | undefined } {
  return schemas.answers.getMe.default.parse(JSON.parse(text().slice(text().indexOf('{')))).error;
}

const update = (init: RequestInit = {}): Promise<Response> =>
  server.call(`/workspaces/${server.workspace.id}/`, { method: 'PUT', body: `${piece}"}`, ...init });

describe('bodies that are sent by half', () => {
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await server.close();
  });

  it.each(['length', 'chunks'] as const)('are held up to a limit of their user (%s)', async (framing) => {
    server = await startFixture({ limits: { open_json_bytes: 5 * size } });
    const sent = Array.from({ length: 40 }, () => halfSend(ownLine(), framing, server.token));
    await until(() => countOf(sent, '429') === 35);
    const refused = sent.filter(({ text }) => text() !== '');
    for (const one of refused) {
      const { code, details } = errorOf(one);
      expect([code, details]).toEqual(['rate_limited', expect.objectContaining({ limit: 5 * size })]);
      expect(details?.name).toBe('open_json_bytes');
      expect(Number(details?.used) + Number(details?.requested)).toBeGreaterThan(5 * size);
      expect(one.text()).toContain('\r\nRetry-After: 5\r\n');
    }
    expect((await update()).status).toBe(429);
    expect((await server.call('/jobs/')).status).toBe(200);
    // Nobody else has less.
    const { token } = await server.addUser('bob');
    const body = JSON.stringify({ name: 'x', description: '' }).padEnd(5 * size);
    const headers = { Authorization: `Token ${token}` };
    expect((await server.call('/workspaces/', { method: 'POST', body, headers })).status).toBe(200);
    for (const { socket, text } of sent) if (text() === '') socket.destroy();
    await until(async () => (await update()).status === 200);
    const figures = await (await fetch(`${server.url}/metrics`)).text();
    expect(figures).toMatch(/uws_limit_refusals_total\{name="open_json_bytes"\} 3\d\n/);
  });

  it('count no longer once they were too slow, or are answered, however that ends', async () => {
    server = await startFixture({ limits: { open_json_bytes: 2 * size, idle_seconds: 1 } });
    const slow = Array.from({ length: 2 }, () => halfSend(ownLine(), 'length', server.token));
    await until(async () => (await update()).status === 429);
    await until(() => countOf(slow, '408') === 2);
    const [put, path] = ['PUT', `/workspaces/${server.workspace.id}`];
    for (const [method, to, body, status] of [
      [put, `${path}/`, '{}', 200],
      [put, `${path}/`, '{bad', 400],
      [put, `${path}/`, '{"name":7}', 400],
      [put, '/workspaces/999/', '{}', 404],
      [put, `${path}/start/`, '{}', 400],
      ['POST', '/workspaces/', '{"name":"a","description":"b"}', 200],
      ['POST', '/workspaces/', '{"name":"a","description":"b","workspace_details":{"files":[{"name":".."}]}}', 400],
      ['POST', '/shared_workspaces/', '{}', 400],
    ] as const) {
      for (let time = 0; time < 3; time += 1) {
        const headers = { 'Idempotency-Key': `${to} ${body} ${time}` };
        expect((await server.call(to, { method, body: body.padEnd(size), headers })).status).toBe(status);
      }
    }
  });

  it('are told at once when one alone is more than a user may send at a time', async () => {
    server = await startFixture({ limits: { open_json_bytes: size } });
    const answer = await update();
    const { error } = schemas.answers.getMe.default.parse(await answer.json());
    expect([answer.status, error.details]).toEqual([
      413,
      { name: 'open_json_bytes', limit: size, requested: size + 2 },
    ]);
    expect(answer.headers.get('retry-after')).toBeNull();
  });

  it('take nothing for what they only announce', async () => {
    server = await startFixture({ limits: { open_json_bytes: 2 * size, all_json_bytes: 2 * size } });
    const announced = Array.from({ length: 20 }, () => halfSend(ownLine(), 'length', server.token, ''));
    await until(async () => (await server.call('/jobs/')).status === 200);
    expect((await update()).status).toBe(200);
    expect(statusesOf(announced).join('')).toBe('');
  });

  it('of several users are held up to a limit of the server', async () => {
    const errors: string[] = [];
    const log = pino({ level: 'error' }, { write: (line) => errors.push(line) });
    server = await startFixture({ limits: { open_json_bytes: 2 * size, all_json_bytes: 4 * size }, log });
    const users = [server, await server.addUser('bob'), await server.addUser('carol')];
    const [ofOwner, ofOthers] = [ownLine(), 'POST /workspaces/'];
    const held: HalfSent[] = [];
    for (const { token } of users.slice(0, 2)) {
      for (let index = 0; index < 2; index += 1)
        held.push(halfSend(token === server.token ? ofOwner : ofOthers, 'chunks', token));
    }
    const body = JSON.stringify({ name: 'x', description: '' });
    const create = (): Promise<Response> =>
      server.call('/workspaces/', { method: 'POST', body, headers: { Authorization: `Token ${users[2]?.token}` } });
    let answer: Response | undefined;
    await until(async () => {
      answer = await create();
      return answer.status === 503;
    });
    const { error } = schemas.answers.getMe.default.parse(await answer?.json());
    expect(error).toMatchObject({
      code: 'unavailable',
      details: { name: 'all_json_bytes', limit: 4 * size, used: 4 * size, requested: body.length },
    });
    expect(answer?.headers.get('retry-after')).toBe('5');
    expect(errors).toEqual([]);
    // What has no body is answered, and so is who signs in.
    expect((await server.call('/jobs/')).status).toBe(200);
    expect((await fetch(`${server.url}/tokens/`, { method: 'POST', body: '[]' })).status).toBe(400);
    held[0]?.socket.destroy();
    await until(async () => (await create()).status === 200);
  });

  it('of those without a token have a room of their own, a quarter of that of users', async () => {
    server = await startFixture({ limits: { open_json_bytes: 8 * size, all_json_bytes: 8 * size } });
    const sent = Array.from({ length: 10 }, () => halfSend('POST /tokens/', 'length'));
    await until(() => countOf(sent, '429') === 8);
    const refused = sent.find(({ text }) => text() !== '');
    expect(refused && errorOf(refused)).toMatchObject({
      code: 'rate_limited',
      details: { name: 'open_json_bytes', limit: 2 * size },
    });
    const users = Array.from({ length: 7 }, () => halfSend(ownLine(), 'length', server.token));
    expect((await update({ body: '{}' })).status).toBe(200);
    expect(statusesOf(users).join('')).toBe('');
  });
});
