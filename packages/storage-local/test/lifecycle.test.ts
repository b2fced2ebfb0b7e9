import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { basename, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { createLocalStorage, removeStaleStaging } from '../src/index.js';
import { stagingName } from '../src/paths.js';
import {
  bytes,
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
  temporaryDirectory,
  uid,
} from './fixture.js';

let f: Fixture;
beforeEach(async () => {
  f = await fixture();
});

describe.each(setups)('removal with ownership $ownership and $confinement', (setup) => {
  it('removes trees without following links, and destroys again and again', async () => {
    const g = await fixture(setup);
    await writeFile(join(g.data, 'kept'), 'k');
    for (let n = 0; n < 200; n += 1) await writeFile(g.at(`f${n}`), 'x');
    await mkdir(g.at('a/b/c'), { recursive: true });
    await symlink(g.data, g.at('a/b/data'));
    await symlink(g.data, g.at('data'));
    await mkdir(g.at('closed/inner'), { recursive: true });
    await writeFile(g.at('closed/inner/x'), 'x');
    await chmod(g.at('closed/inner'), 0);
    await chmod(g.at('closed'), 0);
    await writeFile(Buffer.concat([Buffer.from(`${g.at('a')}/`), Buffer.from([0xff])]), 'odd');
    await g.storage.remove(g.workspace, 'closed');
    await g.storage.remove(g.workspace, 'a');
    expect(await readdir(g.workspace.location)).toHaveLength(201);
    await g.storage.appendUpload(g.workspace, 'f'.repeat(32), 0, bytes('x'));
    const before = await openFiles();
    await g.storage.destroy(g.workspace);
    await g.storage.destroy(g.workspace);
    expect(await openFiles()).toBe(before);
    expect(await readdir(join(g.root, 'alice'))).toEqual([]);
    expect(await readdir(join(g.root, '.staging'))).toEqual([]);
    expect(await readText(join(g.data, 'kept'))).toBe('k');
  });
});

it('removes as a plain user what has no permission bits', async () => {
  if (!isRoot) return await removesClosed(f);
  // Another process, because permissions mean nothing to root.
  const root = await temporaryDirectory();
  await chown(root, uid, gid);
  const script = `
    import { createLocalStorage } from ${JSON.stringify(await bundle(root))};
    import { mkdirSync, writeFileSync, chmodSync } from 'node:fs';
    const storage = await createLocalStorage({ name: 't', rootDirectory: ${JSON.stringify(join(root, 's'))}, allowedLinkRoots: [], ownership: 'none' });
    const account = { name: 'a', uid: null, gid: null };
    const workspace = { account, location: storage.locate(account, 1) };
    await storage.create(workspace);
    const at = (path) => workspace.location + '/' + path;
    mkdirSync(at('c/d'), { recursive: true });
    writeFileSync(at('c/d/x'), 'x');
    chmodSync(at('c/d'), 0); chmodSync(at('c'), 0);
    const survey = await storage.survey(workspace);
    await storage.remove(workspace, 'c');
    mkdirSync(at('e/f'), { recursive: true });
    chmodSync(at('e/f'), 0); chmodSync(at('e'), 0); chmodSync(workspace.location, 0o500);
    await storage.destroy(workspace);
    console.log(JSON.stringify({ survey, uid: process.getuid() }));`;
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    uid,
    gid,
    cwd: '/',
    encoding: 'utf8',
  });
  expect(JSON.parse(printed)).toEqual({ survey: { diskSpaceBytes: 0, files: [], symlinks: [] }, uid });
  expect(await readdir(join(root, 's/a'))).toEqual([]);
});

