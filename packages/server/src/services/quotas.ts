import type { DatabaseReader, DatabaseTransaction, JobRow, UploadRow, UserRow, Where } from '@user-workspaces/contract';
import type { Schema } from '@user-workspaces/schema';
import { ApiError } from '../http/api-error.js';
import type { ServerContext } from '../server-context.js';
import { activeJobStatuses } from '../views/job.js';
import { limitsOf } from './job-options.js';

/** What can be used up. */
export type QuotaScope = Schema<'QuotaScope'>;

/** What the quotas need of the server. */
export type QuotaContext = Pick<ServerContext, 'clock' | 'parameters'> & {
  readonly resources: ReadonlyMap<string, { readonly parameterMapping: Readonly<Record<string, string>> }>;
  readonly settings: Pick<ServerContext['settings'], 'quotas'>;
};

/** In a user's row: no quota, whatever the server's default is. */
export const noQuota = -1;

const hourMs = 60 * 60 * 1000;

/** Sums of core hours differ in their last bits by the order in which they were added. */
const hoursTolerance = 1e-6;

/** A user's limits: their own, else the server's; `null` for none. */
export function quotaLimits({ settings }: QuotaContext, user: UserRow): Readonly<Record<QuotaScope, number | null>> {
  const { quotas } = settings;
  const effective = (own: number | null, initial: number | undefined): number | null => {
    if (own === null) return initial ?? null;
    return own === noQuota ? null : own;
  };
  return {
    disk_space: effective(user.max_disk_space_bytes, quotas.diskSpaceBytes),
    core_hours: effective(user.max_core_hours, quotas.coreHours),
    active_jobs: effective(user.max_active_jobs, quotas.activeJobs),
    workspaces: effective(user.max_workspaces, quotas.workspaces),
  };
}

/**
 * The core hours that a job may use until its time limit; of one without a limit those that it has used so far.
 *
 * Counting the promise, not the use, is what keeps jobs that run side by side within the quota.
 */
export function promisedCoreHours(
  context: QuotaContext,
  job: Pick<JobRow, 'resource' | 'resource_options' | 'started_at_ms'>,
): number {
  const mapping = context.resources.get(job.resource)?.parameterMapping ?? {};
  const { cpus = 1, timeLimitMinutes } = limitsOf(context.parameters, mapping, job.resource_options);
  if (timeLimitMinutes !== undefined) return (cpus * timeLimitMinutes) / 60;
  return job.started_at_ms === null ? 0 : (cpus * Math.max(0, context.clock.now() - job.started_at_ms)) / hourMs;
}

/** How much of each quota is used. A workspace that is being deleted or never came to be counts no more as a workspace, but its bytes do until they are gone. */
export async function quotaUse(
  context: QuotaContext,
  rows: DatabaseReader,
  user: UserRow,
): Promise<Readonly<Record<QuotaScope, number>>> {
  const [jobs, workspaces] = await Promise.all([activeJobs(rows, user), countWorkspaces(rows, user)]);
  return {
    disk_space: user.used_disk_space_bytes,
    core_hours: usedCoreHours(context, user, jobs),
    active_jobs: jobs.length,
    workspaces,
  };
}

/**
 * The user's row, locked: until the transaction ends, no other can take from this user's quotas. Call it before anything else is locked.
 *
 * @throws ApiError `invalid_token` when the user was deactivated meanwhile.
 */
export async function lockUser(rows: DatabaseTransaction, userId: number): Promise<UserRow> {
  const user = await rows.lock('users', userId);
  if (user?.is_active) return user;
  throw new ApiError('invalid_token', 'Invalid token provided.', { headers: { 'WWW-Authenticate': 'Token' } });
}

/**
 * Refuses what does not fit into the user's quotas, as the rows are now.
 *
 * @param user Locked by {@link lockUser}.
 * @throws ApiError `quota_exceeded` with scope, limit, used and requested in its details.
 */
