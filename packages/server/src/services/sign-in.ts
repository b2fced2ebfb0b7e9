import type { IncomingHttpHeaders } from 'node:http';
import type { Answer } from '@user-workspaces/schema';
import { ApiError } from '../http/api-error.js';
import type { ServerContext } from '../server-context.js';
import { isoTime } from '../views/time.js';
import { findApiClient, issueToken } from './tokens.js';
import { userOfIdentity } from './users.js';

/** Signs somebody in through the authentication adapter; a new sign-in leaves older tokens alone. */
export async function callerSignIn(
  context: ServerContext,
  body: Readonly<Record<string, unknown>>,
  headers: IncomingHttpHeaders,
  signal: AbortSignal,
): Promise<Answer<'createToken'>> {
  const result = await context.authentication.signIn(body, {
    findApiClient: (clientToken) => findApiClient(context, clientToken),
    headers,
    signal,
  });
  switch (result.kind) {
    case 'identity': {
      const user = await userOfIdentity(context, result.identity);
      const { token, expiresAtMs } = await issueToken(context, user.id, 'sign-in');
      return { success: true, message: 'Successful authentication.', token, datetime_expires: isoTime(expiresAtMs) };
    }
    case 'continue':
      return { success: true, message: 'Continue the sign-in.', data: { ...result.data } };
    case 'incomplete':
      throw new ApiError('missing_field', result.message, { field: result.field });
    case 'refused':
      context.log.info({ reason: result.message }, 'sign-in refused');
      throw new ApiError('sign_in_failed', 'Incorrect authentication credentials.', {
        headers: { 'WWW-Authenticate': 'Token' },
      });
  }
}
