import type {
  Account,
  DatabaseReader,
  JobRow,
  Query,
  ShareRow,
  Storage,
  UserRow,
  WorkspaceRow,
} from '@user-workspaces/contract';
import type { RequestBody, Schema } from '@user-workspaces/schema';
import { ApiError } from '../http/api-error.js';
import type { Caller } from '../http/handler.js';
import { mergedPart } from '../http/pagination.js';
import { tooMany } from '../limits/limits.js';
import { rowOfAccount } from '../options.js';
import { actorOf } from '../records/audit.js';
import type { RecordTransaction } from '../records/record-transaction.js';
import { StaleRowError } from '../records/stale-row-error.js';
import type { ServerContext } from '../server-context.js';
import { offerOf, type ShareRows, viewShare } from '../views/share.js';
import type { Idempotency } from './idempotency.js';
import { checkQuotas, lockUser, quotaLimits } from './quotas.js';
import { retryStale } from './retry-stale.js';
import { accountOfUser } from './users.js';
import { openWorkspace } from './workspace-access.js';

/** Joins shares with their workspaces and users: three statements, however many shares. */
async function joinShares(context: ServerContext, shares: readonly ShareRow[]): Promise<ShareRows[]> {
  const workspaceIds = shares.flatMap((share) =>
    share.original_workspace_id === null
      ? [share.shared_workspace_id]
      : [share.shared_workspace_id, share.original_workspace_id],
  );
  const userIds = shares.flatMap((share) => [share.sender_user_id, share.receiver_user_id]);
  const [workspaces, users] = await Promise.all([
    context.database.find('workspaces', { where: { id: { in: [...new Set(workspaceIds)] } } }),
    context.database.find('users', { where: { id: { in: [...new Set(userIds)] } } }),
  ]);
  const workspaceById = new Map(workspaces.map((row) => [row.id, row]));
  const userById = new Map(users.map((row) => [row.id, row]));
  return shares.flatMap((share) => {
    const copy = workspaceById.get(share.shared_workspace_id);
    const sender = userById.get(share.sender_user_id);
    const receiver = userById.get(share.receiver_user_id);
    if (!copy || !sender || !receiver) return [];
    const original = share.original_workspace_id === null ? undefined : workspaceById.get(share.original_workspace_id);
    return [{ share, original, copy, sender, receiver }];
  });
}

/** A share of the caller's. */
export interface OwnShare {
  readonly id: number;
  readonly isSent: boolean;
  /** Absent while one of the rows that it joins is being removed. */
  readonly view: Schema<'Share'> | undefined;
}

/** The caller's shares of one query, sent and received. */
export async function listShares(context: ServerContext, caller: Caller, query: Query<'shares'>): Promise<OwnShare[]> {
  const side = (column: 'sender_user_id' | 'receiver_user_id'): Promise<ShareRow[]> =>
    context.database.find('shares', {
      ...query,
      where: { work: { in: ['copy', 'none'] }, ...query.where, [column]: caller.user.id },
    });
  const [sent, received] = await Promise.all([side('sender_user_id'), side('receiver_user_id')]);
  const rows = mergedPart(query, sent, received);
  const joined = new Map((await joinShares(context, rows)).map((all) => [all.share.id, all]));
  return rows.map((row) => {
    const all = joined.get(row.id);
    const isSent = row.sender_user_id === caller.user.id;
    return { id: row.id, isSent, view: all && viewShare(all, caller.user.id) };
  });
}

/** The views of some shares, sent and received apart. */
export function bySide(shares: readonly OwnShare[]): { sent: Schema<'Share'>[]; received: Schema<'Share'>[] } {
  const of = (sent: boolean): Schema<'Share'>[] =>
    shares.flatMap(({ isSent, view }) => (view && isSent === sent ? [view] : []));
  return { sent: of(true), received: of(false) };
}

interface Receiver {
  readonly user: UserRow;
  readonly account: Account;
}

