import type { DatabaseReader, Identity, UserRow, Where } from '@user-workspaces/contract';
import { AdapterError } from '@user-workspaces/contract';
import type { QueryParameters, RequestBody, Schema } from '@user-workspaces/schema';
import { ApiError } from '../../http/api-error.js';
import { mergedPart, readPage } from '../../http/pagination.js';
import type { Actor, AuditEvent } from '../../records/audit.js';
import type { RecordTransaction } from '../../records/record-transaction.js';
import { viewAdminUser } from '../../views/administration.js';
import { viewQuotas } from '../../views/quotas.js';
import type { Idempotency } from '../idempotency.js';
import { requestStop } from '../jobs.js';
import { noQuota, quotaLimits, quotaUse } from '../quotas.js';
import { retryStale } from '../retry-stale.js';
import { newUserRow, searchTextOf } from '../users.js';
import { type AdministrationContext, notFound, paged } from './context.js';
import { expectIdentity } from './identity.js';

/** A user with quotas, as the API shows them to administrators. */
export type UserDetails = Schema<'AdminUserAnswer'>['data'];

/** All users, a page at a time. */
export async function listUsers(
  context: AdministrationContext,
  query: QueryParameters<'adminListUsers'>,
): Promise<Schema<'AdminUsersAnswer'>['data']> {
  const { search = '', is_active, role } = query;
  const { rows, next } = await readPage(context.limits, paged(query), async (part) => {
    const find = (where: Where<'users'>): Promise<UserRow[]> =>
      context.database.find('users', {
        ...part,
        where: { ...(is_active !== undefined && { is_active }), ...(role && { role }), ...where, ...part.where },
      });
    if (search === '') return find({});
    const found = await find({ search_text: { contains: search.toLowerCase() } });
    return mergedPart(part, found, await find({ username: search }));
  });
  return { users: rows.map(viewAdminUser), ...next };
}

/** One user. @throws ApiError `not_found` */
export async function getUser(context: AdministrationContext, userId: number): Promise<UserDetails> {
  const row = await context.database.findOne('users', { id: userId });
  if (!row) throw notFound('User', userId);
  const used = await quotaUse(context, context.database, row);
  return { user: viewAdminUser(row), quotas: viewQuotas(quotaLimits(context, row), used) };
}

/** The user of this name, or of an id as the audit log shows it, such as `user:2`. @throws ApiError `not_found` */
export async function findUserId(context: AdministrationContext, username: string): Promise<number> {
  const id = /^user:([1-9]\d{0,14})$/.exec(username)?.[1];
  const byName = await context.database.findOne('users', { username });
  const row = byName ?? (id === undefined ? undefined : await context.database.findOne('users', { id: Number(id) }));
  if (!row) throw notFound('User', username);
  return row.id;
}

/**
 * Makes a user before the first sign-in.
 *
 * @throws ApiError `invalid_field` when nobody could sign in as this, `conflict` when the name is taken; `not_found` when the user of this Idempotency-Key was removed.
 */
export async function addUser(
  context: AdministrationContext,
  actor: Actor,
  identity: Identity,
  role: UserRow['role'],
  idempotency?: Idempotency,
): Promise<UserDetails> {
  const made = await idempotency?.earlier();
  if (made) return getUser(context, Number(made.answer.user_id));
  expectIdentity(context, identity);
  try {
    const row = await context.journal.transaction(async (transaction) => {
      const inserted = await transaction.rows.insert('users', { ...newUserRow(identity, transaction.nowMs), role });
      await idempotency?.claim(transaction.rows, { user_id: inserted.id });
      await transaction.audit(actor, userEvent('user.create', inserted, { role }));
      return inserted;
    });
    return getUser(context, row.id);
  } catch (error) {
    if (!AdapterError.is(error, 'conflict')) throw error;
    // By a request with the same key that was faster, perhaps.
    const faster = await idempotency?.earlier();
    if (faster) return getUser(context, Number(faster.answer.user_id));
    throw new ApiError('conflict', `There is a user ${identity.username} already.`, {
      field: 'username',
      cause: error,
    });
  }
}

