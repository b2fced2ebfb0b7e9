import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { AdapterError } from '@user-workspaces/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Fixture, openFilesBelow, startFixture, until } from './fixture.js';

let server: Fixture;
beforeEach(async () => {
  server = await startFixture();
});
afterEach(() => server.close());

const write = (path: string, body: BodyInit, headers: Record<string, string> = {}): Promise<Response> =>
  server.call(`/workspaces/${server.workspace.id}/files/content/?path=${encodeURIComponent(path)}`, {
    method: 'PUT',
    body,
    headers,
  });
const onDisk = (path: string): Promise<string> => readFile(join(server.directory, path), 'utf8');

describe('writing a file', () => {
  it('makes it with its directories, and notes the change', async () => {
    const answer = await write('a/b/c.txt', 'hello');
    expect([answer.status, await answer.json()]).toMatchObject([
      200,
      { data: { file: { path: 'a/b/c.txt', name: 'c.txt', kind: 'file', size_bytes: 5 } } },
    ]);
    expect(await onDisk('a/b/c.txt')).toBe('hello');
    const row = await server.database.findOne('workspaces', { id: server.workspace.id });
    expect(row?.last_modified_at_ms).toBeGreaterThan(Date.now() - 10_000);
    expect(await server.database.count('events', { user_id: server.user.id })).toBe(2);
  });

  it('refuses a compressed body, and takes one that says it is not', async () => {
    await writeFile(join(server.directory, 'file'), 'old');
    for (const encoding of ['gzip', 'BR', 'identity, gzip']) {
      const answer = await write('file', gzipSync('new'), { 'Content-Encoding': encoding });
      expect([answer.status, await answer.json()]).toMatchObject([
        400,
        { error: { code: 'invalid_field', field: 'Content-Encoding' } },
      ]);
    }
    expect(await onDisk('file')).toBe('old');
    expect((await write('file', 'new', { 'Content-Encoding': 'Identity' })).status).toBe(200);
    expect(await onDisk('file')).toBe('new');
  });

  it('keeps the old file when the request breaks off', async () => {
    await writeFile(join(server.directory, 'file'), 'old');
    const path = `/workspaces/${server.workspace.id}/files/content/?path=file`;
    for (const headers of [{ 'Content-Length': '1000000' }, { 'Transfer-Encoding': 'chunked' }]) {
      const sending = request({
        port: server.port,
        path,
        method: 'PUT',
        headers: { Authorization: `Token ${server.token}`, ...headers },
      });
      sending.on('error', () => undefined);
      sending.write(randomBytes(100_000));
      await until(async () => (await openFilesBelow(server.root)).some((name) => name.includes('.staging')));
      sending.destroy();
      await until(async () => !(await openFilesBelow(server.root)).some((name) => name.includes('.staging/')));
      expect(await onDisk('file')).toBe('old');
    }
    expect(await server.database.count('events', { user_id: server.user.id })).toBe(1);
  });

  it('honours If-Match and If-None-Match', async () => {
    const first = (await (await write('file', 'one', { 'If-None-Match': '*' })).json()) as {
      data: { file: { etag: string } };
    };
    expect((await write('file', 'two', { 'If-None-Match': '*' })).status).toBe(412);
    expect(await onDisk('file')).toBe('one');
    const { etag } = first.data.file;
    expect((await write('file', 'two', { 'If-Match': `"${etag}"` })).status).toBe(200);
    const late = await write('file', 'three', { 'If-Match': `"${etag}"` });
    expect([late.status, await late.json()]).toMatchObject([412, { error: { code: 'precondition_failed' } }]);
    expect(await onDisk('file')).toBe('two');
    expect((await write('file', 'three', { 'If-Match': '*' })).status).toBe(200);
    expect((await write('missing', 'x', { 'If-Match': '*' })).status).toBe(412);
    expect(await readdir(server.directory)).toEqual(['file']);
  });

  it('lets one of many creators win', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => write('once', `${index}`.repeat(50_000), { 'If-None-Match': '*' })),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([200, ...Array.from({ length: 9 }, () => 412)]);
  });

  it('answers a refusal although most of the body is not read', async () => {
    const body = randomBytes(30_000_000);
    await writeFile(join(server.directory, 'file'), 'old');
    expect((await write('file', body, { 'If-None-Match': '*' })).status).toBe(412);
    expect((await write('../file', body)).status).toBe(400);
    await mkdir(join(server.directory, 'folder'));
    expect((await write('folder', body)).status).toBe(409);
    await symlink('file', join(server.directory, 'link'));
    expect((await write('link', body)).status).toBe(400);
    expect((await write('file/x', 'y')).status).toBeGreaterThanOrEqual(400);
    expect(await onDisk('file')).toBe('old');
  });

  it('says that the disk is full', async () => {
    await server.close();
    server = await startFixture({
      storage: (storage) => {
        storage.write = async (_directory, _path, source) => {
          for await (const _ of source) throw new AdapterError('no_space', 'No space is left.');
          throw new Error('Nothing arrived.');
        };
        return storage;
      },
    });
    const answer = await write('file', randomBytes(5_000_000));
    expect([answer.status, await answer.json()]).toMatchObject([507, { error: { code: 'disk_full' } }]);
  });

  it('is refused while the workspace is deleted', async () => {
    await server.database.transaction((rows) =>
      rows.update('workspaces', { id: server.workspace.id }, { status: 'deleting' }),
    );
    expect((await write('file', 'x')).status).toBe(409);
  });
});

describe('directories, names and deletion', () => {
  const call = (path: string, method: string, body?: object): Promise<Response> =>
    server.call(`/workspaces/${server.workspace.id}/files/${path}`, {
      method,
      ...(body && { body: JSON.stringify(body) }),
    });

  it('makes, renames and deletes', async () => {
    expect((await call('directory/?path=a/b', 'PUT')).status).toBe(200);
    expect((await call('directory/?path=a/b', 'PUT')).status).toBe(200);
    await write('a/file', 'x');
    const renamed = await call('rename/', 'PUT', { from: 'a/file', to: 'c/d/file' });
    expect([renamed.status, await renamed.json()]).toMatchObject([200, { data: { file: { path: 'c/d/file' } } }]);
    expect(await onDisk('c/d/file')).toBe('x');
    await write('other', 'y');
    const taken = await call('rename/', 'PUT', { from: 'other', to: 'c/d/file' });
    expect([taken.status, await taken.json()]).toMatchObject([409, { error: { code: 'conflict' } }]);
    expect((await call('directory/?path=other', 'PUT')).status).toBe(409);
    expect((await call('?path=c', 'DELETE')).status).toBe(200);
    expect((await call('?path=c', 'DELETE')).status).toBe(404);
    expect((await readdir(server.directory)).sort()).toEqual(['a', 'other']);
  });

  it('refuses unsafe names', async () => {
    await write('file', 'x');
    for (const answer of [
      await call('rename/', 'PUT', { from: 'file', to: '../../file' }),
      await call('rename/', 'PUT', { from: '/file', to: 'b' }),
      await call('directory/?path=../x', 'PUT'),
      await call('?path=..', 'DELETE'),
      await call('?path=.', 'DELETE'),
    ]) {
      expect([answer.status, await answer.json()]).toMatchObject([400, { error: { code: 'invalid_path' } }]);
    }
    expect((await call('rename/', 'PUT', { from: 'file' })).status).toBe(400);
    expect((await call('', 'DELETE')).status).toBe(400);
    expect(await readdir(server.directory)).toEqual(['file']);
  });
});
