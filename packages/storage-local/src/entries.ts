import type { BigIntStats } from 'node:fs';
import { opendir, readlink } from 'node:fs/promises';
import type { Entry } from '@user-workspaces/contract';
import type { DirectoryHandle } from './directory-handle.js';
import { errnoOf } from './errors.js';
import { type Name, nameFromLatin1 } from './names.js';
import { joinPath } from './paths.js';
import { traverse, unlessClosed, type Visit } from './traversal.js';

/** Entries looked at in parallel, and names read ahead. */
const batchSize = 64;

/** Names read ahead where nothing else is done with them. */
const namesAhead = 1_024;

/** Changes whenever inode, length, modification time or change time do; a change of content changes the last. */
export function etagOf(stats: BigIntStats): string {
  return [stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].map((part) => part.toString(36)).join('-');
}

export function kindOf(stats: BigIntStats): Entry['kind'] {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'symlink' : 'other';
}

/** Describes what was found; only regular files have a size, as only they have content. */
export function entryOf(path: string, stats: BigIntStats, target?: string): Entry {
  return {
    path,
    kind: kindOf(stats),
    sizeBytes: stats.isFile() ? Number(stats.size) : 0,
    modifiedAtMs: Number(stats.mtimeMs),
    etag: etagOf(stats),
    ...(target === undefined ? {} : { target }),
  };
}

/** Reads and describes one entry; `undefined` when there is none. */
export async function findEntry(parent: DirectoryHandle, name: Name, path: string): Promise<Entry | undefined> {
  const stats = await parent.stats(name);
  return stats && describe(parent, name, path, stats);
}

/** What is in a directory, streamed; what vanishes meanwhile is left out. */
export async function* readDirectory(
  directory: DirectoryHandle,
  signal?: AbortSignal,
): AsyncGenerator<{ readonly name: Name; readonly stats: BigIntStats }> {
  let batch: Name[] = [];
  signal?.throwIfAborted();
  for await (const { name } of await opendir(directory.self, { encoding: 'latin1', bufferSize: batchSize })) {
    batch.push(nameFromLatin1(name));
    if (batch.length < batchSize) continue;
    signal?.throwIfAborted();
    yield* await look(directory, batch);
    batch = [];
  }
  signal?.throwIfAborted();
  yield* await look(directory, batch);
}

/** Describes what is in a directory. Names that are not UTF-8 have no path and are left out. */
export async function* listDirectory(
  directory: DirectoryHandle,
  path: string,
  signal?: AbortSignal,
): AsyncGenerator<Entry> {
  for await (const { name, stats } of readDirectory(directory, signal)) {
    if (typeof name !== 'string') continue;
    const entry = await describe(directory, name, joinPath(path, name), stats);
    if (entry) yield entry;
  }
}

/** As {@link listDirectory}, of what `choose` picks alone. */
export async function* listChosen(
  directory: DirectoryHandle,
  path: string,
  choose: (names: AsyncIterable<string>) => Promise<readonly string[]>,
  signal?: AbortSignal,
): AsyncGenerator<Entry> {
  const names = await choose(readNames(directory, signal));
  for (let start = 0; start < names.length; start += batchSize) {
    signal?.throwIfAborted();
    const found = await look(directory, names.slice(start, start + batchSize));
    const entries = await Promise.all(
      found.map(({ name, stats }) => describe(directory, name, joinPath(path, String(name)), stats)),
    );
    for (const entry of entries) if (entry) yield entry;
  }
}

async function* readNames(directory: DirectoryHandle, signal: AbortSignal | undefined): AsyncGenerator<string> {
  signal?.throwIfAborted();
  for await (const { name } of await opendir(directory.self, { encoding: 'latin1', bufferSize: namesAhead })) {
    signal?.throwIfAborted();
    const text = nameFromLatin1(name);
    if (typeof text === 'string') yield text;
  }
}

/**
 * Describes everything below a directory, parents before children. What is in a directory that the server may not read is left out;
 * only a server that is not root meets such.
 */
export async function* walkDirectory(
  directory: DirectoryHandle,
  path: string,
  signal?: AbortSignal,
): AsyncGenerator<Entry> {
  for await (const visit of traverse(directory, path)) yield* unlessClosed(visit, describeVisited(visit, signal));
}

/** Describes what is in a visited directory, and has its subdirectories visited. */
async function* describeVisited(
  { directory, data, children }: Visit<string>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Entry> {
  for await (const { name, stats } of readDirectory(directory, signal)) {
    if (typeof name !== 'string') continue;
    const entry = await describe(directory, name, joinPath(data, name), stats);
    if (entry?.kind === 'directory') children.push({ name, data: entry.path });
    if (entry) yield entry.kind === 'directory' && isClosed(stats) ? { ...entry, isClosed: true } : entry;
  }
}

/** Whether the mode of a directory keeps the server from reading what is in it. */
function isClosed({ mode, uid, gid }: BigIntStats): boolean {
  const own = process.geteuid?.();
  if (own === undefined || own === 0) return false;
  const groups = [process.getegid?.(), ...(process.getgroups?.() ?? [])];
  const needed = Number(uid) === own ? 0o500n : groups.includes(Number(gid)) ? 0o050n : 0o005n;
  return (mode & needed) !== needed;
}

async function look(directory: DirectoryHandle, names: readonly Name[]): Promise<{ name: Name; stats: BigIntStats }[]> {
  const found = await Promise.all(names.map(async (name) => ({ name, stats: await directory.stats(name) })));
  return found.flatMap(({ name, stats }) => (stats ? [{ name, stats }] : []));
}

async function describe(
  parent: DirectoryHandle,
  name: Name,
  path: string,
  stats: BigIntStats,
): Promise<Entry | undefined> {
  if (!stats.isSymbolicLink()) return entryOf(path, stats);
  try {
    return entryOf(path, stats, await readlink(parent.at(name)));
  } catch (error) {
    const code = errnoOf(error);
    // EINVAL: it is no link any more. What it became is seen the next time.
    if (code === 'ENOENT' || code === 'EINVAL') return undefined;
    throw error;
  }
}
