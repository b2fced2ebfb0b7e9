import { rename } from 'node:fs/promises';
import { AdapterError, type Entry } from '@user-workspaces/contract';
import { withBelow } from './directory-handle.js';
import { findEntry } from './entries.js';
import { errnoOf } from './errors.js';
import type { OpenWorkspace } from './layout.js';
import type { KeyedLock } from './locks.js';
import { withMadeDirectory } from './making.js';
import { parseEntryPath, shown } from './paths.js';
import { moveToFreeName } from './staging.js';

/** Gives an entry another name in the workspace, which nothing must have. */
export async function renameEntry(
  workspace: OpenWorkspace,
  from: string,
  to: string,
  locks: KeyedLock,
): Promise<Entry> {
  const source = parseEntryPath(from);
  const target = parseEntryPath(to);
  return withBelow(workspace.directory, source.parents, async (fromParent) => {
    const stats = await fromParent.stats(source.name);
    if (!stats) throw new AdapterError('not_found', `${shown(from)} does not exist.`, { field: 'path' });
    if (from === to) throw taken(to);
    if (to.startsWith(`${from}/`)) {
      throw new AdapterError('invalid', `${shown(from)} cannot be moved into itself.`, { field: 'path' });
    }
    return withMadeDirectory(workspace, target.parents, (toParent) =>
      // The old name, too: who replaces what has it must find it there or not, and not see it go in between.
      locks.runBoth(`${workspace.location}\0${from}`, `${workspace.location}\0${to}`, async () => {
        if (await toParent.stats(target.name)) throw taken(to);
        try {
          // rename(2) replaces what has the name. Of a directory that can only be an empty one, made in this moment.
          if (stats.isDirectory()) await rename(fromParent.at(source.name), toParent.at(target.name));
          else await moveToFreeName(fromParent, source.name, toParent, target.name);
        } catch (error) {
          throw ['EEXIST', 'ENOTEMPTY', 'ENOTDIR', 'EISDIR'].includes(errnoOf(error) ?? '') ? taken(to, error) : error;
        }
        const entry = await findEntry(toParent, target.name, to);
        if (!entry)
          throw new AdapterError('not_found', `${shown(to)} was removed while it was renamed.`, { field: 'path' });
        return entry;
      }),
    );
  });
}

function taken(path: string, cause?: unknown): AdapterError {
  return new AdapterError('conflict', `${shown(path)} exists already. Choose another name.`, { field: 'path', cause });
}
