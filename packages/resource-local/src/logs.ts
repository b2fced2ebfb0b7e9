import { execFile } from 'node:child_process';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { LogChunk, LogRange } from '@user-workspaces/contract';
import { hasCode, type Records } from './records.js';
import { supervisorPath } from './system.js';

const chunkBytes = 64 * 1024;
const pollMs = 200;
const mebibyte = 1024 * 1024;

/** How much of a log may be on the disk, and how much of it stays when it is cut. */
export const logCap = { maxBytes: 64 * mebibyte, keepBytes: 32 * mebibyte };

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
  let file: FileHandle;
  try {
    file = await open(`${records.directory(launchKey)}/log`);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  try {
    const { size } = await file.stat();
    const from = 'fromByte' in range ? range.fromByte : size - Math.max(0, range.tailBytes);
    const end = range.follow ? Number.POSITIVE_INFINITY : size;
    let position = Math.max(0, from, await cutBytes(records, launchKey));
    for (;;) {
      // Asked before reading: what was written before the end is then read after it.
      const last = !range.follow || (await hasEnded());
      while (position < end) {
        signal?.throwIfAborted();
        const content = Buffer.allocUnsafe(Math.min(chunkBytes, end - position));
        const { bytesRead } = await file.read(content, 0, content.length, position);
        if (bytesRead === 0) break;
        const cut = await cutBytes(records, launchKey);
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

/**
 * Gives the oldest part of a log that has outgrown {@link logCap} back to the disk. The file gets a hole there: positions stay what they are, and what the job
 * writes meanwhile is not lost.
 */
export async function cutLog(records: Records, launchKey: string): Promise<void> {
  const path = `${records.directory(launchKey)}/log`;
  const { size } = await stat(path);
  if (size - (await cutBytes(records, launchKey)) <= logCap.maxBytes) return;
  const cut = Math.floor((size - logCap.keepBytes) / 4096) * 4096;
  // Said first, so that no reader takes the hole for output.
  await records.replace(launchKey, 'cut', String(cut));
  await promisify(execFile)('fallocate', ['--punch-hole', '--offset', '0', '--length', String(cut), path], {
    env: { PATH: supervisorPath },
  });
}

/** Position of the oldest byte that is kept. */
async function cutBytes(records: Records, launchKey: string): Promise<number> {
  return Number((await records.line(launchKey, 'cut'))?.words[0] ?? 0);
}
