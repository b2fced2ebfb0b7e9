import { randomBytes } from 'node:crypto';
import { link, lstat, mkdir, open, readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { AdapterError } from '@user-workspaces/contract';

/**
 * Which account has which uid: one small file per name and one per uid, each holding the other. A file comes into being
 * whole, by linking it to its final name, which fails when the name exists. So a claim is made by exactly one process,
 * without a lock that a crash could leave behind; the worst that a crash leaves is a uid that nobody uses.
 */
export class Claims {
  private readonly directory: string;
  private prepared: Promise<void> | undefined;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** The uid of a name. @throws AdapterError `misconfigured` when the files contradict each other, `unavailable` when they cannot be read. */
  uidOf(name: string): Promise<number | undefined> {
    return whereReachable(() => this.findUid(name));
  }

  private async findUid(name: string): Promise<number | undefined> {
    const text = await this.read(join('by-name', name));
    if (text === undefined) return undefined;
    const uid = /^[1-9]\d{3,9}$/.test(text) ? Number(text) : undefined;
    if (uid === undefined || (await this.read(join('by-uid', text))) !== name) {
      const message = `The records of reserved accounts in ${this.directory} contradict each other for ${name}; restore them from a backup.`;
      throw new AdapterError('misconfigured', message);
    }
    return uid;
  }

  /** The highest uid that was ever claimed, 0 when none was. */
  async highestUid(): Promise<number> {
    const names = await whereReachable(async () => {
      await this.prepare();
      return readdir(join(this.directory, 'by-uid'));
    });
    return names.reduce((highest, name) => (/^\d+$/.test(name) ? Math.max(highest, Number(name)) : highest), 0);
  }

  /** False when another claim has this uid. */
  claimUid(uid: number, name: string): Promise<boolean> {
    return whereReachable(() => this.claim(join('by-uid', String(uid)), name));
  }

  /** Gives a claimed uid to its name; false when the name got one meanwhile. */
  claimName(name: string, uid: number): Promise<boolean> {
    return whereReachable(() => this.claim(join('by-name', name), String(uid)));
  }

  /** Gives back a uid that was claimed and never used. */
  async releaseUid(uid: number): Promise<void> {
    await whereReachable(() => unlink(join(this.directory, 'by-uid', String(uid))));
  }

  private async claim(path: string, content: string): Promise<boolean> {
    await this.prepare();
    const target = join(this.directory, path);
    const temporary = join(this.directory, `.${randomBytes(8).toString('hex')}`);
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    try {
      await link(temporary, target);
    } catch (error) {
      if (hasCode(error, 'EEXIST')) return false;
      throw error;
    } finally {
      await unlink(temporary);
    }
    await syncDirectory(join(target, '..'));
    return true;
  }

  private async read(path: string): Promise<string | undefined> {
    await this.prepare();
    try {
      return await readFile(join(this.directory, path), 'utf8');
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  private prepare(): Promise<void> {
    this.prepared ??= this.makeDirectories().catch((error: unknown) => {
      this.prepared = undefined;
      throw error;
    });
    return this.prepared;
  }

  private async makeDirectories(): Promise<void> {
    for (const directory of [this.directory, join(this.directory, 'by-name'), join(this.directory, 'by-uid')]) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const { uid, mode } = await lstat(directory);
      // Whoever writes here decides who may read whose files.
      if (uid !== process.geteuid?.() || (mode & 0o022) !== 0) {
        const message = `The directory ${directory} must belong to the server's account and be writable by it alone; correct its owner and mode (0700).`;
        throw new AdapterError('misconfigured', message, { field: 'directory' });
      }
    }
    await syncDirectory(this.directory);
  }
}

/** What the system says of the files is `unavailable`: who has which uid is not known then, and nobody may be given one. */
async function whereReachable<R>(work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && 'syscall' in error)) throw error;
    const message = `The records of reserved accounts cannot be read or written (${String(error.code)}); the operator has to look at their directory. Try again later.`;
    throw new AdapterError('unavailable', message, { cause: error });
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
