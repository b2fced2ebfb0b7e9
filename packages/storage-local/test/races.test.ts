import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { lstat, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AdapterError, type Storage, type WorkspaceDirectory } from '@user-workspaces/contract';
import { describe, expect, it, vi } from 'vitest';
import { bytes, collect, fixture, isRoot, openFiles, textOf, uid } from './fixture.js';

/** More with `UWS_LONG=1`. */
const rounds = process.env.UWS_LONG === '1' ? 1_000 : 100;

/** Swaps a name between what it is and a link to a place outside, as fast as it can, until it is killed. */
const swapper = `
  const fs = require('node:fs');
  const [name, outside] = process.argv.slice(1);
  console.log('on');
  const quietly = (call) => { try { call(); } catch {} };
  for (;;) {
    quietly(() => fs.renameSync(name, name + '.aside'));
    quietly(() => fs.symlinkSync(outside, name));
    for (const end = process.hrtime.bigint() + 60000n; process.hrtime.bigint() < end; );
    quietly(() => { if (fs.lstatSync(name).isSymbolicLink()) fs.unlinkSync(name); });
    quietly(() => fs.renameSync(name + '.aside', name));
    for (const end = process.hrtime.bigint() + 60000n; process.hrtime.bigint() < end; );
  }`;

async function whileSwapping(name: string, outside: string, work: () => Promise<void>): Promise<void> {
  const child: ChildProcess = spawn(process.execPath, ['-e', swapper, name, outside], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    if (child.stdout) await once(child.stdout, 'data');
    await work();
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
}

/** Everything about a directory that a mistake could change. */
async function snapshot(directory: string): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const name of (await readdir(directory, { recursive: true })).sort()) {
    const path = join(directory, name);
    const stats = await lstat(path);
    found.push([name, stats.uid, stats.gid, stats.mode, stats.mtimeMs, stats.ctimeMs, stats.ino]);
    if (stats.isFile()) found.push(await readFile(path, 'utf8'));
  }
  const own = await lstat(directory);
  return [...found, own.uid, own.mode, own.mtimeMs, own.ctimeMs];
}

type Operation = (storage: Storage, workspace: WorkspaceDirectory, round: number) => Promise<unknown>;

const operations: Readonly<Record<string, Operation>> = {
  write: (storage, workspace, round) => storage.write(workspace, 'd/f', bytes(`mine ${round}`)),
  'write a new file': (storage, workspace, round) =>
    storage.write(workspace, `d/s/n${round}`, bytes('mine'), { ifMatch: null }),
  read: async (storage, workspace) => {
    expect(await textOf((await storage.read(workspace, 'd/f')).content)).not.toContain('OUTSIDE');
  },
  stat: async (storage, workspace) =>
    expect((await storage.stat(workspace, 'd/f')).sizeBytes).not.toBe(outsideText.length),
  list: async (storage, workspace) => {
    for (const { path } of await collect(storage.list(workspace, 'd'))) expect(path).not.toContain('OUTSIDE');
  },
  walk: async (storage, workspace) => {
    for (const { path } of await collect(storage.walk(workspace, ''))) expect(path).not.toContain('OUTSIDE');
  },
  survey: async (storage, workspace) => {
    for (const path of (await storage.survey(workspace)).files) expect(path).not.toContain('OUTSIDE');
  },
  'make directories': (storage, workspace, round) => storage.makeDirectory(workspace, `d/s/m${round}/x`),
  remove: async (storage, workspace, round) => {
    await storage.write(workspace, 'd/s/f', bytes('x'));
    await storage.remove(workspace, round % 2 ? 'd/f' : 'd/s');
  },
  rename: async (storage, workspace, round) => {
    await storage.write(workspace, 'd/from', bytes('x'));
    await storage.rename(workspace, 'd/from', `d/to${round}`);
  },
  'create again': (storage, workspace) => storage.create(workspace),
};
const outsideText = 'the OUTSIDE file, which nobody may read or change';

describe.each([
  ['a directory', 'd'],
  ['a file', 'd/f'],
  ['a directory further down', 'd/s'],
  ['the workspace itself', ''],
])('while %s is swapped for a link to the outside', (_, swapped) => {
  it.each(Object.entries(operations))(
    '%s never leaves the workspace',
    { timeout: 60_000 },
    async (_name, operation) => {
      const f = await fixture();
      const outside = join(f.base, 'outside');
      await mkdir(join(outside, 's'), { recursive: true });
      for (const name of ['f', 'OUTSIDE', 'from', 's/f', 's/OUTSIDE'])
        await writeFile(join(outside, name), outsideText);
      await f.storage.write(f.workspace, 'd/f', bytes('mine'));
      await f.storage.write(f.workspace, 'd/s/f', bytes('mine'));
      const before = await snapshot(outside);
      const handles = await openFiles();
      const target = swapped === 'd/f' ? join(outside, 'f') : outside;
      let done = 0;
      await whileSwapping(f.at(swapped).replace(/\/$/, ''), target, async () => {
        for (let round = 0; round < rounds; round += 1) {
          try {
            await operation(f.storage, f.workspace, round);
            done += 1;
          } catch (error) {
            if (!AdapterError.is(error) || !['denied', 'not_found', 'conflict', 'invalid'].includes(error.kind))
              throw error;
          }
        }
      });
      expect(await snapshot(outside)).toEqual(before);
      expect(await openFiles()).toBe(handles);
      // Otherwise nothing was tried.
      expect(done).toBeGreaterThan(0);
    },
  );
});

