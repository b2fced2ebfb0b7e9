import type { JobRow, LaunchReference, WorkspaceRow } from '@user-workspaces/contract';
import { accountOfRow } from '../options.js';
import type { ServerContext } from '../server-context.js';

/** How the server asks a job's resource about its launch. The workspace is read unless it is given; it may be gone. */
export async function launchReferenceOf(
  context: ServerContext,
  job: JobRow,
  workspace?: Pick<WorkspaceRow, 'account' | 'location'>,
): Promise<LaunchReference> {
  const row = workspace ?? (await context.database.findOne('workspaces', { id: job.workspace_id }));
  return {
    launchKey: job.launch_key,
    handle: job.resource_handle,
    account: accountOfRow(row?.account ?? {}),
    workspacePath: row?.location ?? '',
    jobId: job.id,
    ...(job.session_base_path !== null && { session: { secret: job.session_secret } }),
  };
}
