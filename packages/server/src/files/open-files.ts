import type { WorkspaceRow } from '@user-workspaces/contract';
import type { Caller } from '../http/handler.js';
import { actorOf } from '../records/audit.js';
import type { FileChange } from '../records/file-audit.js';
import type { ServerContext } from '../server-context.js';
import { type OpenWorkspace, openWorkspace, requireFiles } from '../services/workspace-access.js';

/** Called with a workspace whose files were changed by a request. */
export type FilesChanged = (row: WorkspaceRow) => void;

/**
 * The caller's workspace, if there are files to work with.
 *
 * @throws ApiError as {@link openWorkspace}, and `conflict` as {@link requireFiles}.
 */
export async function openFiles(context: ServerContext, caller: Caller, workspaceId: number): Promise<OpenWorkspace> {
  const open = await openWorkspace(context, caller, workspaceId);
  requireFiles(open.row);
  return open;
}

/**
 * Stores that a workspace's files changed just now, with `change` in the audit log, and tells `changed`.
 *
 * @param addedBytes What they have grown by, as far as it is known before the next survey.
 */
export async function noteModified(
  context: ServerContext,
  caller: Caller,
  workspaceId: number,
  change: FileChange,
  changed: FilesChanged,
  addedBytes = 0,
): Promise<void> {
  const row = await context.journal.transaction(async (transaction) => {
    await context.fileAudit.tell(transaction, actorOf(caller), workspaceId, change);
    const present = await transaction.rows.lock('workspaces', workspaceId);
    if (!present || present.status === 'deleting') return undefined;
    const disk_space_bytes = Math.max(0, present.disk_space_bytes + addedBytes);
    return transaction.changeWorkspace(present, { last_modified_at_ms: transaction.nowMs, disk_space_bytes });
  });
  if (row) changed(row);
}
