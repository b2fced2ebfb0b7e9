import type { FileHandle } from 'node:fs/promises';
import { SourceFailure } from './errors.js';

/**
 * Writes what a source gives, chunk by chunk, from a position on, and returns the position after it. The next
 * chunk is asked for when the last is written, so memory holds one.
 *
 * @throws SourceFailure with what the source threw; the signal's reason, also while the source is silent.
 */
export async function writeFrom(
  source: AsyncIterable<Uint8Array>,
  file: FileHandle,
  position: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  const iterator = source[Symbol.asyncIterator]();
  let end = position;
  try {
    for (;;) {
      const next = await nextOf(iterator, signal);
      if (next.done) return end;
      end = await writeAll(file, next.value, end);
    }
  } catch (error) {
    // A source that hangs would hang its return() too, so nobody waits for it; the error above is the one that counts.
    iterator.return?.().catch(() => undefined);
    throw error;
  }
}

/** Writes all bytes at a position and returns the position after them. */
export async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<number> {
  let written = 0;
  while (written < bytes.byteLength) {
    written += (await file.write(bytes, written, bytes.byteLength - written, position + written)).bytesWritten;
  }
  return position + written;
}

async function nextOf<T>(iterator: AsyncIterator<T>, signal: AbortSignal | undefined): Promise<IteratorResult<T>> {
  signal?.throwIfAborted();
  const next = iterator.next().catch((error: unknown) => {
    throw new SourceFailure('The source of the content failed.', { cause: error });
  });
  if (!signal) return next;
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    // The source itself may have aborted when it was asked.
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([next, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
