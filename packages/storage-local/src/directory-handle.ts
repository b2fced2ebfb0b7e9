import type { BigIntStats } from 'node:fs';
import { constants, readFileSync } from 'node:fs';
import { chmod, type FileHandle, lstat, open, realpath } from 'node:fs/promises';
import { AdapterError } from '@user-workspaces/contract';
import { errnoOf } from './errors.js';
import type { Name } from './names.js';

/** What keeps an operation inside the directory it was given. */
export type Confinement = 'directory-handles' | 'resolved-paths';

/** Not in Node's constants; the same number on every Linux architecture that Node runs on. */
const O_PATH = 0o10000000;

/** Which inode a directory is: the same as long as it exists, wherever it is moved. */
export interface Identity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/**
 * A directory held open, so that whatever happens to its path, system calls reach this very directory.
 *
 * On Linux the paths it gives (`/proc/self/fd/<n>/<name>`) work like openat(2): the kernel starts at the held directory and never
 * looks at the path by which it was found. Elsewhere they are plain paths that were free of links when they were
 * opened, which leaves a moment for a race; {@link Confinement} tells the two apart.
 *
 * This is the only place that turns names into paths.
 */
export class DirectoryHandle {
  readonly confinement: Confinement;
  readonly #handle: FileHandle;
  readonly #plainPath: string | Buffer;

  private constructor(handle: FileHandle, plainPath: string | Buffer, confinement: Confinement) {
    this.#handle = handle;
    this.#plainPath = plainPath;
    this.confinement = confinement;
  }

  /** Opens a directory of the operator's, whose own path may lead through links. */
  static async open(path: string, confinement: Confinement): Promise<DirectoryHandle> {
    const plainPath = confinement === 'directory-handles' ? path : await realpath(path);
    return new DirectoryHandle(await open(plainPath, flags(confinement)), plainPath, confinement);
  }

  /** The path of the directory itself, for calls that follow it to the held directory: opendir, chmod, chown, watch. */
  get self(): string | Buffer {
    return this.confinement === 'directory-handles' ? `/proc/self/fd/${this.#handle.fd}` : this.#plainPath;
  }

  /** The path of an entry, for calls that do not follow a link in its last part. */
  at(name: Name): string | Buffer {
    const text = typeof name === 'string' ? name : name.toString('latin1');
    if (text === '' || text === '.' || text === '..' || text.includes('/') || text.includes('\0')) {
      throw new TypeError(`${JSON.stringify(text)} is not the name of a directory entry`);
    }
    return join(this.self, name);
  }

