import { TimeoutError } from '../errors.js';

/**
 * The bytes of an answer as they come. A connection that says nothing for `idleMs` counts as dead and ends with
 * `TimeoutError`: a half-open one would otherwise be waited on for ever. Leaving the loop closes the connection, and so
 * does the signal: what became of it on its way to fetch may have been collected as garbage.
 */
export async function* readChunks(
  response: Response,
  idleMs: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  if (!response.body) return;
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await unlessAborted(signal, within(idleMs, reader.read()));
      if (done) return;
      yield value;
    }
  } finally {
    // Fails only where the connection has failed before, which the loop has told.
    reader.cancel().catch(() => undefined);
  }
}

async function within<Value>(idleMs: number, read: Promise<Value>): Promise<Value> {
  if (!Number.isFinite(idleMs)) return read;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new TimeoutError(`The server sent nothing for ${idleMs} ms.`, { code: 'timeout', retryable: true }));
    }, idleMs);
  });
  try {
    return await Promise.race([read, silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** The same, or at once the signal's reason. */
async function unlessAborted<Value>(signal: AbortSignal, work: Promise<Value>): Promise<Value> {
  let end: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    end = () => reject(signal.reason);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (end) signal.removeEventListener('abort', end);
  }
}

/** Waits, or ends at once with the signal's reason. */
export function sleep(ms: number, signal?: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', end);
      resolve();
    }, ms);
    if (signal?.aborted) end();
    else signal?.addEventListener('abort', end, { once: true });
  });
}
