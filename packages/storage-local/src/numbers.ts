import { readdir } from 'node:fs/promises';
import { AdapterError } from '@user-workspaces/contract';
import { type DirectoryHandle, withBelow } from './directory-handle.js';
import { errnoOf } from './errors.js';
import type { Layout } from './layout.js';
import { isAccountName } from './paths.js';

/** Accounts whose directories are read together. */
const atOnce = 16;

/** The highest number that names a workspace's directory, of any account; 0 without one. */
export async function highestNumber(layout: Layout, signal?: AbortSignal): Promise<number> {
  signal?.throwIfAborted();
  let highest = 0;
  await layout.withRoot(async (root) => {
    const accounts = (await readdir(root.self)).filter(isAccountName);
    for (let first = 0; first < accounts.length; first += atOnce) {
      signal?.throwIfAborted();
      const named = await Promise.all(
        accounts.slice(first, first + atOnce).map((account) => namesBelow(root, account)),
      );
      for (const name of named.flat()) highest = Math.max(highest, numberOf(name));
    }
  });
  return highest;
}

/** The names of directories in an account's directory. Where none is, or a link or a mount in its place, this storage keeps no workspace. */
async function namesBelow(root: DirectoryHandle, account: string): Promise<string[]> {
  try {
    const entries = await withBelow(root, [account], (directory) => readdir(directory.self, { withFileTypes: true }));
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || AdapterError.is(error, 'denied')) return [];
    throw error;
  }
}

/** The number that a name is, as it was written when the directory was made; 0 for any other name. */
function numberOf(name: string): number {
  const number = Number(name);
  return Number.isSafeInteger(number) && String(number) === name ? number : 0;
}