/**
 * Keeps a user out: their tokens are gone, tickets and cookies open nothing any more, and every server ends what the user has open (see `WelcomeWatch`). Jobs go on unless they are to be
 * stopped, those that wait included; copies that are not complete and that nobody has accepted are cancelled. Again, the same answer.
 *
 * @throws ApiError `not_found`; `conflict` for the actor themselves.
 */
export async function deactivateUser(
  context: AdministrationContext,
  actor: Actor,
  userId: number,
  stopJobs: boolean,
): Promise<UserDetails> {
  if (actor.userId === userId) {
    throw new ApiError('conflict', 'You cannot deactivate yourself. Ask another administrator.', { field: 'user_id' });
  }
  await changeUser(context, userId, async (transaction, user) => {
    if (user.is_active) {
      const session_epoch = user.session_epoch + 1;
      const changes = { is_active: false, deactivated_at_ms: transaction.nowMs, session_epoch };
      await transaction.rows.update('users', { id: userId }, changes);
    }
    await transaction.rows.remove('tokens', { user_id: userId });
    await cancelCopies(transaction, userId);
    const where = { user_id: userId, status: { in: ['pending', 'running'] as const } };
    const jobs = stopJobs ? await transaction.rows.find('jobs', { where }) : [];
    for (const job of jobs) await requestStop(transaction, job, { actor, reason: 'user_deactivated' });
    await transaction.audit(actor, userEvent('user.deactivate', user, { stopped_jobs: jobs.map(({ id }) => id) }));
  });
  return getUser(context, userId);
}

/** What a deactivated user has begun to share, or others with them, would go on for as long as its files are large. Complete and accepted copies stay. */
async function cancelCopies({ rows, nowMs }: RecordTransaction, userId: number): Promise<void> {
  for (const side of ['sender_user_id', 'receiver_user_id'] as const) {
    const where = { [side]: userId, work: 'copy', is_accepted: false } as const;
    await rows.update('shares', where, { work: 'delete', due_at_ms: nowMs, attempts: 0 });
  }
}

/** Lets a user in again. @throws ApiError `not_found` */
export async function reactivateUser(
  context: AdministrationContext,
  actor: Actor,
  userId: number,
): Promise<UserDetails> {
  await changeUser(context, userId, async (transaction, user) => {
    if (user.is_active) return;
    // What was opened before and not yet heard of the end must not come to life again.
    await transaction.rows.remove('tokens', { user_id: userId });
    await transaction.rows.update('users', { id: userId }, { is_active: true, deactivated_at_ms: null });
    await transaction.audit(actor, userEvent('user.reactivate', user, {}));
  });
  return getUser(context, userId);
}

/** Gives a user quotas of their own, or the server's again. @throws ApiError `not_found` */
export async function setQuotas(
  context: AdministrationContext,
  actor: Actor,
  userId: number,
  changes: RequestBody<'adminSetQuotas'>,
): Promise<UserDetails> {
  const own = (value: number | null | 'default'): number | null =>
    value === 'default' ? null : value === null ? noQuota : value;
  await changeUser(context, userId, async (transaction, user) => {
    await transaction.rows.update(
      'users',
      { id: userId },
      {
        ...(changes.disk_space !== undefined && { max_disk_space_bytes: own(changes.disk_space) }),
        ...(changes.core_hours !== undefined && { max_core_hours: own(changes.core_hours) }),
        ...(changes.active_jobs !== undefined && { max_active_jobs: own(changes.active_jobs) }),
        ...(changes.workspaces !== undefined && { max_workspaces: own(changes.workspaces) }),
      },
    );
    await transaction.audit(actor, userEvent('user.quotas', user, { ...changes }));
  });
  return getUser(context, userId);
}

