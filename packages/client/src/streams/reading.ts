import { TimeoutError } from '../errors.js';

/**
 * The bytes of an answer as they come. A connection that says nothing for `idleMs` counts as dead and ends with
 * `TimeoutError`: a half-open one would otherwise be waited on for ever. Leaving the loop closes the connection.
 */
export async function* readChunks(response: Response, idleMs: number): AsyncGenerator<Uint8Array, void> {
  if (!response.body) return;
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await within(idleMs, reader.read());
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
