import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clientTokenOf } from '../src/data-directory/client-token.js';
import { prepareDataDirectory } from '../src/data-directory/layout.js';
import { acquireLock } from '../src/data-directory/lock.js';
import { checkStorageReach } from '../src/data-directory/reach.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'uws-cli-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function mode(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777;
}

const isRoot = process.getuid?.() === 0;

describe('the data directory', () => {
  it('is made, or opened for passing through, where jobs run under other accounts', async () => {
    const { root, server, launches } = await prepareDataDirectory(directory, true);
    expect(await mode(root)).toBe(0o711);
    expect(await mode(server)).toBe(0o700);
    expect(await mode(launches)).toBe(0o711);
  });

  it('is for the server alone where jobs run under its own account', async () => {
    await chmod(directory, 0o755);
    const { root, launches } = await prepareDataDirectory(directory, false);
    expect(await mode(root)).toBe(0o700);
    expect(await mode(launches)).toBe(0o700);
  });

  it('is refused below a directory that jobs cannot pass through', async () => {
    const data = join(directory, 'data');
    await expect(prepareDataDirectory(data, true)).rejects.toThrow(
      `data_dir (UWS_DATA_DIR) is "${data}", but jobs run under accounts of their own, which cannot pass through ${directory}. It must be below directories that everybody may enter: choose another place, such as /var/lib/user-workspaces, or allow it with: chmod o+x ${directory}`,
    );
    await chmod(directory, 0o711);
    await prepareDataDirectory(data, true);
    await chmod(directory, 0o700);
    await prepareDataDirectory(data, false);
  });

  it('is refused when it is a file', async () => {
    await writeFile(join(directory, 'file'), '');
    await expect(prepareDataDirectory(join(directory, 'file'), false)).rejects.toThrow('set UWS_DATA_DIR');
  });

  it.runIf(isRoot)('is refused when it belongs to somebody else (as root)', async () => {
    await chown(directory, 12_345, 12_345);
    await expect(prepareDataDirectory(directory, false)).rejects.toThrow(
      `data_dir is "${directory}", which belongs to uid 12345`,
    );
  });
});

describe('the root of a storage', () => {
  it('is opened for passing through only when it is empty', async () => {
    await checkStorageReach(directory, 'available_storage.s.root_dir');
    expect(await mode(directory)).toBe(0o711);
    await chmod(directory, 0o700);
    await writeFile(join(directory, 'something'), '');
    await expect(checkStorageReach(directory, 'available_storage.s.root_dir')).rejects.toThrow(
      `available_storage.s.root_dir is "${directory}", but jobs run under accounts of their own, which cannot pass through ${directory}.`,
    );
  });

  it('may be missing still', async () => {
    await expect(checkStorageReach(join(directory, 'a/b'), 'key')).rejects.toThrow(directory);
    await chmod(directory, 0o711);
    await checkStorageReach(join(directory, 'a/b'), 'key');
  });
});

describe('the lock', () => {
  it('admits one server', async () => {
    const lock = await acquireLock(directory, '/data');
    await expect(acquireLock(directory, '/data')).rejects.toThrow(
      `Another server (process ${process.pid}) uses the data directory /data. Stop it first, or set UWS_DATA_DIR to another directory.`,
    );
    await lock.release();
    await (await acquireLock(directory, '/data')).release();
    expect(await readdir(directory)).toEqual([]);
  });

  it('ignores and removes the claim of a process that ended, or whose number another one has', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    await writeFile(join(directory, `${child.pid}.${'0'.repeat(32)}.${'0'.repeat(12)}`), '');
    await writeFile(join(directory, `${process.pid}.${'0'.repeat(32)}.${'0'.repeat(12)}`), '');
    const lock = await acquireLock(directory, '/data');
    expect(await readdir(directory)).toHaveLength(1);
    await lock.release();
  });

  it('goes to one of many that start at once', async () => {
    await writeFile(join(directory, `${process.pid}.${'0'.repeat(32)}.${'0'.repeat(12)}`), '');
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => acquireLock(directory, '/data')));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await readdir(directory)).toHaveLength(1);
  });

  it('is not refused because of one that starts as well and is slow', async () => {
    const lock = await acquireLock(directory, '/data');
    const [name = ''] = await readdir(directory);
    await lock.release();
    const slow = join(directory, name.replace(/[^.]+$/, 'f'.repeat(12)));
    await writeFile(slow, '');
    await utimes(slow, 0, 0);
    const acquired = acquireLock(directory, '/data');
    await delay(200);
    await rm(slow);
    await (await acquired).release();
  });
});

describe('the client token', () => {
  it('is made once and kept for its owner alone', async () => {
    const file = join(directory, 'client-token');
    const made = await clientTokenOf(undefined, file);
    expect(made).toMatchObject({ origin: 'made', value: expect.stringMatching(/^[\w-]{43}$/) });
    expect(await mode(file)).toBe(0o600);
    expect(await clientTokenOf(undefined, file)).toEqual({ origin: 'kept', value: made.value });
    expect(await readdir(directory)).toEqual(['client-token']);
  });

  it('is the configured one, which is not written down', async () => {
    const file = join(directory, 'client-token');
    expect(await clientTokenOf('c0ffee', file)).toEqual({ origin: 'configured', value: 'c0ffee' });
    expect(await readdir(directory)).toEqual([]);
  });

  it('is not guessed from a damaged file', async () => {
    const file = join(directory, 'client-token');
    await writeFile(file, '');
    await expect(clientTokenOf(undefined, file)).rejects.toThrow(file);
    await rm(file);
    await mkdir(file);
    await expect(clientTokenOf(undefined, file)).rejects.toThrow('EISDIR');
  });
});
