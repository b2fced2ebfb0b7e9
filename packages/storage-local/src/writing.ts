import type { BigIntStats } from 'node:fs';
import { type FileHandle, rename } from 'node:fs/promises';
import { AdapterError, type Entry, type WriteConditions } from '@user-workspaces/contract';
import { withClaim } from './claims.js';
import type { DirectoryHandle } from './directory-handle.js';
import { entryOf, etagOf } from './entries.js';
import { errnoOf } from './errors.js';
import type { OpenWorkspace } from './layout.js';
import type { KeyedLock } from './locks.js';
import { withMadeDirectory } from './making.js';
import type { Name } from './names.js';
import { type EntryPath, shown } from './paths.js';
import { writeFrom } from './source.js';
import { freshName, moveToFreeName, openStaged, removeStaged } from './staging.js';

const newFileMode = 0o644;

/** Writes a whole file in staging, and puts it in place when it is complete and on disk. */
export async function writeFile(
  workspace: OpenWorkspace,
  path: string,
  entryPath: EntryPath,
  source: AsyncIterable<Uint8Array>,
  conditions: WriteConditions,
  locks: KeyedLock,
  signal: AbortSignal | undefined,
): Promise<Entry> {
  const staged = freshName('write');
  const file = await openStaged(workspace.staging, staged, 'new');
  try {
    await writeFrom(source, file, 0, signal);
    signal?.throwIfAborted();
    return await putInPlace(workspace, staged, file, path, entryPath, conditions, locks);
  } finally {
    await file.close();
    await removeStaged(workspace.staging, staged);
  }
}

/** Gives a complete staged file its name in the workspace. */
export async function putInPlace(
  workspace: OpenWorkspace,
  staged: string,
  file: FileHandle,
  path: string,
  { parents, name }: EntryPath,
  conditions: WriteConditions,
  locks: KeyedLock,
): Promise<Entry> {
  return withMadeDirectory(workspace, parents, async (parent) => {
    // The operating system can replace a file atomically, but not on condition of what it is. Writers of this process wait
    // for each other, those of others are kept out by a claim; a program of the user's that replaces the file within these few calls goes unseen.
    await locks.run(`${workspace.location}\0${path}`, async () => {
      const { staging } = workspace;
      const present = await checked(parent, name, file, path, conditions);
      await finishFile(workspace, file, present?.isFile() ? Number(present.mode) & 0o777 : newFileMode);
      const put = async (isHeld: () => Promise<boolean>): Promise<void> => {
        const now = await checked(parent, name, file, path, conditions);
        if (!(await isHeld())) throw changed(path);
        await place(staging, staged, parent, name, path, conditions, now);
      };
      if (typeof conditions.ifMatch !== 'string') return put(async () => true);
      const { ctimeMs } = await file.stat({ bigint: true });
      const claim = { path, etag: conditions.ifMatch, staged, nowMs: Number(ctimeMs) };
      return withClaim(staging, claim, () => beingReplaced(path), put);
    });
    await parent.sync();
    return entryOf(path, await file.stat({ bigint: true }));
  });
}

/** What has the name, if it may be replaced, or is the staged file itself. */
async function checked(
  parent: DirectoryHandle,
  name: Name,
  file: FileHandle,
  path: string,
  conditions: WriteConditions,
): Promise<BigIntStats | undefined> {
  const present = await parent.stats(name);
  if (!(present && isSame(present, await file.stat({ bigint: true })))) checkReplaceable(present, path, conditions);
  return present;
}

/** Gives a staged file its owner and mode, and puts its content on disk. */
export async function finishFile(workspace: OpenWorkspace, file: FileHandle, mode: number): Promise<void> {
  if (workspace.owner) await file.chown(workspace.owner.uid, workspace.owner.gid);
  await file.chmod(mode);
  await file.sync();
}

async function place(
  staging: DirectoryHandle,
  staged: string,
  parent: DirectoryHandle,
  name: Name,
  path: string,
  conditions: WriteConditions,
  present: BigIntStats | undefined,
): Promise<void> {
  const stagedStats = await staging.stats(staged);
  if (present && stagedStats && isSame(present, stagedStats)) {
    // A crash came between taking the name and giving up the staged one: the rest of the work is this.
    await removeStaged(staging, staged);
    return;
  }
  try {
    if (conditions.ifMatch === null) await moveToFreeName(staging, staged, parent, name);
    else await rename(staging.at(staged), parent.at(name));
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'EEXIST') throw exists(path, error);
    if (code === 'EISDIR') throw isDirectory(path, error);
    throw error;
  }
}

function checkReplaceable(present: BigIntStats | undefined, path: string, { ifMatch }: WriteConditions): void {
  if (present?.isSymbolicLink()) {
    throw new AdapterError(
      'denied',
      `${shown(path)} is a link, and links are never written through. Remove it first.`,
      {
        field: 'path',
      },
    );
  }
  if (present?.isDirectory()) throw isDirectory(path);
  if (present && ifMatch === null) throw exists(path);
  if (present && !present.isFile()) {
    throw new AdapterError('conflict', `${shown(path)} exists and is not a file. Choose another name.`, {
      field: 'path',
    });
  }
  if (typeof ifMatch === 'string' && (!present || etagOf(present) !== ifMatch)) {
    if (present) throw changed(path, etagOf(present));
    throw new AdapterError('conflict', `${shown(path)} does not exist any more, so it was not replaced.`, {
      field: 'path',
    });
  }
}

/** @param etag What it is now; unknown while another process is about to replace it. */
function changed(path: string, etag?: string): AdapterError {
  return new AdapterError('conflict', `${shown(path)} changed since it was read. Read it again before replacing it.`, {
    field: 'path',
    ...(etag !== undefined && { details: { etag } }),
  });
}

/** Whoever was about to replace it was killed or halted. Not a conflict: it may never change, and who reads it again would be told the same. */
function beingReplaced(path: string): AdapterError {
  return new AdapterError(
    'unavailable',
    `${shown(path)} was about to be replaced by a request that did not come to its end. Try again in a minute.`,
    { field: 'path' },
  );
}

function isSame(a: BigIntStats, b: BigIntStats): boolean {
  return a.ino === b.ino && a.dev === b.dev;
}

function exists(path: string, cause?: unknown): AdapterError {
  return new AdapterError('conflict', `${shown(path)} exists already.`, { field: 'path', cause });
}

function isDirectory(path: string, cause?: unknown): AdapterError {
  return new AdapterError('conflict', `${shown(path)} is a directory. Choose another name.`, { field: 'path', cause });
}
