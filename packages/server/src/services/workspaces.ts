import {
  AdapterError,
  type IdempotencyRow,
  type JsonObject,
  type Storage,
  type WorkspaceRow,
} from '@user-workspaces/contract';
import type { RequestBody, Schema } from '@user-workspaces/schema';
import { withinDiskQuota } from '../files/disk-allowance.js';
import { applyPendingChanges, type FileChanges, stageFiles } from '../files/staged-files.js';
import { ApiError, withPathErrors } from '../http/api-error.js';
import type { Caller } from '../http/handler.js';
import { checkKept } from '../limits/limits.js';
import { rowOfAccount } from '../options.js';
import { keepLease, leaseDurationMs, released } from '../reconciler/lease.js';
import { actorOf } from '../records/audit.js';
import type { RecordTransaction } from '../records/record-transaction.js';
import type { ServerContext } from '../server-context.js';
import { checkName } from './file-names.js';
import type { Idempotency } from './idempotency.js';
import { checkJobType, requestStop, settleWorkspace } from './jobs.js';
import { checkLinks } from './known-links.js';
import { changeFiles, lockLeased } from './pending-changes.js';
import { checkQuotas, lockUser, quotaLimits } from './quotas.js';
import { retryStale } from './retry-stale.js';
import { accountOfUser } from './users.js';
import type { OpenWorkspace } from './workspace-access.js';

type NewDetails = Schema<'NewWorkspaceDetails'>;

/** Files whose contents came with the request. */
interface DetailedChanges extends FileChanges {
  readonly files: readonly { readonly path: string; readonly content: readonly Uint8Array[] }[];
}

/** Checks names and targets before anything is made. @throws ApiError `too_large`, `invalid_path`, `link_refused`, `missing_field` */
async function checkDetails(
  { limits }: ServerContext,
  storage: Storage,
  details: NewDetails,
  signal: AbortSignal,
): Promise<DetailedChanges> {
  checkKept(limits, 'workspace_details_bytes', requestDetails(details), 'workspace_details');
  const files = (details.files ?? []).map(({ name, content }, index) => {
    checkName(name, 'file', `workspace_details.files[${index}].name`);
    return { path: name, content: [Buffer.from(content ?? '')] };
  });
  const links: { path: string; target: string }[] = [];
  for (const [index, { name, source_path, dataset_uuid }] of (details.symlinks ?? []).entries()) {
    const field = `workspace_details.symlinks[${index}]`;
    checkName(name, 'link', `${field}.name`);
    if (source_path === undefined) {
      const message =
        dataset_uuid === undefined
          ? `${field}.source_path: a link needs a target.`
          : `${field}.dataset_uuid: this server's storage does not know data sets by uuid; give source_path.`;
      throw new ApiError('missing_field', message, { field: `${field}.source_path` });
    }
    await checkTarget(storage, source_path, `${field}.source_path`, signal);
    links.push({ path: name, target: source_path });
  }
  return { files, links };
}

async function checkTarget(storage: Storage, target: string, field: string, signal: AbortSignal): Promise<void> {
  try {
    await storage.checkLinkTarget(target, signal);
  } catch (error) {
    if (!AdapterError.is(error) || error.kind === 'unavailable') throw error;
    // The old service's words for a target that is not there; told of every target outside the allowed roots, they do not give away which of those exist.
    const isOutside = error.kind === 'denied' && storage.capabilities.links;
    throw new ApiError('link_refused', isOutside ? `Symlink path not found: ${target}` : error.message, {
      field,
      details: { reason: error.message },
      cause: error,
    });
  }
}

/** What the API shows of the request: names, never contents. */
function requestDetails(details: NewDetails): JsonObject {
  return {
    files: (details.files ?? []).map(({ name }) => name),
    symlinks: (details.symlinks ?? []).map(({ name, source_path, dataset_uuid }) => ({
      name,
      ...(source_path !== undefined && { source_path }),
      ...(dataset_uuid !== undefined && { dataset_uuid }),
    })),
  };
}

function subjectOf({ id }: WorkspaceRow): { kind: 'workspace'; id: number } {
  return { kind: 'workspace', id };
}