async function findReceivers(
  context: ServerContext,
  caller: Caller,
  userIds: readonly number[],
  signal: AbortSignal,
): Promise<Receiver[]> {
  const wanted = [...new Set(userIds)];
  const users = await context.database.find('users', { where: { id: { in: wanted }, is_active: true } });
  if (users.length !== wanted.length || wanted.includes(caller.user.id)) throw invalidReceiver();
  const receivers: Receiver[] = [];
  for (const user of users) {
    try {
      receivers.push({ user, account: await accountOfUser(context, user, signal) });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      throw new ApiError(
        'permission_denied',
        `User ${user.first_name} ${user.last_name} does not have permission on the file system.`,
        { field: 'shared_user_ids', cause: error },
      );
    }
  }
  return receivers;
}

function invalidReceiver(): ApiError {
  return new ApiError('invalid_field', 'Invalid user id provided.', { field: 'shared_user_ids' });
}

/** @throws ApiError `conflict` */
function checkShareable({ id, status }: WorkspaceRow): void {
  if (status !== 'deleting' && status !== 'error') return;
  throw new ApiError('conflict', `Workspace ${id} cannot be shared while its status is ${status}.`);
}

async function insertShare(
  context: ServerContext,
  storage: Storage,
  transaction: RecordTransaction,
  original: WorkspaceRow,
  receiver: Receiver,
  lastJob: JobRow | undefined,
): Promise<ShareRow> {
  const copy = await transaction.insertWorkspace({
    user_id: receiver.user.id,
    name: original.name,
    description: original.description,
    // What is promised, until its files are there.
    disk_space_bytes: original.disk_space_bytes,
    created_at_ms: transaction.nowMs,
    last_modified_at_ms: null,
    last_job_launch_at_ms: null,
    request_details: original.request_details,
    current_details: original.current_details,
    status: 'initializing',
    status_reason: null,
    default_job_type: original.default_job_type,
    storage: original.storage,
    location: '',
    account: rowOfAccount(receiver.account),
    pending_changes: null,
    is_listed: false,
    lease_owner: null,
    lease_until_ms: 0,
    lease_fence: 0,
    due_at_ms: null,
    attempts: 0,
  });
  await transaction.touchWorkspace(copy, { location: storage.locate(receiver.account, copy.id) });
  return transaction.insertShare({
    original_workspace_id: original.id,
    shared_workspace_id: copy.id,
    sender_user_id: original.user_id,
    receiver_user_id: receiver.user.id,
    last_resource_options: lastJob?.native_options ?? {},
    last_job_type: lastJob?.job_type ?? null,
    is_accepted: false,
    accepted_offer: null,
    created_at_ms: transaction.nowMs,
    work: 'copy',
    mail_due: context.mailer !== undefined,
    lease_owner: null,
    lease_until_ms: 0,
    lease_fence: 0,
    due_at_ms: transaction.nowMs,
    attempts: 0,
  });
}

/** Bytes of the copies that a user has offered and that nobody has accepted yet: they count for nobody, so they must fit into what the sender has left. */
async function waitingBytes(rows: DatabaseReader, senderId: number): Promise<number> {
  const where = { sender_user_id: senderId, is_accepted: false, work: { in: ['copy', 'none'] as const } };
  const ids = (await rows.find('shares', { where })).map((share) => share.shared_workspace_id);
  const copies = await rows.find('workspaces', { where: { id: { in: ids } } });
  return copies.reduce((sum, copy) => sum + copy.disk_space_bytes, 0);
}

/** So long that programs do not wait by themselves: offers are accepted or declined by people. */
const openSharesRetrySeconds = 120;

/**
 * Whether one more copy may be offered to each of these users: an offer costs its sender nothing, and its receiver a directory and a mail.
 *
 * @param senderId Locked by {@link lockUser}.
 * @throws ApiError `rate_limited`
 */
async function checkOpenShares(
  { limits }: ServerContext,
  rows: DatabaseReader,
  senderId: number,
  receivers: readonly Receiver[],
): Promise<void> {
  const sender_user_id = senderId;
  const offered = { sender_user_id, is_accepted: false, work: { in: ['copy', 'none'] as const } };
  const unmade = { sender_user_id, is_accepted: true, work: 'copy' as const };
  const count = async (receiver: { receiver_user_id?: number }): Promise<number> =>
    (await rows.count('shares', { ...offered, ...receiver })) +
    (await rows.count('shares', { ...unmade, ...receiver }));
  const check = (name: 'open_shares' | 'open_shares_to_one', used: number, requested: number, whose: string): void => {
    if (used + requested <= limits[name]) return;
    const message = `Too many copies that you offer${whose} wait: ${used}, ${requested} more asked for. Cancel some, or ask for them to be accepted or declined.`;
    throw tooMany(limits, name, message, openSharesRetrySeconds, { used, requested });
  };
  check('open_shares', await count({}), receivers.length, '');
  for (const { user } of receivers) {
    check('open_shares_to_one', await count({ receiver_user_id: user.id }), 1, ` to ${user.username}`);
  }
}

