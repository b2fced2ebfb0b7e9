import { randomUUID } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { lchown, lstat, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  AdapterError,
  type Entry,
  type Storage,
  type WorkspaceDirectory,
  type WriteConditions,
} from '@user-workspaces/contract';
import type { StorageWorld } from '@user-workspaces/testkit';
import type { Mutant } from '../mutants.js';
import { opening, pathIn, stagingOf, wholeOf } from './opening.js';

const isFile = (path: string): Promise<boolean> =>
  lstat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );

/** Does something more when a write ended with what was not the storage's own refusal. */
const afterBrokenWrites = (spoil: (directory: WorkspaceDirectory, path: string) => Promise<unknown>) =>
  opening((storage) => ({
    async write(directory, path, source, conditions, signal) {
      try {
        return await storage.write(directory, path, source, conditions, signal);
      } catch (error) {
        if (!AdapterError.is(error)) await spoil(directory, path);
        throw error;
      }
    },
  }));

/** What is wrong with files and lists. */
export const fileMutants: readonly Mutant<StorageWorld>[] = [
  {
    fault: 'shows a new file while it is written',
    open: opening((storage) => ({
      async write(directory, path, source, conditions, signal) {
        const place = pathIn(directory, path);
        const isNew = await storage.stat(directory, path).then(
          () => false,
          (error: unknown) => AdapterError.is(error, 'not_found'),
        );
        if (path.includes('/') || conditions || !isNew) {
          return storage.write(directory, path, source, conditions, signal);
        }
        const shown = async function* (): AsyncGenerator<Uint8Array> {
          for await (const piece of source) {
            await writeFile(place, piece, { flag: 'a' });
            yield piece;
          }
        };
        try {
          return await storage.write(directory, path, shown(), conditions, signal);
        } catch (error) {
          await rm(place, { force: true });
          throw error;
        }
      },
    })),
    breaks: ['write.appears-whole'],
  },
  {
    fault: 'removes the old file before the new one has its name',
    open: opening((storage) => ({
      async write(directory, path, source, conditions, signal) {
        if (path.includes('/') || conditions || !(await isFile(pathIn(directory, path)))) {
          return storage.write(directory, path, source, conditions, signal);
        }
        const name = `.new-${randomUUID()}`;
        await storage.write(directory, name, source, conditions, signal);
        await storage.remove(directory, path, signal);
        return storage.rename(directory, name, path, signal);
      },
    })),
    breaks: ['crash.write'],
  },
  {
    fault: 'loses the old file when a write breaks off',
    open: afterBrokenWrites((directory, path) => rm(pathIn(directory, path), { force: true })),
    breaks: ['signal.before', 'signal.silent-source', 'write.broken-source'],
  },
  {
    fault: 'leaves what it staged when a write breaks off',
    open: afterBrokenWrites((directory) => writeFile(join(stagingOf(directory), 'write-left'), 'new')),
    breaks: ['signal.silent-source', 'write.broken-source'],
  },
  {
    fault: 'says that a file is written when the disk is full',
    open: opening((storage) => ({
      async write(directory, path, source, conditions, signal) {
        try {
          return await storage.write(directory, path, source, conditions, signal);
        } catch (error) {
          if (AdapterError.is(error, 'no_space')) return storage.stat(directory, path);
          throw error;
        }
      },
    })),
    breaks: ['faults.full-disk'],
  },
  {
    fault: 'compares the etag before a replacement, not as it takes place',
    open: opening((storage) => {
      const isCurrent = async (directory: WorkspaceDirectory, path: string, etag: string): Promise<boolean> =>
        storage.stat(directory, path).then(
          (entry) => entry.etag === etag,
          () => false,
        );
      return {
        write: async (directory, path, source, conditions, signal) => {
          const etag = conditions?.ifMatch;
          if (typeof etag !== 'string' || !(await isCurrent(directory, path, etag)))
            return storage.write(directory, path, source, conditions, signal);
          return storage.write(directory, path, source, {}, signal);
        },
        finishUpload: async (directory, uploadId, path, conditions, signal) => {
          const etag = conditions?.ifMatch;
          if (typeof etag !== 'string' || !(await isCurrent(directory, path, etag)))
            return storage.finishUpload(directory, uploadId, path, conditions, signal);
          return storage.finishUpload(directory, uploadId, path, {}, signal);
        },
      };
    }),
    breaks: ['upload.one-winner', 'write.one-winner'],
  },
  {
    fault: 'looks whether a new name is free, and then takes it from whoever came in between',
    open: opening((storage) => ({
      rename: async (directory, from, to, signal) => {
        if (!from.startsWith('file ')) return storage.rename(directory, from, to, signal);
        if (await isFile(pathIn(directory, to)))
          throw new AdapterError('conflict', 'The name is taken.', { field: 'path' });
        await rename(pathIn(directory, from), pathIn(directory, to));
        return storage.stat(directory, to);
      },
    })),
    breaks: ['rename.one-winner'],
  },
  {
    fault: 'ends a reading that is aborted midway as if all had been read',
    open: opening((storage) => ({
      async *list(directory, path, signal) {
        signal?.throwIfAborted();
        for await (const entry of storage.list(directory, path)) {
          if (signal?.aborted) return;
          yield entry;
        }
      },
    })),
    breaks: ['signal.midway'],
  },
  {
    fault: 'replaces a file whatever its etag is',
    open: opening((storage) => ({
      write: (directory, path, source, conditions, signal) =>
        storage.write(directory, path, source, conditions?.ifMatch === null ? conditions : {}, signal),
    })),
    breaks: ['handles.closed', 'write.if-match', 'write.one-winner'],
  },
  {
    fault: 'replaces a file that must not be there',
    open: opening((storage) => ({
      write: (directory, path, source, conditions, signal) =>
        storage.write(directory, path, source, conditions?.ifMatch === null ? {} : conditions, signal),
    })),
    breaks: ['write.if-none', 'write.one-winner'],
  },
  {
    fault: 'keeps the etag of a file that is replaced by one of the same size',
    open: opening(withEtagsOfSizes),
    breaks: ['etag.changes', 'faults.clock', 'list.chosen', 'write.if-match'],
  },
  {
    fault: 'reads a whole file into memory',
    open: opening((storage) => ({
      async read(directory, path, range, signal) {
        const { entry, content } = await storage.read(directory, path, range, signal);
        const whole = await wholeOf(content);
        const pieces = async function* (): AsyncGenerator<Uint8Array> {
          for (let from = 0; from < whole.length; from += 128 * 1024) {
            signal?.throwIfAborted();
            yield whole.subarray(from, from + 128 * 1024);
          }
        };
        return { entry, content: pieces() };
      },
    })),
    breaks: ['memory.constant'],
  },
  {
    fault: 'leaves a file open when a range of it is refused',
    open: opening((storage) => {
      const left: number[] = [];
      return {
        async read(directory, path, range, signal) {
          try {
            return await storage.read(directory, path, range, signal);
          } catch (error) {
            if (range && AdapterError.is(error, 'invalid')) left.push(openSync(pathIn(directory, path), 'r'));
            throw error;
          }
        },
        async close() {
          for (const file of left) closeSync(file);
          await storage.close();
        },
      };
    }),
    breaks: ['handles.closed'],
  },
  {
    fault: 'leaves a directory with the server',
    open: opening((storage) => ({
      async makeDirectory(directory, path, signal) {
        await storage.makeDirectory(directory, path, signal);
        // Programs of the test may have taken it away.
        await lchown(pathIn(directory, path), 0, 0).catch(() => undefined);
        return storage.stat(directory, path);
      },
    })),
    breaks: ['owner.account'],
  },
  {
    fault: 'gives no entries for a directory that is not there',
    open: opening((storage) => ({
      async *list(directory, path, signal) {
        try {
          yield* storage.list(directory, path, signal);
        } catch (error) {
          if (!AdapterError.is(error, 'not_found')) throw error;
        }
      },
    })),
    breaks: ['list.direct'],
  },
  {
    fault: 'gives all entries where some were picked',
    open: opening((storage) => ({
      async *listChosen(directory, path, choose, signal) {
        await wholeOfNames(storage.listChosen?.(directory, path, choose, signal));
        yield* storage.list(directory, path, signal);
      },
    })),
    breaks: ['list.chosen'],
  },
  {
    fault: 'gives what was picked in the order of the directory',
    open: opening((storage) => ({
      async *listChosen(directory, path, choose, signal) {
        const picked = new Set(await wholeOfNames(storage.listChosen?.(directory, path, choose, signal)));
        for await (const entry of storage.list(directory, path, signal)) if (picked.has(entry.path)) yield entry;
      },
    })),
    breaks: ['list.chosen'],
  },
  {
    fault: 'fails when an entry that was picked is gone',
    open: opening((storage) => ({
      async *listChosen(directory, path, choose, signal) {
        let picks: readonly string[] = [];
        const choosing: typeof choose = async (names) => {
          picks = await choose(names);
          return picks;
        };
        for await (const entry of storage.listChosen?.(directory, path, choosing, signal) ?? []) {
          yield entry;
          for (const name of picks) await storage.stat(directory, path === '' ? name : `${path}/${name}`, signal);
        }
      },
    })),
    breaks: ['list.chosen'],
  },
  {
    fault: 'does not show dot files to who picks',
    open: opening((storage) => ({
      async *listChosen(directory, path, choose, signal) {
        const visible = async function* (names: AsyncIterable<string>): AsyncGenerator<string> {
          for await (const name of names) if (!name.startsWith('.')) yield name;
        };
        yield* storage.listChosen?.(directory, path, (names) => choose(visible(names)), signal) ?? [];
      },
    })),
    breaks: ['list.chosen'],
  },
  {
    fault: 'goes on with picked entries for a caller that went away',
    open: opening((storage) => ({
      async *listChosen(directory, path, choose) {
        yield* storage.listChosen?.(directory, path, choose) ?? [];
      },
    })),
    breaks: ['signal.before', 'signal.midway'],
  },
  {
    fault: 'says of what is below a file that its path is wrong',
    open: opening((storage) => ({
      async stat(directory, path, signal) {
        try {
          return await storage.stat(directory, path, signal);
        } catch (error) {
          const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
          if (!AdapterError.is(error, 'not_found') || !(await isFile(pathIn(directory, parent)))) throw error;
          throw new AdapterError('conflict', 'There is a file in the way.', { field: 'path' });
        }
      },
    })),
    breaks: ['stat.entry'],
  },
  {
    fault: 'leaves out the last byte of a range',
    open: opening((storage) => ({
      read: (directory, path, range, signal) =>
        storage.read(
          directory,
          path,
          range && range.end > range.start ? { start: range.start, end: range.end - 1 } : range,
          signal,
        ),
    })),
    breaks: ['read.range'],
  },
  {
    fault: 'makes a directory in place of a file',
    open: opening((storage) => ({
      async makeDirectory(directory, path, signal) {
        if (await isFile(pathIn(directory, path))) await storage.remove(directory, path, signal);
        return storage.makeDirectory(directory, path, signal);
      },
    })),
    breaks: ['write.conflict'],
  },
  {
    fault: 'tells the old name of what it has renamed',
    open: opening((storage) => ({
      async rename(directory, from, to, signal) {
        return { ...(await storage.rename(directory, from, to, signal)), path: from };
      },
    })),
    breaks: ['rename.moves'],
  },
  {
    fault: 'says that it has removed what is not there',
    open: opening((storage) => ({
      async remove(directory, path, signal) {
        try {
          await storage.remove(directory, path, signal);
        } catch (error) {
          if (!AdapterError.is(error, 'not_found')) throw error;
        }
      },
    })),
    breaks: ['remove.tree'],
  },
  {
    fault: 'keeps a link that is to be replaced',
    open: opening((storage) => ({
      async link(directory, path, target, signal) {
        const present = await storage.stat(directory, path, signal).catch(() => undefined);
        return present?.kind === 'symlink' ? present : storage.link(directory, path, target, signal);
      },
    })),
    breaks: ['link.makes'],
  },
  {
    fault: 'replaces a file by a link',
    open: opening((storage) => ({
      async link(directory, path, target, signal) {
        if (await isFile(pathIn(directory, path))) await storage.remove(directory, path, signal);
        return storage.link(directory, path, target, signal);
      },
    })),
    breaks: ['link.never-replaces'],
  },
  {
    fault: 'refuses a directory that is just being made',
    open: opening((storage) => {
      const making = new Set<string>();
      return {
        async makeDirectory(directory, path, signal) {
          const place = pathIn(directory, path);
          if (making.has(place)) throw new AdapterError('conflict', 'It is being made.', { field: 'path' });
          making.add(place);
          try {
            return await storage.makeDirectory(directory, path, signal);
          } finally {
            making.delete(place);
          }
        },
      };
    }),
    breaks: ['faults.twice-at-once'],
  },
  {
    fault: 'gives what is in a directory before the directory',
    open: opening((storage) => ({
      async *walk(directory, path, signal) {
        const entries: Entry[] = [];
        for await (const entry of storage.walk(directory, path, signal)) entries.unshift(entry);
        yield* entries;
      },
    })),
    breaks: ['signal.midway', 'walk.parents-first'],
  },
  {
    fault: 'replaces what has the new name when it renames',
    open: opening((storage) => ({
      async rename(directory, from, to, signal) {
        try {
          return await storage.rename(directory, from, to, signal);
        } catch (error) {
          if (!AdapterError.is(error, 'conflict') || from === to || to.includes('/')) throw error;
          await storage.remove(directory, to, signal);
          return storage.rename(directory, from, to, signal);
        }
      },
    })),
    breaks: ['rename.never-replaces', 'rename.one-winner'],
  },
  {
    fault: 'ignores the signal when it removes',
    open: opening((storage) => ({ remove: (directory, path) => storage.remove(directory, path) })),
    breaks: ['signal.before'],
  },
];

