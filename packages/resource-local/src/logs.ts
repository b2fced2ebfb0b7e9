import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode } from './records.js';

const chunkBytes = 64 * 1024;
const pollMs = 200;

/**
 * Reads a log that grows: the last `tailBytes`, then, with `follow`, what is appended, until `hasEnded` and all was read. Holds one
 * chunk in memory. A log that was cut is read on from its new beginning.
 */
export async function* readLog(
  path: string,
  options: { readonly tailBytes: number; readonly follow: boolean },
  hasEnded: () => Promise<boolean>,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  signal?.throwIfAborted();
  let file: FileHandle;
  try {
    file = await open(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  try {
    const { size } = await file.stat();
    let position = Math.max(0, size - Math.max(0, options.tailBytes));
    let end = options.follow ? Number.POSITIVE_INFINITY : size;
    for (;;) {
      // Asked before reading: what was written before the end is then read after it.
      const last = options.follow && (await hasEnded());
      if ((await file.stat()).size < position) position = 0;
      while (position < end) {
        signal?.throwIfAborted();
        const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, end - position));
        const { bytesRead } = await file.read(chunk, 0, chunk.length, position);
        if (bytesRead === 0) break;
        position += bytesRead;
        yield chunk.subarray(0, bytesRead);
      }
      if (!options.follow || last) return;
      end = Number.POSITIVE_INFINITY;
      await sleep(pollMs, undefined, signal && { signal });
    }
  } finally {
    await file.close();
  }
}
