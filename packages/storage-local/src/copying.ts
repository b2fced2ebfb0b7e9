import type { BigIntStats } from 'node:fs';
import { type FileHandle, readlink, rename } from 'node:fs/promises';
import { AdapterError } from '@user-workspaces/contract';
import type { DirectoryHandle } from './directory-handle.js';
import { readDirectory } from './entries.js';
import { errnoOf } from './errors.js';
import type { OpenWorkspace, Owner } from './layout.js';
import type { LinkTargets } from './links.js';
import { isHidden, type Name } from './names.js';
import { shown } from './paths.js';
import { mayRead, openRegularFile } from './reading.js';
import { removeEntry } from './removal.js';
import { writeAll } from './source.js';
import { freshName, makeOwnedDirectory, openStaged, removeStaged, stageLink } from './staging.js';
import { TreeCursor, traverse, unlessClosed } from './traversal.js';
import { finishFile } from './writing.js';

const chunkBytes = 1024 * 1024;
const blockBytes = 4096;

/** What a copy needs to know besides its two places. */
interface CopyContext {
  readonly to: OpenWorkspace;
  readonly fromOwner: Owner;
  readonly links: LinkTargets;
  readonly signal: AbortSignal | undefined;
}

/**
 * Copies files, links and directories into another workspace and replaces what has their names there. Left out are hidden
 * entries, special files, what the owner or the server may not read, and links that could not be made by {@link LinkTargets}.
 */
export async function copyWorkspace(from: DirectoryHandle, context: CopyContext): Promise<void> {
  const target = await TreeCursor.at(context.to.directory);
  try {
    for await (const visit of traverse<Name | undefined>(from, undefined)) {
      // Depth first, so the way from the last directory to this one leads up, and then down once.
      while (target.depth > 0 && target.depth >= visit.depth) await target.leave();
      if (visit.data !== undefined) await enterTarget(target, visit.data, context);
      for await (const { name, stats } of unlessClosed(visit, readDirectory(visit.directory, context.signal))) {
        context.signal?.throwIfAborted();
        if (isHidden(name)) continue;
        if (stats.isDirectory()) visit.children.push({ name, data: name });
        else await copyEntry(visit.directory, name, stats, target.directory, context);
      }
    }
    await context.to.directory.sync();
  } finally {
    await target.close();
  }
}

async function enterTarget(target: TreeCursor, name: Name, { to, signal }: CopyContext): Promise<void> {
  // More than once, because the receiver's programs may take the directory away in between.
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    const present = await target.directory.stats(name);
    if (present && !present.isDirectory()) await removeEntry(to.staging, target.directory, name, signal);
    if (!present?.isDirectory()) await makeOwnedDirectory(to.staging, target.directory, name, to.owner, 0o755);
    if (await target.enter(name)) return;
  }
  throw new AdapterError('conflict', `Programs keep changing ${shown(name.toString())} in the copy. Try again.`, {
    field: 'path',
  });
}

async function copyEntry(
  directory: DirectoryHandle,
  name: Name,
  stats: BigIntStats,
  target: DirectoryHandle,
  context: CopyContext,
): Promise<void> {
  if (stats.isSymbolicLink()) await copyLink(directory, name, target, context);
  else if (stats.isFile() && mayRead(stats, context.fromOwner)) await copyFile(directory, name, target, context);
}

async function copyLink(
  directory: DirectoryHandle,
  name: Name,
  target: DirectoryHandle,
  context: CopyContext,
): Promise<void> {
  const pointsTo = await unlessChanged(() => readlink(directory.at(name)));
  if (pointsTo === undefined || !(await context.links.isAllowed(pointsTo))) return;
  const staged = await stageLink(context.to.staging, pointsTo, context.to.owner);
  await replace(staged, target, name, context);
}

async function copyFile(
  directory: DirectoryHandle,
  name: Name,
  target: DirectoryHandle,
  context: CopyContext,
): Promise<void> {
  const source = await unlessChanged(() => openRegularFile(directory, name, name.toString(), context.fromOwner));
  if (!source) return;
  const staged = freshName('write');
  try {
    const file = await openStaged(context.to.staging, staged, 'new');
    try {
      const { stats } = source;
      const isSparse = stats.blocks * 512n < stats.size;
      const buffer = Buffer.allocUnsafe(chunkBytes);
      const end = Number(stats.size);
      let position = 0;
      // Not beyond the length it had: a file that grows all the time would never end.
      while (position < end) {
        context.signal?.throwIfAborted();
        const { bytesRead } = await source.file.read(buffer, 0, Math.min(chunkBytes, end - position), position);
        if (bytesRead === 0) break;
        const chunk = buffer.subarray(0, bytesRead);
        // Holes stay holes, or a file that claims to be huge would fill the storage.
        if (isSparse) await writeBlocks(file, chunk, position);
        else await writeAll(file, chunk, position);
        position += bytesRead;
      }
      if (isSparse) await file.truncate(position);
      await file.utimes(Number(stats.atimeMs) / 1000, Number(stats.mtimeMs) / 1000);
      await finishFile(context.to, file, Number(stats.mode) & 0o777);
    } finally {
      await file.close();
    }
    await replace(staged, target, name, context);
  } finally {
    await source.file.close();
    await removeStaged(context.to.staging, staged);
  }
}

/** Gives a staged file or link its name, whatever has it. */
async function replace(
  staged: string,
  target: DirectoryHandle,
  name: Name,
  { to, signal }: CopyContext,
): Promise<void> {
  try {
    signal?.throwIfAborted();
    await rename(to.staging.at(staged), target.at(name));
  } catch (error) {
    if (errnoOf(error) !== 'EISDIR') throw error;
    await removeEntry(to.staging, target, name, signal);
    await rename(to.staging.at(staged), target.at(name));
  } finally {
    await removeStaged(to.staging, staged);
  }
}

const zeros = Buffer.alloc(chunkBytes);

function isZero(bytes: Buffer): boolean {
  return bytes.equals(zeros.subarray(0, bytes.length));
}

/** Writes what is not zero, by blocks as small as file systems keep them: of a file with a byte here and there the copy takes no more room. */
async function writeBlocks(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  if (isZero(bytes)) return;
  const isHole = (at: number): boolean => isZero(bytes.subarray(at, at + blockBytes));
  for (let begin = 0, end = 0; begin < bytes.length; begin = end) {
    const hole = isHole(begin);
    do end += blockBytes;
    while (end < bytes.length && isHole(end) === hole);
    if (!hole) await writeAll(file, bytes.subarray(begin, end), position + begin);
  }
}

/** Reads something of the source; `undefined` when it may not be read, or a program removed it or made it something else meanwhile. */
async function unlessChanged<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (AdapterError.is(error, 'denied') || AdapterError.is(error, 'invalid')) return undefined;
    if (['ENOENT', 'EINVAL', 'ELOOP', 'ENXIO', 'EACCES'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}
