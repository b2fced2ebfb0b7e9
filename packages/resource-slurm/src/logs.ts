import { setTimeout as sleep } from 'node:timers/promises';
import type { LaunchReference, LogChunk, LogRange } from '@user-workspaces/contract';
import { outputName } from './script.js';
import { openJobFile } from './workspace-files.js';

const chunkBytes = 64 * 1024;
const pollMs = 500;

/** Reads the output of a job from its workspace, with `follow` until `hasEnded` and all was read. Holds one chunk in memory. */
export async function* readOutput(
  launch: LaunchReference,
  range: LogRange,
  hasEnded: () => Promise<boolean>,
  signal?: AbortSignal,
): AsyncGenerator<LogChunk> {
  let position: number | undefined;
  for (;;) {
    signal?.throwIfAborted();
    // Asked before reading: what was written before the end is then read after it.
    const last = !range.follow || (await hasEnded());
    const file = await openJobFile(launch, outputName);
    if (typeof file !== 'string') {
      try {
        const { size } = await file.stat();
        position ??= 'fromByte' in range ? range.fromByte : Math.max(0, size - Math.max(0, range.tailBytes));
        while (position < size) {
          signal?.throwIfAborted();
          const content = Buffer.allocUnsafe(Math.min(chunkBytes, size - position));
          const { bytesRead } = await file.read(content, 0, content.length, position);
          if (bytesRead === 0) break;
          yield { offsetBytes: position, content: content.subarray(0, bytesRead) };
          position += bytesRead;
        }
      } finally {
        await file.close();
      }
    }
    if (last) return;
    await sleep(pollMs, undefined, signal && { signal });
  }
}
