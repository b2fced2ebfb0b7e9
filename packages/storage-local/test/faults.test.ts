import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  bytes,
  type Fixture,
  fixture,
  isRoot,
  pathsOf,
  readText,
  refusal,
  staged,
  temporaryDirectory,
} from './fixture.js';

const uploadId = 'e'.repeat(32);
const restores: (() => void)[] = [];
afterEach(() => {
  for (const restore of restores.splice(0)) restore();
});

/** What a process that dies throws here: nothing that comes after reaches the file system. */
class Crash extends Error {}

/** Replaces the calls that change files, both of the module and of open files. */
async function intercept(before: (name: string) => void): Promise<() => void> {
  const probe = await fs.open('/dev/null');
  const handle: Record<string, unknown> = Object.getPrototypeOf(probe);
  await probe.close();
  const targets: [Record<string, unknown>, readonly string[]][] = [
    [
      fs as unknown as Record<string, unknown>,
      ['open', 'mkdir', 'rename', 'link', 'unlink', 'rmdir', 'symlink', 'chown', 'lchown', 'chmod'],
    ],
    [handle, ['write', 'chown', 'chmod', 'sync', 'datasync', 'truncate', 'utimes']],
  ];
  const undo: (() => void)[] = [];
  for (const [target, names] of targets) {
    for (const name of names) {
      const original = target[name];
      if (typeof original !== 'function') throw new Error(`there is no ${name}`);
      target[name] = async function (this: unknown, ...args: unknown[]): Promise<unknown> {
        before(name);
        return Reflect.apply(original, this, args);
      };
      undo.push(() => {
        target[name] = original;
      });
    }
  }
  syncBuiltinESMExports();
  const restore = (): void => {
    for (const one of undo.splice(0)) one();
    syncBuiltinESMExports();
  };
  restores.push(restore);
  return restore;
}

/** Runs work with a crash before its nth change of the file system; false when it had no nth. */
async function crashing(n: number, work: () => Promise<unknown>): Promise<boolean> {
  let calls = 0;
  const restore = await intercept(() => {
    calls += 1;
    if (calls >= n) throw new Crash();
  });
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Crash) && calls < n) throw error;
  } finally {
    restore();
  }
  return calls >= n;
}

describe('a crash before each single step', () => {
  /** Repeats with the crash one step later until there is no such step. */
  async function atEachStep(
    round: (crash: (work: () => Promise<unknown>) => Promise<boolean>, f: Fixture) => Promise<boolean>,
  ): Promise<number> {
    const f = await fixture();
    for (let n = 1; n < 200; n += 1) if (!(await round((work) => crashing(n, work), f))) return n - 1;
    throw new Error('there is no end of steps');
  }

  it('of a write leaves the old file or the new one, and otherwise only staging', async () => {
    const steps = await atEachStep(async (crash, { storage, workspace, root, at }) => {
      await storage.create(workspace);
      await storage.write(workspace, 'a.txt', bytes('old'));
      const isCrashed = await crash(() => storage.write(workspace, 'a.txt', bytes('n', 'ew')));
      expect(['old', 'new']).toContain(await readText(at('a.txt')));
      expect(await pathsOf(storage.walk(workspace, ''))).toEqual(['a.txt']);
      await storage.destroy(workspace);
      expect(await staged(root)).toEqual([]);
      return isCrashed;
    });
    expect(steps).toBeGreaterThan(8);
  });

  it('of a write to a new directory leaves the whole file or none', async () => {
    await atEachStep(async (crash, { storage, workspace, root, at }) => {
      await storage.create(workspace);
      const isCrashed = await crash(() => storage.write(workspace, 'd/a.txt', bytes('new'), { ifMatch: null }));
      const paths = await pathsOf(storage.walk(workspace, ''));
      expect([[], ['d'], ['d', 'd/a.txt']]).toContainEqual(paths);
      if (paths.includes('d/a.txt')) expect(await readText(at('d/a.txt'))).toBe('new');
      await storage.destroy(workspace);
      expect(await staged(root)).toEqual([]);
      return isCrashed;
    });
  });

  it('of the end of an upload leaves something to finish, or a finished file', async () => {
    for (const conditions of [{}, { ifMatch: null }]) {
      await atEachStep(async (crash, { storage, workspace, at }) => {
        await storage.create(workspace);
        await storage.appendUpload(workspace, uploadId, 0, bytes('whole'));
        const isCrashed = await crash(() => storage.finishUpload(workspace, uploadId, 'a.txt', conditions));
        if ((await storage.uploadedBytes(workspace, uploadId)) > 0) {
          await storage.finishUpload(workspace, uploadId, 'a.txt', conditions);
        }
        expect(await readText(at('a.txt'))).toBe('whole');
        await storage.destroy(workspace);
        return isCrashed;
      });
    }
  });

  it.each([
    'create',
    'copy',
    'destroy',
    'abandon',
  ] as const)('of %s is made good by calling it again', async (operation) => {
    await atEachStep(async (crash, { storage, workspace, root, data, other }) => {
      const copy = other();
      const run = async (): Promise<void> => {
        if (operation === 'create') await storage.create(workspace);
        else if (operation === 'copy') await storage.copy(workspace, copy);
        else if (operation === 'destroy') await storage.destroy(workspace);
        else await storage.abandonUpload(workspace, uploadId);
      };
      if (operation === 'create') await storage.destroy(workspace);
      else {
        await storage.create(workspace);
        await storage.write(workspace, 'd/e/a.txt', bytes('content'));
        await storage.link(workspace, 'd/l', data);
        await storage.appendUpload(workspace, uploadId, 0, bytes('x'));
      }
      const isCrashed = await crash(run);
      await run();
      if (operation === 'create') await storage.write(workspace, 'a', bytes('x'));
      if (operation === 'copy') expect(await pathsOf(storage.walk(copy, ''))).toEqual(['d', 'd/e', 'd/e/a.txt', 'd/l']);
      if (operation === 'abandon') expect(await storage.uploadedBytes(workspace, uploadId)).toBe(0);
      if (operation === 'destroy') {
        expect(await refusal(storage.stat(workspace, ''))).toMatchObject({ kind: 'not_found' });
        expect(await staged(root)).toEqual([]);
      }
      await storage.destroy(copy);
      if (operation !== 'create') await storage.destroy(workspace);
      return isCrashed;
    });
  }, 40_000);
});

