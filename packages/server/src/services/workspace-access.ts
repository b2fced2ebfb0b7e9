import type { Storage, WorkspaceDirectory, WorkspaceRow } from '@user-workspaces/contract';
import { ApiError } from '../http/api-error.js';
import type { Caller } from '../http/handler.js';
import { accountOfRow } from '../options.js';
import type { ServerContext } from '../server-context.js';

/** A workspace that the caller may use, and where its files are. */
export interface OpenWorkspace {
  readonly row: WorkspaceRow;
  readonly storage: Storage;
  readonly directory: WorkspaceDirectory;
}

/** The storage that holds a workspace. @throws ApiError `unavailable` when the configuration no longer has it. */
export function storageOf(context: ServerContext, row: WorkspaceRow): OpenWorkspace {
  const storage = context.storages.get(row.storage);
  if (!storage) {
    throw new ApiError(
      'unavailable',
      `The storage ${row.storage} of workspace ${row.id} is not configured. Ask the operator.`,
    );
  }
  return { row, storage, directory: { location: row.location, account: accountOfRow(row.account) } };
}

/** @throws ApiError `conflict` for a workspace that has no files to work with: it is being made or deleted, or never came to be. */
export function requireFiles({ id, status, status_reason }: WorkspaceRow): void {
  if (status === 'deleting') throw new ApiError('conflict', `Workspace ${id} is being deleted.`);
  if (status === 'error') {
    throw new ApiError('conflict', `Workspace ${id} could not be made, so delete it: ${status_reason}`);
  }
  if (status === 'initializing') {
    throw new ApiError('conflict', `Workspace ${id} is still being made. Try again in a moment.`, {
      headers: { 'Retry-After': '1' },
    });
  }
}

/**
 * The caller's workspace of this id: the one place that decides who may touch a workspace's files and settings.
 *
 * @throws ApiError `not_found` for an unknown or another user's workspace, `share_pending` for a copy not yet accepted.
 */
export async function openWorkspace(
  context: ServerContext,
  caller: Caller,
  workspaceId: number,
): Promise<OpenWorkspace> {
  const row = await context.database.findOne('workspaces', { id: workspaceId, user_id: caller.user.id });
  if (!row) throw new ApiError('not_found', `Workspace ${workspaceId} not found for user.`);
  if (!row.is_listed) {
    throw new ApiError('share_pending', `Workspace ${workspaceId} is a shared workspace and has not been accepted.`);
  }
  return storageOf(context, row);
}
