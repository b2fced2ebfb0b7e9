import type { JobRow, LaunchReference, WorkspaceRow } from '@user-workspaces/contract';
import { accountOfRow } from '../options.js';
import type { ServerContext } from '../server-context.js';

/** How the server asks a job's resource about its launch. The workspace is read unless it is given; it may be gone. */
export async function launchReferenceOf(
  context: ServerContext,
  job: JobRow,
  workspace?: Pick<WorkspaceRow, 'account' | 'location'>,
): Promise<LaunchReference> {
  return referenceTo(job, workspace ?? (await context.database.findOne('workspaces', { id: job.workspace_id })));
}

/** The same, of a job whose workspace was looked for. */
export function referenceTo(
  job: JobRow,
  workspace: Pick<WorkspaceRow, 'account' | 'location'> | undefined,
): LaunchReference {
  return {
    launchKey: job.launch_key,
    handle: job.resource_handle,
    account: accountOfRow(workspace?.account ?? {}),
    workspacePath: workspace?.location ?? '',
    jobId: job.id,
    ...(job.session_base_path !== null && { session: { secret: job.session_secret } }),
  };
}
