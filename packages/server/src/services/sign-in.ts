import type { IncomingHttpHeaders } from 'node:http';
import type { ApiClient, JsonObject } from '@user-workspaces/contract';
import type { Answer } from '@user-workspaces/schema';
import { ApiError } from '../http/api-error.js';
import { actorOf, nobody, type Origin, serverActor } from '../records/audit.js';
import type { ServerContext } from '../server-context.js';
import { isoTime } from '../views/time.js';
import { findApiClient, issueToken, signInFailed } from './tokens.js';
import { userOfIdentity } from './users.js';

/** Signs somebody in through the authentication adapter; a new sign-in leaves older tokens alone. */
export async function callerSignIn(
  context: ServerContext,
  body: Readonly<Record<string, unknown>>,
  headers: IncomingHttpHeaders,
  origin: Origin,
  signal: AbortSignal,
): Promise<Answer<'createToken'>> {
  /** Who vouched for the user: after a leak of its client token this tells what was done with it. */
  let portal: (ApiClient & { readonly clientToken: string }) | undefined;
  const refused = async (details: JsonObject): Promise<void> => {
    context.metrics.signInRefused();
    await context.refusals.record(nobody(origin), {
      action: 'sign_in',
      details: { ...details, ...(portal && { portal: portal.name }) },
    });
  };
  const result = await context.authentication.signIn(body, {
    findApiClient: async (clientToken) => {
      const client = await findApiClient(context, clientToken);
      if (client) portal = { ...client, clientToken };
      return client;
    },
    headers,
    signal,
  });
  switch (result.kind) {
    case 'identity': {
      const { username } = result.identity;
      try {
        const user = await userOfIdentity(context, result.identity);
        const actor = actorOf({ user, origin });
        const { id, token, expiresAtMs } = await issueToken(context, user.id, 'sign-in', actor, portal);
        // Refused meanwhile: whoever then revoked what the portal had signed in may have done so before this token was there.
        if (portal && (await findApiClient(context, portal.clientToken))?.id !== portal.id) {
          await withdraw(context, id);
          throw signInFailed();
        }
        return {
          success: true,
          message: 'Successful authentication.',
          token,
          datetime_expires: isoTime(expiresAtMs),
        };
      } catch (error) {
        // Whom the authentication vouches for and the server still does not let in: known under another e-mail, deactivated, not the first.
        if (error instanceof ApiError && error.status < 500) await refused({ username, reason: error.code });
        throw error;
      }
    }
    case 'continue':
      return { success: true, message: 'Continue the sign-in.', data: { ...result.data } };
    case 'incomplete':
      throw new ApiError('missing_field', result.message, { field: result.field });
    case 'refused':
      context.log.info({ reason: result.message }, 'sign-in refused');
      await refused({ reason: result.message });
      throw signInFailed();
  }
}

/** Takes back a token that nobody was told. */
async function withdraw(context: ServerContext, tokenId: number): Promise<void> {
  await context.journal.transaction(async (transaction) => {
    if ((await transaction.rows.remove('tokens', { id: tokenId })) === 0) return;
    await transaction.audit(serverActor, { action: 'token.revoke', subject: { kind: 'token', id: tokenId } });
  });
}
