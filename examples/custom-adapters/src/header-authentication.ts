import type { Authentication } from '@user-workspaces/contract';

/**
 * Signs in whom the operator's reverse proxy has authenticated: it sets `X-Remote-User` and `X-Remote-Email` and removes what a client sent under
 * these names. Programs of a portal sign their users in with the portal's client token instead.
 */
export function createHeaderAuthentication(): Authentication {
  return {
    name: 'header',
    async signIn(body, { headers, findApiClient, signal }) {
      signal.throwIfAborted();
      const { 'x-remote-user': username, 'x-remote-email': email } = headers;
      // A header that comes twice is a list, and one that is empty names nobody: neither is what the proxy sets.
      const named = { username, email };
      if (isUser(named)) return { kind: 'identity', identity: { ...named, firstName: '', lastName: '' } };
      const { client_token: clientToken, user_info: user } = body;
      const isPortal = typeof clientToken === 'string' && (await findApiClient(clientToken)) !== undefined;
      // The look-up takes no signal, and the caller may have gone while it lasted.
      signal.throwIfAborted();
      if (isPortal && isUser(user)) {
        return {
          kind: 'identity',
          identity: { username: user.username, email: user.email, firstName: '', lastName: '' },
        };
      }
      return { kind: 'refused', message: 'Neither the headers of the reverse proxy nor the client token of a portal.' };
    },
    async check() {
      return { connected: true, message: 'Nothing is asked.' };
    },
  };
}

function isUser(value: unknown): value is { username: string; email: string } {
  if (typeof value !== 'object' || value === null || !('username' in value) || !('email' in value)) return false;
  return [value.username, value.email].every((text) => typeof text === 'string' && /^[\w.@-]{1,64}$/.test(text));
}
