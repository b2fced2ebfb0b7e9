import type { WorkspaceRow } from '@user-workspaces/contract';
import type { Schema } from '@user-workspaces/schema';
import { viewDetails } from './details.js';
import { isoTime, isoTimeOrNull } from './time.js';

/** A workspace row as the API shows it. */
export function viewWorkspace(row: WorkspaceRow): Schema<'Workspace'> {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    disk_space: row.disk_space_bytes,
    datetime_created: isoTime(row.created_at_ms),
    datetime_last_modified: isoTimeOrNull(row.last_modified_at_ms),
    datetime_last_job_launch: isoTimeOrNull(row.last_job_launch_at_ms),
    workspace_details: viewDetails(row),
    status: row.status,
    status_reason: row.status_reason,
    default_job_type: row.default_job_type,
    version: row.version,
  };
}
