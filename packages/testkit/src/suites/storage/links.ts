import assert from 'node:assert/strict';
import { mkdir, readdir, rename, symlink, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AdapterError } from '@user-workspaces/contract';
import { refused } from '../../expectation.js';
import { bytes, collect, pathsOf, readText } from './content.js';
import { contentBelow, refusesLinks } from './workspaces.js';
import { inWorkspace, offered, type StorageGuarantee, type StorageWorld } from './world.js';

const withoutLinks = {
  capability: 'links',
  trial: 'A storage without links refuses to make one.',
  check: refusesLinks,
} as const;

/** What a suite that cannot put links into a workspace tries instead: the links that the storage makes itself. */
const withOwnLinks = {
  capability: 'plainPaths',
  trial:
    'The storage says that it is remote: one of directories must be tried with links of a user. A link that it made itself, if it makes any, is read, written to, listed and removed.',
  check: async (world: StorageWorld) => {
    const { confinement } = world.storage.capabilities;
    assert.equal(
      confinement,
      'remote',
      `Confinement by ${confinement} is that of directories, in which links of a user stand: offer \`plain\`, so that they can be tried.`,
    );
    await ownLinkIsNotFollowed(world);
  },
} as const;

export const linkGuarantees: readonly StorageGuarantee[] = [
  {
    id: 'link.makes',
    promise: '`link` makes or replaces a link, with missing parents, and `stat` gives its target exactly as stored.',
    trial: 'A link is made, replaced, listed and removed; its target stays.',
    check: inWorkspace(async ({ storage, workspace, links, plain }) => {
      const { allowed } = offered(links, 'links');
      assert.equal(storage.capabilities.links, true);
      const another = plain ? join(dirname(allowed), 'another set') : allowed;
      if (plain) await mkdir(another);
      for (const target of [another, allowed]) {
        const entry = await storage.link(workspace, 'a/b/link', target);
        assert.deepEqual(entry, await storage.stat(workspace, 'a/b/link'));
        assert.deepEqual([entry.path, entry.kind, entry.target], ['a/b/link', 'symlink', target]);
      }
      assert.deepEqual(await pathsOf(storage.walk(workspace, '')), ['a', 'a/b', 'a/b/link']);
      await storage.remove(workspace, 'a/b/link');
      await storage.checkLinkTarget(allowed);
    }),
    without: withoutLinks,
  },
  {
    id: 'link.targets',
    promise:
      'Links are made only to existing targets below a configured root: others are `denied`, missing ones `not_found`.',
    trial:
      'Forbidden and missing targets are checked and linked to, and a link beside the allowed one that leads elsewhere.',
    check: inWorkspace(async ({ storage, workspace, links, plain }) => {
      const { allowed, missing, forbidden } = offered(links, 'links');
      await storage.checkLinkTarget(allowed);
      await refused(storage.checkLinkTarget(missing), 'not_found');
      await refused(storage.link(workspace, 'link', missing), 'not_found');
      assert.ok(forbidden.length > 0);
      const leaving = plain && join(dirname(allowed), 'leads out');
      if (leaving) await symlink(plain.outside, leaving);
      for (const target of [...forbidden, `${allowed}/../..`, 'relative', '', ...(leaving ? [leaving] : [])]) {
        await refused(storage.checkLinkTarget(target), ['denied', 'invalid']);
        await refused(storage.link(workspace, 'link', target), ['denied', 'invalid']);
      }
      assert.deepEqual(await collect(storage.list(workspace, '')), []);
    }),
    without: withoutLinks,
  },
  {
    id: 'link.never-replaces',
    promise: '`link` is `conflict` when a file or directory has the name.',
    trial: 'A link is made at the names of a file and a directory.',
    check: inWorkspace(async ({ storage, workspace, links }) => {
      const { allowed } = offered(links, 'links');
      await storage.write(workspace, 'directory/file', bytes('x'));
      for (const path of ['directory', 'directory/file'])
        await refused(storage.link(workspace, path, allowed), 'conflict');
      assert.equal(await readText(storage, workspace, 'directory/file'), 'x');
    }),
    without: withoutLinks,
  },
  {
    id: 'confined.read',
    promise: 'Nothing outside the workspace is read: reading through a link, in the way or at the end, is `denied`.',
    trial: 'A file outside is read, and a directory listed, through links that a program of the user made.',
    check: inWorkspace(async (world) => {
      const { storage, workspace } = world;
      await leadOutside(world);
      for (const call of [
        () => storage.read(workspace, 'file'),
        () => storage.read(workspace, 'out/secret'),
        () => storage.stat(workspace, 'out/secret'),
        () => collect(storage.list(workspace, 'out')),
        () => collect(storage.listChosen?.(workspace, 'out', async () => ['secret']) ?? storage.list(workspace, 'out')),
        () => collect(storage.walk(workspace, 'out')),
      ]) {
        await refused(call(), 'denied');
      }
      assert.deepEqual(await pathsOf(storage.walk(workspace, '')), ['file', 'out']);
      assert.equal((await storage.stat(workspace, 'out')).kind, 'symlink');
    }),
    without: withOwnLinks,
  },
  {
    id: 'confined.write',
    promise: 'Nothing outside the workspace is written: no path component is followed through a link.',
    trial: 'Files, directories, links and uploads are made through links, and a file is written to the name of a link.',
    check: inWorkspace(async (world) => {
      const { storage, workspace, links } = world;
      const isUntouched = await leadOutside(world);
      for (const id of ['c'.repeat(32), 'd'.repeat(32)]) await storage.appendUpload(workspace, id, 0, bytes('x'));
      const calls: Promise<unknown>[] = [
        storage.write(workspace, 'out/new', bytes('x')),
        storage.write(workspace, 'file', bytes('x')),
        storage.finishUpload(workspace, 'c'.repeat(32), 'file'),
        storage.finishUpload(workspace, 'd'.repeat(32), 'out/uploaded'),
        storage.makeDirectory(workspace, 'out/directory'),
        storage.makeDirectory(workspace, 'out'),
      ];
      if (links) calls.push(storage.link(workspace, 'out/link', links.allowed));
      for (const end of await Promise.allSettled(calls)) {
        if (end.status === 'rejected') await refused(Promise.reject(end.reason), ['denied', 'conflict']);
      }
      await isUntouched();
    }),
    without: withOwnLinks,
  },
  {
    id: 'confined.remove',
    promise: '`remove` removes a link, never its target, and nothing outside is removed.',
    trial: 'Links and what is behind them are removed, and a tree that holds links.',
    check: inWorkspace(async (world) => {
      const { storage, workspace } = world;
      const isUntouched = await leadOutside(world);
      const { at, outside } = offered(world.plain, 'plainPaths');
      await refused(storage.remove(workspace, 'out/secret'), 'denied');
      await storage.makeDirectory(workspace, 'tree/deep');
      await symlink(outside, at(workspace, 'tree/deep/out'));
      for (const path of ['out', 'file', 'tree']) await storage.remove(workspace, path);
      await isUntouched();
      assert.deepEqual(await collect(storage.list(workspace, '')), []);
    }),
    without: withOwnLinks,
  },
  {
    id: 'confined.rename',
    promise: '`rename` takes nothing from outside and puts nothing there.',
    trial: 'Files are renamed from and to paths that lead through a link.',
    check: inWorkspace(async (world) => {
      const { storage, workspace } = world;
      const isUntouched = await leadOutside(world);
      await storage.write(workspace, 'mine', bytes('mine'));
      await refused(storage.rename(workspace, 'out/secret', 'taken'), 'denied');
      await refused(storage.rename(workspace, 'mine', 'out/mine'), ['denied', 'conflict']);
      await isUntouched();
      assert.equal(await readText(storage, workspace, 'mine'), 'mine');
    }),
    without: withOwnLinks,
  },
  {
    id: 'confined.copy',
    promise: '`copy` takes nothing from outside the one workspace and puts nothing outside the other.',
    trial: 'A workspace with links is copied, and one is copied over links that stand in the way.',
    check: inWorkspace(async (world) => {
      const { storage, workspace, other } = world;
      const isUntouched = await leadOutside(world);
      await storage.copy(workspace, other);
      for (const { path, kind } of await collect(storage.walk(other, ''))) assert.equal(kind, 'symlink', path);
      await storage.remove(workspace, 'out');
      await storage.remove(workspace, 'file');
      const { at, outside } = offered(world.plain, 'plainPaths');
      await storage.write(workspace, 'd/new', bytes('mine'));
      await storage.write(workspace, 'f', bytes('mine'));
      await symlink(outside, at(other, 'd'));
      await symlink(join(outside, 'secret'), at(other, 'f'));
      await storage.copy(workspace, other);
      await isUntouched();
      assert.equal(await readText(storage, other, 'd/new'), 'mine');
      assert.equal(await readText(storage, other, 'f'), 'mine');
    }),
    without: withOwnLinks,
  },
  {
    id: 'confined.survey',
    promise: '`survey` follows no link and counts links as nothing.',
    trial: 'A workspace with links to a large directory and a large file is surveyed and watched.',
    check: inWorkspace(async (world, { signal }) => {
      const { storage, workspace } = world;
      await leadOutside(world);
      const nothing = { diskSpaceBytes: 0, files: [], symlinks: ['/file', '/out'] };
      assert.deepEqual(await storage.survey(workspace), nothing);
      const report = await new Promise((resolve) => storage.watch(workspace, resolve, signal));
      assert.deepEqual(report, nothing, 'What is reported to who watches follows links.');
    }),
    without: withOwnLinks,
  },
  {
    id: 'confined.race',
    promise:
      'Nothing outside is read, written or removed whatever concurrent changes occur, the user’s own programs included.',
    trial: 'A directory is swapped for a link to the outside, again and again, while everything is done below it.',
    timeoutMs: 60_000,
    check: inWorkspace(async (world) => {
      const { storage, workspace } = world;
      const { at, outside } = offered(world.plain, 'plainPaths');
      await mkdir(join(outside, 'secret-directory'));
      for (const name of ['f', 'from', 'secret-directory/f']) await writeFile(join(outside, name), 'SECRET');
      await storage.write(workspace, 'd/f', bytes('mine'));
      const before = await contentBelow(outside);
      let isOver = false;
      const swapping = swap(at(workspace, 'd'), outside, () => isOver);
      try {
        for (let round = 0; round < 25; round += 1) await tryEverything(world, round);
      } finally {
        isOver = true;
        await swapping;
      }
      assert.deepEqual(await contentBelow(outside), before);
    }),
    without: [
      withOwnLinks,
      {
        capability: 'races',
        trial: 'It says that it rests on resolved paths, and a link that is there before a call leads nowhere.',
        check: inWorkspace(async (world) => {
          const { storage, workspace } = world;
          assert.equal(storage.capabilities.confinement, 'resolved-paths');
          const isUntouched = await leadOutside(world);
          await refused(storage.read(workspace, 'out/secret'), 'denied');
          await refused(storage.write(workspace, 'out/new', bytes('mine')), ['denied', 'conflict']);
          await refused(storage.remove(workspace, 'out/secret'), 'denied');
          await isUntouched();
        }),
      },
    ],
  },
];