async function wholeOfNames(entries: AsyncIterable<Entry> = none()): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of entries) paths.push(path);
  return paths;
}

async function* none(): AsyncGenerator<never> {}

/** Entries whose etag is their size; in conditions it stands for the storage's own etag of the entry that was given last. */
function withEtagsOfSizes(storage: Storage): Partial<Storage> {
  const last = new Map<string, Entry>();
  const keyOf = ({ location }: WorkspaceDirectory, path: string): string => `${location}\0${path}`;
  const bySize = (directory: WorkspaceDirectory, entry: Entry): Entry => {
    last.set(keyOf(directory, entry.path), entry);
    return { ...entry, etag: `${entry.sizeBytes}` };
  };
  const own = (directory: WorkspaceDirectory, path: string, conditions: WriteConditions = {}): WriteConditions => {
    const entry = last.get(keyOf(directory, path));
    return entry && conditions.ifMatch === `${entry.sizeBytes}` ? { ifMatch: entry.etag } : conditions;
  };
  return {
    stat: async (directory, ...more) => bySize(directory, await storage.stat(directory, ...more)),
    makeDirectory: async (directory, ...more) => bySize(directory, await storage.makeDirectory(directory, ...more)),
    link: async (directory, ...more) => bySize(directory, await storage.link(directory, ...more)),
    async read(directory, ...more) {
      const { entry, content } = await storage.read(directory, ...more);
      return { entry: bySize(directory, entry), content };
    },
    async *list(directory, ...more) {
      for await (const entry of storage.list(directory, ...more)) yield bySize(directory, entry);
    },
    async write(directory, path, source, conditions, signal) {
      return bySize(directory, await storage.write(directory, path, source, own(directory, path, conditions), signal));
    },
    async finishUpload(directory, uploadId, path, conditions, signal) {
      return bySize(
        directory,
        await storage.finishUpload(directory, uploadId, path, own(directory, path, conditions), signal),
      );
    },
  };
}
