import { readdir, stat } from 'node:fs/promises';
import { type ClientRequest, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Fixture, openFilesBelow, startFixture, until } from '../files/fixture.js';

// Of 1,000 bytes a file takes most: a second one like it fits only in its place.
const quotaBytes = 1_000;
const fileBytes = 900;

let fixture: Fixture;
let sending: ClientRequest[] = [];

beforeEach(async () => {
  fixture = await startFixture({ quotas: { diskSpaceBytes: quotaBytes } });
});

afterEach(async () => {
  for (const request of sending) request.destroy();
  sending = [];
  await fixture.close();
});

const at = (route: string, workspaceId = fixture.workspace.id) => `/workspaces/${workspaceId}/${route}`;

async function send(route: string, method: string, body?: unknown): Promise<Response> {
  return fixture.call(route, { method, ...(body !== undefined && { body: JSON.stringify(body) }) });
}

const write = (path: string, sizeBytes: number, headers: Record<string, string> = {}) =>
  fixture.call(`${at('files/content/')}?path=${path}`, { method: 'PUT', body: 'x'.repeat(sizeBytes), headers });
const rename = (from: string, to: string) => send(at('files/rename/'), 'PUT', { from, to });
const remove = (path: string) => send(`${at('files/')}?path=${path}`, 'DELETE');
const append = (uploadId: string, offset: number, sizeBytes: number) =>
  fixture.call(`${at('uploads/')}${uploadId}/?offset=${offset}`, { method: 'PUT', body: 'x'.repeat(sizeBytes) });
const giveUp = (uploadId: string) => send(`${at('uploads/')}${uploadId}/`, 'DELETE');

async function begin(path: string, size_bytes: number, workspaceId = fixture.workspace.id) {
  const response = await send(at('uploads/', workspaceId), 'POST', { path, size_bytes });
  const answer = await response.json();
  return { status: response.status, id: String(answer.data?.upload.id) };
}

async function etagOf(path: string): Promise<string> {
  const response = await fixture.call(`${at('files/content/')}?path=${path}`);
  await response.arrayBuffer();
  return response.headers.get('etag') ?? '';
}

/** Sends all but the last byte of a body, which `finish` sends. */
function holdBack(route: string, sizeBytes: number, headers: Record<string, string> = {}, isAnnounced = true) {
  const request = httpRequest(`${fixture.url}${route}`, {
    method: 'PUT',
    headers: {
      Authorization: `Token ${fixture.token}`,
      ...(isAnnounced && { 'Content-Length': sizeBytes }),
      ...headers,
    },
  });
  sending.push(request);
  let status = 0;
  const answered = new Promise<number>((resolve) => {
    request.on('error', () => resolve(status));
    request.on('response', (response) => {
      response.resume();
      status = response.statusCode ?? 0;
      resolve(status);
    });
  });
  request.write('x'.repeat(sizeBytes - 1));
  return {
    answered,
    finish: () => {
      request.end('x');
      return answered;
    },
    leave: () => request.destroy(),
  };
}

/** All that the user has on disk, whether in a workspace or staged. */
async function bytesOnDisk(): Promise<number> {
  const below = join(fixture.root, 'workspaces');
  const entries = await readdir(below, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const sizes = await Promise.all(files.map(async (file) => (await stat(file).catch(() => undefined))?.size ?? 0));
  return sizes.reduce((sum, size) => sum + size, 0);
}

const stagedWrites = async () => (await openFilesBelow(fixture.root)).filter((file) => file.includes('write')).length;

/** What a survey does. */
async function survey(): Promise<void> {
  const account = { name: 'alice', uid: null, gid: null };
  const { diskSpaceBytes } = await fixture.storage.survey({ location: fixture.directory, account });
  await fixture.context.journal.transaction(async (transaction) => {
    const row = await transaction.rows.lock('workspaces', fixture.workspace.id);
    if (row) await transaction.changeWorkspace(row, { disk_space_bytes: diskSpaceBytes });
  });
}

describe('uploads in chunks', () => {
  it('that replace one file under changing names get its bytes once', async () => {
    expect((await write('a0', fileBytes)).status).toBe(200);
    const statuses: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const { status, id } = await begin(`a${round}`, fileBytes);
      statuses.push(status);
      if (status === 200) expect((await append(id, 0, fileBytes - 1)).status).toBe(200);
      expect((await rename(`a${round}`, `a${round + 1}`)).status).toBe(200);
    }
    expect(statuses).toEqual([200, 429, 429, 429, 429]);
    expect(await bytesOnDisk()).toBe(2 * fileBytes - 1);
  });

  it('that replace one file get its bytes once, whether it was written anew, and in whatever workspace', async () => {
    const { id: _, version: __, ...template } = fixture.workspace;
    const second = await fixture.context.journal.transaction(async (transaction) => {
      const row = await transaction.insertWorkspace(template);
      const account = { name: 'alice', uid: null, gid: null };
      return transaction.touchWorkspace(row, { location: fixture.storage.locate(account, row.id) });
    });
    await fixture.storage.create({
      location: second.location,
      account: { name: 'alice', uid: null, gid: null },
    });
    const other = `${at('files/content/', second.id)}?path=b`;
    expect((await fixture.call(other, { method: 'PUT', body: 'x'.repeat(400) })).status).toBe(200);
    expect((await write('a', 500)).status).toBe(200);
    expect((await begin('a', 500)).status).toBe(200);
    // Saved in the room beside the quota: no larger than what was there.
    expect((await write('a', 500)).status).toBe(200);
    expect((await begin('a', 500)).status).toBe(429);
    expect((await begin('b', 400, second.id)).status).toBe(429);
    await remove('a');
    await survey();
    expect((await begin('c', 101)).status).toBe(429);
    expect((await begin('c', 100)).status).toBe(200);
  });

  it('one after the other replace a file, each when the one before was finished or given up', async () => {
    expect((await write('a', fileBytes)).status).toBe(200);
    for (let round = 0; round < 3; round += 1) {
      const givenUp = await begin('a', fileBytes);
      expect((await append(givenUp.id, 0, 10)).status).toBe(200);
      expect((await giveUp(givenUp.id)).status).toBe(200);
      const { id } = await begin('a', fileBytes);
      expect((await append(id, 0, fileBytes)).status).toBe(200);
    }
    expect((await write('b', 101)).status).toBe(429);
    expect((await write('b', 100)).status).toBe(200);
  });

  it('count while a chunk is written, also when their rows go meanwhile', async () => {
    const { id } = await begin('a', fileBytes);
    const chunk = holdBack(`${at('uploads/')}${id}/?offset=0`, fileBytes);
    await until(async () => (await openFilesBelow(fixture.root)).some((file) => file.includes(id)));
    // As at the end of a deletion of the workspace, or when another server gives the upload up.
    await fixture.database.transaction((rows) => rows.remove('uploads', { upload_id: id }));
    expect((await begin('b', 101)).status).toBe(429);
    expect((await write('b', 101)).status).toBe(429);
    expect(await chunk.finish()).toBe(404);
    expect((await write('b', fileBytes)).status).toBe(200);
  });

  it('that are unfinished keep no file from being saved', async () => {
    expect((await write('notes', 50)).status).toBe(200);
    expect((await write('a', fileBytes)).status).toBe(200);
    expect((await begin('a', fileBytes)).status).toBe(200);
    expect((await write('notes', 50)).status).toBe(200);
    expect((await write('notes', 51)).status).toBe(429);
  });
});