  /**
   * Opens a directory in this one, never through a link, and never one that was mounted here: what is mounted is no part of the storage.
   *
   * @throws AdapterError `denied` when the name is a link or a mount point; a system error ENOENT or ENOTDIR when it is nothing or
   *   something else.
   */
  async openDirectory(name: Name): Promise<DirectoryHandle> {
    const path = this.at(name);
    let handle: FileHandle;
    try {
      handle = await open(path, flags(this.confinement) | constants.O_NOFOLLOW);
    } catch (error) {
      const code = errnoOf(error);
      if ((code === 'ENOTDIR' || code === 'ELOOP') && (await this.stats(name))?.isSymbolicLink())
        throw linkInTheWay(name);
      throw error;
    }
    try {
      if (await this.isMountPoint(handle)) throw mountInTheWay(name);
      // The last step, so that little time passes between the proof and the use.
      if (this.confinement === 'resolved-paths' && !(await isResolved(path))) throw linkInTheWay(name);
      return new DirectoryHandle(handle, path, this.confinement);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Whether what was opened in this directory is mounted there, and so belongs to another place. */
  async isMountPoint(opened: FileHandle): Promise<boolean> {
    if (this.confinement === 'directory-handles') return mountOf(opened) !== mountOf(this.#handle);
    // Of a directory of the same file system that is mounted in two places, this sees nothing.
    return (await opened.stat({ bigint: true })).dev !== (await this.identity()).dev;
  }

  /** Opens the directory that this one is in at the moment: check its {@link identity} before using it. */
  async openParent(): Promise<DirectoryHandle> {
    const path = join(this.self, '..');
    return new DirectoryHandle(
      await open(path, flags(this.confinement)),
      await plain(path, this.confinement),
      this.confinement,
    );
  }

  /** Gives the owner of a directory in this one every permission on it; a link is refused. */
  async unlock(name: Name): Promise<void> {
    if (this.confinement === 'directory-handles') {
      const directory = await this.openDirectory(name);
      await chmod(directory.self, 0o700).finally(() => directory.close());
      return;
    }
    // Without O_PATH a directory that may not be read cannot be opened either, so here its path has to do.
    if ((await this.stats(name))?.isDirectory()) await chmod(this.at(name), 0o700);
  }

  /** What an entry is, a link not followed; `undefined` when there is none. */
  async stats(name: Name): Promise<BigIntStats | undefined> {
    try {
      return await lstat(this.at(name), { bigint: true });
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** What this directory itself is. */
  async ownStats(): Promise<BigIntStats> {
    return this.#handle.stat({ bigint: true });
  }

  async identity(): Promise<Identity> {
    const { dev, ino } = await this.ownStats();
    return { dev, ino };
  }

  /** Makes durable what was put into the directory or taken out of it. */
  async sync(): Promise<void> {
    // A handle opened with O_PATH cannot be synced itself.
    const readable = await open(this.self, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await readable.sync();
    } finally {
      await readable.close();
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** Goes down from a directory; the start stays open and is the caller's, the result is the caller's to close. */
export async function openBelow(start: DirectoryHandle, names: readonly Name[]): Promise<DirectoryHandle> {
  let current = start;
  try {
    for (const name of names) {
      const next = await current.openDirectory(name);
      if (current !== start) await current.close();
      current = next;
    }
    return current;
  } catch (error) {
    if (current !== start) await current.close();
    throw error;
  }
}

/** Lends a directory below another, and closes it afterwards. */
export async function withBelow<T>(
  start: DirectoryHandle,
  names: readonly Name[],
  work: (directory: DirectoryHandle) => Promise<T>,
): Promise<T> {
  const directory = await openBelow(start, names);
  try {
    return await work(directory);
  } finally {
    if (directory !== start) await directory.close();
  }
}

function flags(confinement: Confinement): number {
  return constants.O_DIRECTORY | (confinement === 'directory-handles' ? O_PATH : constants.O_RDONLY);
}

/** The kernel's number of the mount in which something was opened. Read at once: /proc waits for no disk. */
function mountOf(handle: FileHandle): string {
  const text = readFileSync(`/proc/self/fdinfo/${handle.fd}`, 'latin1');
  const mount = /^mnt_id:\s*(\d+)$/m.exec(text)?.[1];
  if (mount === undefined)
    throw new Error('The kernel does not say in which mount a file is: it must be Linux 3.15 or later.');
  return mount;
}

function join(base: string | Buffer, name: Name): string | Buffer {
  if (typeof base === 'string' && typeof name === 'string') return `${base}/${name}`;
  return Buffer.concat([Buffer.from(base), Buffer.from('/'), Buffer.from(name)]);
}

async function plain(path: string | Buffer, confinement: Confinement): Promise<string | Buffer> {
  return confinement === 'directory-handles' ? path : realpath(path, { encoding: 'buffer' });
}

async function isResolved(path: string | Buffer): Promise<boolean> {
  return Buffer.from(path).equals(await realpath(path, { encoding: 'buffer' }));
}

function linkInTheWay(name: Name): AdapterError {
  const shown = JSON.stringify(name.toString());
  return new AdapterError('denied', `The path leads through the link ${shown}, and links are never followed.`, {
    field: 'path',
  });
}

function mountInTheWay(name: Name): AdapterError {
  const shown = JSON.stringify(name.toString());
  return new AdapterError(
    'denied',
    `${shown} is mounted from elsewhere, and what is mounted is no part of a workspace.`,
    {
      field: 'path',
    },
  );
}
