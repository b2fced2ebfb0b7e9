import { type AuditEntryRow, unknownClientId } from '@user-workspaces/contract';
import type { Schema } from '@user-workspaces/schema';
import type { Actor, AuditEvent } from '../../records/audit.js';
import { timeOf } from './audit-log.js';
import { type AdministrationContext, notFound } from './context.js';

/** So many tokens, jobs or entries are looked at in one go. */
const batchSize = 500;

/** What has ended: tokens, and of users the tickets and cookies of before. */
export interface EndedSignIns {
  readonly tokenIds: readonly number[];
  readonly userIds: readonly number[];
}

interface Portal {
  readonly id: number;
  /** `undefined` once it was removed. */
  readonly name: string | undefined;
}

/**
 * Revokes all tokens that a portal has signed in, in batches, and ends the ways into sessions of the users whom it has signed in at any time: a cookie outlives its token. Users without a
 * job have none. Again, it goes on where it was interrupted. Portals that were removed are known by their id.
 *
 * @param since Only what was signed in not before this time.
 * @param ended Told of each batch once it is on disk, and waited for.
 * @throws ApiError `not_found`; `invalid_field` for what is no time.
 */
export async function revokeSignIns(
  context: AdministrationContext,
  actor: Actor,
  clientId: number,
  since: string | undefined,
  ended: (batch: EndedSignIns) => void | Promise<void> = () => undefined,
): Promise<Schema<'RevokedSignInsAnswer'>['data']> {
  const sinceMs = timeOf(since, 'since') ?? 0;
  const portal = await findPortal(context, clientId);
  const event = (details: NonNullable<AuditEvent['details']>): AuditEvent => ({
    action: 'client.revoke_sign_ins',
    subject: { kind: 'client', id: clientId },
    details: {
      ...(portal.name !== undefined && { name: portal.name }),
      ...(since !== undefined && { since }),
      ...details,
    },
  });
  const userIds = new Set<number>();
  let revoked = 0;
  for (let after = 0, isLast = false; !isLast; ) {
    const batch = await context.journal.transaction(async (transaction) => {
      const { rows } = transaction;
      const where = { client_id: clientId, created_at_ms: { gte: sinceMs }, id: { gt: after } };
      const tokens = await rows.find('tokens', { where, limit: batchSize });
      const count = tokens.length === 0 ? 0 : await rows.remove('tokens', { id: { in: tokens.map(({ id }) => id) } });
      // That nothing was found is told, too.
      if (count > 0 || after === 0) await transaction.audit(actor, event({ revoked: count }));
      return { tokens, count };
    });
    revoked += batch.count;
    for (const token of batch.tokens) userIds.add(token.user_id);
    await ended({ tokenIds: batch.tokens.map(({ id }) => id), userIds: [] });
    after = batch.tokens.at(-1)?.id ?? after;
    isLast = batch.tokens.length < batchSize;
  }
  // After the tokens, or one of them could get a ticket that counts again.
  for await (const ids of usersWithJobs(context, portal, sinceMs, userIds)) {
    await context.journal.transaction(async (transaction) => {
      for (const id of ids) await transaction.rows.increment('users', id, 'session_epoch', 1);
      await transaction.audit(actor, event({ sessions_of: ids }));
    });
    await ended({ tokenIds: [], userIds: ids });
  }
  const undetermined = await context.database.count('tokens', {
    client_id: unknownClientId,
    name: 'sign-in',
    created_at_ms: { gte: sinceMs },
    expires_at_ms: { gt: context.clock.now() },
  });
  return { revoked, users: userIds.size, undetermined };
}

async function findPortal({ database }: AdministrationContext, id: number): Promise<Portal> {
  const present = await database.findOne('api_clients', { id });
  if (present) return present;
  const removed = { action: 'client.delete', subject_kind: 'client', subject_id: id } as const;
  const isKnown =
    (await database.findOne('audit_entries', removed)) ??
    (id === unknownClientId ? undefined : await database.findOne('tokens', { client_id: id }));
  if (!isKnown) throw notFound('Portal', id);
  return { id, name: undefined };
}

/** Of the users with jobs that have not ended those whom the portal has signed in, as their tokens told or as the audit log does; ids in batches. */
async function* usersWithJobs(
  { database }: AdministrationContext,
  portal: Portal,
  sinceMs: number,
  known: ReadonlySet<number>,
): AsyncGenerator<number[]> {
  const seen = new Set<number>();
  for (let after = 0, isLast = false; !isLast; ) {
    const where = { status: { in: ['pending', 'running', 'stopping'] as const }, id: { gt: after } };
    const jobs = await database.find('jobs', { where, limit: batchSize });
    const userIds = [...new Set(jobs.map((job) => job.user_id))].filter((id) => !seen.has(id));
    for (const id of userIds) seen.add(id);
    const signedIn = new Set(userIds.filter((id) => known.has(id)));
    const others = new Set(userIds.filter((id) => !known.has(id)));
    for (let entry = 0, areAll = false; others.size > 0 && !areAll; ) {
      const entries = await database.find('audit_entries', {
        where: {
          action: 'sign_in',
          outcome: 'done',
          actor_user_id: { in: [...others] },
          created_at_ms: { gte: sinceMs },
          id: { gt: entry },
        },
        limit: batchSize,
      });
      for (const { actor_user_id } of entries.filter((found) => isBy(portal, found))) {
        if (actor_user_id !== null && others.delete(actor_user_id)) signedIn.add(actor_user_id);
      }
      entry = entries.at(-1)?.id ?? entry;
      areAll = entries.length < batchSize;
    }
    if (signedIn.size > 0) yield [...signedIn];
    after = jobs.at(-1)?.id ?? after;
    isLast = jobs.length < batchSize;
  }
}

/** Earlier entries have the portal's name alone. */
function isBy(portal: Portal, { details }: AuditEntryRow): boolean {
  return details.client_id === undefined
    ? details.portal === portal.name && portal.name !== undefined
    : details.client_id === portal.id;
}
