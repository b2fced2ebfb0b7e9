import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import {
  chmod,
  chown,
  type FileHandle,
  lchown,
  link,
  mkdir,
  open,
  rename,
  rmdir,
  symlink,
  unlink,
} from 'node:fs/promises';
import type { DirectoryHandle } from './directory-handle.js';
import { errnoOf } from './errors.js';
import type { Owner } from './layout.js';
import { KeyedLock } from './locks.js';
import { keyOf, type Name } from './names.js';

/** A fresh name in a staging directory; uploads, which are named by their id, never collide with it. */
export function freshName(kind: 'write' | 'directory' | 'link' | 'trash'): string {
  return `${kind}-${randomBytes(12).toString('hex')}`;
}

/** Of requests that need the same new directory at once, one makes it: the others would replace it under the first one's hands. */
const making = new KeyedLock();

/** Opens a new or unfinished file for writing. */
export async function openStaged(staging: DirectoryHandle, name: string, how: 'new' | 'existing'): Promise<FileHandle> {
  const flags = how === 'new' ? constants.O_CREAT | constants.O_EXCL : 0;
  return open(staging.at(name), constants.O_RDWR | constants.O_NOFOLLOW | flags, 0o600);
}

/** Removes a staged file or link. An absent one is fine. */
export async function removeStaged(staging: DirectoryHandle, name: string): Promise<void> {
  try {
    await unlink(staging.at(name));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/**
 * Makes a directory with its final owner and mode appear at a name. It is made and given away in staging: a
 * directory made in place could be swapped by its user before the change of owner. One that exists is left alone.
 */
export async function makeOwnedDirectory(
  staging: DirectoryHandle,
  parent: DirectoryHandle,
  name: Name,
  owner: Owner,
  mode: number,
): Promise<void> {
  const { dev, ino } = await parent.identity();
  await making.run(`${dev}-${ino}-${keyOf(name)}`, async () => {
    if (!(await parent.stats(name))) await moveNewDirectory(staging, parent, name, owner, mode);
  });
}

async function moveNewDirectory(
  staging: DirectoryHandle,
  parent: DirectoryHandle,
  name: Name,
  owner: Owner,
  mode: number,
): Promise<void> {
  const staged = freshName('directory');
  await mkdir(staging.at(staged), 0o700);
  try {
    const made = await staging.openDirectory(staged);
    try {
      if (owner) await chown(made.self, owner.uid, owner.gid);
      await chmod(made.self, mode);
    } finally {
      await made.close();
    }
    // Replaces at most an empty directory that another process made in this very moment.
    await rename(staging.at(staged), parent.at(name));
  } catch (error) {
    await rmdir(staging.at(staged));
    const code = errnoOf(error);
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  }
}

/** Makes a link with its final owner in staging and gives its name there. */
export async function stageLink(staging: DirectoryHandle, target: string | Buffer, owner: Owner): Promise<string> {
  const staged = freshName('link');
  await symlink(target, staging.at(staged));
  if (owner) await lchown(staging.at(staged), owner.uid, owner.gid);
  return staged;
}

/** Moves a file or link to a name that must be free; system error EEXIST when it is not. */
export async function moveToFreeName(
  from: DirectoryHandle,
  fromName: Name,
  to: DirectoryHandle,
  toName: Name,
): Promise<void> {
  // A hard link is the one way to take a name without replacing what has it. After a crash between the two calls, both
  // names are there.
  await link(from.at(fromName), to.at(toName));
  await unlink(from.at(fromName));
}
