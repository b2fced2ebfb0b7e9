import type { WorkspaceRow } from '@user-workspaces/contract';
import { ApiError } from '../http/api-error.js';
import { takeLease } from '../reconciler/lease.js';
import type { ServerContext } from '../server-context.js';
import type { OpenWorkspace } from '../services/workspace-access.js';

const patienceMs = 30_000;
const pauseMs = 200;

/**
 * Takes the lease of a workspace for a request, waiting for whoever has it.
 *
 * @throws ApiError `conflict` when it is not free in time or the workspace is being deleted, `not_found` when it is gone.
 */
export async function leaseWorkspace(
  context: ServerContext,
  { row: { id } }: OpenWorkspace,
  signal: AbortSignal,
): Promise<WorkspaceRow> {
  const { clock, database } = context;
  const deadlineMs = clock.now() + patienceMs;
  for (;;) {
    signal.throwIfAborted();
    const row = await database.findOne('workspaces', { id });
    if (!row) throw new ApiError('not_found', `Workspace ${id} not found for user.`);
    if (row.status === 'deleting') throw new ApiError('conflict', `Workspace ${id} is being deleted.`);
    const lease = await takeLease(context, 'workspaces', row);
    if (lease) return { ...row, ...lease };
    if (clock.now() >= deadlineMs) {
      throw new ApiError('conflict', `Workspace ${id} is busy with another change of its files. Try again later.`, {
        headers: { 'Retry-After': '5' },
      });
    }
    await clock.sleep(pauseMs, signal);
  }
}
