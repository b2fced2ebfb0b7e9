import { AdapterError, type JobRow, type JobType, type JsonObject, type WorkspaceRow } from '@user-workspaces/contract';
import type { RequestBody } from '@user-workspaces/schema';
import { ApiError } from '../http/api-error.js';
import type { Caller } from '../http/handler.js';
import { checkKept } from '../limits/limits.js';
import { asJson, type ResourceEntry } from '../options.js';
import { keepLease, released } from '../reconciler/lease.js';
import { type Actor, actorOf, serverActor } from '../records/audit.js';
import type { RecordTransaction } from '../records/record-transaction.js';
import type { ServerContext } from '../server-context.js';
import { activeJobStatuses } from '../views/job.js';
import type { Idempotency } from './idempotency.js';
import { checkOptions, limitsOf, mapOptions } from './job-options.js';
import { launchReferenceOf } from './launch-reference.js';
import { checkQuotas, lockUser, promisedCoreHours } from './quotas.js';
import { leaseForRequest } from './request-lease.js';
import { retryStale } from './retry-stale.js';
import { type OpenWorkspace, requireFiles } from './workspace-access.js';

/** A job type on one of its resources. */
interface Choice {
  readonly id: string;
  readonly jobType: JobType;
  readonly entry: ResourceEntry;
}

/** @throws ApiError `unknown_job_type` */
export function checkJobType(context: ServerContext, id: string): void {
  if (!context.jobTypes.has(id)) {
    throw new ApiError('unknown_job_type', `${id} is not in the list of available job types.`, { field: 'job_type' });
  }
}

function choose(context: ServerContext, id: string, resourceName: string | undefined): Choice {
  checkJobType(context, id);
  const resources = context.jobTypes.get(id)?.resources ?? new Map<string, JobType>();
  const name = resourceName ?? [...resources.keys()][0];
  const jobType = name === undefined ? undefined : resources.get(name);
  const entry = name === undefined ? undefined : context.resources.get(name);
  if (!jobType || !entry) {
    const allowed = [...resources.keys()].join(', ');
    throw new ApiError('unknown_job_type', `${id} does not run on the resource ${name}. It runs on: ${allowed}.`, {
      field: 'resource',
    });
  }
  return { id, jobType, entry };
}

/** Lets the job type see the request before anything is stored, so that what it refuses is told at once. */
function checkDetails(
  context: ServerContext,
  caller: Caller,
  workspace: OpenWorkspace,
  choice: Choice,
  jobDetails: JsonObject,
): void {
  try {
    choice.jobType.recipe({
      jobId: 0,
      jobDetails,
      workspacePath: workspace.directory.location,
      username: caller.user.username,
      nowMs: context.clock.now(),
      sessionToken: '',
      basePath: context.basePathOf({ id: 0, resource: choice.entry.resource.name }),
    });
  } catch (error) {
    if (AdapterError.is(error, 'invalid')) {
      throw new ApiError('invalid_field', error.message, { field: error.field ?? 'job_details', cause: error });
    }
    if (!AdapterError.is(error, 'misconfigured')) throw error;
    context.log.error({ err: error, jobType: choice.id }, 'job type misconfigured');
    throw new ApiError(
      'job_type_misconfigured',
      'Job Type improperly configured. Please contact a system administrator to resolve this.',
      { cause: error },
    );
  }
}

/**
 * Writes the wish for a job: its row with launch key and event, the workspace's new state, and the idempotency key, in one
 * transaction, if the user's quotas allow it.
 */
