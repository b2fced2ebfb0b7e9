import { randomBytes } from 'node:crypto';
import { access, chmod, link, mkdir, open, rename, stat, statfs, unlink } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { AdapterError, type Health } from '@user-workspaces/contract';
import { type Confinement, withBelow } from './directory-handle.js';
import { errnoOf, translate } from './errors.js';
import { type Layout, makePrivate, type Ownership, stagingDirectory } from './layout.js';

/** An account that nobody uses, to see whether the file system gives files away. */
const probeOwner = 65_534;

/** What keeps work confined on this system. @throws AdapterError `misconfigured` where nothing does. */
export async function findConfinement(): Promise<Confinement> {
  if (process.platform === 'win32') {
    throw new AdapterError('misconfigured', 'Local storage works on Linux and, reduced, on macOS, but not on Windows.');
  }
  if (process.platform !== 'linux') return 'resolved-paths';
  try {
    await access('/proc/self/fd');
    return 'directory-handles';
  } catch (error) {
    throw new AdapterError('misconfigured', 'Local storage on Linux needs /proc, so mount it and start again.', {
      cause: error,
    });
  }
}

/** Refuses settings that cannot work, each by its key. */
export function checkSettings(
  rootDirectory: string,
  linkRoots: readonly string[],
  linkRootsKey: string,
  ownership: Ownership,
): void {
  if (!isAbsolute(rootDirectory) || rootDirectory.includes('\0')) {
    throw misconfigured(
      'rootDirectory',
      `The root directory of the storage must be an absolute path, not "${rootDirectory}".`,
    );
  }
  for (const root of linkRoots) {
    if (!isAbsolute(root) || root.includes('\0') || root.split('/').includes('..')) {
      throw misconfigured(
        linkRootsKey,
        `Each of ${linkRootsKey} must be an absolute path without "..", not "${root}".`,
      );
    }
  }
  if (ownership === 'chown' && process.geteuid?.() !== 0) {
    throw misconfigured(
      'ownership',
      'Only root can give files to accounts: run the server as root, or set ownership to "none".',
    );
  }
}

/** Makes the root and proves that the file system does what the storage rests on. */
export async function prepareRoot(layout: Layout): Promise<void> {
  try {
    if ((await mkdir(layout.root, { recursive: true })) !== undefined) await chmod(layout.root, layout.passableMode);
    if (((await stat(layout.root)).mode & 0o022) !== 0) {
      throw misconfigured(
        'rootDirectory',
        `The root directory ${layout.root} of the storage may be changed by other accounts. Take that right away: chmod go-w ${layout.root}`,
      );
    }
    await probe(layout, true);
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOSPC' || code === 'EDQUOT') return;
    if (code === undefined) throw error;
    throw misconfigured(
      'rootDirectory',
      `The root directory ${layout.root} of the storage cannot be used (${code}). It must be a directory that the server may write to, on one file system with hard links${layout.ownership === 'chown' ? ' and changes of owner' : ''}.`,
      error,
    );
  }
}

/** Whether files can be made at the moment. */
export async function checkHealth(layout: Layout, name: string): Promise<Health> {
  try {
    await probe(layout, false);
    const { bavail, bsize } = await statfs(layout.root);
    const freeGigabytes = (Number(bavail) * Number(bsize)) / 1e9;
    return { connected: true, message: `Storage ${name} is writable, ${freeGigabytes.toFixed(1)} GB are free.` };
  } catch (error) {
    const meaning = translate(error, `Storage ${name} cannot be written to`);
    if (AdapterError.is(meaning)) return { connected: false, message: meaning.message };
    throw error;
  }
}

async function probe(layout: Layout, isThorough: boolean): Promise<void> {
  await layout.withRoot(async (root) => {
    await makePrivate(root, stagingDirectory);
    await withBelow(root, [stagingDirectory], async (staging) => {
      const first = `probe-${randomBytes(8).toString('hex')}`;
      const second = `${first}-link`;
      const file = await open(staging.at(first), 'wx', 0o600);
      try {
        await file.write('probe');
        if (!isThorough) return;
        if (layout.ownership === 'chown') await file.chown(probeOwner, probeOwner);
        await link(staging.at(first), staging.at(second));
        await unlink(staging.at(first));
        await rename(staging.at(second), staging.at(first));
      } finally {
        await file.close();
        await Promise.allSettled([unlink(staging.at(first)), unlink(staging.at(second))]);
      }
    });
  });
}

function misconfigured(field: string, message: string, cause?: unknown): AdapterError {
  return new AdapterError('misconfigured', message, { field, cause });
}