/** Makes an administrator, or an ordinary user. @throws ApiError `not_found`; `conflict` for the actor themselves. */
export async function setRole(
  context: AdministrationContext,
  actor: Actor,
  userId: number,
  role: UserRow['role'],
): Promise<UserDetails> {
  if (actor.userId === userId && role !== 'administrator') {
    const message = 'You cannot take the role from yourself. Ask another administrator.';
    throw new ApiError('conflict', message, { field: 'role' });
  }
  await changeUser(context, userId, async (transaction, user) => {
    if (user.role === role) return;
    await transaction.rows.update('users', { id: userId }, { role });
    await transaction.audit(actor, userEvent('user.role', user, { role }));
  });
  return getUser(context, userId);
}

/**
 * Changes the e-mail that the user signs in with; tokens stay good.
 *
 * @throws ApiError `not_found`; `invalid_field` for what the sign-in takes for no address; `conflict` when another user has it.
 */
export async function setEmail(
  context: AdministrationContext,
  actor: Actor,
  userId: number,
  email: string,
): Promise<UserDetails> {
  expectIdentity(context, { email });
  await changeUser(context, userId, async (transaction, user) => {
    if (user.email === email) return;
    await expectFreeEmail(transaction.rows, userId, email);
    const { username, first_name: firstName, last_name: lastName } = user;
    const search_text = searchTextOf({ username, email, firstName, lastName });
    await transaction.rows.update('users', { id: userId }, { email, search_text });
    await transaction.audit(actor, userEvent('user.email', user, { email, former_email: user.email }));
  });
  return getUser(context, userId);
}

/** A mistaken address must not be somebody else's, who would get mail about shares that is not for them. */
async function expectFreeEmail(rows: DatabaseReader, userId: number, email: string): Promise<void> {
  const wanted = email.toLowerCase();
  const similar = await rows.find('users', {
    where: { id: { not: userId }, search_text: { contains: `\n${wanted}` } },
  });
  const other = similar.find((row) => row.email.toLowerCase() === wanted);
  if (!other) return;
  throw new ApiError('conflict', `The user ${other.username} (id ${other.id}) has the e-mail ${email} already.`, {
    field: 'email',
  });
}

/**
 * Removes a user who has nothing yet, such as one whose name was mistyped: then the name is free again, and where only the first user may sign in the next one is the first.
 *
 * @throws ApiError `not_found`; `conflict` for a user with workspaces, jobs or shares, and for the actor themselves.
 */
export async function removeUser(context: AdministrationContext, actor: Actor, userId: number): Promise<UserDetails> {
  if (actor.userId === userId) {
    throw new ApiError('conflict', 'You cannot remove yourself. Ask another administrator.', { field: 'user_id' });
  }
  const removed = await getUser(context, userId);
  await changeUser(context, userId, async (transaction, user) => {
    const { rows } = transaction;
    const belongings = await Promise.all([
      rows.count('workspaces', { user_id: userId }),
      rows.count('jobs', { user_id: userId }),
      rows.count('shares', { sender_user_id: userId }),
      rows.count('shares', { receiver_user_id: userId }),
    ]);
    if (belongings.some((count) => count > 0)) {
      const message = `The user ${user.username} has workspaces, jobs or shares and cannot be removed. A deactivated user is kept out, too.`;
      throw new ApiError('conflict', message, { field: 'user_id' });
    }
    await rows.remove('tokens', { user_id: userId });
    await rows.remove('events', { user_id: userId });
    await rows.remove('users', { id: userId });
    await transaction.audit(actor, userEvent('user.delete', user, { email: user.email }));
  });
  return removed;
}

async function changeUser(
  context: AdministrationContext,
  userId: number,
  change: (transaction: RecordTransaction, user: UserRow) => Promise<void>,
): Promise<void> {
  await retryStale(() =>
    context.journal.transaction(async (transaction) => {
      const user = await transaction.rows.lock('users', userId);
      if (!user) throw notFound('User', userId);
      await change(transaction, user);
    }),
  );
}

/** The name tells more than the id to whoever reads the log later. */
function userEvent(
  action: AuditEvent['action'],
  { id, username }: UserRow,
  details: NonNullable<AuditEvent['details']>,
): AuditEvent {
  return { action, subject: { kind: 'user', id }, details: { username, ...details } };
}