function sizeOf({ files }: DetailedChanges): number {
  return files.reduce((sum, { content }) => content.reduce((bytes, piece) => bytes + piece.length, sum), 0);
}

/**
 * Makes a workspace and its files. The row comes first, leased by this request; the contents are staged, then the row says what is to be put in
 * place. A crash before that undoes the workspace, a crash after it finishes it: the reconciler does either once the lease has run out.
 */
export async function createWorkspace(
  context: ServerContext,
  caller: Caller,
  readBody: () => Promise<RequestBody<'createWorkspace'>>,
  idempotency: Idempotency | undefined,
  signal: AbortSignal,
): Promise<WorkspaceRow> {
  const account = await accountOfUser(context, caller.user, signal);
  const body = await readBody();
  const earlier = await idempotency?.earlier();
  if (earlier) {
    const row = await context.database.findOne('workspaces', {
      id: Number(earlier.answer.workspace_id),
      user_id: caller.user.id,
    });
    if (row && row.status !== 'initializing') return row;
    if (row) {
      throw new ApiError(
        'idempotency_conflict',
        'The first request with this Idempotency-Key is still at work. Ask again.',
        {
          field: 'Idempotency-Key',
          headers: { 'Retry-After': '1' },
        },
      );
    }
    await requireUndone(context, caller, earlier);
  }
  if (body.default_job_type != null) checkJobType(context, body.default_job_type);
  const storage = context.mainStorage;
  const details = body.workspace_details ?? {};
  const changes = await checkDetails(context, storage, details, signal);
  checkLinks(context.limits, undefined, changes.links);
  const { step, journal } = context;
  step('before workspace.insert');
  const row = await journal.transaction(async (transaction) => {
    const user = await lockUser(transaction.rows, caller.user.id);
    const disk_space = sizeOf(changes);
    await checkQuotas(context, transaction.rows, user, { workspaces: 1, ...(disk_space > 0 && { disk_space }) });
    const inserted = await transaction.insertWorkspace({
      user_id: caller.user.id,
      name: body.name,
      description: body.description,
      // Until the first survey, for others who ask whether there is room.
      disk_space_bytes: quotaLimits(context, user).disk_space === null ? 0 : disk_space,
      created_at_ms: transaction.nowMs,
      last_modified_at_ms: null,
      last_job_launch_at_ms: null,
      request_details: requestDetails(details),
      current_details: { files: [], symlinks: [] },
      status: 'initializing',
      status_reason: null,
      default_job_type: body.default_job_type ?? null,
      storage: storage.name,
      location: '',
      account: rowOfAccount(account),
      pending_changes: null,
      is_listed: true,
      lease_owner: context.instance,
      lease_until_ms: transaction.nowMs + leaseDurationMs,
      lease_fence: 1,
      due_at_ms: transaction.nowMs + leaseDurationMs,
      attempts: 0,
    });
    await transaction.audit(actorOf(caller), { action: 'workspace.create', subject: subjectOf(inserted) });
    const location = storage.locate(account, inserted.id);
    // An earlier one was undone, by its request or after a crash.
    await idempotency?.claim(transaction.rows, { workspace_id: inserted.id }, earlier);
    return transaction.touchWorkspace(inserted, { location });
  });
  step('after workspace.insert');
  const open: OpenWorkspace = { row, storage, directory: { location: row.location, account } };
  let isBegun = false;
  try {
    return await keepLease(context, 'workspaces', row, signal, async (leased) => {
      await requireFree(context, open, leased);
      isBegun = true;
      return fillWorkspace(context, open, changes, leased);
    });
  } catch (error) {
    await undoWorkspace(context, open, isBegun);
    throw error;
  }
}

/** @throws ApiError `unavailable` when its place is taken: asked for again, the workspace has the next number. */
async function requireFree(context: ServerContext, open: OpenWorkspace, signal: AbortSignal): Promise<void> {
  if (!(await isPlaceTaken(context, open, signal))) return;
  const message = `The place of the new workspace ${open.row.id} is taken by files that no workspace knows. Try again: the next has another number.`;
  throw new ApiError('unavailable', message, { headers: { 'Retry-After': '1' } });
}

