import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { AdapterError, type ApiClient, type TokenRow } from '@user-workspaces/contract';
import type { Schema } from '@user-workspaces/schema';
import { ApiError } from '../http/api-error.js';
import type { Caller } from '../http/handler.js';
import { type Actor, actorOf, noOrigin, type Origin, serverActor } from '../records/audit.js';
import type { ServerContext } from '../server-context.js';
import { isoTime, isoTimeOrNull } from '../views/time.js';
import { admitOnlyFirstUser } from './only-user.js';

const challenge = { 'WWW-Authenticate': 'Token' } as const;

/** How far behind the shown time of a token's last use may be: one write a minute is enough. */
const lastUsedPrecisionMs = 60_000;

/** What is kept of a token. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** The word after `Token` or `Bearer`, `undefined` without credentials. @throws ApiError `not_authenticated` for anything else. */
export function tokenOfHeaders(headers: IncomingHttpHeaders): string | undefined {
  const own = headers['uws-authorization'];
  const header = typeof own === 'string' ? own : headers.authorization;
  if (header === undefined) return undefined;
  const [scheme = '', token, ...rest] = header.split(' ');
  const isKnown = /^(token|bearer)$/i.test(scheme);
  // A reverse proxy's own sign-in may use Authorization with other schemes: not meant for us.
  if (!isKnown && own === undefined) return undefined;
  if (!isKnown || !token || rest.length > 0) {
    throw new ApiError('not_authenticated', 'Invalid auth header format.', { headers: challenge });
  }
  return token;
}

/** Who a token belongs to. @throws ApiError `invalid_token` when it is unknown, expired or revoked, or its user deactivated, `permission_denied` for all but an only user. */
export async function callerOfToken(context: ServerContext, token: string, origin = noOrigin): Promise<Caller> {
  const nowMs = context.clock.now();
  const row = await context.database.findOne('tokens', { token_hash: hashToken(token), expires_at_ms: { gt: nowMs } });
  const user = row && (await context.database.findOne('users', { id: row.user_id, is_active: true }));
  if (!row || !user) throw new ApiError('invalid_token', 'Invalid token provided.', { headers: challenge });
  await admitOnlyFirstUser(context, context.database, user);
  if ((row.last_used_at_ms ?? 0) < nowMs - lastUsedPrecisionMs) {
    await context.database.transaction((rows) => rows.update('tokens', { id: row.id }, { last_used_at_ms: nowMs }));
  }
  return { user, tokenId: row.id, origin };
}

/** Who sends these headers, `undefined` for nobody. @throws ApiError for credentials that are wrong. */
export async function authenticate(
  context: ServerContext,
  headers: IncomingHttpHeaders,
  origin?: Origin,
): Promise<Caller | undefined> {
  const token = tokenOfHeaders(headers);
  return token === undefined ? undefined : callerOfToken(context, token, origin);
}

/** The error for a call that needs credentials and has none. */
export function notAuthenticated(): ApiError {
  return new ApiError('not_authenticated', 'Authentication credentials were not provided.', { headers: challenge });
}

/**
 * Makes a token; its value is known only to the caller.
 *
 * @param portal The one that vouches for the user, where one does.
 * @throws ApiError `sign_in_failed` when the user was deactivated meanwhile.
 */
export async function issueToken(
  context: ServerContext,
  userId: number,
  name: string,
  actor: Actor,
  portal?: ApiClient,
): Promise<{ id: number; token: string; expiresAtMs: number }> {
  const nowMs = context.clock.now();
  const token = `uws_${Buffer.from(context.clock.random(32)).toString('base64url')}`;
  const expiresAtMs = nowMs + context.settings.tokenLifetimeMs;
  const id = await context.journal.transaction(async (transaction) => {
    const user = await transaction.rows.lock('users', userId);
    if (!user?.is_active) throw signInFailed();
    const row = await transaction.rows.insert('tokens', {
      user_id: userId,
      name,
      client_id: portal?.id ?? null,
      token_hash: hashToken(token),
      created_at_ms: nowMs,
      expires_at_ms: expiresAtMs,
      last_used_at_ms: null,
    });
    const action = actor.kind === 'server' ? 'token.create' : 'sign_in';
    await transaction.audit(actor, {
      action,
      subject: { kind: 'user', id: userId },
      details: {
        username: user.username,
        token_id: row.id,
        name,
        ...(portal && { portal: portal.name, client_id: portal.id }),
      },
    });
    return row.id;
  });
  return { id, token, expiresAtMs };
}

