import assert from 'node:assert/strict';
import { lstat, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { refused } from '../../expectation.js';
import { bytes, collect, pathsOf, readText } from './content.js';
import { inWorkspace, offered, type StorageGuarantee, type StorageWorld } from './world.js';

export const workspaceGuarantees: readonly StorageGuarantee[] = [
  {
    id: 'locate.pure',
    promise: '`locate` is pure: the same arguments always give the same place, others another.',
    trial:
      'Two accounts and two numbers are located, before and after a workspace is made, by this storage and by one opened anew.',
    check: async ({ storage, workspace, other, reopen }) => {
      const places = (at: typeof storage): string[] =>
        [workspace.account, other.account].flatMap((account) => [at.locate(account, 1), at.locate(account, 2)]);
      const before = places(storage);
      assert.equal(new Set(before).size, 4);
      await storage.create(workspace);
      assert.deepEqual(places(storage), before);
      assert.deepEqual(places(await reopen()), before);
    },
  },
  {
    id: 'create.again',
    promise: '`create` makes the empty directory; an existing one is fine.',
    trial: 'A workspace is made, filled, and made again.',
    check: async ({ storage, workspace }) => {
      await refused(storage.stat(workspace, ''), 'not_found');
      await storage.create(workspace);
      assert.deepEqual(await pathsOf(storage.list(workspace, '')), []);
      const own = await storage.stat(workspace, '');
      assert.deepEqual([own.path, own.kind], ['', 'directory']);
      await storage.write(workspace, 'kept', bytes('kept'));
      await storage.create(workspace);
      assert.equal(await readText(storage, workspace, 'kept'), 'kept');
    },
  },
  {
    id: 'location.own',
    promise: 'A location that is none of the storage’s is refused, whatever is done with it.',
    trial: 'Directories outside, and paths that lead out of a location, are read, written to, copied and destroyed.',
    check: inWorkspace(async ({ storage, workspace, other, plain }) => {
      const outside = plain?.outside ?? '/nowhere/at/all';
      if (plain) await writeFile(join(outside, 'kept'), 'kept');
      const before = plain && (await contentBelow(outside));
      for (const location of [outside, `${workspace.location}/..`, `${workspace.location}/../../..`, '/', '']) {
        const foreign = { ...workspace, location };
        for (const call of [
          () => storage.stat(foreign, ''),
          () => collect(storage.list(foreign, '')),
          () => storage.read(foreign, 'kept'),
          () => storage.write(foreign, 'new', bytes('x')),
          () => storage.remove(foreign, 'kept'),
          () => storage.create(foreign),
          () => storage.copy(foreign, other),
          () => storage.copy(workspace, foreign),
          () => storage.survey(foreign),
          () => storage.destroy(foreign),
        ]) {
          await refused(call(), ['denied', 'invalid', 'not_found'], `A call at ${JSON.stringify(location)}`);
        }
      }
      if (plain) assert.deepEqual(await contentBelow(outside), before);
      assert.deepEqual(await pathsOf(storage.list(workspace, '')), []);
    }),
  },
  {
    id: 'destroy.everything',
    promise: '`destroy` removes the directory and everything in it; an absent one is fine.',
    trial: 'A workspace with files, dot files, directories and an upload is destroyed twice, and another one stays.',
    check: async ({ storage, workspace, other, plain }) => {
      for (const place of [workspace, other]) {
        await storage.create(place);
        await storage.write(place, 'a/b/c.txt', bytes('x'));
        await storage.write(place, '.hidden/d', bytes('x'));
        await storage.appendUpload(place, 'a'.repeat(32), 0, bytes('x'));
      }
      await storage.destroy(workspace);
      await storage.destroy(workspace);
      await refused(storage.stat(workspace, ''), 'not_found');
      await storage.create(workspace);
      assert.deepEqual(await pathsOf(storage.list(workspace, '')), []);
      assert.equal(await storage.uploadedBytes(workspace, 'a'.repeat(32)), 0);
      assert.equal(await readText(storage, other, 'a/b/c.txt'), 'x');
      await storage.destroy(other);
      assert.deepEqual((await plain?.leftovers()) ?? [], []);
    },
  },
  {
    id: 'destroy.link',
    promise: '`destroy` never follows a link.',
    trial: 'A workspace with links to a directory and a file outside is destroyed.',
    check: inWorkspace(async ({ storage, workspace, plain }) => {
      const { at, outside } = offered(plain, 'plainPaths');
      await writeFile(join(outside, 'kept'), 'kept');
      await mkdir(at(workspace, 'd'));
      await symlink(outside, at(workspace, 'd/out'));
      await symlink(join(outside, 'kept'), at(workspace, 'file'));
      await storage.destroy(workspace);
      assert.deepEqual(await readdir(outside), ['kept']);
    }),
    without: {
      capability: 'plainPaths',
      trial: 'A workspace with a link that the storage made is destroyed, if it makes any.',
      check: destroysLink,
    },
  },
  {
    id: 'copy.visible',
    promise: '`copy` copies a workspace without dot files and dot directories into another, made if missing.',
    trial: 'Files in directories, empty directories, dot files and dot directories are copied.',
    check: inWorkspace(async ({ storage, workspace, other }) => {
      await storage.write(workspace, 'a/b/c.txt', bytes('content'));
      await storage.write(workspace, 'a/.secret', bytes('x'));
      await storage.write(workspace, 'a/b/.ssh/key', bytes('x'));
      await storage.write(workspace, '.hidden/x', bytes('x'));
      await storage.makeDirectory(workspace, 'empty');
      await storage.copy(workspace, other);
      assert.deepEqual(await pathsOf(storage.walk(other, '')), ['a', 'a/b', 'a/b/c.txt', 'empty']);
      assert.equal(await readText(storage, other, 'a/b/c.txt'), 'content');
      assert.equal(await readText(storage, workspace, 'a/.secret'), 'x');
    }),
  },
  {
    id: 'copy.replaces',
    promise: 'Entries that are in the copy already are replaced.',
    trial:
      'A workspace is copied over a file with the same name, a file in place of a directory, and a directory in place of a file.',
    check: inWorkspace(async ({ storage, workspace, other }) => {
      for (const path of ['same', 'directory/in', 'file']) await storage.write(workspace, path, bytes('new'));
      await storage.create(other);
      for (const path of ['same', 'directory', 'file/in', 'more']) await storage.write(other, path, bytes('old'));
      await storage.copy(workspace, other);
      assert.deepEqual(await pathsOf(storage.walk(other, '')), ['directory', 'directory/in', 'file', 'more', 'same']);
      for (const path of ['same', 'directory/in', 'file']) assert.equal(await readText(storage, other, path), 'new');
    }),
  },
  {
    id: 'copy.links',
    promise: 'Links are copied as links.',
    trial: 'A workspace with a link to a directory is copied.',
    check: inWorkspace(async ({ storage, workspace, other, links }) => {
      const { allowed } = offered(links, 'links');
      await storage.link(workspace, 'set', allowed);
      await storage.copy(workspace, other);
      const entry = await storage.stat(other, 'set');
      assert.deepEqual([entry.kind, entry.target], ['symlink', allowed]);
      assert.deepEqual(await pathsOf(storage.walk(other, '')), ['set']);
    }),
    without: { capability: 'links', trial: 'A storage without links refuses to make one.', check: refusesLinks },
  },
  {
    id: 'owner.account',
    promise: 'Everything made belongs to the account.',
    trial: 'The owners of workspaces, directories, files, uploads, links and copies are looked at.',
    check: inWorkspace(async (world) => {
      const { storage, workspace, other } = world;
      await makeOneOfEach(world);
      await storage.copy(workspace, other);
      for (const place of [workspace, other]) {
        for (const path of ['', ...(await pathsOf(storage.walk(place, '')))]) {
          const { uid, gid } = await lstat(offered(world.plain, 'plainPaths').at(place, path));
          assert.deepEqual([path, uid, gid], [path, place.account.uid, place.account.gid]);
        }
      }
    }),
    without: [
      {
        capability: 'owners',
        trial: 'Everything belongs to the server’s own account, where the suite can see that.',
        check: inWorkspace(async (world) => {
          const { storage, workspace, plain } = world;
          await makeOneOfEach(world);
          for (const path of ['', ...(await pathsOf(storage.walk(workspace, '')))]) {
            if (plain) assert.equal((await lstat(plain.at(workspace, path))).uid, process.geteuid?.());
          }
        }),
      },
      {
        capability: 'plainPaths',
        trial: 'Of files whose owners the suite cannot see, each can be read by its account’s storage.',
        check: inWorkspace(async (world) => {
          const { storage, workspace } = world;
          await makeOneOfEach(world);
          for await (const { path, kind } of storage.walk(workspace, '')) {
            if (kind === 'file') await readText(storage, workspace, path);
          }
        }),
      },
    ],
  },
  {
    id: 'survey.counts',
    promise:
      '`survey` measures everything, dot files included, links as nothing; it lists names with a leading slash, sorted, without dot files and what is in dot directories.',
    trial: 'A workspace with files of known lengths, hidden ones among them, and a link is surveyed.',
    check: inWorkspace(async ({ storage, workspace, links }) => {
      await storage.write(workspace, 'b/c/d.txt', bytes('12345'));
      await storage.write(workspace, 'a.txt', bytes('123'));
      await storage.write(workspace, '.env', bytes('1234567890'));
      await storage.write(workspace, '.git/deep/obj', bytes('1234567890'));
      await storage.makeDirectory(workspace, 'empty');
      if (links) await storage.link(workspace, 'b/set', links.allowed);
      assert.deepEqual(await storage.survey(workspace), {
        diskSpaceBytes: 28,
        files: ['/a.txt', '/b/c/d.txt'],
        symlinks: links ? ['/b/set'] : [],
      });
    }),
  },
  {
    id: 'watch.follows',
    promise:
      '`watch` reports a survey soon after it began and after each change, at most one a second, and ends with the signal.',
    trial:
      'A file is written, grown and removed while its workspace is watched, and a program of the user writes one; then the watch ends and another file is written.',
    check: inWorkspace(async ({ storage, workspace, plain }, { signal }) => {
      const reports: { readonly bytes: number; readonly atMs: number }[] = [];
      const controller = new AbortController();
      storage.watch(
        workspace,
        ({ diskSpaceBytes }) => reports.push({ bytes: diskSpaceBytes, atMs: performance.now() }),
        AbortSignal.any([controller.signal, signal]),
      );
      const until = async (expected: number): Promise<void> => {
        while (reports.at(-1)?.bytes !== expected) {
          signal.throwIfAborted();
          await pause(20);
        }
      };
      await until(0);
      await storage.write(workspace, 'a/b', bytes('1'));
      await until(1);
      await storage.write(workspace, 'a/b', bytes('123'));
      await until(3);
      await storage.remove(workspace, 'a');
      await until(0);
      if (plain) {
        await writeFile(plain.at(workspace, 'of a program'), '12');
        await until(2);
      }
      controller.abort();
      const count = reports.length;
      await storage.write(workspace, 'late', bytes('1234'));
      await pause(1_200);
      assert.equal(reports.length, count);
      for (const [index, { atMs }] of reports.entries()) {
        const before = reports[index - 1];
        // Timers may be a little early.
        if (before) assert.ok(atMs - before.atMs > 950, `two reports within ${atMs - before.atMs} ms`);
      }
    }),
  },
  {
    id: 'check.connected',
    promise: '`check` says in a sentence whether the storage works, without telling where it is.',
    trial: 'A storage that works is asked.',
    check: async ({ storage, workspace }) => {
      const { connected, message } = await storage.check();
      assert.equal(connected, true);
      assert.ok(message.length > 0 && !message.includes(workspace.location));
      assert.doesNotMatch(message, /\/[^\s/]+\/[^\s/]+/, 'The message tells a path.');
    },
  },
];

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

async function makeOneOfEach({ storage, workspace, links }: StorageWorld): Promise<void> {
  await storage.write(workspace, 'a/b/file', bytes('x'));
  await storage.write(workspace, 'a/b/file', bytes('replaced'));
  await storage.makeDirectory(workspace, 'c/d');
  await storage.appendUpload(workspace, 'b'.repeat(32), 0, bytes('x'));
  await storage.finishUpload(workspace, 'b'.repeat(32), 'e/upload');
  await storage.rename(workspace, 'c/d', 'f/g');
  if (links) await storage.link(workspace, 'h/link', links.allowed);
}

async function destroysLink({ storage, workspace, links }: StorageWorld): Promise<void> {
  await storage.create(workspace);
  if (links) await storage.link(workspace, 'link', links.allowed);
  await storage.destroy(workspace);
  await refused(storage.stat(workspace, ''), 'not_found');
  if (links) await storage.checkLinkTarget(links.allowed);
}

/** What a storage without links does instead. */
export async function refusesLinks({ storage, workspace }: StorageWorld): Promise<void> {
  await storage.create(workspace);
  assert.equal(storage.capabilities.links, false);
  await refused(storage.link(workspace, 'link', '/'), ['unsupported', 'denied']);
  await refused(storage.checkLinkTarget('/'), ['unsupported', 'denied']);
  assert.deepEqual(await collect(storage.list(workspace, '')), []);
}

/** Every file below a directory with its content, to see whether anything was changed. */
export async function contentBelow(directory: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of (await readdir(directory, { recursive: true })).sort()) {
    const path = join(directory, name);
    const stats = await lstat(path);
    found.push(
      `${name} ${stats.uid} ${stats.mode} ${stats.mtimeMs} ${stats.isFile() ? await readFile(path, 'utf8') : ''}`,
    );
  }
  return found;
}
