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
    return { kind: 'none', reason: `not for first_user "${username}" (UWS_FIRST_USER): ${error.message}` };
  }
}
