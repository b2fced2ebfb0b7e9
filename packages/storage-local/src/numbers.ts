import { readdir } from 'node:fs/promises';
import { withBelow } from './directory-handle.js';
import { errnoOf } from './errors.js';
import type { Layout } from './layout.js';
import { isAccountName } from './paths.js';

/** Accounts whose directories are read together. */
const atOnce = 16;

/** The highest number that names a workspace's directory, of any account; 0 without one. */
export async function highestNumber(layout: Layout, signal?: AbortSignal): Promise<number> {
  let highest = 0;
  await layout.withRoot(async (root) => {
    const accounts = (await readdir(root.self)).filter(isAccountName);
    for (let first = 0; first < accounts.length; first += atOnce) {
      signal?.throwIfAborted();
      const named = await Promise.all(
        accounts.slice(first, first + atOnce).map(async (account) => {
          try {
            return await withBelow(root, [account], (directory) => readdir(directory.self));
          } catch (error) {
            const code = errnoOf(error);
            if (code === 'ENOENT' || code === 'ENOTDIR') return [];
            throw error;
          }
        }),
      );
      for (const name of named.flat()) if (/^\d{1,15}$/.test(name)) highest = Math.max(highest, Number(name));
    }
  });
  return highest;
}