export async function startJob(
  context: ServerContext,
  caller: Caller,
  workspace: OpenWorkspace,
  body: RequestBody<'startWorkspace'>,
  idempotency: Idempotency | undefined,
): Promise<JobRow> {
  const earlier = await idempotency?.earlier();
  if (earlier) {
    const row = await context.database.findOne('jobs', { id: Number(earlier.answer.job_id), user_id: caller.user.id });
    if (row) return row;
  }
  const id = body.job_type ?? workspace.row.default_job_type;
  if (!id) {
    throw new ApiError('missing_field', 'Missing job_type and no default job type set on workspace.', {
      field: 'job_type',
    });
  }
  const choice = choose(context, id, body.resource);
  const jobDetails = asJson(body.job_details ?? {});
  const options = checkOptions(context.parameters, body.resource_options ?? {});
  checkKept(context.limits, 'job_details_bytes', { ...jobDetails, resource_options: options }, 'job_details');
  checkDetails(context, caller, workspace, choice, jobDetails);
  const random = (byteCount: number): Buffer => Buffer.from(context.clock.random(byteCount));
  return retryStale(() =>
    context.journal.transaction(async (transaction) => {
      const user = await lockUser(transaction.rows, caller.user.id);
      const row = await transaction.rows.lock('workspaces', workspace.row.id);
      if (!row) throw new ApiError('not_found', `Workspace ${workspace.row.id} not found for user.`);
      // In one that is still being made a job waits.
      if (row.status !== 'initializing') requireFiles(row);
      const wish = { resource: choice.entry.resource.name, resource_options: options, started_at_ms: null };
      await checkQuotas(context, transaction.rows, user, {
        active_jobs: 1,
        core_hours: promisedCoreHours(context, wish),
      });
      const job = await transaction.insertJob({
        user_id: caller.user.id,
        workspace_id: row.id,
        job_type: id,
        ...wish,
        launch_key: random(16).toString('hex'),
        resource_job_id: -1,
        resource_handle: null,
        status: 'pending',
        status_reason: null,
        status_message: null,
        queue_reason: null,
        expected_start_at_ms: null,
        exit_code: null,
        signal: null,
        last_log_lines: [],
        created_at_ms: transaction.nowMs,
        ended_at_ms: null,
        ends_at_ms: null,
        stop_requested_at_ms: null,
        stop_reason: null,
        launch_begun: false,
        core_hours: 0,
        gpu_hours: null,
        request_details: jobDetails,
        native_options: mapOptions(choice.entry.parameterMapping, options),
        metrics: {},
        current_details: {},
        session_token: random(32).toString('base64url'),
        session_secret: random(32).toString('base64url'),
        session_host: null,
        session_port: null,
        session_path: null,
        session_base_path: null,
        session_query: {},
        last_activity_at_ms: null,
        idle_stop_at_ms: null,
        is_remembered: true,
        lease_owner: null,
        lease_until_ms: 0,
        lease_fence: 0,
        due_at_ms: transaction.nowMs,
        attempts: 0,
      });
      await transaction.changeWorkspace(row, {
        last_job_launch_at_ms: transaction.nowMs,
        ...(row.status !== 'initializing' && { status: 'active' }),
      });
      await transaction.audit(actorOf(caller), {
        action: 'job.start',
        subject: { kind: 'job', id: job.id },
        details: { workspace_id: row.id, job_type: id, resource: wish.resource },
      });
      await idempotency?.claim(transaction.rows, { job_id: job.id });
      return job;
    }),
  );
}

/** The caller's job. @throws ApiError `not_found` */
export async function findJob(context: ServerContext, caller: Caller, jobId: number): Promise<JobRow> {
  const row = await context.database.findOne('jobs', { id: jobId, user_id: caller.user.id });
  if (!row) throw new ApiError('not_found', `Job ${jobId} not found for user.`);
  return row;
}

/** Why a job is to be stopped: a reason of the server's own, or somebody's wish. */
export type StopCause =
  | NonNullable<JobRow['stop_reason']>
  | { readonly actor: Actor; readonly reason: 'requested' | 'user_deactivated' | 'workspace_deleted' };

