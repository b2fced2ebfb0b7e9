import { cp, lstat, readdir, readFile, realpath, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { AdapterError } from '@user-workspaces/contract';
import type { StorageWorld } from '@user-workspaces/testkit';
import type { Mutant } from '../mutants.js';
import { opening, pathIn, wholeOf } from './opening.js';

/** Does something else where the storage refuses. */
async function whereRefused<R>(call: Promise<R>, kind: string, instead: () => Promise<R>): Promise<R> {
  try {
    return await call;
  } catch (error) {
    if (!AdapterError.is(error) || error.kind !== kind) throw error;
    return instead();
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Reads a file by its name again and again, for a moment, until it has this content. */
async function metLater(path: string, content: string): Promise<Buffer | undefined> {
  for (const deadlineMs = performance.now() + 50; performance.now() < deadlineMs; ) {
    const read = await readFile(path).catch(() => undefined);
    if (read?.toString() === content) return read;
  }
  return undefined;
}

const isLink = async (path: string): Promise<boolean> =>
  lstat(path).then(
    (stats) => stats.isSymbolicLink(),
    () => false,
  );

/** Removes what is at the end of a link, if it is the test's. */
async function removeTarget(link: string, below = ''): Promise<void> {
  const target = await realpath(link).catch(() => '');
  if (target.startsWith(`${await realpath(tmpdir())}/`)) await rm(join(target, below), { recursive: true });
}

/** Storages that leave the workspace. */
export const confinementMutants: readonly Mutant<StorageWorld>[] = [
  {
    fault: 'follows a link when it reads',
    open: opening((storage) => ({
      read: (directory, path, range, signal) =>
        whereRefused(storage.read(directory, path, range, signal), 'denied', async () => {
          // A link in the way of a path is left to the race, where it is met by chance.
          if (path.includes('/')) throw new AdapterError('denied', 'A link is in the way.');
          const content = once(await readFile(pathIn(directory, path)));
          return { entry: await storage.stat(directory, path), content };
        }),
    })),
    breaks: ['confined.read', 'location.own'],
  },
  {
    fault: 'follows a link when it looks at what was picked',
    open: opening((storage) => ({
      async *listChosen(directory, path, choose, signal) {
        try {
          yield* storage.listChosen?.(directory, path, choose, signal) ?? [];
        } catch (error) {
          // The race, where a link is met by chance, is left alone.
          if (!AdapterError.is(error, 'denied') || path !== 'out') throw error;
          for (const name of await readdir(pathIn(directory, path))) {
            yield { ...(await storage.stat(directory, '', signal)), path: `${path}/${name}` };
          }
        }
      },
    })),
    breaks: ['confined.read'],
  },
  {
    fault: 'looks whether a link is in the way, and then reads what has the name by now',
    open: opening((storage) => ({
      async read(directory, path, range, signal) {
        if (path !== 'd/f' || (await isLink(pathIn(directory, 'd')))) {
          return storage.read(directory, path, range, signal);
        }
        // The link is there only for moments.
        const content = await metLater(pathIn(directory, path), 'SECRET');
        if (content === undefined) return storage.read(directory, path, range, signal);
        return { entry: await storage.stat(directory, '', signal), content: once(content) };
      },
    })),
    breaks: ['confined.race'],
  },
  {
    fault: 'renames through a link in the way',
    open: opening((storage) => ({
      rename: (directory, from, to, signal) =>
        whereRefused(storage.rename(directory, from, to, signal), 'denied', async () => {
          // The race, where a link is met by chance, is left alone.
          if (!to.startsWith('out/')) throw new AdapterError('denied', 'A link is in the way.');
          await rename(pathIn(directory, from), pathIn(directory, to));
          return storage.stat(directory, '', signal);
        }),
    })),
    breaks: ['confined.rename'],
  },
  {
    fault: 'follows a link when it writes',
    open: opening((storage) => ({
      async write(directory, path, source, conditions, signal) {
        const place = pathIn(directory, path);
        if (path.includes('/') || !(await isLink(place))) {
          return storage.write(directory, path, source, conditions, signal);
        }
        await writeFile(place, await wholeOf(source));
        return storage.stat(directory, path);
      },
    })),
    breaks: ['confined.write'],
  },
  {
    fault: 'puts a finished upload in place through a link in the way',
    open: opening((storage) => ({
      finishUpload: (directory, uploadId, path, conditions, signal) =>
        whereRefused(storage.finishUpload(directory, uploadId, path, conditions, signal), 'denied', async () => {
          // The race, where it would be met by chance, is left alone.
          if (!path.startsWith('out/')) throw new AdapterError('denied', 'A link is in the way.');
          await writeFile(pathIn(directory, path), 'uploaded');
          return storage.stat(directory, '');
        }),
    })),
    breaks: ['confined.write'],
  },
  {
    fault: 'destroys whatever location it is given',
    open: opening((storage) => ({
      destroy: (directory, signal) =>
        whereRefused(storage.destroy(directory, signal), 'denied', async () => {
          if (directory.location.endsWith('/outside')) await rm(join(directory.location, 'kept'));
        }),
    })),
    breaks: ['location.own'],
  },
  {
    fault: 'looks at the text of a link target alone, not at where it leads',
    open: opening((storage) => ({
      checkLinkTarget: (target, signal) =>
        whereRefused(storage.checkLinkTarget(target, signal), 'denied', async () => {
          if (!target.endsWith('/leads out')) throw new AdapterError('denied', 'It is below no root.');
        }),
    })),
    breaks: ['link.targets'],
  },
  {
    fault: 'follows links when it watches',
    open: opening((storage) => ({
      watch: (directory, changed, signal) =>
        storage.watch(
          directory,
          (survey) => {
            const isLed = survey.symlinks.includes('/out');
            changed(isLed ? { ...survey, diskSpaceBytes: survey.diskSpaceBytes + 6 } : survey);
          },
          signal,
        ),
    })),
    breaks: ['confined.survey'],
  },
  {
    fault: 'removes the target with the link',
    open: opening((storage) => ({
      async remove(directory, path, signal) {
        const place = pathIn(directory, path);
        if (!path.includes('/') && (await isLink(place))) await removeTarget(place);
        await storage.remove(directory, path, signal);
      },
    })),
    breaks: ['confined.copy', 'confined.remove'],
  },
  {
    fault: 'follows links when it destroys',
    open: opening((storage) => ({
      async destroy(directory, signal) {
        // What the suite gives it of the rest of the machine is nothing to look for links in.
        const isOfTest = resolve(directory.location).startsWith(`${await realpath(tmpdir())}/`);
        const all = { withFileTypes: true, recursive: true } as const;
        const entries = isOfTest ? await readdir(directory.location, all).catch(() => []) : [];
        for (const entry of entries.filter((each) => each.isSymbolicLink())) {
          const link = join(entry.parentPath, entry.name);
          if ((await stat(link)).isDirectory()) {
            for (const name of await readdir(link)) await removeTarget(link, name);
          }
        }
        await storage.destroy(directory, signal);
      },
    })),
    breaks: ['destroy.link'],
  },
  {
    fault: 'copies what links lead to',
    open: opening((storage) => ({
      async copy(from, to, signal) {
        await storage.copy(from, to, signal);
        for (const { name } of (await readdir(from.location, { withFileTypes: true })).filter((entry) =>
          entry.isSymbolicLink(),
        )) {
          await rm(pathIn(to, name), { force: true });
          await cp(pathIn(from, name), pathIn(to, name), { recursive: true, dereference: true });
        }
      },
    })),
    breaks: ['confined.copy', 'confined.race', 'copy.links'],
  },
  {
    fault: 'copies through a link that stands in the way',
    open: opening((storage) => ({
      async copy(from, to, signal) {
        // What is no workspace is refused by the storage itself.
        const entries = await readdir(from.location, { withFileTypes: true }).catch(() => []);
        for (const { name } of entries.filter((entry) => entry.isFile())) {
          if (await isLink(pathIn(to, name))) await cp(pathIn(from, name), await realpath(pathIn(to, name)));
        }
        await storage.copy(from, to, signal);
      },
    })),
    breaks: ['confined.copy'],
  },
  {
    fault: 'measures what links lead to',
    open: opening((storage) => ({
      async survey(directory, signal) {
        const survey = await storage.survey(directory, signal);
        const targets = await Promise.all(
          survey.symlinks.map((path) => stat(pathIn(directory, path)).catch(() => undefined)),
        );
        const more = targets.reduce((sum, target) => sum + (target?.isFile() ? target.size : 0), 0);
        return { ...survey, diskSpaceBytes: survey.diskSpaceBytes + more };
      },
    })),
    breaks: ['confined.survey'],
  },
  {
    fault: 'links to targets outside of the roots',
    open: opening((storage) => ({
      async link(directory, path, target, signal) {
        const isOutside = await storage.checkLinkTarget(target, signal).then(
          () => false,
          (error: unknown) => AdapterError.is(error, 'denied'),
        );
        if (!isOutside) return storage.link(directory, path, target, signal);
        await symlink(target, pathIn(directory, path));
        return storage.stat(directory, path);
      },
    })),
    breaks: ['link.targets'],
  },
  {
    fault: 'leaves the workspace by ".." when it reads',
    open: opening((storage) => ({
      read: (directory, path, range, signal) =>
        whereRefused(storage.read(directory, path, range, signal), 'invalid', async () => {
          if (!path.startsWith('..')) throw new AdapterError('invalid', 'That is no path.', { field: 'path' });
          const content = once(await readFile(pathIn(directory, path)));
          return { entry: await storage.stat(directory, ''), content };
        }),
    })),
    breaks: ['paths.refused'],
  },
];
