import type { WorkspaceRow } from '@user-workspaces/contract';
import type { DiskAllowance } from '../files/disk-allowance.js';
import {
  type ArrivingChanges,
  abandonUploads,
  applyPendingChanges,
  type PendingChanges,
  readPendingChanges,
  stageFiles,
} from '../files/staged-files.js';
import { ApiError } from '../http/api-error.js';
import { keepLease, released } from '../reconciler/lease.js';
import type { Actor } from '../records/audit.js';
import type { RecordTransaction } from '../records/record-transaction.js';
import { StaleRowError } from '../records/stale-row-error.js';
import type { ServerContext } from '../server-context.js';
import { checkLinks, knownLinks } from './known-links.js';
import { leaseForRequest } from './request-lease.js';
import { type OpenWorkspace, requireFiles } from './workspace-access.js';

type Columns = Partial<Pick<WorkspaceRow, 'name' | 'description' | 'default_job_type'>>;

/**
 * Makes or replaces files and links of a workspace, and changes columns of its row with them.
 *
 * Guarantees: nothing in the workspace changes before all contents have arrived; from the moment that the row has accepted the
 * work, it is finished even if the process ends; an error that is answered leaves the columns as they were; requests that
 * change one workspace follow each other.
 *
 * @throws ApiError `conflict` when the workspace is busy for 30 seconds or without files (being made or deleted), `not_found`, `too_large` for too many links; AdapterError.
 */
export async function changeFiles(
  context: ServerContext,
  actor: Actor,
  open: OpenWorkspace,
  changes: ArrivingChanges,
  columns: Columns,
  allowance: Pick<DiskAllowance, 'addedBytes'>,
  signal: AbortSignal,
): Promise<WorkspaceRow> {
  const { journal, step } = context;
  requireFiles(open.row);
  // Staged without the lease: a slow sender keeps nobody waiting.
  const pending = await stageFiles(context, open, changes, signal, (uploadId, path) =>
    journal.transaction(({ rows, nowMs }) => announceUpload(rows, open.row, uploadId, path, nowMs)),
  );
  const uploadIds = pending.files.map((file) => file.upload_id);
  let leased: WorkspaceRow;
  try {
    leased = await leaseWorkspace(context, open, signal);
  } catch (error) {
    await abandonUploads(context, open, uploadIds);
    throw error;
  }
  // From here on the caller's going away stops nothing.
  return keepLease(context, 'workspaces', leased, new AbortController().signal, async (lost) => {
    let before: WorkspaceRow | undefined;
    try {
      const earlier = readPendingChanges(leased.pending_changes);
      if (earlier) await applyPendingChanges(open, earlier, step, lost);
      before = await accept(context, actor, leased, pending, columns);
      await applyPendingChanges(open, pending, step, lost);
    } catch (error) {
      if (lost.aborted || error instanceof StaleRowError) throw takenOver(error, before !== undefined);
      await refuse(context, open, leased, pending, before, columns);
      throw error;
    }
    const dueAtMs = before.due_at_ms;
    return journal.transaction(async (transaction) => {
      const present = await lockLeased(transaction, leased);
      return transaction.changeWorkspace(present, {
        ...knownLinks(present, pending.links, open.storage.capabilities),
        ...released,
        disk_space_bytes: Math.max(0, present.disk_space_bytes + allowance.addedBytes),
        pending_changes: null,
        due_at_ms: present.due_at_ms === leased.lease_until_ms ? dueAtMs : present.due_at_ms,
        last_modified_at_ms: transaction.nowMs,
      });
    });
  });
}

