import type { JobRow } from '@user-workspaces/contract';
import { Doorbell } from '../files/doorbell.js';
import type { ServerContext } from '../server-context.js';

/** How late a change by another process may be seen. */
const pollMs = 5_000;

/** A reader that is further behind gets only the latest states. */
const maxBehind = 32;

/**
 * A job as it is now, then after each change; the same state may come again, an older one never. Ends when the signal
 * aborts, or the job's row is gone.
 */
export async function* watchJob(
  context: ServerContext,
  jobId: number,
  signal: AbortSignal,
): AsyncGenerator<JobRow, void, undefined> {
  const bell = new Doorbell();
  const changes: JobRow[] = [];
  const unsubscribe = context.journal.onCommitted(({ jobs }) => {
    const row = jobs.get(jobId);
    if (!row) return;
    changes.push(row);
    if (changes.length > maxBehind) changes.shift();
    bell.ring();
  });
  const onAbort = (): void => bell.ring();
  signal.addEventListener('abort', onAbort, { once: true });
  let version = -1;
  try {
    while (!signal.aborted) {
      const present = await context.database.findOne('jobs', { id: jobId });
      if (!present) return;
      changes.push(present);
      const looked = context.clock.elapsed();
      while (!signal.aborted && context.clock.elapsed() < looked + pollMs) {
        const rung = bell.next;
        for (let row = changes.shift(); row; row = changes.shift()) {
          if (row.version < version) continue;
          version = row.version;
          yield row;
        }
        if (signal.aborted) return;
        await orAfter(context, rung, looked + pollMs - context.clock.elapsed());
      }
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    unsubscribe();
  }
}

/** Waits for a promise, but not longer than so. */
export async function orAfter(context: ServerContext, promise: Promise<void>, delayMs: number): Promise<void> {
  const enough = new AbortController();
  try {
    await Promise.race([promise, context.clock.sleep(Math.max(0, delayMs), enough.signal)]);
  } finally {
    enough.abort();
  }
}
