import { AdapterError } from '@user-workspaces/contract';
import type { QueryParameters, Schema } from '@user-workspaces/schema';
import { ApiError } from '../../http/api-error.js';
import { readPage } from '../../http/pagination.js';
import type { Actor } from '../../records/audit.js';
import { viewClient, viewUserToken } from '../../views/administration.js';
import { hashToken } from '../tokens.js';
import { type AdministrationContext, notFound, paged } from './context.js';

/** A user's living tokens. @throws ApiError `not_found` */
export async function listUserTokens(
  context: AdministrationContext,
  userId: number,
): Promise<Schema<'AdminTokensAnswer'>['data']> {
  if ((await context.database.count('users', { id: userId })) === 0) throw notFound('User', userId);
  const where = { user_id: userId, expires_at_ms: { gt: context.clock.now() } };
  return { tokens: (await context.database.find('tokens', { where })).map(viewUserToken) };
}

/**
 * Revokes one or all tokens of a user, and gives their ids.
 *
 * @throws ApiError `not_found`
 */
export async function revokeUserTokens(
  context: AdministrationContext,
  actor: Actor,
  userId: number,
  tokenId: number | 'all',
): Promise<number[]> {
  return context.journal.transaction(async (transaction) => {
    if ((await transaction.rows.count('users', { id: userId })) === 0) throw notFound('User', userId);
    const where = { user_id: userId, ...(tokenId !== 'all' && { id: tokenId }) };
    const ids = (await transaction.rows.find('tokens', { where })).map(({ id }) => id);
    if (ids.length === 0 && tokenId !== 'all') throw notFound('Token', tokenId);
    await transaction.rows.remove('tokens', where);
    for (const id of ids) {
      await transaction.audit(actor, {
        action: 'token.revoke',
        subject: { kind: 'token', id },
        details: { user_id: userId },
      });
    }
    return ids;
  });
}

/** Portals, a page at a time. */
export async function listClients(
  context: AdministrationContext,
  query: QueryParameters<'adminListClients'>,
): Promise<Schema<'ClientsAnswer'>['data']> {
  const { rows, next } = await readPage(context.limits, paged(query), (part) =>
    context.database.find('api_clients', part),
  );
  return { clients: rows.map(viewClient), ...next };
}

/** The portal of this name, or of an id as the audit log shows it, such as `client:2`, also of one that was removed. @throws ApiError `not_found` */
export async function findClientId(context: AdministrationContext, name: string): Promise<number> {
  const row = await context.database.findOne('api_clients', { name });
  if (row) return row.id;
  const id = /^client:([1-9]\d{0,14})$/.exec(name)?.[1];
  if (id === undefined) throw notFound('Portal', name);
  return Number(id);
}

/** Lets a portal sign its users in. Its token is in the answer and nowhere else. @throws ApiError `conflict` when the name is taken. */
export async function createClient(
  context: AdministrationContext,
  actor: Actor,
  name: string,
): Promise<Schema<'ClientTokenAnswer'>['data']> {
  const clientToken = newClientToken(context);
  try {
    const row = await context.journal.transaction(async (transaction) => {
      const inserted = await transaction.rows.insert('api_clients', {
        name,
        token_hash: hashToken(clientToken),
        is_configured: false,
        created_at_ms: transaction.nowMs,
      });
      const subject = { kind: 'client', id: inserted.id } as const;
      await transaction.audit(actor, { action: 'client.create', subject, details: { name } });
      return inserted;
    });
    return { client: viewClient(row), client_token: clientToken };
  } catch (error) {
    if (!AdapterError.is(error, 'conflict')) throw error;
    throw new ApiError('conflict', `There is a portal ${name} already.`, { field: 'name', cause: error });
  }
}

/** Gives a portal a new token; the former one stops working. @throws ApiError `not_found`, `conflict` for the configured one. */
export async function rotateClient(
  context: AdministrationContext,
  actor: Actor,
  clientId: number,
): Promise<Schema<'ClientTokenAnswer'>['data']> {
  const clientToken = newClientToken(context);
  const row = await context.journal.transaction(async (transaction) => {
    const present = await transaction.rows.lock('api_clients', clientId);
    if (!present) throw notFound('Portal', clientId);
    if (present.is_configured) throw configured(present.name);
    await transaction.rows.update('api_clients', { id: clientId }, { token_hash: hashToken(clientToken) });
    const subject = { kind: 'client', id: clientId } as const;
    await transaction.audit(actor, { action: 'client.rotate', subject, details: { name: present.name } });
    return present;
  });
  return { client: viewClient(row), client_token: clientToken };
}

/** Refuses a portal from now on; the tokens of its users stay good. @throws ApiError `not_found`, `conflict` for the configured one. */
export async function deleteClient(context: AdministrationContext, actor: Actor, clientId: number): Promise<void> {
  await context.journal.transaction(async (transaction) => {
    const present = await transaction.rows.lock('api_clients', clientId);
    if (!present) throw notFound('Portal', clientId);
    if (present.is_configured) throw configured(present.name);
    await transaction.rows.remove('api_clients', { id: clientId });
    const subject = { kind: 'client', id: clientId } as const;
    await transaction.audit(actor, { action: 'client.delete', subject, details: { name: present.name } });
  });
}

function configured(name: string): ApiError {
  return new ApiError(
    'conflict',
    `The token of the portal ${name} comes from the configuration at every start. Change client_token (UWS_CLIENT_TOKEN, or the file client-token in the data directory) and start the server again.`,
  );
}

function newClientToken(context: AdministrationContext): string {
  return Buffer.from(context.clock.random(32)).toString('base64url');
}