it('handles trees that are deeper than paths can be, with few open files', { timeout: 60_000 }, async () => {
  // The path of the last is longer than the 4,096 bytes that the kernel takes.
  const depth = 430;
  execFileSync('python3', [
    '-c',
    `import os, sys
os.chdir(sys.argv[1])
for _ in range(${depth}):
    os.mkdir('directory'); os.chdir('directory')
open('bottom', 'w').write('12345')`,
    f.workspace.location,
  ]);
  const before = await openFiles();
  let most = 0;
  let entries = 0;
  for await (const _ of f.storage.walk(f.workspace, '')) {
    entries += 1;
    if (entries % 100 === 0) most = Math.max(most, await openFiles());
  }
  expect(entries).toBe(depth + 1);
  expect(most - before).toBeLessThan(50);
  const survey = await f.storage.survey(f.workspace);
  expect(survey.diskSpaceBytes).toBe(5);
  expect(survey.files[0]).toMatch(/^(\/directory){430}\/bottom$/);
  await f.storage.copy(f.workspace, f.other());
  expect((await f.storage.survey(f.other())).diskSpaceBytes).toBe(5);
  await f.storage.destroy(f.other());
  await f.storage.remove(f.workspace, 'directory');
  expect(await readdir(f.workspace.location)).toEqual([]);
  expect(await openFiles()).toBe(before);
});