/** Puts links into a workspace as a program of the user would, and says how to see that nothing outside was touched. */
async function leadOutside({ workspace, plain }: StorageWorld): Promise<() => Promise<void>> {
  const { at, outside } = offered(plain, 'plainPaths');
  await writeFile(join(outside, 'secret'), 'SECRET');
  await symlink(outside, at(workspace, 'out'));
  await symlink(join(outside, 'secret'), at(workspace, 'file'));
  const before = await contentBelow(outside);
  return async () => assert.deepEqual(await contentBelow(outside), before);
}

async function swap(name: string, outside: string, isOver: () => boolean): Promise<void> {
  // What the storage does at the same time may take the name or the link away.
  const quietly = (call: Promise<unknown>): Promise<unknown> => call.catch(() => undefined);
  while (!isOver()) {
    await quietly(rename(name, `${name}.aside`));
    await quietly(symlink(outside, name));
    await quietly(readdir(name));
    await quietly(unlink(name));
    await quietly(rename(`${name}.aside`, name));
  }
}

async function tryEverything({ storage, workspace, other, links, plain }: StorageWorld, round: number): Promise<void> {
  const id = round.toString(16).padStart(32, '0');
  const calls: (() => Promise<unknown>)[] = [
    () => storage.write(workspace, 'd/f', bytes('mine')),
    () => storage.write(workspace, `d/new ${round}`, bytes('mine'), { ifMatch: null }),
    async () => assert.notEqual(await readText(storage, workspace, 'd/f'), 'SECRET'),
    async () => noSecret(await pathsOf(storage.list(workspace, 'd'))),
    async () => noSecret(await pathsOf(storage.listChosen?.(workspace, 'd', async () => ['secret', 'f']) ?? nothing())),
    async () => noSecret(await pathsOf(storage.walk(workspace, ''))),
    async () => noSecret((await storage.survey(workspace)).files),
    () => storage.makeDirectory(workspace, `d/made ${round}/x`),
    () => storage.rename(workspace, 'd/f', `d/to ${round}`),
    () => storage.remove(workspace, 'd/f'),
    async () => assert.notEqual((await storage.stat(workspace, 'd/from')).kind, 'file'),
    () => storage.appendUpload(workspace, id, 0, bytes('mine')),
    () => storage.finishUpload(workspace, id, `d/uploaded ${round}`),
    async () => links && storage.link(workspace, `d/link ${round}`, links.allowed),
    async () => {
      await storage.copy(workspace, other);
      if (plain)
        assert.ok(
          !(await contentBelow(plain.at(other, ''))).some((line) => line.includes('SECRET')),
          'A copy holds what is outside.',
        );
    },
    () => storage.destroy(other),
  ];
  for (const call of calls) {
    await call().catch((error: unknown) => {
      if (!AdapterError.is(error) || !['denied', 'not_found', 'conflict', 'invalid'].includes(error.kind)) throw error;
    });
  }
}

async function* nothing(): AsyncGenerator<never> {}

function noSecret(paths: readonly string[]): void {
  for (const path of paths) assert.ok(!path.includes('secret'), path);
}

async function ownLinkIsNotFollowed(world: StorageWorld): Promise<void> {
  const { storage, workspace, other, links } = world;
  if (!links) return refusesLinks(world);
  await storage.create(workspace);
  await storage.link(workspace, 'link', links.allowed);
  await refused(storage.read(workspace, 'link'), ['denied', 'invalid']);
  await refused(storage.read(workspace, 'link/x'), ['denied', 'not_found']);
  await refused(storage.write(workspace, 'link/x', bytes('x')), ['denied', 'conflict']);
  await refused(collect(storage.list(workspace, 'link')), ['denied', 'invalid']);
  const none = async (): Promise<string[]> => [];
  if (storage.listChosen) await refused(collect(storage.listChosen(workspace, 'link', none)), ['denied', 'invalid']);
  await storage.copy(workspace, other);
  assert.equal((await storage.stat(other, 'link')).kind, 'symlink');
  await storage.remove(workspace, 'link');
  await storage.checkLinkTarget(links.allowed);
}