describe('files that are written whole', () => {
  it.each([
    ['on condition', true, true],
    ['on condition, of unknown size', true, false],
    ['without a condition', false, true],
    ['without a condition, of unknown size', false, false],
  ])('%s, at once, get the bytes of the file that they replace one after the other', async (_, isConditional, isAnnounced) => {
    expect((await write('a', fileBytes)).status).toBe(200);
    const headers = isConditional ? { 'If-Match': await etagOf('a') } : {};
    const route = `${at('files/content/')}?path=a`;
    const writing = Array.from({ length: 8 }, () => holdBack(route, fileBytes, headers, isAnnounced));
    await until(async () => (await bytesOnDisk()) >= 2 * fileBytes - 1);
    await new Promise((resolve) => setTimeout(resolve, 200));
    // The first, and of the others what fits into the quota as it is.
    expect(await bytesOnDisk()).toBeLessThanOrEqual(quotaBytes + fileBytes);
    if (isAnnounced) expect(await stagedWrites()).toBe(1);
    const statuses = await Promise.all(writing.map(({ finish }) => finish()));
    expect(statuses).toContain(200);
    if (isConditional) expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(await bytesOnDisk()).toBe(fileBytes);
    expect(fixture.context.bytesUnderWay.of(fixture.user.id)).toBe(0);
    expect((await write('b', 101)).status).toBe(429);
    expect((await write('b', 100)).status).toBe(200);
  });

  it('may replace many files of a full quota at once: they wait for each other', async () => {
    const names = Array.from({ length: 9 }, (_, index) => `f${index}`);
    for (const name of names) expect((await write(name, 100)).status).toBe(200);
    const answers = await Promise.all([...names, ...names].map((name) => write(name, 100)));
    expect(answers.map(({ status }) => status)).toEqual(Array(18).fill(200));
    expect(await bytesOnDisk()).toBe(fileBytes);
  });

  it('wait no longer for one whose sender went away', async () => {
    expect((await write('a', fileBytes)).status).toBe(200);
    const first = holdBack(`${at('files/content/')}?path=a`, fileBytes);
    await until(async () => (await stagedWrites()) === 1);
    const waiting = holdBack(`${at('files/content/')}?path=a`, fileBytes);
    const second = write('a', fileBytes);
    waiting.leave();
    first.leave();
    expect((await second).status).toBe(200);
  });

  it('that have waited in vain are refused', async () => {
    await fixture.close();
    const clock = { sleep: async () => undefined };
    fixture = await startFixture({ quotas: { diskSpaceBytes: quotaBytes }, clock });
    expect((await write('a', fileBytes)).status).toBe(200);
    const first = holdBack(`${at('files/content/')}?path=a`, fileBytes);
    await until(async () => (await stagedWrites()) === 1);
    expect((await write('a', fileBytes)).status).toBe(429);
    expect(await first.finish()).toBe(200);
    expect((await write('a', fileBytes)).status).toBe(200);
  });

  it('get nothing from a directory, or from a file that is not what they ask for', async () => {
    expect((await write('a', fileBytes)).status).toBe(200);
    expect((await send(`${at('files/directory/')}?path=d`, 'PUT')).status).toBe(200);
    expect((await write('d', 101)).status).toBe(429);
    expect((await write('a', fileBytes, { 'If-Match': '"other"' })).status).toBe(412);
    expect((await write('a', fileBytes, { 'If-None-Match': '*' })).status).toBe(412);
  });
});