/**
 * Whether there is something in the place of a workspace of which nothing was made yet. Nobody was ever given this number before, so it is of a time that a restored backup
 * of the database does not know: it must neither be shown in the new workspace nor be removed with it.
 */
export async function isPlaceTaken(
  { log }: Pick<ServerContext, 'log'>,
  { row, storage, directory }: OpenWorkspace,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await storage.stat(directory, '', signal);
  } catch (error) {
    if (AdapterError.is(error, 'not_found')) return false;
    throw error;
  }
  log.error(
    { workspaceId: row.id, location: row.location },
    'the place of a new workspace is taken, as after a backup of the database was restored: what is there is left as it is',
  );
  return true;
}

/**
 * Of a workspace that is gone: it was undone before anybody had it, and the key is free. Its events tell, which are kept longer than keys, unless there
 * were very many: then it counts as complete.
 *
 * @throws ApiError `not_found` when it was complete, or deleted by its user: the key has made its one thing.
 */
async function requireUndone(context: ServerContext, caller: Caller, earlier: IdempotencyRow): Promise<void> {
  const workspaceId = Number(earlier.answer.workspace_id);
  const changes = await context.database.find('events', {
    where: { user_id: caller.user.id, subject_id: workspaceId, type: 'workspace.changed' },
  });
  const statuses = changes.map(({ payload }) => {
    const event: Schema<'WorkspaceChangedEvent'> = JSON.parse(payload);
    return event.workspace.status;
  });
  if (statuses.length > 0 && statuses.every((status) => status === 'initializing')) return;
  throw new ApiError(
    'not_found',
    `This Idempotency-Key made workspace ${workspaceId}, which was deleted since. Use a new key to make another one.`,
    { field: 'Idempotency-Key' },
  );
}

async function fillWorkspace(
  context: ServerContext,
  open: OpenWorkspace,
  changes: FileChanges,
  signal: AbortSignal,
): Promise<WorkspaceRow> {
  const { step, journal } = context;
  step('before workspace.create');
  // Not given up in the middle: a directory that appears after it was undone would stay.
  await open.storage.create(open.directory);
  signal.throwIfAborted();
  step('after workspace.create');
  const pending = await withPathErrors(stageFiles(context, open, changes, signal));
  await journal.transaction(async (transaction) =>
    transaction.touchWorkspace(await lockMade(transaction, open.row), { pending_changes: pending }),
  );
  await withPathErrors(applyPendingChanges(open, pending, step, signal));
  step('before workspace.ready');
  const ready = await journal.transaction(async (transaction) => {
    const made = await lockMade(transaction, open.row);
    const idle = await transaction.changeWorkspace(made, {
      ...released,
      pending_changes: null,
      due_at_ms: null,
      status: 'idle',
    });
    await settleWorkspace(transaction, idle.id);
    return (await transaction.rows.findOne('workspaces', { id: idle.id })) ?? idle;
  });
  step('after workspace.ready');
  return ready;
}

/** The row under our lease, which its user may have changed meanwhile: renamed it, started a job in it, or deleted it. */
async function lockMade(transaction: RecordTransaction, made: WorkspaceRow): Promise<WorkspaceRow> {
  const present = await lockLeased(transaction, made);
  if (present.status === 'initializing') return present;
  throw new ApiError('conflict', `Workspace ${made.id} was deleted before it was complete.`);
}

/**
 * The request failed: nothing of the workspace stays. If this fails too, the reconciler undoes it later.
 *
 * @param isBegun Its directory may have been made.
 */