/** Whose quota a copy must fit into. */
function payerOf(share: ShareRow): number {
  return share.is_accepted ? share.receiver_user_id : share.sender_user_id;
}

/**
 * Whether a copy that is to be made fits into the quota that it counts for. It was checked when the share was made, by what was known of the workspace then; its files may have grown.
 *
 * @param measure Gives the size of what is to be copied; not called where there is no quota.
 * @returns Why it does not fit, for both sides to read.
 * @throws StaleRowError when the share changed meanwhile.
 */
export async function refusalOfCopy(
  context: ServerContext,
  { id }: ShareRow,
  measure: () => Promise<number>,
): Promise<string | undefined> {
  const { database, journal } = context;
  const share = await database.findOne('shares', { id });
  const payer = share && (await database.findOne('users', { id: payerOf(share) }));
  if (!payer || quotaLimits(context, payer).disk_space === null) return undefined;
  const bytes = await measure();
  try {
    await journal.transaction(async (transaction) => {
      const user = await transaction.rows.lock('users', payer.id);
      const copy = await transaction.rows.lock('workspaces', share.shared_workspace_id);
      const present = await transaction.rows.findOne('shares', { id });
      if (!user || !copy || present?.is_accepted !== share.is_accepted) throw new StaleRowError(`Share ${id} changed.`);
      const moreBytes = bytes - copy.disk_space_bytes;
      if (moreBytes <= 0) return;
      const waiting = share.is_accepted ? 0 : await waitingBytes(transaction.rows, user.id);
      await checkQuotas(context, transaction.rows, user, { disk_space: waiting + moreBytes });
      await transaction.touchWorkspace(copy, { disk_space_bytes: bytes });
    });
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 'quota_exceeded') throw error;
    const whose = share.is_accepted ? 'its receiver' : 'its sender';
    return `The workspace has ${bytes} bytes by now, and a copy does not fit into the quota of ${whose}.`;
  }
  return undefined;
}

/** Writes the wish for copies of a workspace, one for each receiver. */
export async function createShares(
  context: ServerContext,
  caller: Caller,
  body: RequestBody<'createShares'>,
  idempotency: Idempotency | undefined,
  signal: AbortSignal,
): Promise<Schema<'Share'>[]> {
  const earlier = await idempotency?.earlier();
  if (earlier && Array.isArray(earlier.answer.share_ids)) {
    const ids = earlier.answer.share_ids.map(Number);
    return bySide(await listShares(context, caller, { where: { id: { in: ids } } })).sent;
  }
  const { row: found, storage } = await openWorkspace(context, caller, Number(body.original_workspace_id));
  checkShareable(found);
  const receivers = await findReceivers(context, caller, body.shared_user_ids, signal);
  const [lastJob] = await context.database.find('jobs', {
    where: { workspace_id: found.id },
    orderBy: [['id', 'desc']],
    limit: 1,
  });
  const shares = await context.journal.transaction(async (transaction) => {
    const sender = await lockUser(transaction.rows, caller.user.id);
    // They may have been removed or deactivated while their accounts were looked up. From here on either sees the shares.
    for (const { user } of receivers) {
      if (!(await transaction.rows.lock('users', user.id))?.is_active) throw invalidReceiver();
    }
    // The workspace may have been deleted, likewise: from here on its removal sees the shares, and waits for them.
    const original = await transaction.rows.lock('workspaces', found.id);
    if (!original) throw new ApiError('not_found', `Workspace ${found.id} not found for user.`);
    checkShareable(original);
    await checkOpenShares(context, transaction.rows, sender.id, receivers);
    const waiting = await waitingBytes(transaction.rows, caller.user.id);
    const disk_space = waiting + original.disk_space_bytes * receivers.length;
    await checkQuotas(context, transaction.rows, sender, { ...(disk_space > 0 && { disk_space }) });
    const made: ShareRow[] = [];
    for (const receiver of receivers)
      made.push(await insertShare(context, storage, transaction, original, receiver, lastJob));
    for (const share of made) {
      await transaction.audit(actorOf(caller), {
        action: 'share.create',
        subject: { kind: 'share', id: share.shared_workspace_id },
        details: { original_workspace_id: original.id, receiver_user_id: share.receiver_user_id },
      });
    }
    await idempotency?.claim(transaction.rows, { share_ids: made.map((share) => share.id) });
    return made;
  });
  return (await joinShares(context, shares)).map((row) => viewShare(row, caller.user.id));
}

