import { lstat, mkdir, readlink, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { createLocalStorage } from '../src/index.js';
import { bytes, type Fixture, fixture, isRoot, ownership, refusal, staged, uid } from './fixture.js';

let f: Fixture;
beforeAll(async () => {
  f = await fixture();
  await mkdir(join(f.data, 'set'));
  await writeFile(join(f.data, 'set/a'), 'a');
  await writeFile(join(f.base, 'outside'), 'o');
  await symlink(f.base, join(f.data, 'exit'));
  await symlink('set', join(f.data, 'alias'));
});

it('makes and replaces links, owned by the account', async () => {
  const { storage, workspace, data } = f;
  const entry = await storage.link(workspace, 'datasets/one', join(data, 'set'));
  expect(entry).toEqual(await storage.stat(workspace, 'datasets/one'));
  expect(entry).toMatchObject({ kind: 'symlink', target: join(data, 'set') });
  await storage.link(workspace, 'datasets/one', `${join(data, 'alias')}//a/`);
  expect(await readlink(f.at('datasets/one'))).toBe(join(data, 'alias/a'));
  const stats = await lstat(f.at('datasets/one'));
  expect(stats.uid).toBe(isRoot ? uid : process.geteuid?.());
  expect((await lstat(join(data, 'set'))).uid).toBe(process.geteuid?.());
  expect(await staged(f.root)).toEqual([]);
});

it('never replaces a file or directory by a link', async () => {
  const { storage, workspace, data } = f;
  await storage.write(workspace, 'file', bytes('x'));
  await storage.makeDirectory(workspace, 'dir');
  for (const path of ['file', 'dir']) {
    expect(await refusal(storage.link(workspace, path, data))).toMatchObject({ kind: 'conflict', field: 'path' });
  }
});

it('says word for word that a target does not exist', async () => {
  const target = join(f.data, 'nothing/here');
  for (const error of await Promise.all(
    [f.storage.checkLinkTarget(target), f.storage.link(f.workspace, 'l', target)].map(refusal),
  )) {
    expect(error).toMatchObject({
      kind: 'not_found',
      field: 'source_path',
      message: `Symlink path not found: ${target}`,
    });
  }
});

it('tells nothing about what is outside of the roots', async () => {
  const { storage, data, base, root } = f;
  const outside = [
    '/',
    '/etc/passwd',
    '/etc/no-such-file',
    join(base, 'outside'),
    `${data}-other`,
    `${data}/../outside`,
    join(data, 'exit/outside'),
    join(data, 'exit/no-such-file'),
    join(data, 'exit'),
    'set/a',
    '',
    root,
  ];
  for (const target of outside) {
    expect([target, await refusal(storage.checkLinkTarget(target))]).toMatchObject([
      target,
      { kind: 'denied', field: 'source_path' },
    ]);
  }
  expect(await refusal(storage.checkLinkTarget(`${data}/a\0b`))).toMatchObject({ kind: 'invalid' });
});

it('never links into the storage itself', async () => {
  const storage = await createLocalStorage({ name: 't', rootDirectory: f.root, allowedLinkRoots: [f.base], ownership });
  for (const target of [f.root, f.workspace.location, join(f.base, 'data/exit/storage')]) {
    expect(await refusal(storage.checkLinkTarget(target))).toMatchObject({ kind: 'denied' });
  }
  await storage.checkLinkTarget(join(f.base, 'outside'));
  await storage.close();
});

it('names the key when no roots are set', async () => {
  const options = { name: 't', rootDirectory: f.root, allowedLinkRoots: [], ownership };
  const byDefault = await createLocalStorage(options);
  expect(byDefault.capabilities.links).toBe(false);
  const error = await refusal(byDefault.link(f.workspace, 'l', f.data));
  expect(error).toMatchObject({ kind: 'denied', field: 'source_path' });
  expect(error.message).toContain('UWS_ALLOWED_LINK_ROOTS');
  expect(error.message).toContain('allowed_link_roots');
  const named = await createLocalStorage({ ...options, linkRootsKey: 'storage.local.allowed_link_roots' });
  expect((await refusal(named.checkLinkTarget(f.data))).message).toContain('storage.local.allowed_link_roots');
});
