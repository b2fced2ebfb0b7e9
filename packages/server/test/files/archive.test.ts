import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, readlink, symlink, truncate, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { AdapterError, type Storage } from '@user-workspaces/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Fixture, openFilesBelow, startFixture, until } from './fixture.js';

const run = promisify(execFile);

let server: Fixture;
beforeEach(async () => {
  server = await startFixture();
});
afterEach(() => server.close());

const archive = (query: string, init?: RequestInit): Promise<Response> =>
  server.call(`/workspaces/${server.workspace.id}/files/archive/${query}`, init);

async function unpack(query: string): Promise<string> {
  const answer = await archive(query);
  expect(answer.status).toBe(200);
  const target = join(server.root, 'unpacked');
  await mkdir(target);
  const file = join(server.root, 'archive');
  await writeFile(file, Buffer.from(await answer.arrayBuffer()));
  if (query.includes('tar.gz')) await run('tar', ['-xzf', file, '-C', target]);
  else
    await run('python3', [
      '-c',
      `import zipfile;z=zipfile.ZipFile('${file}');assert z.testzip() is None;z.extractall('${target}')`,
    ]);
  return target;
}

async function fill(): Promise<void> {
  await mkdir(join(server.directory, 'data/deep'), { recursive: true });
  await mkdir(join(server.directory, 'hollow'));
  await writeFile(join(server.directory, '.hidden'), 'h');
  await writeFile(join(server.directory, 'data/ü.txt'), 'text');
  await writeFile(join(server.directory, 'data/deep/empty'), '');
  await writeFile(join(server.directory, `data/${'long'.repeat(50)}`), 'l'.repeat(300_000));
  await symlink('../data/ü.txt', join(server.directory, 'data/link'));
}