it('copy never takes anything from outside, nor puts anything there', { timeout: 60_000 }, async () => {
  const f = await fixture();
  const copy = f.other();
  const outside = join(f.base, 'outside');
  await mkdir(join(outside, 's'), { recursive: true });
  for (const name of ['f', 'OUTSIDE', 's/OUTSIDE']) await writeFile(join(outside, name), outsideText);
  await f.storage.write(f.workspace, 'd/f', bytes('mine'));
  await f.storage.write(f.workspace, 'd/s/f', bytes('mine'));
  await f.storage.copy(f.workspace, copy);
  const before = await snapshot(outside);
  let done = 0;
  const copyOften = async (): Promise<void> => {
    for (let round = 0; round < rounds / 3; round += 1) {
      try {
        await f.storage.copy(f.workspace, copy);
        done += 1;
      } catch (error) {
        if (!AdapterError.is(error)) throw error;
      }
      for (const { path, kind } of await collect(f.storage.walk(copy, ''))) {
        expect(path).not.toContain('OUTSIDE');
        if (kind !== 'file') continue;
        const { content } = await f.storage.read(copy, path).catch(() => ({ content: bytes('') }));
        expect(await textOf(content)).not.toContain('OUTSIDE');
      }
    }
  };
  await whileSwapping(f.at('d'), outside, copyOften);
  await whileSwapping(join(copy.location, 'd'), outside, copyOften);
  expect(await snapshot(outside)).toEqual(before);
  expect(done).toBeGreaterThan(0);
});

it('destroy removes everything of the workspace and nothing else', { timeout: 60_000 }, async () => {
  const f = await fixture();
  const outside = join(f.base, 'outside');
  await mkdir(join(outside, 's'), { recursive: true });
  await writeFile(join(outside, 's/f'), outsideText);
  const before = await snapshot(outside);
  for (let round = 0; round < 20; round += 1) {
    await f.storage.create(f.workspace);
    for (let n = 0; n < 30; n += 1) await mkdir(f.at(`d/s${n}/t`), { recursive: true });
    await whileSwapping(f.at('d'), outside, () => f.storage.destroy(f.workspace));
    expect(await readdir(join(f.root, 'alice'))).toEqual([]);
  }
  expect(await snapshot(outside)).toEqual(before);
});

it('gives away nothing that takes the place of a directory it makes', { timeout: 60_000 }, async () => {
  const f = await fixture();
  const foreign = join(f.base, 'foreign');
  await mkdir(foreign);
  // Not empty, so that no rename replaces it.
  await writeFile(join(foreign, 'x'), '');
  const before = await lstat(foreign);
  // Takes each directory away the moment it appears, and puts the foreign one in its place for a while.
  const script = `
    const fs = require('node:fs');
    const [place, foreign] = process.argv.slice(1);
    const move = (from, to) => { try { fs.renameSync(from, to); return true; } catch { return false; } };
    console.log('on');
    for (let n = 0; n < ${rounds}; n += 1) {
      while (!move(place + '/m' + n, place + '/x' + n));
      move(foreign, place + '/m' + n);
      for (const end = process.hrtime.bigint() + 500000n; process.hrtime.bigint() < end; );
      move(place + '/m' + n, foreign);
      fs.writeFileSync(place + '/done' + n, '');
    }`;
  const child = spawn(process.execPath, ['-e', script, f.workspace.location, foreign], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await once(child.stdout, 'data');
    for (let round = 0; round < rounds; round += 1) {
      await f.storage.makeDirectory(f.workspace, `m${round}`).catch((error: unknown) => {
        if (!AdapterError.is(error)) throw error;
      });
      await vi.waitUntil(() => existsSync(f.at(`done${round}`)), { interval: 1 });
    }
  } finally {
    child.kill('SIGKILL');
  }
  const after = await lstat(foreign);
  expect([after.ino, after.uid, after.mode]).toEqual([before.ino, before.uid, before.mode]);
  // What was taken away belonged to the account already when it appeared.
  const owner = isRoot ? uid : process.geteuid?.();
  for (const name of await readdir(f.workspace.location)) {
    if (name.startsWith('x')) expect([name, (await lstat(f.at(name))).uid]).toEqual([name, owner]);
  }
});

it('replaces on condition only what still has the name, whatever is renamed at that moment', {
  timeout: 60_000,
}, async () => {
  const f = await fixture();
  // So much that putting it on disk takes a while.
  const large = 'new'.repeat(1_000_000);
  for (let round = 0; round < 20; round += 1) {
    const { etag } = await f.storage.write(f.workspace, 'a', bytes('old'));
    let isWriting = true;
    const writing = f.storage
      .write(f.workspace, 'a', bytes(large), { ifMatch: etag })
      .then(() => true)
      .catch((error: unknown) => {
        if (AdapterError.is(error, 'conflict')) return false;
        throw error;
      })
      .finally(() => {
        isWriting = false;
      });
    // Later in each round, so that one of them meets every step of the write.
    await new Promise((resolve) => setTimeout(resolve, round));
    if (isWriting) await f.storage.rename(f.workspace, 'a', 'kept');
    const isReplaced = await writing;
    const kept = existsSync(f.at('kept')) ? await readFile(f.at('kept'), 'utf8') : undefined;
    // What was replaced is gone: nobody has both.
    if (isReplaced) expect(kept).not.toBe('old');
    for (const name of ['a', 'kept']) if (existsSync(f.at(name))) await f.storage.remove(f.workspace, name);
  }
});
