// The limits of a server as its operator sets them, and what programs are told.
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { dirname } from 'node:path';
import { LimitError, UserWorkspaces } from '@user-workspaces/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningServer, removeDirectory, startServer } from '../support/server.js';
import { signIn, type User } from '../support/users.js';

let server: RunningServer;
let ada: User;
let bob: User;

beforeAll(async () => {
  server = await startServer({
    env: {
      UWS_LIMIT_REQUESTS_PER_MINUTE: '120',
      UWS_LIMIT_FILE_BYTES: '20000000',
      UWS_LIMIT_LINKS_PER_REQUEST: '150',
      UWS_LIMIT_OPEN_ARCHIVES: '1',
      UWS_LIMIT_OPEN_JSON_BYTES: '1000000',
    },
  });
  ada = await signIn(server, 'ada');
  bob = await signIn(server, 'bob');
});

afterAll(async () => {
  await server.stop();
  await removeDirectory(dirname(server.dataDirectory));
});

async function limitErrorOf(work: Promise<unknown>): Promise<LimitError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof LimitError) return error;
    throw error;
  }
  throw new Error('Nothing was refused.');
}

describe('limits', () => {
  test('are told to everybody, those set and those left alone', async () => {
    const limits = await new UserWorkspaces({ baseUrl: server.baseUrl }).catalogue.limits();
    const set = { requests_per_minute: 120, file_bytes: 20_000_000, open_json_bytes: 1_000_000 };
    expect(limits).toMatchObject({ ...set, open_requests: 500, all_json_bytes: 268_435_456 });
  });

  test('reach programs as typed errors with their numbers', async () => {
    const { id } = await bob.client.workspaces.create({ name: 'Limits', description: '' });
    const large = await limitErrorOf(bob.client.files.write(id, 'large', randomBytes(20_000_001)));
    expect(large).toMatchObject({
      code: 'too_large',
      status: 413,
      retryable: false,
      details: { name: 'file_bytes', limit: 20_000_000, requested: 20_000_001 },
    });
    expect(large.requestId).toBeTruthy();
    const symlinks = Array.from({ length: 151 }, (_, index) => ({ name: `datasets/${index}`, source_path: '/data' }));
    const creation = { name: 'x', description: '', workspace_details: { symlinks } };
    const links = await limitErrorOf(bob.client.workspaces.create(creation));
    expect(links).toMatchObject({ code: 'too_large', field: 'workspace_details.symlinks', details: { limit: 150 } });
  });

  test('of archives: one that is read slowly keeps others away until it has ended', async () => {
    const { id } = await bob.client.workspaces.create({ name: 'Archive', description: '' });
    await bob.client.files.write(id, 'large', randomBytes(19_000_000));
    const path = `/workspaces/${id}/files/archive/`;
    const headers = { 'UWS-Authorization': `Token ${bob.token}` };
    const slow = request(server.baseUrl + path, { headers });
    slow.on('error', () => undefined);
    // Not read, so that it does not end.
    await new Promise((resolve) => slow.once('response', resolve).end());
    const refused = await bob.request(path);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '5']);
    expect(await refused.json()).toMatchObject({
      error: { code: 'rate_limited', details: { name: 'open_archives', limit: 1, used: 1 } },
    });
    slow.destroy();
    for (let attempt = 0; ; attempt += 1) {
      const again = await bob.request(path);
      if (again.status === 200) {
        await again.body?.cancel();
        break;
      }
      await again.body?.cancel();
      if (attempt > 20) throw new Error('An archive that nobody reads any more still counts.');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });

  test('of JSON bodies in sum: many that are sent by half keep only their sender away, until they end', async () => {
    const carol = await signIn(server, 'carol');
    const { id } = await carol.client.workspaces.create({ name: 'Half', description: '' });
    const headers = { 'UWS-Authorization': `Token ${carol.token}` };
    const halves = Array.from({ length: 50 }, () => {
      const half = request(`${server.baseUrl}/workspaces/${id}/`, { method: 'PUT', headers });
      half.on('error', () => undefined).write(`{"name":"${'x'.repeat(90_000)}`);
      const answer = new Promise<number | undefined>((resolve) => {
        half.once('response', (response) => resolve(response.resume().statusCode));
        half.once('close', () => resolve(undefined));
      });
      return { half, answer };
    });
    await Promise.race(halves.map(({ answer }) => answer));
    const create = (): Promise<Response> =>
      carol.request('/workspaces/', { method: 'POST', body: '{"name":"a","description":""}'.padEnd(100_000) });
    const refused = await create();
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '5']);
    const details = { name: 'open_json_bytes', limit: 1_000_000 };
    expect(await refused.json()).toMatchObject({ error: { code: 'rate_limited', details } });
    const other = { name: 'Meanwhile', description: 'x'.repeat(10_000) };
    expect(await bob.client.workspaces.create(other)).toMatchObject(other);
    for (const { half } of halves) half.destroy();
    const statuses = await Promise.all(halves.map(({ answer }) => answer));
    expect([...new Set(statuses)].sort()).toEqual([429, undefined]);
    for (let attempt = 0; (await create()).status !== 200; attempt += 1) {
      if (attempt > 20) throw new Error('Bodies that nobody sends any more still count.');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });

  test('of requests: a program waits as long as it is told and then gets its answer', async () => {
    const impatient = new UserWorkspaces({ baseUrl: server.baseUrl, token: ada.token, retries: 0 });
    const results = await Promise.allSettled(Array.from({ length: 200 }, () => impatient.me()));
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    expect(refused.length).toBeGreaterThan(0);
    for (const error of refused) {
      expect(error).toBeInstanceOf(LimitError);
      expect(error).toMatchObject({
        code: 'rate_limited',
        status: 429,
        retryable: true,
        details: { name: 'requests_per_minute', limit: 120, used: 120, requested: 1 },
      });
      expect(error.retryAfterMs).toBeGreaterThanOrEqual(1_000);
    }
    // The same client as others have it, which tries again.
    expect((await ada.client.me()).username).toBe('ada');
  });
});
