import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fixture, openFilesBelow, startFixture, until } from './fixture.js';

let server: Fixture;
const content = 'abcdefghijklmnopqrstuvwxyz';

beforeAll(async () => {
  server = await startFixture();
  await writeFile(join(server.directory, 'letters.txt'), content);
  await writeFile(join(server.directory, 'empty'), '');
  await mkdir(join(server.directory, 'folder'));
  await symlink('letters.txt', join(server.directory, 'link'));
});
afterAll(() => server.close());

const read = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> =>
  server.call(`/workspaces/${server.workspace.id}/files/content/?path=${encodeURIComponent(path)}`, {
    headers,
    method,
  });

describe('reading a file', () => {
  it('gives all of it, as something that no browser shows', async () => {
    const answer = await read('letters.txt');
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe(content);
    const { headers } = answer;
    expect(headers.get('content-length')).toBe('26');
    expect(headers.get('content-type')).toBe('application/octet-stream');
    expect(headers.get('content-disposition')).toBe(
      'attachment; filename="letters.txt"; filename*=UTF-8\'\'letters.txt',
    );
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain('sandbox');
    expect(headers.get('cache-control')).toBe('private, no-cache');
    expect(headers.get('accept-ranges')).toBe('bytes');
    expect(headers.get('etag')).toMatch(/^"[^"]+"$/);
    expect(new Date(headers.get('last-modified') ?? '').getTime()).toBeGreaterThan(Date.now() - 60_000);
  });

  it('names the file in full, but for what no screen shows', async () => {
    await writeFile(join(server.directory, `ä "q"\n'%.txt`), 'x');
    const answer = await read(`ä "q"\n'%.txt`);
    expect(answer.headers.get('content-disposition')).toBe(
      `attachment; filename="_ _q__'_.txt"; filename*=UTF-8''%C3%A4%20%22q%22_%27%25.txt`,
    );
    await writeFile(join(server.directory, 'a\u202etxt.exe'), 'x');
    expect((await read('a\u202etxt.exe')).headers.get('content-disposition')).toBe(
      `attachment; filename="a_txt.exe"; filename*=UTF-8''a_txt.exe`,
    );
  });

  it.each([
    ['bytes=0-0', 'a', 'bytes 0-0/26'],
    ['bytes=2-4', 'cde', 'bytes 2-4/26'],
    ['bytes=23-', 'xyz', 'bytes 23-25/26'],
    ['bytes=23-1000', 'xyz', 'bytes 23-25/26'],
    ['bytes=-2', 'yz', 'bytes 24-25/26'],
    ['bytes=-1000', content, 'bytes 0-25/26'],
    ['BYTES= 0-1 ', 'ab', 'bytes 0-1/26'],
  ])('gives the part %s', async (range, part, contentRange) => {
    const answer = await read('letters.txt', { Range: range });
    expect(answer.status).toBe(206);
    expect(answer.headers.get('content-range')).toBe(contentRange);
    expect(answer.headers.get('content-length')).toBe(String(part.length));
    expect(await answer.text()).toBe(part);
  });

  it.each([
    'bytes=',
    'bytes=-',
    'bytes=4-2',
    'lines=1-2',
    'bytes=0-1,4-5',
    'bytes=a-b',
    'bytes=0x1-2',
  ])('takes %s for no range', async (range) => {
    const answer = await read('letters.txt', { Range: range });
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe(content);
  });

  it.each([
    ['letters.txt', 'bytes=26-', 26],
    ['letters.txt', 'bytes=-0', 26],
    ['letters.txt', 'bytes=9999999999999999-', 26],
    ['empty', 'bytes=0-', 0],
    ['empty', 'bytes=-5', 0],
  ])('refuses for %s the part %s', async (path, range, size) => {
    const answer = await read(path, { Range: range });
    expect(answer.status).toBe(416);
    expect(answer.headers.get('content-range')).toBe(`bytes */${size}`);
    expect(await answer.json()).toMatchObject({ error: { code: 'range_not_satisfiable' } });
  });

  it('answers HEAD with the headers alone, without parts', async () => {
    const answer = await read('letters.txt', { Range: 'bytes=0-1' }, 'HEAD');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-length')).toBe('26');
    expect(await answer.text()).toBe('');
  });

  it('honours If-None-Match, If-Match and If-Range', async () => {
    const etag = (await read('letters.txt')).headers.get('etag') ?? '';
    for (const value of [etag, `W/${etag}`, `"other", ${etag}`, '*', etag.replaceAll('"', '')]) {
      const answer = await read('letters.txt', { 'If-None-Match': value });
      expect([value, answer.status]).toEqual([value, 304]);
      expect(answer.headers.get('etag')).toBe(etag);
      expect(answer.headers.get('content-length')).toBeNull();
    }
    expect((await read('letters.txt', { 'If-None-Match': '"other"' })).status).toBe(200);
    expect((await read('letters.txt', { 'If-Match': etag })).status).toBe(200);
    expect((await read('letters.txt', { 'If-Match': '*' })).status).toBe(200);
    for (const value of ['"other"', `W/${etag}`]) {
      const answer = await read('letters.txt', { 'If-Match': value });
      expect([answer.status, await answer.json()]).toMatchObject([412, { error: { code: 'precondition_failed' } }]);
    }
    expect((await read('letters.txt', { 'If-Match': '"unfinished' })).status).toBe(400);
    const part = (ifRange: string): Promise<Response> =>
      read('letters.txt', { Range: 'bytes=0-1', 'If-Range': ifRange });
    expect((await part(etag)).status).toBe(206);
    expect((await part('"other"')).status).toBe(200);
    expect((await part(`W/${etag}`)).status).toBe(200);
    const modified = (await read('letters.txt')).headers.get('last-modified') ?? '';
    expect((await part(modified)).status).toBe(206);
    expect((await part('Thu, 01 Jan 1970 00:00:00 GMT')).status).toBe(200);
  });

  it.each([
    ['folder', 400, 'invalid_path'],
    ['link', 400, 'invalid_path'],
    ['link/x', 400, 'invalid_path'],
    ['missing', 404, 'not_found'],
    ['letters.txt/x', 404, 'not_found'],
    ['/etc/passwd', 400, 'invalid_path'],
    ['../../server.db', 400, 'invalid_path'],
    ['folder/../letters.txt', 400, 'invalid_path'],
    ['a\0b', 400, 'invalid_path'],
  ])('refuses %j', async (path, status, code) => {
    const answer = await read(path);
    expect([answer.status, await answer.json()]).toMatchObject([status, { success: false, error: { code } }]);
  });

  it('is closed to others', async () => {
    const bob = await server.addUser('bob');
    const answer = await read('letters.txt', { Authorization: `Token ${bob.token}` });
    expect(answer.status).toBe(404);
  });

  it('gives one version, whatever happens between looking and reading', async () => {
    await writeFile(join(server.directory, 'changing'), 'first version');
    const { storage } = server;
    const { stat } = storage;
    storage.stat = async (...parameters) => {
      const entry = await stat.apply(storage, parameters);
      storage.stat = stat;
      await writeFile(join(server.directory, 'changing'), 'second');
      return entry;
    };
    const answer = await read('changing', { Range: 'bytes=7-12' });
    expect(answer.status).toBe(416);
    storage.stat = async (...parameters) => {
      const entry = await stat.apply(storage, parameters);
      storage.stat = stat;
      await writeFile(join(server.directory, 'changing'), 'third one');
      return entry;
    };
    const whole = await read('changing');
    expect(whole.headers.get('content-length')).toBe('9');
    expect(await whole.text()).toBe('third one');
    expect(whole.headers.get('etag')).toBe((await read('changing')).headers.get('etag'));
    expect(await openFilesBelow(server.directory)).toEqual([]);
  });

  it('closes the file when the reader goes away', async () => {
    await writeFile(join(server.directory, 'big'), Buffer.alloc(20_000_000));
    const path = `/workspaces/${server.workspace.id}/files/content/?path=big`;
    await new Promise<void>((resolve, reject) => {
      request({ port: server.port, path, headers: { Authorization: `Token ${server.token}` } }, (answer) => {
        answer.once('data', () => {
          answer.destroy();
          resolve();
        });
      })
        .on('error', reject)
        .end();
    });
    await until(async () => (await openFilesBelow(server.directory)).length === 0);
  });
});