it('removes a directory to which a program keeps adding', async () => {
  await f.storage.makeDirectory(f.workspace, 'busy');
  const script = `process.chdir(${JSON.stringify(f.at('busy'))}); const fs = require('fs'); console.log('on');
    for (let n = 0; ; n += 1) try { fs.writeFileSync('f' + n, ''); fs.mkdirSync('d' + n); } catch { if (n > 1e7) break; }`;
  const program = spawn(process.execPath, ['-e', script], {
    ...(isRoot ? { uid, gid } : {}),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await once(program.stdout, 'data');
    await f.storage.remove(f.workspace, 'busy');
  } finally {
    program.kill('SIGKILL');
    await once(program, 'exit');
  }
  expect(await readdir(f.workspace.location)).toEqual([]);
  expect(await staged(f.root)).toEqual([]);
});

it('copies what is visible, as the other account', async () => {
  const { storage, workspace, data } = f;
  const copy = f.other();
  await storage.write(workspace, 'a/b/c.txt', bytes('content'));
  await storage.write(workspace, '.hidden/x', bytes('x'));
  await storage.write(workspace, 'a/.secret', bytes('x'));
  await storage.link(workspace, 'set', data);
  await symlink('/etc/passwd', f.at('bad'));
  await symlink('a', f.at('relative'));
  await mkdir(f.at('empty'));
  await writeFile(f.at('run.sh'), 'run');
  if (isRoot) await chown(f.at('run.sh'), uid, gid);
  await chmod(f.at('run.sh'), 0o4711);
  await utimes(f.at('run.sh'), 1_000_000, 1_000_000);
  execFileSync('mkfifo', [f.at('fifo')]);
  await writeFile(f.at('sparse'), 'begin');
  await truncate(f.at('sparse'), 200_000_000);
  await storage.copy(workspace, copy);
  const expected = ['a', 'a/b', 'a/b/c.txt', 'empty', 'run.sh', 'set', 'sparse'];
  expect(await pathsOf(storage.walk(copy, ''))).toEqual(expected);
  for (const path of ['', ...expected]) {
    const stats = await lstat(join(copy.location, path));
    expect([path, stats.uid]).toEqual([path, isRoot ? uid + 100 : process.geteuid?.()]);
  }
  const script = await stat(join(copy.location, 'run.sh'));
  expect([script.mode & 0o7777, script.mtimeMs]).toEqual([0o711, 1_000_000 * 1000]);
  const sparse = await stat(join(copy.location, 'sparse'));
  expect(sparse.size).toBe(200_000_000);
  expect(sparse.blocks * 512).toBeLessThan(3_000_000);
  // Again, over other kinds of entries with the same names.
  await rm(join(copy.location, 'a'), { recursive: true });
  await writeFile(join(copy.location, 'a'), 'a file');
  await rm(join(copy.location, 'set'));
  await mkdir(join(copy.location, 'set/in'), { recursive: true });
  await rm(join(copy.location, 'run.sh'));
  await symlink(join(f.data), join(copy.location, 'run.sh'));
  await rm(f.at('sparse'));
  await storage.copy(workspace, copy);
  expect(await pathsOf(storage.walk(copy, ''))).toEqual(expected);
  expect(await readText(join(copy.location, 'run.sh'))).toBe('run');
  expect(await readdir(f.data)).toEqual([]);
  expect(await staged(f.root)).toEqual([]);
}, 60_000);

it('a copy of a file with a byte here and there takes hardly more room than the file', async () => {
  const scattered = await open(f.at('scattered'), 'w');
  const size = 256 * 1024 * 1024 + 5;
  await scattered.truncate(size);
  const places = [0, 4096, 9_000, size - 1];
  for (let place = 1_048_576; place < size; place += 1_048_576) places.push(place - 1);
  for (const place of places) await scattered.write('x', place);
  await scattered.close();
  if (isRoot) await chown(f.at('scattered'), uid, gid);
  const copy = f.other();
  await f.storage.copy(f.workspace, copy);
  const [from, to] = await Promise.all([stat(f.at('scattered')), stat(join(copy.location, 'scattered'))]);
  expect(to.size).toBe(size);
  // A file system may need a block or two more to find the others.
  expect(to.blocks).toBeLessThanOrEqual(from.blocks * 1.1);
  execFileSync('cmp', [f.at('scattered'), join(copy.location, 'scattered')]);
}, 60_000);

it('ends a copy with the signal', async () => {
  await f.storage.write(f.workspace, 'a', bytes('x'));
  await expect(f.storage.copy(f.workspace, f.other(), AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
});

it('tells the highest number though a link or a file is in the place of an account', async () => {
  const { storage, root } = f;
  const { account } = f.workspace;
  await storage.create({ account, location: storage.locate(account, 12) });
  const outside = await temporaryDirectory();
  await mkdir(join(outside, '99'));
  await symlink(outside, join(root, 'linked'));
  await writeFile(join(root, 'file'), '');
  expect(await storage.highestId?.()).toBe(12);
});

it('locates purely, and trusts no location or account', async () => {
  const { storage, workspace, root } = f;
  const account = workspace.account;
  expect(storage.locate(account, 12)).toBe(join(root, 'alice/12'));
  for (const name of ['', '.', '..', '../x', 'a/b', '.staging', 'a\0', '-rf', 'x'.repeat(256)]) {
    expect(() => storage.locate({ ...account, name }, 1)).toThrow(/account name/);
    expect(
      await refusal(storage.create({ account: { ...account, name }, location: `${root}/${name}/1` })),
    ).toMatchObject({ kind: 'invalid' });
  }
  for (const location of [
    '/etc',
    root,
    join(root, 'bob/8'),
    `${root}/alice/../bob/8`,
    `${root}/alice/7/..`,
    `${root}/alice/`,
    `${root}/alice/x`,
  ]) {
    for (const error of await Promise.all(
      [storage.destroy({ account, location }), storage.stat({ account, location }, '')].map(refusal),
    )) {
      expect(error).toMatchObject({ kind: 'denied', field: 'location' });
    }
  }
  expect(await refusal(storage.stat({ account, location: storage.locate(account, 99) }, ''))).toMatchObject({
    kind: 'not_found',
  });
  await storage.create(workspace);
  if (!isRoot) return;
  expect(await refusal(storage.create({ ...workspace, account: { ...account, uid: 0 } }))).toMatchObject({
    kind: 'denied',
  });
  expect(await refusal(storage.create({ ...workspace, account: { ...account, uid: null } }))).toMatchObject({
    kind: 'misconfigured',
  });
  expect(await refusal(storage.create({ ...workspace, account: { ...account, uid: 999 } }))).toMatchObject({
    kind: 'conflict',
  });
  expect((await stat(workspace.location)).uid).toBe(uid);
});

it('refuses settings that cannot work, by their key', async () => {
  const base = await temporaryDirectory();
  const good = { name: 't', rootDirectory: join(base, 's'), allowedLinkRoots: [], ownership } as const;
  expect(await refusal(createLocalStorage({ ...good, rootDirectory: 'relative' }))).toMatchObject({
    kind: 'misconfigured',
    field: 'rootDirectory',
  });
  const links = createLocalStorage({ ...good, allowedLinkRoots: ['data'], linkRootsKey: 'roots' });
  expect(await refusal(links)).toMatchObject({ kind: 'misconfigured', field: 'roots' });
  await writeFile(join(base, 'file'), '');
  expect(await refusal(createLocalStorage({ ...good, rootDirectory: join(base, 'file') }))).toMatchObject({
    kind: 'misconfigured',
  });
  await mkdir(join(base, 'open'));
  await chmod(join(base, 'open'), 0o777);
  expect((await refusal(createLocalStorage({ ...good, rootDirectory: join(base, 'open') }))).message).toContain(
    'chmod go-w',
  );
  if (!isRoot)
    expect(await refusal(createLocalStorage({ ...good, ownership: 'chown' }))).toMatchObject({ field: 'ownership' });
  const storage = await createLocalStorage(good);
  expect(await storage.check()).toMatchObject({ connected: true });
  await rm(good.rootDirectory, { recursive: true });
  expect(await storage.check()).toMatchObject({ connected: false });
  expect((await storage.check()).message).not.toContain(base);
});

it('removes stale staging while another server removes staging directories', async () => {
  const { root } = f;
  for (let round = 0; round < 20; round++) {
    const names = Array.from({ length: 50 }, (_, index) => join(root, '.staging', `${round}-${index}`));
    for (const name of names) await mkdir(name, { recursive: true });
    const stale = removeStaleStaging(root, 60_000);
    await Promise.all([stale, ...names.map((name) => rm(name, { recursive: true, force: true }))]);
    expect((await readdir(join(root, '.staging'))).filter((name) => name.includes('-'))).toEqual([]);
  }
});

it('removes stale staging at the start, by the time of the last change', async () => {
  const { storage, workspace, root } = f;
  await storage.appendUpload(workspace, 'a'.repeat(32), 0, bytes('x'));
  const staging = join(root, '.staging', stagingName(workspace.location));
  await mkdir(join(staging, 'trash-1/inner'), { recursive: true });
  await writeFile(join(staging, 'trash-1/inner/x'), '');
  // A user's old modification time does not make a fresh entry stale.
  await utimes(join(staging, 'trash-1'), 1, 1);
  // What a killed server had written to see whether it can write.
  await writeFile(join(root, '.staging/probe-1'), 'probe');
  await createLocalStorage({ name: 't', rootDirectory: root, allowedLinkRoots: [], ownership });
  expect(await readdir(staging)).toHaveLength(2);
  expect(await readdir(join(root, '.staging'))).toContain('probe-1');
  expect(await removeStaleStaging(root, -60_000)).toBe(3);
  const left = await readdir(join(root, '.staging'));
  expect(left).not.toContain(basename(staging));
  expect(left).not.toContain('probe-1');
});

async function removesClosed({ storage, workspace, at }: Fixture): Promise<void> {
  await mkdir(at('c/d'), { recursive: true });
  await writeFile(at('c/d/x'), 'x');
  await chmod(at('c/d'), 0);
  await chmod(at('c'), 0);
  await storage.remove(workspace, 'c');
  expect(await readdir(workspace.location)).toEqual([]);
}

/** The package in one file, for a process without the test runner. */
async function bundle(directory: string): Promise<string> {
  const { build } = await import('esbuild');
  const file = join(directory, 'storage-local.mjs');
  const packages = join(import.meta.dirname, '../..');
  await build({
    entryPoints: [join(packages, 'storage-local/src/index.ts')],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'esm',
    alias: { '@user-workspaces/contract': join(packages, 'contract/src/index.ts') },
  });
  await chmod(file, 0o644);
  await readFile(file);
  return file;
}
