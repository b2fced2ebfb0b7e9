import type { DatabaseTransaction, LeaseColumns } from '@user-workspaces/contract';
import type { Clock } from '../clock.js';
import { StaleRowError } from '../records/stale-row-error.js';
import type { ServerContext } from '../server-context.js';
import { activeJobStatuses } from '../views/job.js';

/** Tables whose rows are worked on under a lease. */
export type LeasedTable = 'workspaces' | 'jobs' | 'shares';

/** The part of a row that says who works on it. */
export type Lease = Pick<LeaseColumns, 'lease_owner' | 'lease_until_ms' | 'lease_fence'>;

export const leaseDurationMs = 60_000;

/** No lease lasts so long, and nothing waits so long to be due: what is further ahead was written by a clock that was wrong. */
const furthestAheadMs = 2 * leaseDurationMs;

/** What a write at the end of leased work sets, so that the row is free again. */
export const released = { lease_owner: null, lease_until_ms: 0 } as const;

/** @param expectedMs Only a lease that ends by then is changed. */
function updateLease(
  rows: DatabaseTransaction,
  table: LeasedTable,
  row: { readonly id: number; readonly lease_fence: number },
  changes: Partial<Lease>,
  expectedMs = Number.MAX_SAFE_INTEGER,
): Promise<number> {
  const where = { id: row.id, lease_fence: row.lease_fence, lease_until_ms: { lte: expectedMs } };
  switch (table) {
    case 'workspaces':
      return rows.update('workspaces', where, changes);
    case 'jobs':
      return rows.update('jobs', where, changes);
    case 'shares':
      return rows.update('shares', where, changes);
  }
}

/**
 * Takes the lease of a row for this process. Writes under the lease carry its fence, so that they fail once another
 * process has taken it over.
 *
 * @returns What to lay over the row; `undefined` when another holds the lease or was faster.
 */
export async function takeLease(
  context: ServerContext,
  table: LeasedTable,
  row: { readonly id: number } & Lease,
): Promise<Lease | undefined> {
  const nowMs = context.clock.now();
  const isImpossible = row.lease_until_ms > nowMs + furthestAheadMs;
  if (row.lease_until_ms > nowMs && !isImpossible) return undefined;
  const lease: Lease = {
    lease_owner: context.instance,
    lease_until_ms: nowMs + leaseDurationMs,
    lease_fence: row.lease_fence + 1,
  };
  const taken = await context.database.transaction((rows) =>
    updateLease(rows, table, row, lease, isImpossible ? row.lease_until_ms : nowMs),
  );
  return taken === 1 ? lease : undefined;
}

/**
 * Frees what a former process of this instance's name held when it ended, and makes it due. Only for a start: no other process may use the
 * name at that time.
 */
export async function releaseFormerLeases(context: ServerContext): Promise<void> {
  const where = { lease_owner: context.instance };
  const free = { ...released, due_at_ms: context.clock.now() };
  await context.database.transaction(async (rows) => {
    await rows.update('workspaces', where, free);
    // A job may have ended while its launch was thought to be under way.
    await rows.update('jobs', { ...where, status: { in: activeJobStatuses } }, free);
    await rows.update('jobs', where, released);
    await rows.update('shares', where, free);
  });
}

/**
 * Makes due what was to be so at a time that cannot be true, and frees what is due from leases until such a time: the process that wrote it may be dead, and its clock was wrong.
 * Whoever lives and works on such a row loses nothing: its writes carry the lease's fence.
 */
export async function correctTimes({ clock, database, log }: ServerContext): Promise<void> {
  const nowMs = clock.now();
  const impossible = { gt: nowMs + furthestAheadMs };
  const due = { due_at_ms: { lte: nowMs }, lease_until_ms: impossible };
  const count = await database.transaction(async (rows) => {
    let corrected = 0;
    for (const table of ['workspaces', 'jobs', 'shares'] as const) {
      corrected += await rows.update(table, { due_at_ms: impossible }, { due_at_ms: nowMs });
      corrected += await rows.update(table, due, released);
    }
    return corrected;
  });
  if (count > 0) log.warn({ times: count }, 'times far ahead, written by a clock that was wrong, were corrected');
}

/** Lengthens a lease. @throws StaleRowError when another has taken it over. */
export async function renewLease(
  context: ServerContext,
  table: LeasedTable,
  row: { readonly id: number; readonly lease_fence: number },
): Promise<void> {
  const lease = { lease_until_ms: context.clock.now() + leaseDurationMs };
  const renewed = await context.database.transaction((rows) => updateLease(rows, table, row, lease));
  if (renewed === 0) throw lost(table, row);
}

function lost(table: LeasedTable, row: { readonly id: number }): StaleRowError {
  return new StaleRowError(`The lease of ${table} ${row.id} was lost.`);
}

/**
 * Runs `work` while the lease of `row` is kept alive. Its signal aborts when the lease is lost, and in a process that was halted for longer
 * than a lease lasts as soon as it wakes: another may have it by then, and its work must not be overwritten.
 */
export async function keepLease<R>(
  context: ServerContext,
  table: LeasedTable,
  row: { readonly id: number; readonly lease_fence: number },
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<R>,
): Promise<R> {
  const { clock } = context;
  let renewedAtMs = clock.elapsed();
  const renew = async (): Promise<void> => {
    if (clock.elapsed() - renewedAtMs >= leaseDurationMs) throw lost(table, row);
    await renewLease(context, table, row);
    renewedAtMs = clock.elapsed();
  };
  return whileChecked(clock, leaseDurationMs / 3, renew, signal, work);
}

/** Runs `work` and again and again, with pauses, `check`. Its signal aborts with what a check throws. */
export async function whileChecked<R>(
  clock: Clock,
  pauseMs: number,
  check: () => Promise<void>,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<R>,
): Promise<R> {
  const ended = new AbortController();
  const done = new AbortController();
  const checkOn = async (): Promise<void> => {
    while (!done.signal.aborted) {
      await clock.sleep(pauseMs, done.signal);
      if (!done.signal.aborted) await check();
    }
  };
  const checking = checkOn().catch((error: unknown) => ended.abort(error));
  try {
    return await work(AbortSignal.any([signal, ended.signal]));
  } finally {
    done.abort();
    await checking;
  }
}
