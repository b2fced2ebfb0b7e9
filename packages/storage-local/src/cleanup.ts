import { rmdir } from 'node:fs/promises';
import { type DirectoryHandle, withBelow } from './directory-handle.js';
import { readDirectory } from './entries.js';
import { errnoOf } from './errors.js';
import { type Layout, makePrivate, stagingDirectory } from './layout.js';
import type { Name } from './names.js';
import { removeTrash } from './removal.js';

/**
 * Removes what crashes and abandoned uploads left in the staging directories, if nothing touched it for a while, and returns
 * how many entries that were.
 */
export async function removeStale(layout: Layout, olderThanMs: number, signal?: AbortSignal): Promise<number> {
  const before = BigInt(Math.trunc(Date.now() - olderThanMs));
  let removed = 0;
  await layout.withRoot(async (root) => {
    await makePrivate(root, stagingDirectory);
    await withBelow(root, [stagingDirectory], async (all) => {
      for await (const location of readDirectory(all, signal)) {
        if (!location.stats.isDirectory()) {
          // What was written to see whether one can write here.
          if (location.stats.ctimeMs >= before) continue;
          await removeTrash(all, [location.name], signal);
          removed += 1;
          continue;
        }
        await unlessGone(all, location.name, async (staging) => {
          const stale = await staleEntries(staging, before, signal);
          await removeTrash(staging, stale, signal);
          removed += stale.length;
        });
        if (location.stats.ctimeMs < before) await removeIfEmpty(all, location.name);
      }
    });
  });
  return removed;
}

/** Removes all staging of a location, and its directory. */
export async function removeStaging(layout: Layout, name: string, signal?: AbortSignal): Promise<void> {
  await layout.withRoot(async (root) => {
    await makePrivate(root, stagingDirectory);
    await withBelow(root, [stagingDirectory], async (all) => {
      await unlessGone(all, name, async (staging) => {
        const names: Name[] = [];
        for await (const entry of readDirectory(staging, signal)) names.push(entry.name);
        await removeTrash(staging, names, signal);
      });
      await removeIfEmpty(all, name);
    });
  });
}

/** Works in a staging directory. There is nothing to do where none is, also because another server removes it at this very moment. */
async function unlessGone(
  all: DirectoryHandle,
  name: Name,
  work: (staging: DirectoryHandle) => Promise<void>,
): Promise<void> {
  let staging: DirectoryHandle;
  try {
    staging = await all.openDirectory(name);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  try {
    await work(staging);
  } finally {
    await staging.close();
  }
}

/** By the change time: it moves when a file grows and when an entry is moved here, whatever times its user set. */
async function staleEntries(staging: DirectoryHandle, before: bigint, signal?: AbortSignal): Promise<Name[]> {
  const names: Name[] = [];
  for await (const { name, stats } of readDirectory(staging, signal)) {
    if (stats.ctimeMs < before) names.push(name);
  }
  return names;
}

async function removeIfEmpty(parent: DirectoryHandle, name: Name): Promise<void> {
  try {
    await rmdir(parent.at(name));
  } catch (error) {
    const code = errnoOf(error);
    // Another request has begun to use it, or another server removed it.
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOENT') throw error;
  }
}
