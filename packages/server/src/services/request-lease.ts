import { ApiError } from '../http/api-error.js';
import { type Lease, type LeasedTable, takeLease } from '../reconciler/lease.js';
import type { ServerContext } from '../server-context.js';

/** How a request waits for a row that another has under its lease. */
interface Waiting {
  readonly patienceMs: number;
  readonly pauseMs: number;
  /** What is told when the row is not free in time. */
  readonly busy: string;
}

/**
 * Takes the lease of a row for a request, waiting for whoever has it.
 *
 * @param read Gives the row as it is now, and throws where it may not be worked on.
 * @throws ApiError `conflict` when it is not free in time, and what `read` throws.
 */
export async function leaseForRequest<R extends Lease & { readonly id: number }>(
  context: ServerContext,
  table: LeasedTable,
  read: () => Promise<R>,
  { patienceMs, pauseMs, busy }: Waiting,
  signal: AbortSignal,
): Promise<R> {
  const { clock } = context;
  const deadlineMs = clock.elapsed() + patienceMs;
  for (;;) {
    signal.throwIfAborted();
    const row = await read();
    const lease = await takeLease(context, table, row);
    if (lease) return { ...row, ...lease };
    if (clock.elapsed() >= deadlineMs) {
      throw new ApiError('conflict', `${busy} Try again later.`, { headers: { 'Retry-After': '5' } });
    }
    await clock.sleep(pauseMs, signal);
  }
}
