import { chmod, readdir, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AdapterError } from '@user-workspaces/contract';

/**
 * Makes sure that the accounts of jobs can pass through a directory and all above it.
 *
 * @param key What the operator set, and `value` to what, for the message.
 * @throws AdapterError `misconfigured` that names the directory in the way and what to do.
 */
export async function checkReach(directory: string, key: string, value: string): Promise<void> {
  const blocked = await firstBlocked(directory);
  if (blocked === undefined) return;
  throw new AdapterError(
    'misconfigured',
    `${key} is "${value}", but jobs run under accounts of their own, which cannot pass through ${blocked}. It must be below directories that everybody may enter: choose another place, such as /var/lib/user-workspaces, or allow it with: chmod o+x ${blocked}`,
    { field: key.split(' ')[0] ?? key },
  );
}

/**
 * Makes sure that the accounts of jobs can reach the workspaces in a storage's root.
 *
 * An empty root that only the server may enter, as `mktemp -d` makes them, is opened for passing through; one with
 * content is not: it may hold more than workspaces.
 */
export async function checkStorageReach(rootDirectory: string, key: string): Promise<void> {
  const existing = await nearestExisting(rootDirectory);
  const entry = await stat(existing);
  const isOwnEmptyRoot =
    existing === rootDirectory &&
    entry.uid === process.getuid?.() &&
    (entry.mode & 0o001) === 0 &&
    (await readdir(existing)).length === 0;
  if (isOwnEmptyRoot) await chmod(existing, 0o711);
  await checkReach(existing, key, rootDirectory);
}

async function nearestExisting(path: string): Promise<string> {
  for (let directory = path; ; directory = dirname(directory)) {
    try {
      await stat(directory);
      return directory;
    } catch (error) {
      const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (!isAbsent || directory === dirname(directory)) throw error;
    }
  }
}

async function firstBlocked(directory: string): Promise<string | undefined> {
  const blocked: string[] = [];
  for (let path = await realpath(directory); ; path = dirname(path)) {
    if (((await stat(path)).mode & 0o001) === 0) blocked.push(path);
    if (path === dirname(path)) return blocked.at(-1);
  }
}
