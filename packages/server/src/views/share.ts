import type { JsonObject, ShareRow, UserRow, WorkspaceRow } from '@user-workspaces/contract';
import type { Schema } from '@user-workspaces/schema';
import { isJsonObject, viewDetails } from './details.js';
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

/** What either side may see of a workspace. */
type Offer = Pick<WorkspaceRow, 'name' | 'description' | 'request_details' | 'current_details'>;

/** What is kept of a copy when it is accepted: from then on it is its receiver's, and no longer the sender's to see. */
export function offerOf({ name, description, request_details, current_details }: Offer): JsonObject {
  return { name, description, request_details, current_details };
}

function readOffer({ name, description, request_details, current_details }: JsonObject): Offer {
  return {
    name: typeof name === 'string' ? name : '',
    description: typeof description === 'string' ? description : '',
    request_details: isJsonObject(request_details) ? request_details : {},
    current_details: isJsonObject(current_details) ? current_details : {},
  };
}

/** What a reader may see of the other side's workspace. */
function offeredTo(readerId: number, { share, original, copy }: ShareRows): Offer {
  if (share.accepted_offer) return readOffer(share.accepted_offer);
  // Accepted when the offer was not kept: what the sender has tells the sender nothing new.
  if (share.is_accepted && readerId === share.sender_user_id) return original ?? readOffer({});
  return copy;
}

function viewSide(id: number, workspace: Offer, user: UserRow): Schema<'ShareWorkspace'> {
  return {
    id,
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

/** A share as the API shows it to its sender or its receiver: their own workspace as it is, of the other's what the share gave them. */
export function viewShare(rows: ShareRows, readerId: number): Schema<'Share'> {
  const { share, original, copy, sender, receiver } = rows;
  const status = statusOf(share, copy);
  const offered = offeredTo(readerId, rows);
  return {
    original_workspace_id: original ? viewSide(original.id, readerId === sender.id ? original : offered, sender) : null,
    shared_workspace_id: viewSide(copy.id, readerId === receiver.id ? copy : offered, receiver),
    last_resource_options: share.last_resource_options,
    last_job_type: share.last_job_type,
    is_accepted: share.is_accepted,
    status,
    status_reason: status === 'copied' ? null : copy.status_reason,
    datetime_share_created: isoTime(share.created_at_ms),
  };
}
