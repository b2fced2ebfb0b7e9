import { chown, opendir, rename, rmdir, unlink } from 'node:fs/promises';
import type { DirectoryHandle } from './directory-handle.js';
import { errnoOf } from './errors.js';
import { type Name, nameFromLatin1 } from './names.js';
import { freshName } from './staging.js';

/** How often a directory to which programs keep adding entries is emptied. */
const maxRounds = 50;
const parallel = 16;

/**
 * Removes an entry, with all that is in it, from a directory that users may change at the same time.
 *
 * It is first moved to the staging directory, which users cannot enter: it is gone from its place at once and whole. There its
 * directories are moved next to each other and emptied one by one. Only what can be renamed into staging is ever
 * removed, so neither a link nor a mount point leads out; two handles are enough for a tree of any depth.
 *
 * @throws system error ENOENT.
 */
export async function removeEntry(
  staging: DirectoryHandle,
  parent: DirectoryHandle,
  name: Name,
  signal?: AbortSignal,
): Promise<void> {
  const trash = freshName('trash');
  await moveAside(parent, name, staging, trash);
  await removeTrash(staging, [trash], signal);
}

/** Removes entries of a staging directory, which itself serves as the place to move their directories to. */
export async function removeTrash(
  staging: DirectoryHandle,
  names: readonly Name[],
  signal?: AbortSignal,
): Promise<void> {
  const pending = [...names];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    signal?.throwIfAborted();
    try {
      await unlink(staging.at(name));
      continue;
    } catch (error) {
      const code = errnoOf(error);
      if (code === 'ENOENT') continue;
      // Linux says EISDIR for a directory, other systems EPERM.
      if (code !== 'EISDIR' && !(await staging.stats(name))?.isDirectory()) throw error;
    }
    await removeDirectory(staging, name, pending, signal);
  }
}

async function removeDirectory(
  staging: DirectoryHandle,
  name: Name,
  pending: Name[],
  signal: AbortSignal | undefined,
): Promise<void> {
  await staging.unlock(name);
  const directory = await staging.openDirectory(name);
  try {
    await takeOver(directory);
    for (let round = 1; ; round += 1) {
      await empty(directory, staging, pending, signal);
      try {
        await rmdir(staging.at(name));
        return;
      } catch (error) {
        const code = errnoOf(error);
        if (code === 'ENOENT') return;
        if ((code !== 'ENOTEMPTY' && code !== 'EEXIST') || round === maxRounds) throw error;
      }
    }
  } finally {
    await directory.close();
  }
}

/** Makes the directory the server's, so that programs that are still in it cannot add to it. */
async function takeOver(directory: DirectoryHandle): Promise<void> {
  const uid = process.geteuid?.();
  const gid = process.getegid?.();
  if (uid === 0 && gid !== undefined) await chown(directory.self, uid, gid);
}

async function empty(
  directory: DirectoryHandle,
  staging: DirectoryHandle,
  pending: Name[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const removeOne = async (name: Name, isDirectory: boolean): Promise<void> => {
    if (!isDirectory) {
      try {
        await unlink(directory.at(name));
        return;
      } catch (error) {
        const code = errnoOf(error);
        if (code === 'ENOENT') return;
        if (code !== 'EISDIR' && !(await directory.stats(name))?.isDirectory()) throw error;
      }
    }
    const trash = freshName('trash');
    try {
      await moveAside(directory, name, staging, trash);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return;
      throw error;
    }
    pending.push(trash);
  };
  let batch: { name: Name; isDirectory: boolean }[] = [];
  const removeBatch = async (): Promise<void> => {
    signal?.throwIfAborted();
    // All have ended before one's failure is passed on: the handle must not be closed under calls that still use it.
    const results = await Promise.allSettled(batch.map(({ name, isDirectory }) => removeOne(name, isDirectory)));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    batch = [];
  };
  for await (const found of await opendir(directory.self, { encoding: 'latin1', bufferSize: 64 })) {
    batch.push({ name: nameFromLatin1(found.name), isDirectory: found.isDirectory() });
    if (batch.length === parallel) await removeBatch();
  }
  await removeBatch();
}

/** Moves an entry to staging, whatever it is. A link is moved itself, a mount point cannot be (EBUSY). */
async function moveAside(parent: DirectoryHandle, name: Name, staging: DirectoryHandle, trash: string): Promise<void> {
  try {
    await rename(parent.at(name), staging.at(trash));
  } catch (error) {
    if (errnoOf(error) !== 'EACCES' || !(await parent.stats(name))?.isDirectory()) throw error;
    // A plain user needs write permission on a directory to move it, and may own one without.
    await parent.unlock(name);
    await rename(parent.at(name), staging.at(trash));
  }
}
