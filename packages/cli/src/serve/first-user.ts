import { type AccountMapping, AdapterError, type Identity } from '@user-workspaces/contract';
import { ApiError, type UserWorkspacesServer } from '@user-workspaces/server';
import type { Configuration } from '../configuration/configuration.js';

/** The sign-in link for the first user, or why there is none. */
export type SignInLink =
  | { readonly kind: 'link'; readonly url: string; readonly username: string; readonly expiresAtMs: number }
  | { readonly kind: 'none'; readonly reason: string };

/**
 * Makes a sign-in link. The page at the address takes the token out of the fragment, which browsers send to no server.
 *
 * @param publicUrl Without a trailing slash.
 */
export async function makeSignInLink(
  server: Pick<UserWorkspacesServer, 'issueToken'>,
  accounts: AccountMapping,
  configuration: Configuration,
  publicUrl: string,
): Promise<SignInLink> {
  if (!configuration.sign_in_link) {
    return { kind: 'none', reason: 'users sign in through the portal; UWS_SIGN_IN_LINK=true prints a link' };
  }
  const { first_user: username, first_user_email: email } = configuration;
  const identity: Identity = { username, email, firstName: '', lastName: '' };
  try {
    await accounts.resolve(identity);
    const { token, expiresAtMs } = await server.issueToken(identity, 'sign-in link');
    return { kind: 'link', url: `${publicUrl}/#token=${token}`, username, expiresAtMs };
  } catch (error) {
    // The server is of use without this user: the portal's users sign in by themselves.
    if (AdapterError.is(error) && error.kind === 'unavailable') throw error;
    if (!AdapterError.is(error) && !(error instanceof ApiError)) throw error;
    const advice = error instanceof ApiError ? ` ${adviceOn(error, email)}` : '';
    return { kind: 'none', reason: `not for first_user "${username}" (UWS_FIRST_USER): ${error.message}${advice}` };
  }
}

/** The API does not tell a stranger more; whoever starts the server may know. */
function adviceOn({ code }: ApiError, email: string): string {
  if (code === 'sign_in_failed') {
    return `The user is known under another e-mail than ${email}, or deactivated ("uws admin users list" shows which): set UWS_FIRST_USER_EMAIL, or change it with "uws admin users set-email".`;
  }
  return '"uws admin users list" shows the first user: name that one in UWS_FIRST_USER and UWS_FIRST_USER_EMAIL, or take the place with "uws admin users remove" while that user has no workspaces.';
}
