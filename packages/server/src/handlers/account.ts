import type { IncomingMessage } from 'node:http';
import { ApiError } from '../http/api-error.js';
import type { Handlers } from '../http/handler.js';
import type { ServerContext } from '../server-context.js';
import { quotaLimits, quotaUse } from '../services/quotas.js';
import { callerSignIn } from '../services/sign-in.js';
import { findApiClient, listTokens, revokeToken } from '../services/tokens.js';
import { accountOfUser, searchUsers } from '../services/users.js';
import { viewQuotas } from '../views/quotas.js';

type AccountOperations = 'createToken' | 'getMe' | 'listTokens' | 'revokeToken' | 'searchUsers';

/**
 * Signing in, the caller, and other users.
 *
 * @param endToken Ends what a revoked token has opened, except the request that revokes it.
 */
export function accountHandlers(
  context: ServerContext,
  endToken: (tokenId: number, except: IncomingMessage) => void,
): Pick<Handlers, AccountOperations> {
  return {
    async createToken({ body, request, origin, signal }) {
      const proof = await body();
      return context.admission.signIn(
        request,
        () => callerSignIn(context, proof, request.headers, origin, signal),
        async () =>
          typeof proof.client_token === 'string' && (await findApiClient(context, proof.client_token)) !== undefined,
      );
    },
    async getMe({ caller: { user }, signal }) {
      const [account, used] = await Promise.all([
        accountOfUser(context, user, signal),
        quotaUse(context, context.database, user),
      ]);
      const { id, username, email, first_name, last_name, role, event_seq } = user;
      const names = { id, username, email, first_name, last_name, account: account.name };
      const quotas = viewQuotas(quotaLimits(context, user), used);
      return {
        message: 'Successful.',
        success: true,
        data: { user: { ...names, role, event_id: event_seq, quotas } },
      };
    },
    async listTokens({ caller }) {
      return { message: 'Successful.', success: true, data: { tokens: await listTokens(context, caller) } };
    },
    async revokeToken({ caller, path, request }) {
      endToken(await revokeToken(context, caller, path.token_id), request);
      return { message: 'Token revoked.', success: true };
    },
    async searchUsers({ caller, query }) {
      const after = query.cursor === undefined ? undefined : Number(query.cursor);
      if (after !== undefined && !Number.isSafeInteger(after)) {
        throw new ApiError('invalid_field', 'cursor: not a cursor of this list.', { field: 'cursor' });
      }
      const { limit } = query;
      const found = await searchUsers(context, caller.user, query.search ?? '', {
        ...(limit !== undefined && { limit: limit + 1 }),
        ...(after !== undefined && { after }),
      });
      const users = found.slice(0, limit);
      const last = users.at(-1);
      return {
        message: users.length > 0 ? 'Successful.' : 'Users matching given parameters could not be found.',
        success: true,
        data: {
          users: users.map(({ id, first_name, last_name, username, email }) => ({
            id,
            first_name,
            last_name,
            username,
            email,
          })),
          ...(found.length > users.length && last && { next_cursor: String(last.id) }),
        },
      };
    },
  };
}
