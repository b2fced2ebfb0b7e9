import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import type { Entry, Storage } from '@user-workspaces/contract';
import { failureOf, refused } from '../../expectation.js';
import { breaking, bytes, collect, pathsOf, readText, textOf } from './content.js';
import { inWorkspace, type StorageGuarantee } from './world.js';

export const fileGuarantees: readonly StorageGuarantee[] = [
  {
    id: 'paths.refused',
    promise:
      'Empty segments, `.`, `..`, a leading slash, NUL, and segments over 255 bytes are refused with `invalid` and a `field`.',
    trial: 'Each is given to each method that takes a path.',
    check: inWorkspace(async ({ storage, workspace, links }) => {
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
        'ü'.repeat(128),
      ];
      for (const path of hostile) {
        const calls: Promise<unknown>[] = [
          storage.stat(workspace, path),
          storage.read(workspace, path),
          storage.write(workspace, path, bytes('x')),
          storage.finishUpload(workspace, '0'.repeat(32), path),
          storage.makeDirectory(workspace, path),
          storage.rename(workspace, path, 'x'),
          storage.rename(workspace, 'x', path),
          storage.remove(workspace, path),
          collect(storage.list(workspace, path)),
          collect(storage.walk(workspace, path)),
        ];
        if (storage.listChosen) calls.push(collect(storage.listChosen(workspace, path, async () => [])));
        if (links) calls.push(storage.link(workspace, path, links.allowed));
        const errors = await Promise.all(calls.map((call) => refused(call, 'invalid')));
        for (const error of errors) assert.ok(error.field !== undefined, error.message);
      }
      await refused(storage.write(workspace, '', bytes('x')), 'invalid');
      await refused(storage.remove(workspace, ''), 'invalid');
      assert.deepEqual(await pathsOf(storage.list(workspace, '')), []);
    }),
  },
  {
    id: 'stat.entry',
    promise:
      'An entry tells path, kind, size, time of change and etag as they are; one that is not there is `not_found`.',
    trial: 'A file and a directory are looked at, and what is not there, also below a file.',
    check: inWorkspace(async ({ storage, workspace }) => {
      const beganAtMs = Date.now();
      const written = await storage.write(workspace, 'a/b.txt', bytes('hel', 'lo'));
      assert.deepEqual(await storage.stat(workspace, 'a/b.txt'), written);
      assert.deepEqual([written.path, written.kind, written.sizeBytes], ['a/b.txt', 'file', 5]);
      assert.ok(Math.abs(written.modifiedAtMs - beganAtMs) < 60_000);
      assert.equal((await storage.stat(workspace, 'a')).kind, 'directory');
      for (const path of ['c', 'a/c', 'c/d', 'a/b.txt/c']) await refused(storage.stat(workspace, path), 'not_found');
    }),
  },
  {
    id: 'list.direct',
    promise: '`list` gives the entries directly in a directory; one that is not there is `not_found`.',
    trial: 'A workspace and a directory in it are listed, dot files and names beyond ASCII included.',
    check: inWorkspace(async ({ storage, workspace }) => {
      for (const path of ['a/b/c', 'a/ü', 'a/.dot', 'd']) await storage.write(workspace, path, bytes('x'));
      const entries = await collect(storage.list(workspace, 'a'));
      assert.deepEqual(entries.map(({ path }) => path).sort(), ['a/.dot', 'a/b', 'a/ü']);
      for (const entry of entries) assert.deepEqual(entry, await storage.stat(workspace, entry.path));
      assert.deepEqual(await pathsOf(storage.list(workspace, '')), ['a', 'd']);
      await refused(collect(storage.list(workspace, 'nothing')), 'not_found');
    }),
  },
  {
    id: 'list.chosen',
    promise:
      'Of the entries that `list` gives `listChosen` (optional) gives those that are picked by their names, in the order of the picks; what vanishes meanwhile is left out.',
    trial:
      'Of five names three are picked, all, and none, and one that is removed before it is looked at; where the function is missing, they are picked from what `list` gives.',
    check: inWorkspace(async ({ storage, workspace }) => {
      for (const path of ['a/b/c', 'a/ü', 'a/.dot', 'a/d', 'a/e', 'f'])
        await storage.write(workspace, path, bytes(path));
      const pick = storage.listChosen?.bind(storage) ?? pickFrom(storage);
      const chosen = async (picks: readonly string[], meanwhile?: () => Promise<void>): Promise<Entry[]> => {
        const names: string[] = [];
        const entries = await collect(
          pick(workspace, 'a', async (all) => {
            for await (const name of all) names.push(name);
            await meanwhile?.();
            return picks;
          }),
        );
        assert.deepEqual(names.sort(), ['.dot', 'b', 'd', 'e', 'ü'], 'The names to pick from are not all there are.');
        assert.deepEqual(
          entries.map(({ path }) => path),
          picks.filter((name) => name !== 'd' || !meanwhile).map((name) => `a/${name}`),
          'The entries are not those that were picked, in the order of the picks.',
        );
        return entries;
      };
      for (const picks of [['ü', 'b', '.dot'], ['.dot', 'b', 'd', 'e', 'ü'], ['ü', 'e', 'd', 'b', '.dot'], []]) {
        for (const entry of await chosen(picks)) assert.deepEqual(entry, await storage.stat(workspace, entry.path));
      }
      await chosen(['ü', 'd', 'b'], () => storage.remove(workspace, 'a/d'));
      await refused(collect(pick(workspace, 'nothing', async () => [])), 'not_found');
      const error = new Error('mine');
      const failing = pick(workspace, 'a', () => Promise.reject(error));
      assert.equal(await failureOf(collect(failing)), error, 'What the choice throws is not passed on.');
    }),
  },
  {
    id: 'walk.parents-first',
    promise: '`walk` gives everything below a directory, parents before children.',
    trial: 'A tree of several levels is walked, from the workspace and from a directory.',
    check: inWorkspace(async ({ storage, workspace }) => {
      for (const path of ['a/b/c/d', 'a/e', 'f/g']) await storage.write(workspace, path, bytes('x'));
      const paths = (await collect(storage.walk(workspace, ''))).map(({ path }) => path);
      assert.deepEqual([...paths].sort(), ['a', 'a/b', 'a/b/c', 'a/b/c/d', 'a/e', 'f', 'f/g']);
      for (const path of paths) {
        const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
        if (parent !== '') assert.ok(paths.indexOf(parent) < paths.indexOf(path), `${path} before ${parent}`);
      }
      assert.deepEqual(await pathsOf(storage.walk(workspace, 'a/b')), ['a/b/c', 'a/b/c/d']);
    }),
  },
  {
    id: 'read.range',
    promise:
      '`read` gives the file, or an inclusive range of bytes; a range outside of it, and what is no file, is `invalid`.',
    trial: 'Ranges at both ends and across pieces of a file of 300,000 bytes are read, then wrong ones.',
    check: inWorkspace(async ({ storage, workspace }) => {
      const text = Array.from({ length: 50_000 }, (_, number) => String(number).padStart(6, '0')).join('');
      const entry = await storage.write(workspace, 'file', bytes(text.slice(0, 7), text.slice(7)));
      const opened = await storage.read(workspace, 'file');
      assert.deepEqual(opened.entry, entry);
      assert.ok((await textOf(opened.content)) === text, 'the file is read as it was written');
      const range = async (start: number, end: number): Promise<string> =>
        textOf((await storage.read(workspace, 'file', { start, end })).content);
      for (const [start, end] of [
        [0, 0],
        [5, 250_000],
        [299_999, 299_999],
        [0, 299_999],
      ] as const) {
        assert.ok((await range(start, end)) === text.slice(start, end + 1), `bytes ${start} to ${end}`);
      }
      for (const [start, end] of [
        [0, 300_000],
        [300_000, 300_000],
        [5, 4],
        [-1, 3],
        [0, Number.NaN],
      ] as const) {
        await refused(range(start, end), 'invalid');
      }
      await storage.write(workspace, 'empty', bytes());
      assert.equal(await readText(storage, workspace, 'empty'), '');
      await storage.makeDirectory(workspace, 'directory');
      await refused(storage.read(workspace, 'directory'), 'invalid');
      await refused(storage.read(workspace, 'nothing'), 'not_found');
    }),
  },
  {
    id: 'write.appears-whole',
    promise: 'A file appears at its name whole or not at all.',
    trial: 'After each piece of a new file and of a replacement, the name is read.',
    check: inWorkspace(async ({ storage, workspace }) => {
      const seen: string[] = [];
      const present = (): Promise<string> => readText(storage, workspace, 'file').catch(() => 'absent');
      const watched = async function* (text: string): AsyncGenerator<Uint8Array> {
        for (const letter of text) {
          yield Buffer.alloc(70_000, letter);
          seen.push((await present()).slice(0, 6));
        }
      };
      await storage.write(workspace, 'file', watched('ab'));
      await storage.write(workspace, 'file', watched('cd'));
      assert.deepEqual(seen, ['absent', 'absent', 'aaaaaa', 'aaaaaa']);
      assert.equal((await present()).length, 140_000);
    }),
  },
  {
    id: 'write.broken-source',
    promise: 'A broken write leaves the old file as it was, and throws what the source throws.',
    trial: 'A source fails in the middle, with an error that looks like one of the file system.',
    check: inWorkspace(async ({ storage, workspace, plain }) => {
      const old = await storage.write(workspace, 'file', bytes('old'));
      const error = Object.assign(new Error('read ECONNRESET'), { code: 'ENOSPC', syscall: 'read' });
      assert.equal(await failureOf(storage.write(workspace, 'file', breaking(error, 'new'))), error);
      assert.equal(await failureOf(storage.write(workspace, 'never', breaking(error, 'new'))), error);
      assert.equal(await readText(storage, workspace, 'file'), 'old');
      assert.deepEqual(await storage.stat(workspace, 'file'), old);
      await refused(storage.stat(workspace, 'never'), 'not_found');
      assert.deepEqual((await plain?.leftovers()) ?? [], []);
    }),
  },
  {
    id: 'write.if-match',
    promise: 'With `ifMatch` a write happens only if the present file has this etag.',
    trial: 'A file is replaced with its etag, with an older one, and where there is none.',
    check: inWorkspace(async ({ storage, workspace }) => {
      const first = await storage.write(workspace, 'file', bytes('1'));
      const second = await storage.write(workspace, 'file', bytes('2'), { ifMatch: first.etag });
      await refused(storage.write(workspace, 'file', bytes('3'), { ifMatch: first.etag }), 'conflict');
      await refused(storage.write(workspace, 'absent', bytes('3'), { ifMatch: second.etag }), 'conflict');
      assert.equal(await readText(storage, workspace, 'file'), '2');
      await refused(storage.stat(workspace, 'absent'), 'not_found');
    }),
  },
  {
    id: 'write.if-none',
    promise: 'With `ifMatch: null` a write happens only if there is no such file.',
    trial: 'A file is made twice.',
    check: inWorkspace(async ({ storage, workspace }) => {
      await storage.write(workspace, 'file', bytes('1'), { ifMatch: null });
      await refused(storage.write(workspace, 'file', bytes('2'), { ifMatch: null }), 'conflict');
      assert.equal(await readText(storage, workspace, 'file'), '1');
    }),
  },
  {
    id: 'write.one-winner',
    promise: 'Of many writes at once with the same condition one happens.',
    trial: 'Eight writers of two server processes replace one version of a file, then eight make a new one.',
    check: inWorkspace(async ({ storage, workspace, reopen }) => {
      const instances = [storage, await reopen()];
      const { etag } = await storage.write(workspace, 'old', bytes('0'));
      for (const [path, ifMatch] of [
        ['old', etag],
        ['new', null],
      ] as const) {
        const ends = await Promise.allSettled(
          Array.from({ length: 8 }, async (_, writer) =>
            instances[writer % 2]?.write(workspace, path, bytes(`${writer}`), { ifMatch }),
          ),
        );
        const winners = ends.flatMap(({ status }, writer) => (status === 'fulfilled' ? [`${writer}`] : []));
        assert.deepEqual(winners, [await readText(storage, workspace, path)]);
        for (const end of ends) if (end.status === 'rejected') await refused(Promise.reject(end.reason), 'conflict');
      }
    }),
  },
  {
    id: 'write.conflict',
    promise:
      'A write to the name of a directory, or below a file, is `conflict`, and so is a directory in place of a file; an existing directory is fine.',
    trial: 'Files and directories are made where the other kind is.',
    check: inWorkspace(async ({ storage, workspace }) => {
      await storage.write(workspace, 'directory/file', bytes('x'));
      await refused(storage.write(workspace, 'directory', bytes('x')), 'conflict');
      await refused(storage.write(workspace, 'directory/file/x', bytes('x')), 'conflict');
      await refused(storage.makeDirectory(workspace, 'directory/file'), 'conflict');
      const made = await storage.makeDirectory(workspace, 'directory');
      assert.deepEqual([made.path, made.kind], ['directory', 'directory']);
      assert.equal((await storage.makeDirectory(workspace, 'new/a/b')).path, 'new/a/b');
      assert.equal(await readText(storage, workspace, 'directory/file'), 'x');
    }),
  },
  {
    id: 'etag.changes',
    promise: 'The etag changes whenever the content may have changed, and not by reading.',
    trial:
      'A file is replaced by one of the same size, at once; it is read and looked at; a program of the user adds to it.',
    check: inWorkspace(async ({ storage, workspace, plain }) => {
      const etags: string[] = [];
      for (const text of ['aa', 'bb', 'aa']) {
        const { etag } = await storage.write(workspace, 'file', bytes(text));
        await readText(storage, workspace, 'file');
        assert.equal((await storage.stat(workspace, 'file')).etag, etag);
        assert.equal((await storage.read(workspace, 'file').then(closed)).etag, etag);
        etags.push(etag);
      }
      assert.equal(new Set(etags).size, 3);
      if (plain) {
        // In place, as a program of the user does it.
        await appendFile(plain.at(workspace, 'file'), 'more');
        etags.push((await storage.stat(workspace, 'file')).etag);
        assert.equal(new Set(etags).size, 4, 'The etag does not change when a program changes the file in place.');
      }
      assert.ok(
        etags.every((etag) => !etag.includes('"')),
        'unquoted',
      );
    }),
  },
  {
    id: 'rename.moves',
    promise:
      '`rename` renames within the workspace, and makes missing parents of the new name; what is not there is `not_found`.',
    trial: 'A file and a directory are renamed.',
    check: inWorkspace(async ({ storage, workspace }) => {
      await storage.write(workspace, 'a/b', bytes('b'));
      const moved = await storage.rename(workspace, 'a/b', 'c/d/e');
      assert.deepEqual([moved.path, moved.kind, moved.sizeBytes], ['c/d/e', 'file', 1]);
      assert.equal((await storage.rename(workspace, 'c', 'f')).kind, 'directory');
      await refused(storage.rename(workspace, 'a/b', 'x'), 'not_found');
      assert.deepEqual(await pathsOf(storage.walk(workspace, '')), ['a', 'f', 'f/d', 'f/d/e']);
      assert.equal(await readText(storage, workspace, 'f/d/e'), 'b');
    }),
  },
  {
    id: 'rename.never-replaces',
    promise: '`rename` is `conflict` when the new name exists.',
    trial: 'A file and a directory are renamed to names of files and directories.',
    check: inWorkspace(async ({ storage, workspace }) => {
      for (const path of ['file', 'other', 'directory/in']) await storage.write(workspace, path, bytes(path));
      await storage.makeDirectory(workspace, 'empty');
      for (const [from, to] of [
        ['file', 'other'],
        ['file', 'empty'],
        ['file', 'file'],
        ['directory', 'file'],
        ['directory', 'empty'],
      ] as const) {
        await refused(storage.rename(workspace, from, to), 'conflict');
      }
      for (const path of ['file', 'other', 'directory/in'])
        assert.equal(await readText(storage, workspace, path), path);
      assert.deepEqual(await pathsOf(storage.list(workspace, 'empty')), []);
    }),
  },
  {
    id: 'rename.one-winner',
    promise: 'Of many renames to one name at once one happens, and nothing is lost by the others.',
    trial: 'Eight files are renamed to one name, by two server processes.',
    check: inWorkspace(async ({ storage, workspace, reopen }) => {
      const instances = [storage, await reopen()];
      const names = Array.from({ length: 8 }, (_, index) => `file ${index}`);
      for (const name of names) await storage.write(workspace, name, bytes(name));
      const ends = await Promise.allSettled(
        names.map(async (name, index) => instances[index % 2]?.rename(workspace, name, 'target')),
      );
      const winners = names.filter((_, index) => ends[index]?.status === 'fulfilled');
      assert.deepEqual(winners, [await readText(storage, workspace, 'target')]);
      for (const end of ends) if (end.status === 'rejected') await refused(Promise.reject(end.reason), 'conflict');
      const others = names.filter((name) => !winners.includes(name));
      assert.deepEqual(await pathsOf(storage.list(workspace, '')), [...others, 'target'].sort());
    }),
  },
  {
    id: 'remove.tree',
    promise: '`remove` removes an entry, a directory with all that is in it; what is not there is `not_found`.',
    trial: 'A file and a tree are removed, twice each.',
    check: inWorkspace(async ({ storage, workspace, plain }) => {
      for (const path of ['a/b/c', 'a/.d', 'e', 'kept']) await storage.write(workspace, path, bytes('x'));
      for (const path of ['a', 'e']) {
        await storage.remove(workspace, path);
        await refused(storage.remove(workspace, path), 'not_found');
      }
      assert.deepEqual(await pathsOf(storage.walk(workspace, '')), ['kept']);
      assert.deepEqual((await plain?.leftovers()) ?? [], []);
    }),
  },
];

async function closed({ entry, content }: { entry: Entry; content: AsyncIterable<Uint8Array> }): Promise<Entry> {
  await content[Symbol.asyncIterator]().return?.();
  return entry;
}

/** What the server does where a storage has no `listChosen`. */
function pickFrom(storage: Storage): NonNullable<Storage['listChosen']> {
  return async function* (directory, path, choose, signal) {
    const entries = new Map<string, Entry>();
    for await (const entry of storage.list(directory, path, signal)) {
      entries.set(entry.path.slice(entry.path.lastIndexOf('/') + 1), entry);
    }
    const names = async function* (): AsyncGenerator<string> {
      yield* entries.keys();
    };
    for (const name of await choose(names())) {
      const entry = await storage.stat(directory, entries.get(name)?.path ?? name, signal).catch(() => undefined);
      if (entry) yield entry;
    }
  };
}
