import { spawnSync } from 'node:child_process';
import { type FileHandle, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AdapterError } from '@user-workspaces/contract';
import { type Changes, Tables } from './tables.js';

/** The file that the rows are in: one line for each transaction, as JSON. */
export class Journal {
  readonly #file: FileHandle;
  readonly #lock: FileHandle;
  #lengthBytes: number;
  /** Set when it is not known any more what is on disk. */
  #isBroken = false;
  #writing: Promise<void> = Promise.resolve();

  private constructor(file: FileHandle, lock: FileHandle, lengthBytes: number) {
    this.#file = file;
    this.#lock = lock;
    this.#lengthBytes = lengthBytes;
  }

  /**
   * Reads the journal at this path, made if it is missing, and begins it anew with one line that holds all rows: so it grows no longer than until the next start.
   *
   * @throws AdapterError `misconfigured` when another process has it open, or it cannot be read.
   */
  static async open(path: string): Promise<{ journal: Journal; tables: Tables }> {
    const lock = await lockFor(path);
    try {
      const tables = tablesFrom(path, await readFile(path, 'utf8').catch(emptyIfMissing));
      const line = lineOf(tables.all());
      const file = await open(`${path}.new`, 'w', 0o600);
      try {
        await file.writeFile(line);
        await file.sync();
        await rename(`${path}.new`, path);
        await syncDirectory(dirname(path));
      } catch (error) {
        await file.close();
        throw error;
      }
      return { journal: new Journal(file, lock, Buffer.byteLength(line)), tables };
    } catch (error) {
      await lock.close();
      throw error;
    }
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Adds a line. It is on disk when the promise resolves; when it is rejected with `no_space`, nothing of it is. */
  append(changes: Changes): Promise<void> {
    this.#writing = this.#write(changes);
    return this.#writing;
  }

  /** What is being written is written to its end. */
  async close(): Promise<void> {
    await this.#writing.catch(() => undefined); // Whoever wrote it has been told.
    await this.#file.close();
    await this.#lock.close();
  }

  async #write(changes: Changes): Promise<void> {
    const bytes = Buffer.from(lineOf(changes));
    try {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, this.#lengthBytes + done);
        done += bytesWritten;
      }
      await this.#file.datasync();
      this.#lengthBytes += bytes.length;
    } catch (cause) {
      // The next line must not follow half of this one.
      const isUndone = await this.#file.truncate(this.#lengthBytes).then(
        () => true,
        () => false,
      );
      if (isUndone && hasCode(cause, 'ENOSPC', 'EDQUOT')) {
        throw new AdapterError('no_space', 'The disk of the database is full; free some space and try again.', {
          cause,
        });
      }
      this.#isBroken = true;
      throw new AdapterError('unavailable', 'The change may or may not be on disk. Restart the server to find out.', {
        details: { outcome: 'unknown' },
        cause,
      });
    }
  }
}

function lineOf(changes: Changes): string {
  return `${JSON.stringify(changes)}\n`;
}

/** Goes through the lines. The first was whole before it got its name; of the others only the last may be broken, by a crash, and then its transaction was never confirmed. */
function tablesFrom(path: string, text: string): Tables {
  const tables = new Tables();
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    const changes = changesFrom(line);
    const mayBeBroken = index === 0 ? text === '' : lines.slice(index + 1).every((later) => later === '');
    if (changes) tables.apply(changes);
    else if (!mayBeBroken) {
      throw new AdapterError('misconfigured', `${path} is damaged in line ${index + 1}. Bring it back from a backup.`);
    }
  }
  const column = tables.addMissingColumns();
  if (column === undefined) return tables;
  throw new AdapterError('misconfigured', `${path} was written by another version: its rows lack ${column}.`);
}

function changesFrom(line: string): Changes | undefined {
  try {
    const changes: unknown = JSON.parse(line);
    return isChanges(changes) ? changes : undefined;
  } catch {
    return undefined;
  }
}

function isChanges(value: unknown): value is Changes {
  return typeof value === 'object' && value !== null && 'rows' in value && 'lastIds' in value;
}

/** Keeps other processes away for as long as the file is open, by flock(1): the system lets go of it when the process ends, however it does. */
async function lockFor(path: string): Promise<FileHandle> {
  const file = await open(`${path}.lock`, 'a', 0o600).catch((cause: unknown) => {
    throw new AdapterError('misconfigured', `${path} cannot be made.`, { field: 'file', cause });
  });
  const { status, error } = spawnSync('flock', ['--exclusive', '--nonblock', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', file.fd],
  });
  if (status === 0) return file;
  await file.close();
  const why = error ? 'flock(1) of util-linux is needed' : 'Another server has it open; stop it first';
  throw new AdapterError('misconfigured', `${path} cannot be used. ${why}.`, { field: 'file', cause: error });
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function emptyIfMissing(error: unknown): string {
  if (hasCode(error, 'ENOENT')) return '';
  throw error;
}

function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.some((code) => code === error.code);
}
