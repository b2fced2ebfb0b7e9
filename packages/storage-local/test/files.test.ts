import { execFileSync } from 'node:child_process';
import { chmod, chown, link, lstat, mkdir, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createLocalStorage } from '../src/index.js';
import {
  breaking,
  bytes,
  collect,
  type Fixture,
  fixture,
  gid,
  isRoot,
  openFiles,
  ownership,
  pathsOf,
  readText,
  refusal,
  setups,
  staged,
  textOf,
  uid,
} from './fixture.js';

describe.each(setups)('files with ownership $ownership and $confinement', (setup) => {
  let f: Fixture;
  beforeAll(async () => {
    f = await fixture(setup);
  });

  it('writes a file with its parents and reads it back', async () => {
    const entry = await f.storage.write(f.workspace, 'deep/er/a.txt', bytes('hel', 'lo'));
    expect(entry).toMatchObject({ path: 'deep/er/a.txt', kind: 'file', sizeBytes: 5 });
    expect(await f.storage.stat(f.workspace, 'deep/er/a.txt')).toEqual(entry);
    const opened = await f.storage.read(f.workspace, 'deep/er/a.txt');
    expect(opened.entry).toEqual(entry);
    expect(await textOf(opened.content)).toBe('hello');
    expect(await staged(f.root)).toEqual([]);
  });

  it('gives what it makes the right owner and mode', async () => {
    await f.storage.write(f.workspace, 'own/a.txt', bytes('x'));
    const [expectedUid, expectedGid] =
      setup.ownership === 'chown' ? [uid, gid] : [process.geteuid?.(), process.getegid?.()];
    for (const [path, mode] of [
      ['', 0o700],
      ['own', 0o755],
      ['own/a.txt', 0o644],
    ] as const) {
      const stats = await stat(f.at(path));
      expect([path, stats.uid, stats.gid, stats.mode & 0o7777]).toEqual([path, expectedUid, expectedGid, mode]);
    }
    for (const above of [f.root, join(f.root, 'alice')]) {
      const stats = await stat(above);
      expect([stats.uid, stats.mode & 0o7777]).toEqual([
        process.geteuid?.(),
        setup.ownership === 'chown' ? 0o711 : 0o700,
      ]);
    }
    expect((await stat(join(f.root, '.staging'))).mode & 0o7777).toBe(0o700);
  });

  it('keeps the mode of the file it replaces, but no set-id bit', async () => {
    await f.storage.write(f.workspace, 'run.sh', bytes('old'));
    await chmod(f.at('run.sh'), 0o4750);
    await f.storage.write(f.workspace, 'run.sh', bytes('new'));
    expect((await stat(f.at('run.sh'))).mode & 0o7777).toBe(0o750);
  });

  it('leaves the old file when the source breaks or the signal comes', async () => {
    await f.storage.write(f.workspace, 'kept.txt', bytes('old'));
    await expect(f.storage.write(f.workspace, 'kept.txt', breaking('new'))).rejects.toThrow('connection lost');
    const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) };
    const signal = AbortSignal.timeout(30);
    await expect(f.storage.write(f.workspace, 'kept.txt', silent, {}, signal)).rejects.toBe(await aborted(signal));
    expect(await readText(f.at('kept.txt'))).toBe('old');
    expect(await staged(f.root)).toEqual([]);
  });

  it('passes on an error of the source even if it looks like one of the file system', async () => {
    const error = Object.assign(new Error('read ECONNRESET'), { code: 'ENOSPC', syscall: 'read' });
    const source = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('x');
      throw error;
    };
    await expect(f.storage.write(f.workspace, 'never.txt', source())).rejects.toBe(error);
  });

  it('replaces on condition only', async () => {
    const first = await f.storage.write(f.workspace, 'c.txt', bytes('1'), { ifMatch: null });
    expect(await refusal(f.storage.write(f.workspace, 'c.txt', bytes('2'), { ifMatch: null }))).toMatchObject({
      kind: 'conflict',
    });
    const second = await f.storage.write(f.workspace, 'c.txt', bytes('2'), { ifMatch: first.etag });
    expect(second.etag).not.toBe(first.etag);
    expect(await refusal(f.storage.write(f.workspace, 'c.txt', bytes('3'), { ifMatch: first.etag }))).toMatchObject({
      kind: 'conflict',
    });
    expect(await refusal(f.storage.write(f.workspace, 'no.txt', bytes('3'), { ifMatch: first.etag }))).toMatchObject({
      kind: 'conflict',
    });
    expect(await readText(f.at('c.txt'))).toBe('2');
  });

  it('lets one of many writers with the same condition win', async () => {
    const { etag } = await f.storage.write(f.workspace, 'w.txt', bytes('0'));
    for (const ifMatch of [etag, null]) {
      const path = ifMatch === null ? 'w-new.txt' : 'w.txt';
      const writers = Array.from({ length: 8 }, (_, n) =>
        f.storage.write(f.workspace, path, bytes(`${n}`), { ifMatch }),
      );
      const results = await Promise.allSettled(writers);
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    }
    expect(await staged(f.root)).toEqual([]);
  });

  it('changes the etag when content changes in place with the same size and time', async () => {
    const before = await f.storage.write(f.workspace, 'e.txt', bytes('aa'));
    const { atime, mtime } = await stat(f.at('e.txt'));
    await writeFile(f.at('e.txt'), 'bb');
    await utimes(f.at('e.txt'), atime, mtime);
    expect((await f.storage.stat(f.workspace, 'e.txt')).etag).not.toBe(before.etag);
  });

  it('reads ranges, and refuses those outside of the file', async () => {
    await f.storage.write(f.workspace, 'r.txt', bytes('0123456789'));
    const range = async (start: number, end: number): Promise<string> =>
      textOf((await f.storage.read(f.workspace, 'r.txt', { start, end })).content);
    expect(await range(0, 0)).toBe('0');
    expect(await range(3, 9)).toBe('3456789');
    for (const [start, end] of [
      [3, 10],
      [10, 10],
      [5, 4],
      [-1, 3],
      [0, Number.NaN],
    ] as const) {
      expect(await refusal(range(start, end))).toMatchObject({ kind: 'invalid', field: 'range' });
    }
    await f.storage.write(f.workspace, 'empty.txt', bytes());
    expect(await textOf((await f.storage.read(f.workspace, 'empty.txt')).content)).toBe('');
  });

  it('refuses every hostile path before it touches anything', async () => {
    const hostile = [
      '/etc/passwd',
      '..',
      '../x',
      'a/../b',
      'a/./b',
      '.',
      'a//b',
      'a/',
      '/',
      'a\0b',
      'x'.repeat(256),
      '\ud800',
    ];
    const { storage, workspace } = f;
    for (const path of hostile) {
      const calls = [
        storage.stat(workspace, path),
        storage.read(workspace, path),
        storage.write(workspace, path, bytes('x')),
        storage.finishUpload(workspace, '0'.repeat(32), path),
        storage.makeDirectory(workspace, path),
        storage.link(workspace, path, f.data),
        storage.rename(workspace, path, 'x'),
        storage.rename(workspace, 'x', path),
        storage.remove(workspace, path),
        collect(storage.list(workspace, path)),
        collect(storage.walk(workspace, path)),
      ];
      for (const error of await Promise.all(calls.map(refusal)))
        expect(error).toMatchObject({ kind: 'invalid', field: 'path' });
    }
    const whole = [storage.read(workspace, ''), storage.write(workspace, '', bytes('')), storage.remove(workspace, '')];
    for (const error of await Promise.all(whole.map(refusal))) {
      expect(error).toMatchObject({ kind: 'invalid', field: 'path' });
    }
  });

  it('never goes through a link', async () => {
    const { storage, workspace } = f;
    await mkdir(join(f.base, 'outside'), { recursive: true });
    await writeFile(join(f.base, 'outside/secret'), 'secret');
    await symlink(join(f.base, 'outside'), f.at('out'));
    await symlink(join(f.base, 'outside/secret'), f.at('out.txt'));
    const calls = [
      storage.stat(workspace, 'out/secret'),
      storage.read(workspace, 'out/secret'),
      storage.read(workspace, 'out.txt'),
      storage.write(workspace, 'out/new', bytes('x')),
      storage.write(workspace, 'out.txt', bytes('x')),
      storage.makeDirectory(workspace, 'out/d'),
      storage.makeDirectory(workspace, 'out'),
      storage.link(workspace, 'out/l', f.data),
      storage.rename(workspace, 'out/secret', 'mine'),
      storage.rename(workspace, 'deep', 'out/deep'),
      storage.remove(workspace, 'out/secret'),
      collect(storage.list(workspace, 'out')),
      collect(storage.walk(workspace, 'out')),
    ];
    for (const error of await Promise.all(calls.map(refusal))) expect(error).toMatchObject({ kind: 'denied' });
    expect(await storage.stat(workspace, 'out')).toMatchObject({
      kind: 'symlink',
      target: join(f.base, 'outside'),
      sizeBytes: 0,
    });
    await storage.remove(workspace, 'out');
    await storage.remove(workspace, 'out.txt');
    expect(await readText(join(f.base, 'outside/secret'))).toBe('secret');
  });

  it('says what is in the way', async () => {
    const { storage, workspace } = f;
    await storage.write(workspace, 'file', bytes('x'));
    await storage.makeDirectory(workspace, 'dir');
    expect(await refusal(storage.write(workspace, 'dir', bytes('x')))).toMatchObject({ kind: 'conflict' });
    expect(await refusal(storage.write(workspace, 'file/x', bytes('x')))).toMatchObject({ kind: 'conflict' });
    expect(await refusal(storage.makeDirectory(workspace, 'file'))).toMatchObject({ kind: 'conflict' });
    expect(await refusal(storage.read(workspace, 'dir'))).toMatchObject({ kind: 'invalid' });
    expect(await refusal(storage.stat(workspace, 'file/x'))).toMatchObject({ kind: 'not_found' });
    expect(await refusal(storage.read(workspace, 'nothing'))).toMatchObject({ kind: 'not_found' });
    expect(await refusal(collect(storage.list(workspace, 'file')))).toMatchObject({ kind: 'invalid' });
    expect(await refusal(storage.remove(workspace, 'nothing'))).toMatchObject({ kind: 'not_found' });
    expect(await storage.makeDirectory(workspace, 'dir')).toMatchObject({ kind: 'directory', path: 'dir' });
  });

  it('renames without replacing anything', async () => {
    const { storage, workspace } = f;
    await storage.write(workspace, 'n/a', bytes('a'));
    await storage.write(workspace, 'n/b', bytes('b'));
    expect(await storage.rename(workspace, 'n/a', 'm/k/c')).toMatchObject({ path: 'm/k/c', kind: 'file' });
    expect(await refusal(storage.rename(workspace, 'n/a', 'x'))).toMatchObject({ kind: 'not_found' });
    expect(await refusal(storage.rename(workspace, 'm/k/c', 'n/b'))).toMatchObject({ kind: 'conflict' });
    expect(await refusal(storage.rename(workspace, 'n/b', 'n/b'))).toMatchObject({ kind: 'conflict' });
    expect(await refusal(storage.rename(workspace, 'm', 'm/k/m'))).toMatchObject({ kind: 'invalid' });
    await storage.makeDirectory(workspace, 'emptydir');
    expect(await refusal(storage.rename(workspace, 'm', 'emptydir'))).toMatchObject({ kind: 'conflict' });
    expect(await storage.rename(workspace, 'm', 'moved')).toMatchObject({ kind: 'directory' });
    await symlink('nowhere', f.at('dangling'));
    expect(await storage.rename(workspace, 'dangling', 'd2')).toMatchObject({ kind: 'symlink', target: 'nowhere' });
    expect([await readText(f.at('moved/k/c')), await readText(f.at('n/b'))]).toEqual(['a', 'b']);
  });

  it('lists and walks, parents first, and leaves out names that are not UTF-8', async () => {
    const { storage, workspace } = f;
    await storage.write(workspace, 'tree/x/1', bytes('1'));
    await storage.write(workspace, 'tree/ü', bytes('22'));
    await writeFile(Buffer.concat([Buffer.from(`${f.at('tree')}/`), Buffer.from([0xff, 0x41])]), 'odd');
    await mkdir(Buffer.concat([Buffer.from(`${f.at('tree')}/`), Buffer.from([0xfe])]));
    expect(await pathsOf(storage.list(workspace, 'tree'))).toEqual(['tree/x', 'tree/ü']);
    expect((await collect(storage.walk(workspace, 'tree'))).map(({ path }) => path).indexOf('tree/x')).toBeLessThan(2);
    expect(await pathsOf(storage.walk(workspace, 'tree'))).toEqual(['tree/x', 'tree/x/1', 'tree/ü']);
    expect(await pathsOf(storage.list(workspace, ''))).toContain('tree');
    await storage.remove(workspace, 'tree');
    expect(await refusal(storage.stat(workspace, 'tree'))).toMatchObject({ kind: 'not_found' });
  });

  it('refuses FIFOs without waiting for them', async () => {
    execFileSync('mkfifo', [f.at('fifo')]);
    expect(await refusal(f.storage.read(f.workspace, 'fifo'))).toMatchObject({ kind: 'invalid' });
    expect(await refusal(f.storage.write(f.workspace, 'fifo', bytes('x')))).toMatchObject({ kind: 'conflict' });
    expect(await f.storage.stat(f.workspace, 'fifo')).toMatchObject({ kind: 'other', sizeBytes: 0 });
    await f.storage.remove(f.workspace, 'fifo');
  });

  it('closes a file that is read, cancelled, aborted, or never read', async () => {
    await f.storage.write(f.workspace, 'long.bin', bytes(Buffer.alloc(600_000, 1)));
    const before = await openFiles();
    await textOf((await f.storage.read(f.workspace, 'long.bin')).content);
    for await (const chunk of (await f.storage.read(f.workspace, 'long.bin')).content) {
      expect(chunk.byteLength).toBe(128 * 1024);
      break;
    }
    await (await f.storage.read(f.workspace, 'long.bin')).content[Symbol.asyncIterator]().return?.();
    const abort = new AbortController();
    const { content } = await f.storage.read(f.workspace, 'long.bin', undefined, abort.signal);
    const iterator = content[Symbol.asyncIterator]();
    await iterator.next();
    abort.abort(new Error('enough'));
    await expect(iterator.next()).rejects.toThrow('enough');
    expect(await openFiles()).toBe(before);
  });

  it('says so when a file becomes shorter while it is read', async () => {
    await f.storage.write(f.workspace, 'shrink.bin', bytes(Buffer.alloc(600_000, 1)));
    const { content } = await f.storage.read(f.workspace, 'shrink.bin');
    const iterator = content[Symbol.asyncIterator]();
    await iterator.next();
    await truncate(f.at('shrink.bin'), 10);
    expect(await refusal(iterator.next())).toMatchObject({ kind: 'conflict' });
  });

  it('leaves no handle open after any of this', async () => {
    const before = await openFiles();
    await collect(f.storage.walk(f.workspace, ''));
    for await (const _ of f.storage.walk(f.workspace, '')) break;
    await refusal(f.storage.stat(f.workspace, 'file/x/y'));
    await f.storage.write(f.workspace, 'p/q/r', bytes('x'));
    expect(await openFiles()).toBe(before);
  });
});

