import { setTimeout as sleep } from 'node:timers/promises';
import { Transient } from './failure.js';

/** Each pause is random, up to a ceiling that doubles from the first to the longest. */
export interface Pauses {
  readonly firstMs: number;
  readonly longestMs: number;
}

/**
 * Runs `attempt` until it ends in anything but {@link Transient}, for at most `budgetMs`, with growing random pauses.
 *
 * @throws the reason of the last Transient when the time is used up; the signal's reason when it is aborted in a pause.
 */
export async function withRetries<R>(
  attempt: () => Promise<R>,
  pauses: Pauses,
  budgetMs: number,
  signal: AbortSignal | undefined,
): Promise<R> {
  const deadlineMs = performance.now() + budgetMs;
  for (let ceilingMs = pauses.firstMs; ; ceilingMs = Math.min(ceilingMs * 2, pauses.longestMs)) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Transient)) throw error;
      if (performance.now() >= deadlineMs) throw error.reason;
    }
    await pause(Math.random() * ceilingMs, signal);
  }
}

async function pause(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(durationMs, undefined, signal ? { signal } : {});
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/** Settles as the promise does, or at once with the signal's reason; what the promise then brings goes to `discard`. */
export async function orAborted<R>(
  promise: Promise<R>,
  signal: AbortSignal | undefined,
  discard: (late: R) => void,
): Promise<R> {
  if (!signal) return promise;
  let stopListening = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    const onAbort = (): void => {
      // A late failure has nobody left to hear of it: the caller has been told that the call was aborted.
      promise.then(discard, () => undefined);
      reject(signal.reason);
    };
    if (signal.aborted) onAbort();
    else {
      signal.addEventListener('abort', onAbort, { once: true });
      stopListening = () => signal.removeEventListener('abort', onAbort);
    }
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    stopListening();
  }
}
