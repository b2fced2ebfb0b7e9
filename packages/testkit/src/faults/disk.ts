import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, open, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { collectGarbage } from './memory.js';
import { pathsOpenBelow } from './open-files.js';

const run = promisify(execFile);

/** So long what is open on a disk may take to be closed. */
const patienceMs = 2_000;
const pauseMs = 20;

/** A file system of its own that can be filled up. */
export interface SmallDisk {
  /** An empty directory on it, which all accounts may pass through. */
  readonly directory: string;
  /** Leaves no byte of it free. */
  fill(): Promise<void>;
  /** Gives the space back that {@link fill} took. */
  free(): Promise<void>;
  /**
   * Unmounts it and removes its traces. What is open on it has a moment to be closed, also by the collection of garbage.
   *
   * @throws Error that names what is still open on it then; it is gone nevertheless.
   */
  remove(): Promise<void>;
}

let obstacle: Promise<string | undefined> | undefined;

/** Why {@link makeSmallDisk} cannot be used here; `undefined` where it can. A process tries it once. */
export function smallDiskObstacle(): Promise<string | undefined> {
  obstacle ??= findObstacle();
  return obstacle;
}

async function findObstacle(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'a small disk for the test takes Linux';
  if (process.geteuid?.() !== 0) return 'a small disk for the test takes root, to mount it';
  try {
    const disk = await makeSmallDisk(64 * 1024);
    await disk.remove();
    return undefined;
  } catch {
    return 'this machine (a container, perhaps) forbids the mount of a small disk';
  }
}

/** Mounts a small file system in memory (tmpfs). @throws what `mount` says where {@link smallDiskObstacle} names one. */
export async function makeSmallDisk(sizeBytes: number): Promise<SmallDisk> {
  const mountPoint = await mkdtemp(join(tmpdir(), 'uws-disk-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes},mode=0711`, 'uws-testkit', mountPoint]);
  } catch (error) {
    await rmdir(mountPoint);
    throw error;
  }
  const directory = join(mountPoint, 'place');
  await mkdir(directory);
  await chmod(directory, 0o711);
  const ballast = join(mountPoint, 'ballast');
  return {
    directory,
    async fill() {
      const file = await open(ballast, 'a');
      try {
        // Large pieces first, then the rest byte by byte.
        for (let pieceBytes = 64 * 1024; pieceBytes >= 1; ) {
          try {
            await file.write(Buffer.alloc(pieceBytes));
          } catch (error) {
            if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
            pieceBytes = Math.floor(pieceBytes / 16);
          }
        }
      } finally {
        await file.close();
      }
    },
    free: () => rm(ballast, { force: true }),
    async remove() {
      const left = await unmount(mountPoint);
      await rmdir(mountPoint);
      if (left) throw left;
    },
  };
}

/** Unmounts a file system. Where something stays open on it, it is gone from the tree of directories at least, and the error says what that was. */
async function unmount(mountPoint: string): Promise<Error | undefined> {
  for (const deadlineMs = performance.now() + patienceMs; ; await sleep(pauseMs)) {
    // Some wrappers close their files when they are collected.
    collectGarbage();
    try {
      await run('umount', [mountPoint]);
      return undefined;
    } catch (error) {
      if (performance.now() < deadlineMs) continue;
      const open = await pathsOpenBelow(mountPoint);
      await run('umount', ['--lazy', mountPoint]);
      const what =
        open.length > 0 ? `This process has open on it: ${open.join(', ')}.` : 'It is in use by another process.';
      return new Error(`The small disk at ${mountPoint} was still in use when it was taken away. ${what}`, {
        cause: error,
      });
    }
  }
}
