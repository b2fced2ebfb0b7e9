import { type Job, UserWorkspacesError } from '@user-workspaces/client';

/** An error as a person is told. */
export function messageOf(error: unknown): string {
  if (error instanceof UserWorkspacesError) return error.message;
  return error instanceof Error ? error.message : 'Something went wrong.';
}

const words: Readonly<Record<Job['status'], string>> = {
  pending: 'Waiting',
  running: 'Running',
  stopping: 'Stopping',
  complete: 'Ended',
  failed: 'Failed',
};

/** A job's state in a word: a running job whose session does not answer yet is still starting. */
export function stateOf(job: Job): string {
  return isStarting(job) ? 'Starting' : words[job.status];
}

/** True while the job runs and its session is awaited. */
export function isStarting(job: Job): boolean {
  const { message, proxy_details } = job.job_details.current_job_details;
  return job.status === 'running' && message !== undefined && proxy_details === undefined;
}

/** True once the session can be opened. */
export function isReady(job: Job): boolean {
  return job.status === 'running' && job.job_details.current_job_details.proxy_details !== undefined;
}

/** How far a failed job had come. */
const failedPhase: Readonly<Record<Job['phase'], string>> = {
  launching: 'It never got to its resource. ',
  queued: 'It failed while it waited. ',
  starting: 'It failed while its session was starting. ',
  running: '',
};

/** What a person should know about the job beyond its state. */
export function detailOf(job: Job): string | undefined {
  if (job.status === 'pending') return job.queue_reason ?? undefined;
  if (job.status === 'failed') return `${failedPhase[job.phase]}${job.status_message ?? ''}`;
  if (job.status === 'complete') return job.status_message ?? undefined;
  if (job.datetime_idle_stop !== null) {
    return `Nobody has used it for a while. It will be stopped at ${clockText(job.datetime_idle_stop)} unless its session is opened or used before.`;
  }
  return isStarting(job) ? job.job_details.current_job_details.message : undefined;
}

/** Time until the job's limit, rounded to minutes. */
export function timeLeft(job: Job, nowMs: number): string | undefined {
  if (job.status !== 'running' || job.datetime_time_limit === null) return undefined;
  const minutes = Math.max(0, Math.round((Date.parse(job.datetime_time_limit) - nowMs) / 60_000));
  return minutes >= 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min left` : `${minutes} min left`;
}

export function sizeText(sizeBytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let value = sizeBytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

function clockText(time: string): string {
  return new Date(time).toLocaleTimeString(undefined, { timeStyle: 'short' });
}

export function timeText(time: string): string {
  return new Date(time).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}
