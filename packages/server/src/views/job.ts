import type { JobRow, JsonObject } from '@user-workspaces/contract';
import { type Schema, schemas } from '@user-workspaces/schema';
import { isoTime, isoTimeOrNull } from './time.js';

const metrics = schemas.JobDetails.shape.metrics;

/** Statuses of a job that has not ended. */
export const activeJobStatuses = ['pending', 'running', 'stopping'] as const;

/** True while a job may still use its resource. */
export function isActive(row: Pick<JobRow, 'status'>): boolean {
  return row.status === 'pending' || row.status === 'running' || row.status === 'stopping';
}

/** How far a job has come, or came. */
export function phaseOf(row: JobRow): Schema<'JobPhase'> {
  if (row.started_at_ms === null) return row.resource_handle === null ? 'launching' : 'queued';
  const hasAnswered = 'time_init' in row.metrics;
  return row.session_base_path === null || hasAnswered ? 'running' : 'starting';
}

function viewMetrics(row: JobRow): Schema<'JobDetails'>['metrics'] {
  const parsed = metrics.safeParse(row.metrics);
  return parsed.success ? parsed.data : {};
}

/**
 * What happens with a job right now.
 *
 * @param connection Address of its session with a fresh ticket; absent in events, which outlive tickets.
 */
export function viewCurrentDetails(
  row: JobRow,
  nowMs: number,
  connection?: Schema<'ConnectionDetails'>,
): Schema<'CurrentJobDetails'> {
  const message = row.current_details.message;
  const running = row.status === 'running';
  return {
    ...(typeof message === 'string' && { message }),
    ...(running && row.ends_at_ms !== null && { time_left: Math.max(0, (row.ends_at_ms - nowMs) / 1000) }),
    ...(running &&
      row.session_host !== null &&
      row.session_port !== null && {
        proxy_details: { hostname: row.session_host, port: row.session_port, path: row.session_path ?? '/' },
      }),
    ...(running && connection && { connection_details: connection }),
  };
}

/** A job row as the API shows it. */
export function viewJob(row: JobRow, nowMs: number, connection?: Schema<'ConnectionDetails'>): Schema<'Job'> {
  const requested: JsonObject = { ...row.request_details, resource_options: row.resource_options };
  const reason = schemas.JobStatusReason.safeParse(row.status_reason);
  return {
    id: row.id,
    workspace_id: row.workspace_id,
    resource_job_id: row.resource_job_id,
    job_type: row.job_type,
    status: row.status,
    datetime_created: isoTime(row.created_at_ms),
    datetime_start: isoTimeOrNull(row.started_at_ms),
    datetime_end: isoTimeOrNull(row.ended_at_ms),
    core_hours: row.core_hours.toFixed(5),
    gpu_hours: row.gpu_hours,
    job_details: {
      metrics: viewMetrics(row),
      request_job_details: requested,
      current_job_details: viewCurrentDetails(row, nowMs, connection),
    },
    resource: row.resource,
    resource_handle: row.resource_handle,
    status_reason: reason.success ? reason.data : null,
    status_message: row.status_message,
    queue_reason: row.queue_reason,
    datetime_expected_start: isoTimeOrNull(row.expected_start_at_ms),
    datetime_time_limit: isoTimeOrNull(row.ends_at_ms),
    phase: phaseOf(row),
    datetime_last_activity: isoTimeOrNull(row.last_activity_at_ms),
    datetime_idle_stop: isoTimeOrNull(row.idle_stop_at_ms),
    exit_code: row.exit_code,
    signal: row.signal,
    last_log_lines: [...row.last_log_lines],
    version: row.version,
  };
}
