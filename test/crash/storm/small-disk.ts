import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmdirSync } from 'node:fs';
import { mkdir, open, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A file system of its own that is small enough to be filled. */
export interface SmallDisk {
  readonly directory: string;
  /** Takes all that is free, but for `spareBytes`. */
  fill(spareBytes?: number): Promise<void>;
  free(): Promise<void>;
  remove(): Promise<void>;
}

/** Why no small disk can be had here; empty where it can. */
export function missingMount(): string {
  const directory = mkdtempSync(join(tmpdir(), 'uws-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'uws-test', directory], { stdio: 'pipe' });
    execFileSync('umount', [directory], { stdio: 'pipe' });
    return '';
  } catch (error) {
    return `a file system of a few MB cannot be mounted here (${error instanceof Error ? error.message.trim() : String(error)}); run as root with CAP_SYS_ADMIN`;
  } finally {
    rmdirSync(directory);
  }
}

/** Mounts a tmpfs at a directory that it makes. */
export async function mountSmallDisk(directory: string, megabytes: number): Promise<SmallDisk> {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0755`, 'uws-test', directory]);
  // A directory of its own, so that nobody takes the filler for something that was left over.
  const place = join(directory, 'filler');
  await mkdir(place, { mode: 0o700 });
  return {
    directory,
    async fill(spareBytes = 0) {
      const file = await open(join(place, 'full'), 'w', 0o600);
      let size = 0;
      try {
        for (const chunk of [1024 * 1024, 4096]) {
          const zeros = Buffer.alloc(chunk);
          for (;;) {
            const { bytesWritten } = await file.write(zeros);
            size += bytesWritten;
          }
        }
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
        if (spareBytes > 0) await file.truncate(Math.max(0, size - spareBytes));
      } finally {
        await file.close();
      }
    },
    free: () => rm(join(place, 'full'), { force: true }),
    async remove() {
      for (let attempt = 0; ; attempt++) {
        try {
          // In the end whatever is open there goes on, but nobody finds it any more: libsql holds files after they were closed.
          await run('umount', attempt < 20 ? [directory] : ['--lazy', directory]);
          break;
        } catch (error) {
          // A process of a job that is just ending may still be in there.
          if (attempt === 20) throw error;
          await delay(100);
        }
      }
      await rmdir(directory);
    },
  };
}