describe('a full disk', () => {
  it('is said to be one, and leaves the old file', async () => {
    const full = await fullDisk();
    const f = await fixture({ root: full.root });
    try {
      await f.storage.write(f.workspace, 'a.txt', bytes('old'));
      full.fill();
      const much = async function* (): AsyncGenerator<Uint8Array> {
        for (let n = 0; n < 64; n += 1) yield Buffer.alloc(64 * 1024, 1);
      };
      expect(await refusal(f.storage.write(f.workspace, 'a.txt', much()))).toMatchObject({ kind: 'no_space' });
      expect(await readText(f.at('a.txt'))).toBe('old');
      expect(await refusal(f.storage.appendUpload(f.workspace, uploadId, 0, much()))).toMatchObject({
        kind: 'no_space',
      });
      const kept = await f.storage.uploadedBytes(f.workspace, uploadId);
      full.free();
      await f.storage.appendUpload(f.workspace, uploadId, kept, bytes('end'));
      await f.storage.abandonUpload(f.workspace, uploadId);
      expect(await staged(full.root)).toEqual([]);
    } finally {
      full.free();
      full.remove();
    }
  });
});

it.each([
  ['EDQUOT', 'no_space'],
  ['EROFS', 'unavailable'],
  ['EMFILE', 'unavailable'],
  ['EXDEV', 'misconfigured'],
  ['EACCES', 'denied'],
  ['ENAMETOOLONG', 'invalid'],
])('%s when a file is put in place is %s, and leaves the old file', async (code, kind) => {
  const f = await fixture();
  await f.storage.write(f.workspace, 'a.txt', bytes('old'));
  const restore = await intercept((name) => {
    if (name === 'rename') throw Object.assign(new Error(`${code}: made up`), { code, syscall: 'rename' });
  });
  const error = await refusal(f.storage.write(f.workspace, 'a.txt', bytes('new')));
  restore();
  expect(error).toMatchObject({ kind, details: { errno: code } });
  expect(error.message).not.toContain(f.base);
  expect(await readText(f.at('a.txt'))).toBe('old');
  expect(await staged(f.root)).toEqual([]);
});

/** A small file system of its own where that may be mounted; elsewhere writes are made to fail as on a full one. */
async function fullDisk(): Promise<{ root: string; fill(): void; free(): void; remove(): void }> {
  const base = await temporaryDirectory();
  const root = join(base, 'disk');
  await fs.mkdir(root, { mode: 0o711 });
  if (isRoot) {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=0711', 'uws-test', root], { stdio: 'pipe' });
      const free = (): void => void execFileSync('mount', ['-o', 'remount,size=8m', root]);
      return { root, fill: () => undefined, free, remove: () => execFileSync('umount', [root]) };
    } catch {
      // A container may forbid mounts, also to root.
    }
  }
  let isFull = false;
  await intercept((name) => {
    if (isFull && name === 'write') throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', syscall: 'write' });
  });
  return {
    root,
    fill: () => {
      isFull = true;
    },
    free: () => {
      isFull = false;
    },
    remove: () => undefined,
  };
}
