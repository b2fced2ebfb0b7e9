import { once } from 'node:events';
import { Stats } from 'node:fs';
import { Readable } from 'node:stream';
import { AdapterError, type Entry, type OpenFile } from '@user-workspaces/contract';
import type { Archiver } from 'archiver';
import type { Logger } from 'pino';
import type { OpenWorkspace } from '../services/workspace-access.js';

export type ArchiveFormat = 'zip' | 'tar.gz';

/** Downloads wait for the network: half the processor time is worth more than the last percents of size. */
const compression = { level: 4 };

/** The file in the archive that tells what is missing. */
const noticeName = 'NOT-IN-THIS-ARCHIVE.txt';

/**
 * A directory as an archive, made while it is read: one file is open at a time, and none once the reading ends or the signal
 * aborts.
 *
 * Links are stored as links. Files that could not be read whole are named in a text file at the archive's end; what
 * vanished meanwhile is left out. The stream breaks off when the storage fails.
 */
export async function* archiveOf(
  open: OpenWorkspace,
  path: string,
  format: ArchiveFormat,
  log: Logger,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  // Loaded by the first archive: a server starts a tenth sooner without it.
  const { TarArchive, ZipArchive } = await import('archiver');
  const archive =
    format === 'zip' ? new ZipArchive({ zlib: compression }) : new TarArchive({ gzip: true, gzipOptions: compression });
  const ending = new AbortController();
  const stop = AbortSignal.any([signal, ending.signal]);
  const filling = fill(archive, open, path, stop)
    .then((problems) => {
      if (problems > 0)
        log.warn({ workspaceId: open.row.id, problems }, 'an archive lacks files that could not be read');
      // It settles only if the archive is read to its end; its errors reach the reader as the archive's own.
      archive.finalize().catch(() => undefined);
    })
    .catch((error: unknown) => {
      archive.destroy(error instanceof Error ? error : new Error('The archive could not be made.', { cause: error }));
    });
  try {
    for await (const chunk of archive) if (chunk instanceof Uint8Array) yield chunk;
  } finally {
    ending.abort();
    archive.on('error', () => undefined).destroy();
    await filling;
  }
}

/** Puts everything below a directory into the archive and returns how many entries could not be. */
async function fill(archive: Archiver, open: OpenWorkspace, path: string, signal: AbortSignal): Promise<number> {
  const problems: string[] = [];
  const links = new Set<string>();
  const prefixLength = path === '' ? 0 : path.length + 1;
  for await (const entry of open.storage.walk(open.directory, path, signal)) {
    const name = archiveName(entry.path.slice(prefixLength));
    const problem = leadsThrough(links, name)
      ? `${entry.path}: would be unpacked through the link ${name}, which another entry of the archive is.`
      : await add(archive, open, entry, name, signal);
    if (problem !== undefined) problems.push(problem);
    else if (entry.kind === 'symlink') links.add(name);
  }
  if (problems.length > 0) {
    let name = noticeName;
    while (links.has(name)) name = `_${name}`;
    await added(archive, signal, () => archive.append(`${problems.join('\n')}\n`, { name }));
  }
  return problems.length;
}

/**
 * Whether a name is that of a link in the archive, or below it: an unpacker that follows it would write wherever it points. Names
 * meet when {@link archiveName} makes two the same, and when an entry changes its kind while its directory is read.
 */
function leadsThrough(links: ReadonlySet<string>, name: string): boolean {
  if (links.size === 0) return false;
  for (let end = name.length; end > 0; end = name.lastIndexOf('/', end - 1)) {
    if (links.has(name.slice(0, end))) return true;
  }
  return false;
}

/**
 * The name that is stored. Where archives are unpacked, a backslash may separate directories and `C:` name a drive, so
 * neither may come out of a file's name.
 */
function archiveName(path: string): string {
  return path.replaceAll('\\', '_').replace(/^(\w+):/, '$1_');
}

/** Adds an entry, and says what is wrong with it if anything is. */
async function add(
  archive: Archiver,
  open: OpenWorkspace,
  entry: Entry,
  name: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const date = new Date(Math.max(0, entry.modifiedAtMs));
  switch (entry.kind) {
    case 'directory':
      await added(archive, signal, () => archive.append(Buffer.alloc(0), { name: `${name}/`, date }));
      return entry.isClosed ? `${entry.path}: this directory cannot be read.` : undefined;
    case 'symlink':
      await added(archive, signal, () => archive.symlink(name, entry.target ?? ''));
      return undefined;
    case 'other':
      return `${entry.path}: neither file, directory nor link.`;
    case 'file':
      return addFile(archive, open, entry.path, { name, date }, signal);
  }
}

async function addFile(
  archive: Archiver,
  { storage, directory }: OpenWorkspace,
  path: string,
  data: { readonly name: string; readonly date: Date },
  signal: AbortSignal,
): Promise<string | undefined> {
  let file: OpenFile;
  try {
    file = await storage.read(directory, path, undefined, signal);
  } catch (error) {
    if (AdapterError.is(error, 'not_found')) return undefined;
    if (AdapterError.is(error, 'denied') || AdapterError.is(error, 'invalid')) return `${path}: ${error.message}`;
    throw error;
  }
  const { sizeBytes } = file.entry;
  const content = new ExactContent(file, signal);
  const source = Readable.from(content.bytes(), { objectMode: false });
  // The archiver does not hear its sources' errors.
  source.on('error', (error) => archive.destroy(error));
  try {
    await added(archive, signal, () => archive.append(source, { ...data, stats: statsOfSize(sizeBytes) }));
  } finally {
    source.destroy();
    await file.content[Symbol.asyncIterator]().return?.();
  }
  return content.isShort ? `${path}: became shorter while it was read; its end is filled with zeros.` : undefined;
}

/** As many bytes of a file as it had when it was opened: a tar says the size before the content. */
class ExactContent {
  readonly #file: OpenFile;
  readonly #signal: AbortSignal;
  isShort = false;

  constructor(file: OpenFile, signal: AbortSignal) {
    this.#file = file;
    this.#signal = signal;
  }

  async *bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    let left = this.#file.entry.sizeBytes;
    try {
      for await (const chunk of this.#file.content) {
        const piece = chunk.subarray(0, left);
        left -= piece.length;
        yield piece;
        if (left === 0) return;
      }
    } catch (error) {
      if (!AdapterError.is(error, 'conflict')) throw error;
    }
    this.isShort = left > 0;
    const zeros = new Uint8Array(64 * 1024);
    for (; left > 0; left -= zeros.length) {
      this.#signal.throwIfAborted();
      yield zeros.subarray(0, left);
    }
  }
}

/** The archiver takes a size only as a file's statistics. */
function statsOfSize(size: number): Stats {
  const stats: Stats = Object.assign(Object.create(Stats.prototype), { size });
  return stats;
}

/** Waits until an entry is in the archive, so that at most one is under way. */
async function added(archive: Archiver, signal: AbortSignal, append: () => void): Promise<void> {
  signal.throwIfAborted();
  const done = once(archive, 'entry', { signal });
  append();
  await done;
}