/** The wish to stop, inside a transaction, with its entry in the audit log; a job that was never launched ends here. */
export async function requestStop(transaction: RecordTransaction, row: JobRow, cause: StopCause): Promise<JobRow> {
  const { actor, reason } = typeof cause === 'string' ? { actor: serverActor, reason: cause } : cause;
  await transaction.audit(actor, {
    action: 'job.stop',
    subject: { kind: 'job', id: row.id },
    details: { reason, user_id: row.user_id },
  });
  if (row.launch_begun) {
    return transaction.changeJob(row, {
      status: 'stopping',
      stop_requested_at_ms: transaction.nowMs,
      stop_reason: typeof cause === 'string' ? cause : null,
      due_at_ms: transaction.nowMs,
      attempts: 0,
    });
  }
  const ended = await transaction.changeJob(row, {
    status: 'complete',
    status_reason: 'stopped',
    status_message: 'Stopped before it was launched.',
    stop_requested_at_ms: transaction.nowMs,
    ended_at_ms: transaction.nowMs,
    due_at_ms: null,
    is_remembered: false,
  });
  await settleWorkspace(transaction, row.workspace_id);
  return ended;
}

/** Brings a workspace's status in line with its jobs: active while one of them may use its resource. */
export async function settleWorkspace(transaction: RecordTransaction, workspaceId: number): Promise<void> {
  const row = await transaction.rows.lock('workspaces', workspaceId);
  if (!row || (row.status !== 'active' && row.status !== 'idle' && row.status !== 'deleting')) return;
  const active = await transaction.rows.count('jobs', { workspace_id: workspaceId, status: { in: activeJobStatuses } });
  if (row.status === 'deleting') {
    // The last job has ended: what waits for it may go on.
    if (active === 0) await transaction.touchWorkspace(row, { due_at_ms: transaction.nowMs });
    return;
  }
  const status: WorkspaceRow['status'] = active > 0 ? 'active' : 'idle';
  if (status !== row.status) await transaction.changeWorkspace(row, { status });
}

/** Stops a job and says so in the old service's words. @throws ApiError `not_found`, `job_not_active` */
export async function stopJob(context: ServerContext, caller: Caller, jobId: number): Promise<string> {
  await findJob(context, caller, jobId);
  return retryStale(() =>
    context.journal.transaction(async (transaction) => {
      const row = await transaction.rows.lock('jobs', jobId);
      if (!row) throw new ApiError('not_found', `Job ${jobId} not found for user.`);
      if (row.status !== 'pending' && row.status !== 'running') {
        throw new ApiError('job_not_active', 'This job is not running or pending.', {
          details: { status: row.status },
        });
      }
      const changed = await requestStop(transaction, row, { actor: actorOf(caller), reason: 'requested' });
      return changed.status === 'complete' ? 'Successful stop.' : 'Job queued to stop.';
    }),
  );
}

function notRunning({ status }: JobRow): ApiError {
  return new ApiError('job_not_active', 'Only a running job can be extended.', { details: { status } });
}

/** Raises a running job's time limit, counted from its start. */
export async function extendJob(
  context: ServerContext,
  caller: Caller,
  jobId: number,
  timeLimitMinutes: number,
  signal: AbortSignal,
): Promise<JobRow> {
  const find = async (): Promise<JobRow> => {
    const found = await findJob(context, caller, jobId);
    if (found.status !== 'running') throw notRunning(found);
    return found;
  };
  // Of two extensions at once the second sees what the first did.
  const busy = `Job ${jobId} is being changed by another request.`;
  const row = await leaseForRequest(context, 'jobs', find, { patienceMs: 10_000, pauseMs: 50, busy }, signal);
  try {
    // Not ended by the caller's going away: the job could be extended although its hours were given back.
    return await keepLease(context, 'jobs', row, new AbortController().signal, (lost) =>
      extendLeased(context, caller, row, timeLimitMinutes, lost),
    );
  } finally {
    const { id, lease_fence } = row;
    await context.database.transaction((rows) => rows.update('jobs', { id, lease_fence }, released));
  }
}

