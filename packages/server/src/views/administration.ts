import type { ApiClientRow, AuditEntryRow, JobRow, TokenRow, UserRow, WorkspaceRow } from '@user-workspaces/contract';
import { type Schema, schemas } from '@user-workspaces/schema';
import { noQuota } from '../services/quotas.js';
import type { UnknownLaunch } from '../services/unknown-launches.js';
import { phaseOf } from './job.js';
import { isoTime, isoTimeOrNull } from './time.js';

/** A user row as administrators see it. */
export function viewAdminUser(row: UserRow): Schema<'AdminUser'> {
  const own = (value: number | null): number | null | 'default' =>
    value === null ? 'default' : value === noQuota ? null : value;
  const { id, username, email, first_name, last_name, role, is_active } = row;
  return {
    ...{ id, username, email, first_name, last_name, role, is_active },
    datetime_created: isoTime(row.created_at_ms),
    datetime_deactivated: isoTimeOrNull(row.deactivated_at_ms),
    disk_space: row.used_disk_space_bytes,
    core_hours: row.used_core_hours,
    own_quotas: {
      disk_space: own(row.max_disk_space_bytes),
      core_hours: own(row.max_core_hours),
      active_jobs: own(row.max_active_jobs),
      workspaces: own(row.max_workspaces),
    },
  };
}

export function viewUserToken(row: TokenRow): Schema<'AdminToken'> {
  return {
    id: row.id,
    name: row.name,
    datetime_created: isoTime(row.created_at_ms),
    datetime_expires: isoTime(row.expires_at_ms),
    datetime_last_used: isoTimeOrNull(row.last_used_at_ms),
  };
}

export function viewClient({ id, name, is_configured, created_at_ms }: ApiClientRow): Schema<'Client'> {
  return { id, name, is_configured, datetime_created: isoTime(created_at_ms) };
}

/** What a job takes; nothing of what its user put in, and no way into its session. */
export function viewAdminJob(row: JobRow, username: string | null): Schema<'AdminJob'> {
  const { id, user_id, workspace_id, job_type, resource, resource_handle, status } = row;
  const reason = schemas.JobStatusReason.safeParse(row.status_reason);
  return {
    ...{ id, user_id, username, workspace_id, job_type, resource, resource_handle, status },
    status_reason: reason.success ? reason.data : null,
    status_message: row.status_message,
    queue_reason: row.queue_reason,
    phase: phaseOf(row),
    exit_code: row.exit_code,
    signal: row.signal,
    datetime_created: isoTime(row.created_at_ms),
    datetime_start: isoTimeOrNull(row.started_at_ms),
    datetime_end: isoTimeOrNull(row.ended_at_ms),
    datetime_time_limit: isoTimeOrNull(row.ends_at_ms),
    core_hours: row.core_hours,
    gpu_hours: row.gpu_hours,
    resource_options: row.resource_options,
  };
}

export function viewUnknownLaunch({ resource, reference, observation }: UnknownLaunch): Schema<'UnknownLaunch'> {
  const { kind } = observation;
  return {
    launch_key: reference.launchKey,
    resource: resource.name,
    state: kind,
    resource_job_id: kind === 'absent' || kind === 'unknown' ? null : observation.resourceJobId,
    datetime_started: isoTimeOrNull(kind === 'running' || kind === 'ended' ? observation.startedAtMs : null),
  };
}

export function viewAdminWorkspace(row: WorkspaceRow, username: string | null): Schema<'AdminWorkspace'> {
  const { id, user_id, name, status, storage } = row;
  return {
    ...{ id, user_id, username, name, status, storage },
    disk_space: row.disk_space_bytes,
    is_accepted: row.is_listed,
    datetime_created: isoTime(row.created_at_ms),
    datetime_last_modified: isoTimeOrNull(row.last_modified_at_ms),
    datetime_last_job_launch: isoTimeOrNull(row.last_job_launch_at_ms),
  };
}

export function viewAuditEntry(row: AuditEntryRow): Schema<'AuditEntry'> {
  return {
    id: row.id,
    datetime: isoTime(row.created_at_ms),
    action: schemas.AuditAction.parse(row.action),
    outcome: row.outcome,
    actor: { kind: row.actor_kind, user_id: row.actor_user_id, name: row.actor_name },
    subject_kind: row.subject_kind,
    subject_id: row.subject_id,
    address: row.address,
    request_id: row.request_id,
    details: { ...row.details },
  };
}
