import { execFile } from 'node:child_process';
import { constants, type FileHandle, open, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { AdapterError, type LogChunk, type LogRange } from '@user-workspaces/contract';
import { hasCode } from '@user-workspaces/launch';
import type { Records } from './records.js';
import { supervisorPath } from './system.js';

const chunkBytes = 64 * 1024;
const pollMs = 200;
const mebibyte = 1024 * 1024;

/** How much of a log may be on the disk, and how much of it stays when it is cut. */
export const logCap = { mostBytes: 64 * mebibyte, keptBytes: 32 * mebibyte };

/** Cuts the log of the record directory that it runs in. */
export const cutScript = fileURLToPath(new URL('../supervisor/cut-log.sh', import.meta.url));

/**
 * Reads a log that grows: from a position or the last bytes, then, with `follow`, what is appended, until `hasEnded` and all was read. Holds
 * one chunk in memory.
 */
export async function* readLog(
  records: Records,
  launchKey: string,
  range: LogRange,
  hasEnded: () => Promise<boolean>,
  signal?: AbortSignal,
): AsyncGenerator<LogChunk> {
  signal?.throwIfAborted();
  const file = await openLog(`${records.directory(launchKey)}/log`);
  if (!file) return;
  try {
    const size = await sizeOf(file);
    const from = 'fromByte' in range ? range.fromByte : size - Math.max(0, range.tailBytes);
    const end = range.follow ? Number.POSITIVE_INFINITY : size;
    let position = Math.max(0, from, await cutBytes(records, launchKey, size));
    for (;;) {
      // Asked before reading: what was written before the end is then read after it.
      const last = !range.follow || (await hasEnded());
      while (position < end) {
        signal?.throwIfAborted();
        const content = Buffer.allocUnsafe(Math.min(chunkBytes, end - position));
        const { bytesRead } = await file.read(content, 0, content.length, position);
        if (bytesRead === 0) break;
        const cut = await cutBytes(records, launchKey, await sizeOf(file));
        if (position < cut) {
          // What was just read may be the hole.
          position = cut;
          continue;
        }
        yield { offsetBytes: position, content: content.subarray(0, bytesRead) };
        position += bytesRead;
      }
      if (last) return;
      await sleep(pollMs, undefined, signal && { signal });
    }
  } finally {
    await file.close();
  }
}

async function openLog(path: string): Promise<FileHandle | undefined> {
  try {
    // NONBLOCK: the log is the job's own, and a lease that it holds on it must not hold up the server.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    if (!hasCode(error, 'EAGAIN')) throw error;
    throw new AdapterError('unavailable', 'The job has locked its output. Try again in a minute.');
  }
}

/** Gives the oldest part of a log that takes more than {@link logCap} of the disk back, sooner than the launch's own watch would. */
export async function cutLog(records: Records, launchKey: string): Promise<void> {
  const directory = records.directory(launchKey);
  if ((await stat(`${directory}/log`)).blocks * 512 <= logCap.mostBytes) return;
  await promisify(execFile)('sh', [cutScript, String(logCap.mostBytes), String(logCap.keptBytes)], {
    cwd: directory,
    env: { PATH: supervisorPath },
  });
}

/** Position of the oldest byte that is kept; 0 where the log has become shorter than what was cut off. */
async function cutBytes(records: Records, launchKey: string, size: number): Promise<number> {
  const cut = Number((await records.line(launchKey, 'cut'))?.words[0] ?? 0);
  return cut > size ? 0 : cut;
}

/** Sparse files can claim any size; positions end at 2^53. */
async function sizeOf(file: FileHandle): Promise<number> {
  return Math.min((await file.stat()).size, Number.MAX_SAFE_INTEGER);
}