/** Accepts a share: its copy becomes the receiver's workspace, made now. @throws ApiError `not_found`, `conflict` when the copy could not be made */
export async function acceptShare(context: ServerContext, caller: Caller, sharedWorkspaceId: number): Promise<void> {
  await retryStale(() =>
    context.journal.transaction(async (transaction) => {
      const receiver = await lockUser(transaction.rows, caller.user.id);
      const share = await transaction.rows.findOne('shares', {
        shared_workspace_id: sharedWorkspaceId,
        receiver_user_id: caller.user.id,
        work: { in: ['copy', 'none'] },
      });
      const copy = share && (await transaction.rows.lock('workspaces', sharedWorkspaceId));
      if (!share || !copy) throw new ApiError('not_found', `Shared workspace ${sharedWorkspaceId} not found.`);
      if (share.is_accepted) return;
      if (copy.status === 'error') {
        throw new ApiError(
          'conflict',
          `Shared workspace ${sharedWorkspaceId} could not be copied: ${copy.status_reason} Decline it, and ask for it again.`,
        );
      }
      const disk_space = copy.disk_space_bytes;
      await checkQuotas(context, transaction.rows, receiver, { workspaces: 1, ...(disk_space > 0 && { disk_space }) });
      await transaction.changeWorkspace(copy, { is_listed: true, created_at_ms: transaction.nowMs });
      await transaction.changeShare(share, { is_accepted: true, accepted_offer: offerOf(copy) });
      await transaction.audit(actorOf(caller), { action: 'share.accept', subject: { kind: 'share', id: copy.id } });
    }),
  );
}

/** Writes the wish to cancel or decline a share, or to remove one whose copy failed. @throws ApiError `not_found`, `permission_denied`, `share_accepted` */
export async function deleteShare(context: ServerContext, caller: Caller, sharedWorkspaceId: number): Promise<void> {
  await retryStale(() =>
    context.journal.transaction(async (transaction) => {
      const share = await transaction.rows.findOne('shares', { shared_workspace_id: sharedWorkspaceId });
      if (!share) throw new ApiError('not_found', `Shared workspace ${sharedWorkspaceId} not found.`);
      if (share.sender_user_id !== caller.user.id && share.receiver_user_id !== caller.user.id) {
        throw new ApiError(
          'permission_denied',
          `User does not have permissions for shared workspace ${sharedWorkspaceId}.`,
        );
      }
      const subject = { kind: 'share', id: sharedWorkspaceId } as const;
      if (share.is_accepted) {
        const copy = await transaction.rows.lock('workspaces', sharedWorkspaceId);
        if (copy?.status === 'error') {
          // It is the receiver's workspace by now, and goes as such.
          await transaction.changeWorkspace(copy, { status: 'deleting', attempts: 0, due_at_ms: transaction.nowMs });
          await transaction.audit(actorOf(caller), { action: 'share.delete', subject });
          return;
        }
        throw new ApiError(
          'share_accepted',
          `Shared workspace ${sharedWorkspaceId} has been accepted and cannot be deleted.`,
        );
      }
      if (share.work === 'delete') return;
      await transaction.touchShare(share, { work: 'delete', due_at_ms: transaction.nowMs, attempts: 0 });
      await transaction.audit(actorOf(caller), { action: 'share.delete', subject });
    }),
  );
}