it('writes and reads 256 MiB in constant memory', async () => {
  const f = await fixture();
  const chunk = Buffer.alloc(1024 * 1024, 7);
  let peak = 0;
  const before = process.memoryUsage().rss;
  const source = async function* (): AsyncGenerator<Uint8Array> {
    for (let n = 0; n < 256; n += 1) {
      peak = Math.max(peak, process.memoryUsage().rss);
      yield chunk;
    }
  };
  const entry = await f.storage.write(f.workspace, 'big.bin', source());
  expect(entry.sizeBytes).toBe(256 * 1024 * 1024);
  let read = 0;
  for await (const part of (await f.storage.read(f.workspace, 'big.bin')).content) {
    read += part.byteLength;
    peak = Math.max(peak, process.memoryUsage().rss);
  }
  expect(read).toBe(entry.sizeBytes);
  expect(peak - before).toBeLessThan(128 * 1024 * 1024);
});

it('lets one of several servers make a file that must not exist', async () => {
  const f = await fixture();
  const options = { name: 'other', rootDirectory: f.root, allowedLinkRoots: [], ownership };
  const servers = [f.storage, await createLocalStorage(options), await createLocalStorage(options)];
  for (let round = 0; round < 50; round += 1) {
    const writes = servers.map((server, n) =>
      server.write(f.workspace, `new${round}`, bytes(`${n}`), { ifMatch: null }).then(() => `${n}`),
    );
    const winners = (await Promise.allSettled(writes)).flatMap((result) =>
      result.status === 'fulfilled' ? [result.value] : [],
    );
    expect(winners).toEqual([await readText(f.at(`new${round}`))]);
  }
});

it('does not read a foreign file that got into a workspace by a hard link, where files have owners', async () => {
  const f = await fixture();
  await writeFile(join(f.base, 'foreign'), 'private', { mode: 0o600 });
  await link(join(f.base, 'foreign'), f.at('mine'));
  if (!isRoot) {
    // Without root the server reads only what its own account may.
    expect(await textOf((await f.storage.read(f.workspace, 'mine')).content)).toBe('private');
    return;
  }
  expect(await refusal(f.storage.read(f.workspace, 'mine'))).toMatchObject({ kind: 'denied' });
  await f.storage.create(f.other());
  await f.storage.copy(f.workspace, f.other());
  expect(await pathsOf(f.storage.list(f.other(), ''))).toEqual([]);
  await chown(f.at('mine'), uid, gid);
  expect(await textOf((await f.storage.read(f.workspace, 'mine')).content)).toBe('private');
  expect((await lstat(join(f.base, 'foreign'))).uid).toBe(uid);
});

async function aborted(signal: AbortSignal): Promise<unknown> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  return signal.reason;
}
