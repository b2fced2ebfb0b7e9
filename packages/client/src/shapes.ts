import type { Schema } from '@user-workspaces/schema';

/*
 * The API's objects as the SDK gives them: the specification's own, under its own names, with `core_hours` as a number.
 * The old service's answers lack the newer fields; this file alone fills them in.
 */

/** A workspace. */
export type Workspace = Schema<'Workspace'>;

/** A job; `core_hours` is a number here. */
export type Job = Omit<Schema<'Job'>, 'core_hours'> & { core_hours: number };

/** What a job's WebSocket tells: its status and its present details. */
export type JobState = Schema<'JobState'>;

/** A share, and whether the caller sent or received it; `status` is null where the server does not tell. */
export type Share = Omit<Schema<'Share'>, 'status'> & {
  status: Schema<'ShareStatus'> | null;
  direction: 'sent' | 'received';
};

/** A job type of the server. */
export type JobType = Schema<'JobType'>;

/** Version, build and health; `database` is null where the server does not tell. */
export type Status = Omit<Schema<'StatusAnswer'>, 'dependencies'> & {
  dependencies: Omit<Schema<'StatusAnswer'>['dependencies'], 'database'> & { database: Schema<'Dependency'> | null };
};

/** One change, as `events.stream` gives it; told apart by `type`. */
export type Event =
  | Exclude<Schema<'Event'>, { type: 'job.changed' }>
  | (Omit<Schema<'JobChangedEvent'>, 'job'> & { job: Job });

export type File = Schema<'File'>;
export type User = Schema<'User'>;
export type Me = Schema<'Me'>;
export type Token = Schema<'Token'>;
export type Parameter = Schema<'Parameter'>;
export type Limits = Schema<'Limits'>;
export type Resource = Schema<'Resource'>;
export type Upload = Schema<'Upload'>;

const newOfWorkspace = { status_reason: null, version: 0 };

const newOfJob = {
  resource: '',
  resource_handle: null,
  status_reason: null,
  status_message: null,
  queue_reason: null,
  datetime_expected_start: null,
  datetime_time_limit: null,
  exit_code: null,
  gpu_hours: null,
  signal: null,
  last_log_lines: [],
  version: 0,
};

export function toWorkspace(workspace: Schema<'Workspace'>): Workspace {
  return { ...newOfWorkspace, ...workspace, datetime_created: inUtc(workspace.datetime_created) };
}

export function toJob(job: Schema<'Job'>): Job {
  return {
    ...newOfJob,
    ...job,
    datetime_created: inUtc(job.datetime_created),
    core_hours: Number(job.core_hours),
  };
}

export function toShares(data: Schema<'SharesAnswer'>['data']): Share[] {
  const newOfShare: Pick<Share, 'status' | 'status_reason'> = { status: null, status_reason: null };
  return [
    ...data.original_workspaces.map((share): Share => ({ ...newOfShare, ...share, direction: 'sent' })),
    ...data.shared_workspaces.map((share): Share => ({ ...newOfShare, ...share, direction: 'received' })),
  ];
}

export function toJobTypes(jobTypes: Record<string, Schema<'JobType'>>): Record<string, JobType> {
  const withoutResources: { resources: string[] } = { resources: [] };
  return Object.fromEntries(Object.entries(jobTypes).map(([id, jobType]) => [id, { ...withoutResources, ...jobType }]));
}

export function toStatus(answer: Schema<'StatusAnswer'>): Status {
  const withoutDatabase: { database: Schema<'Dependency'> | null } = { database: null };
  return { ...answer, dependencies: { ...withoutDatabase, ...answer.dependencies } };
}

export function toEvent(event: Schema<'Event'>): Event {
  if (event.type === 'job.changed') return { ...event, job: toJob(event.job) };
  return event.type === 'workspace.changed' ? { ...event, workspace: toWorkspace(event.workspace) } : event;
}

/** The old service leaves the zone out where it answers a POST; its times are UTC. */
function inUtc(time: string): string {
  return /(Z|[+-]\d\d:?\d\d)$/i.test(time) ? time : `${time}Z`;
}
