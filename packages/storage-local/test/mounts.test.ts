import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bytes, collect, type Fixture, fixture, isRoot, refusal, temporaryDirectory } from './fixture.js';

if (!isRoot) console.warn('NOT RUN: what is mounted in a workspace: making a mount takes root.');

describe.runIf(isRoot).each([
  ['a directory of the same file system', (outside: string, at: string) => ['--bind', outside, at]],
  ['another file system', (_: string, at: string) => ['-t', 'tmpfs', 'uws-test', at]],
])('%s that is mounted in a workspace', (_, mount) => {
  async function withMount(work: (f: Fixture, outside: string) => Promise<void>): Promise<void> {
    const f = await fixture();
    const outside = join(f.base, 'outside');
    await mkdir(outside);
    await f.storage.write(f.workspace, 'd/s/f', bytes('mine'));
    await f.storage.makeDirectory(f.workspace, 'd/mount');
    execFileSync('mount', mount(outside, f.at('d/mount')));
    await mkdir(join(f.at('d/mount'), 'inner'));
    await writeFile(join(f.at('d/mount'), 'inner/f'), 'OUTSIDE');
    try {
      await work(f, outside);
    } finally {
      const at = execFileSync('findmnt', ['-rno', 'TARGET'], { encoding: 'utf8' });
      for (const line of at.split('\n')) if (line.startsWith(f.base)) execFileSync('umount', [line]);
    }
  }

  it('is not read, listed, copied, counted or written to', () =>
    withMount(async ({ storage, workspace, other, at }) => {
      for (const path of ['d/mount/inner/f', 'd/mount/inner', 'd/mount/new']) {
        for (const work of [
          () => storage.read(workspace, path),
          () => storage.stat(workspace, path),
          () => storage.write(workspace, path, bytes('x')),
          () => storage.makeDirectory(workspace, path),
          () => storage.remove(workspace, path),
          () => storage.rename(workspace, path, 'out'),
          () => storage.rename(workspace, 'd/s', `${path}-too`),
          () => collect(storage.list(workspace, path)),
        ]) {
          expect(await refusal(work())).toMatchObject({ kind: 'denied', field: 'path' });
        }
      }
      expect((await collect(storage.walk(workspace, ''))).map(({ path }) => path).sort()).toEqual(
        ['d', 'd/mount', 'd/s', 'd/s/f'].sort(),
      );
      expect(await storage.survey(workspace)).toMatchObject({ diskSpaceBytes: 4, files: ['/d/s/f'] });
      await storage.copy(workspace, other());
      expect((await collect(storage.walk(other(), 'd'))).map(({ path }) => path)).not.toContain('d/mount/inner');
      expect(await readdir(at('d/mount'))).toEqual(['inner']);
    }));

  it('stays when the workspace is removed, which ends once it is unmounted', () =>
    withMount(async ({ storage, workspace, root }) => {
      expect(await refusal(storage.destroy(workspace))).toMatchObject({ kind: 'conflict' });
      const mounted = execFileSync('findmnt', ['-rno', 'TARGET'], { encoding: 'utf8' })
        .split('\n')
        .find((line) => line.startsWith(root));
      expect(await readFile(join(mounted ?? '', 'inner/f'), 'utf8')).toBe('OUTSIDE');
      execFileSync('umount', [mounted ?? '']);
      await storage.destroy(workspace);
      expect(await readdir(join(root, '.staging'))).toEqual([]);
    }));
});

it.runIf(isRoot)('a file that is mounted in a workspace is not read, copied or replaced', async () => {
  const { base, storage, workspace, at, other } = await fixture();
  const outside = join(base, 'outside');
  await writeFile(outside, 'OUTSIDE', { mode: 0o644 });
  await storage.write(workspace, 'f', bytes('mine'));
  execFileSync('mount', ['--bind', outside, at('f')]);
  try {
    expect(await refusal(storage.read(workspace, 'f'))).toMatchObject({ kind: 'denied' });
    expect(await refusal(storage.write(workspace, 'f', bytes('x')))).toMatchObject({ kind: 'conflict' });
    expect(await refusal(storage.remove(workspace, 'f'))).toMatchObject({ kind: 'conflict' });
    await storage.copy(workspace, other());
    expect(await collect(storage.walk(other(), ''))).toEqual([]);
    expect(await readFile(outside, 'utf8')).toBe('OUTSIDE');
  } finally {
    execFileSync('umount', [at('f')]);
  }
  await rm(outside);
});

describe.runIf(isRoot)('a root whose file system is not mounted', () => {
  async function withRootMounted(
    work: (f: Fixture, disk: string, mount: (from: string) => void) => Promise<void>,
  ): Promise<void> {
    const base = await temporaryDirectory();
    const root = join(base, 'storage');
    await mkdir(root, { mode: 0o711 });
    const disk = join(base, 'disk');
    await mkdir(disk, { mode: 0o711 });
    const mount = (from: string): void => void execFileSync('mount', ['--bind', from, root]);
    mount(disk);
    try {
      await work(await fixture({ root }), disk, mount);
    } finally {
      execFileSync('umount', [root]);
    }
  }

  it('is unavailable, and nothing in it is taken for gone or made below it', () =>
    withRootMounted(async ({ storage, workspace, other, root, at }, disk, mount) => {
      await storage.write(workspace, 'f', bytes('mine'));
      execFileSync('umount', [root]);
      try {
        for (const work of [
          () => storage.stat(workspace, 'f'),
          () => storage.write(workspace, 'f', bytes('x')),
          () => storage.create(other()),
          () => storage.copy(workspace, other()),
          () => storage.destroy(workspace),
          () => storage.survey(workspace),
          () => collect(storage.list(workspace, '')),
        ]) {
          expect(await refusal(work())).toMatchObject({ kind: 'unavailable' });
        }
        expect(await storage.check()).toMatchObject({ connected: false });
        expect(await readdir(root)).toEqual([]);
      } finally {
        mount(disk);
      }
      expect(await readFile(at('f'), 'utf8')).toBe('mine');
      await storage.destroy(workspace);
    }));

  it('is known again by what is in it where it has another number', () =>
    withRootMounted(async ({ storage, workspace, root, at }, disk, mount) => {
      await storage.write(workspace, 'f', bytes('mine'));
      // Another root directory with the same staging directory: what a network file system that was mounted anew looks like.
      const again = `${disk}-mounted-anew`;
      await mkdir(again, { mode: 0o711 });
      for (const name of await readdir(root)) await rename(join(disk, name), join(again, name));
      execFileSync('umount', [root]);
      mount(again);
      await storage.write(workspace, 'f', bytes('again'));
      expect(await readFile(at('f'), 'utf8')).toBe('again');
    }));
});
