import type { BigIntStats } from 'node:fs';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { AdapterError, type ByteRange, type OpenFile } from '@user-workspaces/contract';
import type { DirectoryHandle } from './directory-handle.js';
import { entryOf } from './entries.js';
import { translate } from './errors.js';
import type { Owner } from './layout.js';
import type { Name } from './names.js';
import { shown } from './paths.js';

const chunkBytes = 128 * 1024;

/** A regular file, opened, and what it is. */
export interface ReadableFile {
  readonly file: FileHandle;
  readonly stats: BigIntStats;
}

/**
 * Opens a regular file, and nothing else: a link is refused, a FIFO or device too, without waiting for its other end.
 * Where files belong to accounts, one that the account itself may not read is refused as well: it got here by a hard link.
 */
export async function openRegularFile(
  parent: DirectoryHandle,
  name: Name,
  path: string,
  owner: Owner,
): Promise<ReadableFile> {
  const before = await parent.stats(name);
  if (before) checkReadable(before, path, owner);
  // NONBLOCK: what replaces the file in between, or a lease that a program holds, must not hold up the server.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
  const file = await open(parent.at(name), flags);
  try {
    const stats = await file.stat({ bigint: true });
    checkReadable(stats, path, owner);
    if (await parent.isMountPoint(file)) {
      throw new AdapterError('denied', `${shown(path)} is mounted from elsewhere, and so no part of the workspace.`, {
        field: 'path',
      });
    }
    return { file, stats };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Opens a file and streams it, or a range of it. */
export async function readFile(
  parent: DirectoryHandle,
  name: Name,
  path: string,
  owner: Owner,
  range: ByteRange | undefined,
  signal: AbortSignal | undefined,
): Promise<OpenFile> {
  const { file, stats } = await openRegularFile(parent, name, path, owner);
  const entry = entryOf(path, stats);
  try {
    signal?.throwIfAborted();
    if (range) checkRange(range, entry.sizeBytes, path);
  } catch (error) {
    await file.close();
    throw error;
  }
  return { entry, content: new FileContent(file, path, range ?? { start: 0, end: entry.sizeBytes - 1 }, signal) };
}

/**
 * Part of an open file, read as it is asked for. An object and not a generator, because `return()` must close the file also
 * when nothing was read yet.
 */
class FileContent implements AsyncIterableIterator<Uint8Array, undefined> {
  #position: number;
  readonly #end: number;
  #closing: Promise<void> | undefined;
  #reading: Promise<unknown> = Promise.resolve();
  readonly #onAbort = (): void => {
    // Nobody waits for this, and a file that was only read loses nothing when closing it fails.
    this.#close().catch(() => undefined);
  };

  constructor(
    private readonly file: FileHandle,
    private readonly path: string,
    range: ByteRange,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.#position = range.start;
    this.#end = range.end + 1;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    try {
      this.signal?.throwIfAborted();
      const length = Math.min(chunkBytes, this.#end - this.#position);
      if (this.#closing || length <= 0) return await this.return();
      // Not from the pool: the consumer may keep the chunk.
      const reading = this.file.read(Buffer.allocUnsafeSlow(length), 0, length, this.#position);
      this.#reading = reading.catch(() => undefined);
      const { buffer, bytesRead } = await reading;
      if (bytesRead === 0) {
        throw new AdapterError('conflict', `${shown(this.path)} became shorter while it was read. Read it again.`, {
          field: 'path',
        });
      }
      this.#position += bytesRead;
      return { done: false, value: buffer.subarray(0, bytesRead) };
    } catch (error) {
      await this.#close();
      throw translate(error, `${shown(this.path)} cannot be read`);
    }
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    await this.#close();
    return { done: true, value: undefined };
  }

  async #close(): Promise<void> {
    this.#closing ??= this.#reading.then(() => {
      this.signal?.removeEventListener('abort', this.#onAbort);
      return this.file.close();
    });
    await this.#closing;
  }
}

/** Whether the account could read the file by itself. */
export function mayRead(stats: BigIntStats, owner: Owner): boolean {
  if (!owner || Number(stats.uid) === owner.uid) return true;
  return (stats.mode & 0o004n) !== 0n || (Number(stats.gid) === owner.gid && (stats.mode & 0o040n) !== 0n);
}

function checkReadable(stats: BigIntStats, path: string, owner: Owner): void {
  if (stats.isSymbolicLink()) {
    throw new AdapterError('denied', `${shown(path)} is a link, and links are never followed.`, { field: 'path' });
  }
  if (!stats.isFile()) {
    throw new AdapterError('invalid', `${shown(path)} is not a file, so it cannot be read.`, { field: 'path' });
  }
  if (!mayRead(stats, owner)) {
    throw new AdapterError('denied', `${shown(path)} belongs to somebody else, who does not let you read it.`, {
      field: 'path',
    });
  }
}

function checkRange({ start, end }: ByteRange, sizeBytes: number, path: string): void {
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && 0 <= start && start <= end && end < sizeBytes) return;
  throw new AdapterError('invalid', `Bytes ${start} to ${end} are outside of ${shown(path)}, which has ${sizeBytes}.`, {
    field: 'range',
    details: { sizeBytes },
  });
}
