import { AdapterError, type Entry } from '@user-workspaces/contract';
import { type DirectoryHandle, openBelow } from './directory-handle.js';
import { entryOf } from './entries.js';
import { errnoOf } from './errors.js';
import type { OpenWorkspace } from './layout.js';
import { shown } from './paths.js';
import { makeOwnedDirectory } from './staging.js';

const directoryMode = 0o755;
/** How often a directory that its user removes again is made. */
const maxAttempts = 5;

/** Lends a directory of the workspace; it and its missing parents are made, each owned by the account. */
export async function withMadeDirectory<T>(
  workspace: OpenWorkspace,
  segments: readonly string[],
  work: (directory: DirectoryHandle) => Promise<T>,
): Promise<T> {
  let current = workspace.directory;
  try {
    for (const segment of segments) {
      const next = await openOrMake(workspace, current, segment);
      if (current !== workspace.directory) await current.close();
      current = next;
    }
    return await work(current);
  } finally {
    if (current !== workspace.directory) await current.close();
  }
}

/** Makes a directory and its missing parents. */
export async function makeDirectory(workspace: OpenWorkspace, segments: readonly string[]): Promise<Entry> {
  return withMadeDirectory(workspace, segments, async (made) => entryOf(segments.join('/'), await made.ownStats()));
}

async function openOrMake(workspace: OpenWorkspace, parent: DirectoryHandle, name: string): Promise<DirectoryHandle> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await openBelow(parent, [name]);
    } catch (error) {
      const code = errnoOf(error);
      if (code === 'ENOTDIR') throw notADirectory(name, error);
      if (code !== 'ENOENT' || attempt === maxAttempts) throw error;
    }
    try {
      await makeOwnedDirectory(workspace.staging, parent, name, workspace.owner, directoryMode);
    } catch (error) {
      // Something else took the name in between; the next attempt says what.
      if (errnoOf(error) !== 'ENOTDIR') throw error;
    }
  }
}

function notADirectory(name: string, cause: unknown): AdapterError {
  return new AdapterError('conflict', `${shown(name)} exists and is not a directory. Choose another name.`, {
    field: 'path',
    cause,
  });
}