describe('a directory as an archive', () => {
  it.each(['', '?format=tar.gz'])('holds all that is in the workspace (%j)', async (query) => {
    await fill();
    const target = await unpack(query);
    expect((await readdir(target)).sort()).toEqual(['.hidden', 'data', 'hollow']);
    expect(await readFile(join(target, 'data/ü.txt'), 'utf8')).toBe('text');
    expect(await readFile(join(target, 'data/deep/empty'), 'utf8')).toBe('');
    expect((await readFile(join(target, `data/${'long'.repeat(50)}`))).length).toBe(300_000);
    if (query !== '') expect(await readlink(join(target, 'data/link'))).toBe('../data/ü.txt');
  });

  it.each(['zip', 'tar.gz'])('has nothing that would be unpacked through a link of its own (%s)', async (format) => {
    const { directory } = server;
    // In the archive a backslash and the colon of a drive become "_", and the names are those of links.
    await mkdir(join(directory, 'a_b'));
    await writeFile(join(directory, 'a_b/f'), 'through');
    await symlink('/tmp', join(directory, 'a\\b'));
    await symlink('/tmp/file', join(directory, 'C_x'));
    await writeFile(join(directory, 'C:x'), 'through');
    await symlink('/tmp/notice', join(directory, 'NOT-IN-THIS-ARCHIVE.txt'));
    const answer = await archive(`?format=${format}`);
    await writeFile(join(server.root, 'archive'), Buffer.from(await answer.arrayBuffer()));
    const script = `
import sys, tarfile, zipfile
if sys.argv[2] == 'zip': members = [(m.filename, m.external_attr >> 28 == 10) for m in zipfile.ZipFile(sys.argv[1]).infolist()]
else: members = [(m.name, m.issym()) for m in tarfile.open(sys.argv[1])]
seen = set()
for name, is_link in members:
  parts = name.rstrip('/').split('/')
  assert not any('/'.join(parts[:n + 1]) in seen for n in range(len(parts))), name
  if is_link: seen.add(name)
print(sorted(seen), members)`;
    const { stdout } = await run('python3', ['-c', script, join(server.root, 'archive'), format]);
    expect(stdout).toContain("'NOT-IN-THIS-ARCHIVE.txt', 'a_b'");
    expect(stdout).toContain('_NOT-IN-THIS-ARCHIVE.txt');
  });

  it('may be of a part, and is named after it', async () => {
    await fill();
    const answer = await archive('?path=data/deep&format=tar.gz', { method: 'HEAD' });
    expect(answer.headers.get('content-type')).toBe('application/gzip');
    expect(answer.headers.get('content-disposition')).toContain('filename="deep.tar.gz"');
    expect((await archive('', { method: 'HEAD' })).headers.get('content-disposition')).toContain('"First.zip"');
    expect(await readdir(await unpack('?path=data/deep&format=tar.gz'))).toEqual(['empty']);
  });

  it('keeps names from becoming other paths where it is unpacked', async () => {
    await writeFile(join(server.directory, '..\\..\\evil'), 'x');
    await writeFile(join(server.directory, 'C:drive'), 'x');
    expect((await readdir(await unpack('?format=tar.gz'))).sort()).toEqual(['.._.._evil', 'C_drive']);
  });

  it.each([
    ['?path=missing', 404, 'not_found'],
    ['?path=file', 400, 'invalid_path'],
    ['?path=../', 400, 'invalid_path'],
    ['?format=rar', 400, 'invalid_field'],
  ])('refuses %s', async (query, status, code) => {
    await writeFile(join(server.directory, 'file'), 'x');
    const answer = await archive(query);
    expect([answer.status, await answer.json()]).toMatchObject([status, { error: { code } }]);
  });

  /** Replaces what the storage does when a file is read. */
  async function withReading(read: (storage: Storage) => Storage['read']): Promise<void> {
    await server.close();
    server = await startFixture({
      storage: (storage) => {
        storage.read = read({ ...storage, read: storage.read.bind(storage) });
        return storage;
      },
    });
  }

  it.each([
    '?format=tar.gz',
    '?format=zip',
  ])('stays whole when files change while they are read (%s)', async (query) => {
    await withReading((storage) => async (directory, path, ...rest) => {
      const file = await storage.read(directory, path, ...rest);
      if (path === 'shorter') await truncate(join(server.directory, path), 100_000);
      if (path === 'longer') await writeFile(join(server.directory, path), 'n'.repeat(900_000));
      if (path === 'vanished') throw new AdapterError('not_found', 'It is gone.');
      if (path === 'denied') throw new AdapterError('denied', 'It is not yours.');
      return file;
    });
    for (const name of ['shorter', 'longer', 'vanished', 'denied', 'zz-last']) {
      await writeFile(join(server.directory, name), 'o'.repeat(500_000));
    }
    const target = await unpack(query);
    expect((await readdir(target)).sort()).toEqual(['NOT-IN-THIS-ARCHIVE.txt', 'longer', 'shorter', 'zz-last']);
    const shorter = await readFile(join(target, 'shorter'));
    expect(shorter.length).toBe(500_000);
    expect(shorter.subarray(100_000).every((byte) => byte === 0)).toBe(true);
    expect((await readFile(join(target, 'longer'))).length).toBe(500_000);
    expect(await readFile(join(target, 'zz-last'), 'utf8')).toBe('o'.repeat(500_000));
    const notice = await readFile(join(target, 'NOT-IN-THIS-ARCHIVE.txt'), 'utf8');
    expect(notice).toContain('denied: It is not yours.');
    expect(notice).toContain('shorter: became shorter');
    expect(notice).not.toContain('vanished');
  });

  it.each(['?format=tar.gz', '?format=zip'])('breaks off when the storage fails (%s)', async (query) => {
    await withReading((storage) => async (directory, path, ...rest) => {
      if (path === 'b') throw new AdapterError('unavailable', 'The storage is away.');
      return storage.read(directory, path, ...rest);
    });
    for (const name of ['a', 'b']) await writeFile(join(server.directory, name), Buffer.alloc(2_000_000, name));
    const answer = await archive(query);
    await expect(answer.arrayBuffer()).rejects.toThrow();
    await until(async () => (await openFilesBelow(server.directory)).length === 0);
  });

  it.each(['?format=tar.gz', '?format=zip'])('closes everything when the reader goes away (%s)', async (query) => {
    const { randomBytes } = await import('node:crypto');
    for (let index = 0; index < 5; index++)
      await writeFile(join(server.directory, `f${index}`), randomBytes(20_000_000));
    await new Promise<void>((resolve, reject) => {
      const path = `/workspaces/${server.workspace.id}/files/archive/${query}`;
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
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await openFilesBelow(server.directory)).toEqual([]);
  });
});
