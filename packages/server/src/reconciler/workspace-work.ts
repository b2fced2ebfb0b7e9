import { AdapterError, type WorkspaceRow } from '@user-workspaces/contract';
import { abandonUploads, applyPendingChanges, readPendingChanges } from '../files/staged-files.js';
import type { RecordTransaction } from '../records/record-transaction.js';
import { StaleRowError } from '../records/stale-row-error.js';
import type { ServerContext } from '../server-context.js';
import { settleWorkspace } from '../services/jobs.js';
import { launchReferenceOf } from '../services/launch-reference.js';
import { type OpenWorkspace, storageOf } from '../services/workspace-access.js';
import { activeJobStatuses } from '../views/job.js';
import { retryAtMs } from './backoff.js';
import { keepLease, type Lease, released, takeLease } from './lease.js';

/** Deletes workspaces that are to be deleted, and finishes or undoes file work that a crash cut short. */
export async function workOnWorkspace(context: ServerContext, found: WorkspaceRow, signal: AbortSignal): Promise<void> {
  const lease = await takeLease(context, 'workspaces', found);
  if (!lease) return;
  const row = await context.database.findOne('workspaces', { id: found.id });
  if (!row || row.lease_fence !== lease.lease_fence) return;
  try {
    await keepLease(context, 'workspaces', row, signal, (leased) => work(context, row, leased));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof StaleRowError) {
      // Somebody changed the workspace meanwhile: no failure, and what is to be done now may be something else.
      await release(context, row, lease, { due_at_ms: context.clock.now(), attempts: row.attempts });
      return;
    }
    context.log.error({ err: error, workspaceId: row.id }, 'work on a workspace failed, will be tried again');
    await release(context, row, lease, {
      due_at_ms: retryAtMs(context.clock, row.attempts),
      attempts: row.attempts + 1,
    });
  }
}

async function work(context: ServerContext, row: WorkspaceRow, signal: AbortSignal): Promise<void> {
  if (row.status === 'deleting') return deleteWorkspace(context, row, signal);
  const { step } = context;
  const open = storageOf(context, row);
  const changes = readPendingChanges(row.pending_changes);
  if (changes) {
    if (row.status === 'initializing') await open.storage.create(open.directory, signal);
    try {
      await applyPendingChanges(open, changes, step, signal);
    } catch (error) {
      if (!isFinal(error)) throw error;
      // Nothing will ever make it fit: whoever sent it got no answer, and the rest of the workspace must not wait for it.
      context.log.warn(
        { err: error, workspaceId: row.id },
        'accepted files could not be put in place and are given up',
      );
      const uploadIds = changes.files.map((file) => file.upload_id);
      await abandonUploads(context, open, uploadIds);
    }
    await context.journal.transaction(async (transaction) => {
      await transaction.changeWorkspace(row, {
        ...released,
        pending_changes: null,
        due_at_ms: null,
        attempts: 0,
        ...(row.status === 'initializing' ? { status: 'idle' } : { last_modified_at_ms: transaction.nowMs }),
      });
      // Jobs may have been started in it before it was complete.
      await settleWorkspace(transaction, row.id);
    });
    return;
  }
  if (row.status === 'initializing') {
    // Its files never were complete, and whoever asked for it got no answer: as if it had not been asked for.
    step('before workspace.undo');
    await open.storage.destroy(open.directory, signal);
    await removeForGood(context, open, signal, (transaction) => transaction.removeWorkspace(row));
    step('after workspace.undo');
    return;
  }
  await context.journal.transaction((transaction) =>
    transaction.touchWorkspace(row, { ...released, due_at_ms: null, attempts: 0 }),
  );
}

/** True for errors that trying again cannot mend. */
function isFinal(error: unknown): boolean {
  return AdapterError.is(error) && error.kind !== 'unavailable' && error.kind !== 'no_space';
}

async function deleteWorkspace(context: ServerContext, row: WorkspaceRow, signal: AbortSignal): Promise<void> {
  const { database, journal, step } = context;
  const isUsed =
    (await database.count('jobs', { workspace_id: row.id, status: { in: activeJobStatuses } })) > 0 ||
    (await database.count('shares', { original_workspace_id: row.id, work: 'copy' })) > 0 ||
    (await database.count('shares', { shared_workspace_id: row.id, work: 'copy' })) > 0;
  if (isUsed) {
    // The end of its last job makes it due again; the later look is for what this process does not hear of.
    const due_at_ms = context.clock.now() + 5_000;
    await journal.transaction((transaction) => transaction.touchWorkspace(row, { ...released, due_at_ms }));
    return;
  }
  const { storage, directory } = storageOf(context, row);
  step('before workspace.destroy');
  await storage.destroy(directory, signal);
  step('after workspace.destroy');
  for (const job of await database.find('jobs', { where: { workspace_id: row.id, is_remembered: true } })) {
    const entry = context.resources.get(job.resource);
    if (entry) {
      step('before resource.forget');
      await entry.resource.forget(await launchReferenceOf(context, job, row), signal);
      step('after resource.forget');
    }
    await database.transaction((rows) => rows.update('jobs', { id: job.id }, { is_remembered: false }));
  }
  await removeForGood(context, { storage, directory }, signal, async (transaction) => {
    await transaction.rows.remove('uploads', { workspace_id: row.id });
    for (const share of await transaction.rows.find('shares', { where: { shared_workspace_id: row.id } })) {
      await transaction.removeShare(share);
    }
    for (const share of await transaction.rows.find('shares', { where: { original_workspace_id: row.id } })) {
      await transaction.changeShare(share, { original_workspace_id: null });
    }
    await transaction.removeWorkspace(row);
  });
  step('after workspace.removed');
}

/**
 * Removes the rows of a workspace whose files are gone, and what may have come into its place meanwhile: a request that was halted while it made the workspace leaves its
 * directory to whoever has the row. One that comes later finds no row, and removes what it made.
 */
async function removeForGood(
  { journal }: ServerContext,
  { storage, directory }: Pick<OpenWorkspace, 'storage' | 'directory'>,
  signal: AbortSignal,
  removeRows: (transaction: RecordTransaction) => Promise<void>,
): Promise<void> {
  await journal.transaction(removeRows);
  await storage.destroy(directory, signal);
}

async function release(
  context: ServerContext,
  row: WorkspaceRow,
  lease: Lease,
  changes: { readonly due_at_ms: number; readonly attempts: number },
): Promise<void> {
  await context.database.transaction((rows) =>
    rows.update('workspaces', { id: row.id, lease_fence: lease.lease_fence }, { ...released, ...changes }),
  );
}
