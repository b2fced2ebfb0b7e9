import type { ShareRow, UserRow, WorkspaceRow } from '@user-workspaces/contract';
import type { Schema } from '@user-workspaces/schema';
import { viewDetails } from './details.js';
import { isoTime } from './time.js';

/** A share with the rows it joins. */
export interface ShareRows {
  readonly share: ShareRow;
  /** Absent once the original was deleted. */
  readonly original: WorkspaceRow | undefined;
  readonly copy: WorkspaceRow;
  readonly sender: UserRow;
  readonly receiver: UserRow;
}

function viewSide(workspace: WorkspaceRow, user: UserRow): Schema<'ShareWorkspace'> {
  return {
    id: workspace.id,
    name: workspace.name,
    description: workspace.description,
    workspace_details: viewDetails(workspace),
    user_id: {
      username: user.username,
      first_name: user.first_name,
      last_name: user.last_name,
      email: user.email,
    },
  };
}

/** What has become of the copy. A receiver's later use of it is not the sender's to see. */
function statusOf(share: ShareRow, copy: WorkspaceRow): Schema<'ShareStatus'> {
  if (copy.status === 'error') return 'error';
  return share.work === 'copy' ? 'copying' : 'copied';
}

/** A share as the API shows it. */
export function viewShare({ share, original, copy, sender, receiver }: ShareRows): Schema<'Share'> {
  const status = statusOf(share, copy);
  return {
    original_workspace_id: original ? viewSide(original, sender) : null,
    shared_workspace_id: viewSide(copy, receiver),
    last_resource_options: share.last_resource_options,
    last_job_type: share.last_job_type,
    is_accepted: share.is_accepted,
    status,
    status_reason: status === 'copied' ? null : copy.status_reason,
    datetime_share_created: isoTime(share.created_at_ms),
  };
}