export async function checkQuotas(
  context: QuotaContext & Pick<ServerContext, 'bytesUnderWay'>,
  rows: DatabaseTransaction,
  user: UserRow,
  requested: Partial<Readonly<Record<QuotaScope, number>>>,
): Promise<void> {
  const limits = quotaLimits(context, user);
  const asked = (scope: QuotaScope): boolean => limits[scope] !== null && requested[scope] !== undefined;
  const check = (scope: QuotaScope, used: number, before = 0): void => {
    const limit = limits[scope];
    const more = requested[scope];
    if (limit !== null && more !== undefined) checkQuota(scope, limit, used, before + more);
  };
  if (asked('workspaces')) check('workspaces', await countWorkspaces(rows, user));
  if (asked('disk_space')) check('disk_space', user.used_disk_space_bytes, await bytesToCome(context, rows, user));
  if (asked('active_jobs')) check('active_jobs', await rows.count('jobs', activeJobsOf(user)));
  if (asked('core_hours')) check('core_hours', usedCoreHours(context, user, await activeJobs(rows, user)));
}

/** Uploads in chunks that a user began and neither finished nor gave up; and with 0 bytes what requests have staged, whose bytes are known otherwise. */
export function unfinishedUploads(rows: DatabaseReader, { id }: UserRow): Promise<UploadRow[]> {
  return rows.find('uploads', { where: { user_id: id, finished_etag: null } });
}

export function sumOfDeclared(uploads: readonly UploadRow[]): number {
  return uploads.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
}

/** Bytes that a user was promised and that no workspace's row has yet: of unfinished uploads by what they have declared, and of requests under way. */
async function bytesToCome(
  { bytesUnderWay }: Pick<ServerContext, 'bytesUnderWay'>,
  rows: DatabaseReader,
  user: UserRow,
): Promise<number> {
  const unfinished = await unfinishedUploads(rows, user);
  return sumOfDeclared(unfinished) + bytesUnderWay.of(user.id, unfinished);
}

function checkQuota(scope: QuotaScope, limit: number, used: number, requested: number): void {
  const tolerance = scope === 'core_hours' ? hoursTolerance : 0;
  const isOver = used + requested > limit + tolerance;
  // A job without a time limit asks for an unknown number of core hours: it may start while there are any.
  const isUsedUp = scope === 'core_hours' && used >= limit;
  if (isOver || isUsedUp) throw quotaExceeded({ scope, limit, used, requested });
}

const advice: Readonly<Record<QuotaScope, string>> = {
  disk_space: 'bytes of disk space. Delete files or workspaces',
  core_hours: 'core hours. Ask for fewer cores or less time',
  active_jobs: 'jobs at once. Stop one',
  workspaces: 'workspaces. Delete one',
};

function quotaExceeded(details: Schema<'QuotaExceeded'>): ApiError {
  const { scope, limit, used, requested } = details;
  const figure = (value: number): string => (scope === 'core_hours' ? String(Number(value.toFixed(2))) : String(value));
  const message = `The quota is ${figure(limit)} ${advice[scope]}, or ask the operator for more: ${figure(used)} used, ${figure(requested)} more asked for.`;
  return new ApiError('quota_exceeded', message, { details: { ...details } });
}

function activeJobsOf({ id }: UserRow): Where<'jobs'> {
  return { user_id: id, status: { in: activeJobStatuses } };
}

function activeJobs(rows: DatabaseReader, user: UserRow): Promise<JobRow[]> {
  return rows.find('jobs', { where: activeJobsOf(user) });
}

function countWorkspaces(rows: DatabaseReader, user: UserRow): Promise<number> {
  return rows.count('workspaces', {
    user_id: user.id,
    is_listed: true,
    status: { in: ['initializing', 'idle', 'active'] },
  });
}

function usedCoreHours(context: QuotaContext, user: UserRow, jobs: readonly JobRow[]): number {
  return jobs.reduce((sum, job) => sum + promisedCoreHours(context, job), user.used_core_hours);
}