/** @throws ApiError `conflict` when it is not free in time or as {@link requireFiles}, `not_found` when it is gone. */
async function leaseWorkspace(
  context: ServerContext,
  { row: { id } }: OpenWorkspace,
  signal: AbortSignal,
): Promise<WorkspaceRow> {
  const find = async (): Promise<WorkspaceRow> => {
    const row = await context.database.findOne('workspaces', { id });
    if (!row) throw new ApiError('not_found', `Workspace ${id} not found for user.`);
    requireFiles(row);
    return row;
  };
  const busy = `Workspace ${id} is busy with another change of its files.`;
  return leaseForRequest(context, 'workspaces', find, { patienceMs: 30_000, pauseMs: 200, busy }, signal);
}

async function announceUpload(
  rows: RecordTransaction['rows'],
  workspace: WorkspaceRow,
  uploadId: string,
  path: string,
  nowMs: number,
): Promise<void> {
  await rows.insert('uploads', {
    upload_id: uploadId,
    user_id: workspace.user_id,
    workspace_id: workspace.id,
    path,
    size_bytes: 0,
    if_match: null,
    finished_etag: null,
    created_at_ms: nowMs,
  });
}

/** The row under our lease, locked. @throws StaleRowError when another has taken over. */
export async function lockLeased(transaction: RecordTransaction, leased: WorkspaceRow): Promise<WorkspaceRow> {
  const present = await transaction.rows.lock('workspaces', leased.id);
  if (present?.lease_fence === leased.lease_fence) return present;
  throw new StaleRowError(`The lease of workspaces ${leased.id} was lost.`);
}

/** Writes the work into the row, from where it is finished whatever happens, and into the audit log. Gives the row as it was before. */
async function accept(
  context: ServerContext,
  actor: Actor,
  leased: WorkspaceRow,
  pending: PendingChanges,
  columns: Columns,
): Promise<WorkspaceRow> {
  return context.journal.transaction(async (transaction) => {
    const present = await lockLeased(transaction, leased);
    requireFiles(present);
    checkLinks(context.limits, present, pending.links);
    // When the reconciler should look, if this process does not get to the end.
    const accepted = { pending_changes: pending, due_at_ms: leased.lease_until_ms };
    if (Object.keys(columns).length > 0) await transaction.changeWorkspace(present, { ...columns, ...accepted });
    else await transaction.touchWorkspace(present, accepted);
    const paths = [...pending.files, ...pending.links].map(({ path }) => path);
    if (paths.length > 0) await context.fileAudit.tell(transaction, actor, present.id, { action: 'file.write', paths });
    await transaction.rows.remove('uploads', { upload_id: { in: pending.files.map((file) => file.upload_id) } });
    return present;
  });
}

/** Frees the row and gives up what was not put in place. */
async function refuse(
  context: ServerContext,
  open: OpenWorkspace,
  leased: WorkspaceRow,
  pending: PendingChanges,
  before: WorkspaceRow | undefined,
  columns: Columns,
): Promise<void> {
  const uploadIds = pending.files.map((file) => file.upload_id);
  await context.journal.transaction(async (transaction) => {
    const present = await lockLeased(transaction, leased);
    if (!before) {
      await transaction.touchWorkspace(present, released);
      return;
    }
    for (const { upload_id, path } of pending.files) {
      await announceUpload(transaction.rows, present, upload_id, path, transaction.nowMs);
    }
    const { name, description, default_job_type } = before;
    await transaction.changeWorkspace(present, {
      ...released,
      ...(Object.keys(columns).length > 0 && { name, description, default_job_type }),
      pending_changes: null,
      due_at_ms: present.due_at_ms === leased.lease_until_ms ? before.due_at_ms : present.due_at_ms,
      last_modified_at_ms: transaction.nowMs,
    });
  });
  await abandonUploads(context, open, uploadIds);
}

function takenOver(cause: unknown, wasAccepted: boolean): ApiError {
  const message = wasAccepted
    ? 'The files took too long to be put in place; it goes on in the background. Look again.'
    : 'The files were not put in place, because another change of them took over. Try again.';
  return new ApiError('unavailable', message, { headers: { 'Retry-After': '5' }, cause });
}
