import { createHash } from 'node:crypto';
import { readlink, symlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DirectoryHandle } from './directory-handle.js';
import { errnoOf } from './errors.js';
import { removeStaged } from './staging.js';

/** Replacing a version takes a few system calls: whoever has claimed one for so long was killed meanwhile. */
const staleAfterMs = 60_000;
/** So long whoever comes meanwhile waits, to see what has become of the version. */
const patienceMs = 1_000;
const pauseMs = 20;

/**
 * Lets one process at a time replace a version of a file: no file system replaces a file on condition of what it is, and server processes that share a
 * storage do not know of each other. A version has one etag for ever, so whoever comes after the claim was given up finds another one.
 *
 * The claim is a link that leads nowhere and holds the name of what is to take the place: made in one step, and known again by whoever finishes
 * what a crash broke off.
 *
 * @param taken The error when another holds it for longer than replacing takes: it was killed or halted, and the version may still be there.
 */
export async function withClaim<T>(
  staging: DirectoryHandle,
  {
    path,
    etag,
    staged,
    nowMs,
  }: { readonly path: string; readonly etag: string; readonly staged: string; readonly nowMs: number },
  taken: () => Error,
  work: (isHeld: () => Promise<boolean>) => Promise<T>,
): Promise<T> {
  const name = `claim-${createHash('sha256').update(`${path}\0${etag}`).digest('hex').slice(0, 32)}`;
  const holder = async (): Promise<string | undefined> => {
    try {
      return await readlink(staging.at(name));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  };
  const claim = async (): Promise<boolean> => {
    try {
      await symlink(staged, staging.at(name));
      return true;
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      return (await holder()) === staged;
    }
  };
  const deadline = performance.now() + patienceMs;
  while (!(await claim())) {
    const madeAtMs = (await staging.stats(name))?.ctimeMs;
    if (madeAtMs !== undefined && nowMs - Number(madeAtMs) >= staleAfterMs) await removeStaged(staging, name);
    else if (performance.now() >= deadline) throw taken();
    else await sleep(pauseMs);
  }
  try {
    return await work(async () => (await holder()) === staged);
  } finally {
    if ((await holder()) === staged) await removeStaged(staging, name);
  }
}