/** The error of every sign-in that is refused: it does not tell why. */
export function signInFailed(): ApiError {
  return new ApiError('sign_in_failed', 'Incorrect authentication credentials.', { headers: challenge });
}

/** The portal of a client token. */
export async function findApiClient(context: ServerContext, clientToken: string): Promise<ApiClient | undefined> {
  const row = await context.database.findOne('api_clients', { token_hash: hashToken(clientToken) });
  return row && { id: row.id, name: row.name };
}

/**
 * Gives a portal its client token; a former one of the configuration stops working.
 *
 * @throws AdapterError `misconfigured` when an administrator made a portal of this name, whose token would silently stop working.
 */
export async function setApiClient(context: ServerContext, name: string, clientToken: string): Promise<void> {
  const token_hash = hashToken(clientToken);
  const set = (): Promise<void> =>
    context.journal.transaction(async (transaction) => {
      const { rows, nowMs } = transaction;
      const found = await rows.findOne('api_clients', { name });
      const present = found && (await rows.lock('api_clients', found.id));
      if (present && !present.is_configured) throw madeByAdministrator(name);
      if (present?.token_hash === token_hash) return;
      if (present) await rows.update('api_clients', { id: present.id }, { token_hash });
      const { id } =
        present ?? (await rows.insert('api_clients', { name, token_hash, is_configured: true, created_at_ms: nowMs }));
      const action = present ? 'client.rotate' : 'client.create';
      await transaction.audit(serverActor, { action, subject: { kind: 'client', id }, details: { name } });
    });
  try {
    await set();
  } catch (error) {
    if (!AdapterError.is(error, 'conflict')) throw error;
    // Another replica started at the same moment, and its row is there now.
    await set();
  }
}

function madeByAdministrator(name: string): AdapterError {
  const message = `An administrator made a portal "${name}", and the configuration gives a portal of this name its client token: the administrator's would stop working. Remove that portal ("uws admin clients remove ${name}"), make it again under another name, and start the server again.`;
  return new AdapterError('misconfigured', message, { field: 'client_token' });
}

function viewToken(row: TokenRow, currentId: number): Schema<'Token'> {
  return {
    id: row.id,
    name: row.name,
    datetime_created: isoTime(row.created_at_ms),
    datetime_expires: isoTime(row.expires_at_ms),
    datetime_last_used: isoTimeOrNull(row.last_used_at_ms),
    is_current: row.id === currentId,
  };
}

/** The caller's living tokens. */
export async function listTokens(context: ServerContext, caller: Caller): Promise<Schema<'Token'>[]> {
  const rows = await context.database.find('tokens', {
    where: { user_id: caller.user.id, expires_at_ms: { gt: context.clock.now() } },
  });
  return rows.map((row) => viewToken(row, caller.tokenId));
}

/** Revokes one of the caller's tokens, at once, and gives its id. @throws ApiError `not_found`. */
export async function revokeToken(context: ServerContext, caller: Caller, tokenId: string): Promise<number> {
  const id = tokenId === 'current' ? caller.tokenId : Number(tokenId);
  await context.journal.transaction(async (transaction) => {
    const removed = await transaction.rows.remove('tokens', { id, user_id: caller.user.id });
    if (removed === 0) throw new ApiError('not_found', `Token ${tokenId} not found for user.`);
    await transaction.audit(actorOf(caller), { action: 'token.revoke', subject: { kind: 'token', id } });
  });
  return id;
}