async function extendLeased(
  context: ServerContext,
  caller: Caller,
  row: JobRow,
  timeLimitMinutes: number,
  signal: AbortSignal,
): Promise<JobRow> {
  const jobId = row.id;
  const entry = context.resources.get(row.resource);
  if (!entry || row.started_at_ms === null) throw notRunning(row);
  const name = Object.keys(entry.parameterMapping).find((key) => entry.parameterMapping[key] === 'time_limit');
  const options = checkOptions(
    context.parameters.filter((parameter) => parameter.variable_name === name),
    name === undefined ? {} : { [name]: timeLimitMinutes },
  );
  const now = limitsOf(context.parameters, entry.parameterMapping, row.resource_options).timeLimitMinutes;
  // The present limit again is no mistake: who got no answer asks again.
  if (row.ends_at_ms === null || (now !== undefined && timeLimitMinutes < now)) {
    throw new ApiError('invalid_field', 'time_limit_minutes: must not be below the present time limit.', {
      field: 'time_limit_minutes',
      details: { present: now ?? null },
    });
  }
  await promiseExtension(context, caller, row, options);
  try {
    context.step('before job.extend');
    await entry.resource.extend(await launchReferenceOf(context, row), timeLimitMinutes, signal);
    context.step('after job.extend');
  } catch (error) {
    await giveExtensionBack(context, row);
    throw error;
  }
  return retryStale(() =>
    context.journal.transaction(async (transaction) => {
      const present = await transaction.rows.lock('jobs', jobId);
      if (!present) throw new ApiError('not_found', `Job ${jobId} not found for user.`);
      if (present.status !== 'running' || present.started_at_ms === null) return present;
      await transaction.audit(actorOf(caller), {
        action: 'job.extend',
        subject: { kind: 'job', id: jobId },
        details: { time_limit_minutes: timeLimitMinutes },
      });
      return transaction.changeJob(present, {
        ends_at_ms: present.started_at_ms + timeLimitMinutes * 60_000,
        resource_options: { ...present.resource_options, ...options },
        native_options: { ...present.native_options, ...mapOptions(entry.parameterMapping, options) },
      });
    }),
  );
}

/**
 * Writes the longer time limit into the job's row, from where its core hours count, if the user's quota allows it. After a crash they count until the job
 * ends, or is extended again.
 */
async function promiseExtension(
  context: ServerContext,
  caller: Caller,
  row: JobRow,
  options: JobRow['resource_options'],
): Promise<void> {
  await retryStale(() =>
    context.journal.transaction(async (transaction) => {
      const user = await lockUser(transaction.rows, caller.user.id);
      const present = await lockExtended(transaction, row);
      if (!present) throw new ApiError('conflict', `Job ${row.id} was changed by another request. Look again.`);
      if (present.status !== 'running') throw notRunning(present);
      const resource_options = { ...present.resource_options, ...options };
      const core_hours =
        promisedCoreHours(context, { ...present, resource_options }) - promisedCoreHours(context, present);
      if (core_hours > 0) await checkQuotas(context, transaction.rows, user, { core_hours });
      await transaction.touchJob(present, { resource_options });
    }),
  );
}

async function giveExtensionBack(context: ServerContext, row: JobRow): Promise<void> {
  const { resource_options } = row;
  await retryStale(() =>
    context.journal.transaction(async (transaction) => {
      const present = await lockExtended(transaction, row);
      if (present) await transaction.touchJob(present, { resource_options });
    }),
  );
}

/** The row under our lease, locked; `undefined` when it is gone, or another has taken over. */
async function lockExtended({ rows }: RecordTransaction, { id, lease_fence }: JobRow): Promise<JobRow | undefined> {
  const present = await rows.lock('jobs', id);
  return present?.lease_fence === lease_fence ? present : undefined;
}