async function undoWorkspace(
  context: ServerContext,
  { row, storage, directory }: OpenWorkspace,
  isBegun: boolean,
): Promise<void> {
  try {
    const state = await context.journal.transaction(async (transaction) => {
      const present = await transaction.rows.lock('workspaces', row.id);
      if (!present) return 'gone';
      // Who has taken it over decides what becomes of it; one that was released is complete, and only the answer to that was lost.
      if (present.lease_fence !== row.lease_fence || present.lease_owner === null) return 'kept';
      // Before its files go: whoever goes on from here must not take what was staged for put in place.
      await transaction.touchWorkspace(present, { pending_changes: null });
      return 'given up';
    });
    if (state === 'kept') return;
    // Also of one that was undone while this process slept: no other will ever have its place, and nobody else knows what was put there since.
    if (isBegun) await storage.destroy(directory);
    if (state === 'gone') return;
    await context.journal.transaction(async (transaction) => {
      const present = await lockLeased(transaction, row);
      if (present.status === 'initializing') await transaction.removeWorkspace(present);
      else await transaction.touchWorkspace(present, { ...released, due_at_ms: transaction.nowMs });
    });
  } catch (error) {
    context.log.warn(
      { err: error, workspaceId: row.id },
      'a failed workspace could not be undone, will be tried again',
    );
  }
}

/** Renames, describes, adds and replaces. Files and links are never removed. */
export async function updateWorkspace(
  context: ServerContext,
  caller: Caller,
  workspace: OpenWorkspace,
  body: RequestBody<'updateWorkspace'>,
  signal: AbortSignal,
): Promise<void> {
  if (body.default_job_type != null) checkJobType(context, body.default_job_type);
  const changes = await checkDetails(context, workspace.storage, body.workspace_details ?? {}, signal);
  const columns = {
    ...(body.name !== undefined && { name: body.name }),
    ...(body.description !== undefined && { description: body.description }),
    ...(body.default_job_type !== undefined && { default_job_type: body.default_job_type }),
  };
  if (changes.files.length > 0 || changes.links.length > 0) {
    await withinDiskQuota(context, caller.user, signal, async (allowance) => {
      await allowance.reserve(sizeOf(changes));
      const counted = { files: allowance.countFiles(changes.files), links: changes.links };
      await withPathErrors(changeFiles(context, actorOf(caller), workspace, counted, columns, allowance, signal));
    });
    return;
  }
  await retryStale(() =>
    context.journal.transaction(async (transaction) => {
      const row = await transaction.rows.lock('workspaces', workspace.row.id);
      if (!row) throw new ApiError('not_found', `Workspace ${workspace.row.id} not found for user.`);
      await transaction.changeWorkspace(row, { ...columns, last_modified_at_ms: transaction.nowMs });
    }),
  );
}

/** Writes the wish to delete. @throws ApiError `workspace_busy` while jobs run (without `force`) or shares wait. */
export async function deleteWorkspace(
  context: ServerContext,
  caller: Caller,
  workspace: OpenWorkspace,
  force: boolean,
): Promise<void> {
  const { id } = workspace.row;
  await retryStale(() =>
    context.journal.transaction(async (transaction) => {
      const row = await transaction.rows.lock('workspaces', id);
      if (!row) throw new ApiError('not_found', `Workspace ${id} not found for user.`);
      if (row.status === 'deleting') return;
      const waiting = { original_workspace_id: id, is_accepted: false, work: { in: ['copy', 'none'] as const } };
      if ((await transaction.rows.count('shares', waiting)) > 0) {
        throw new ApiError(
          'workspace_busy',
          `Workspace ${id} has shared workspaces associated with it, that have not yet been accepted. Please cancel those shares to delete this workspace.`,
        );
      }
      const jobs = await transaction.rows.find('jobs', {
        where: { workspace_id: id, status: { in: ['pending', 'running'] } },
      });
      if (jobs.length > 0 && !force) {
        throw new ApiError('workspace_busy', 'Cannot delete workspace, jobs are running for this workspace.', {
          details: { jobs: jobs.map((job) => job.id) },
        });
      }
      const deleting = await transaction.changeWorkspace(row, { status: 'deleting', attempts: 0 });
      const actor = actorOf(caller);
      for (const job of jobs) await requestStop(transaction, job, { actor, reason: 'workspace_deleted' });
      await transaction.audit(actor, {
        action: 'workspace.delete',
        subject: subjectOf(row),
        details: { stopped_jobs: jobs.map((job) => job.id) },
      });
      const present = (await transaction.rows.lock('workspaces', id)) ?? deleting;
      await transaction.touchWorkspace(present, { due_at_ms: transaction.nowMs });
    }),
  );
}
