import type { Authentication, Identity } from '@user-workspaces/contract';
import type { World } from '../../guarantee.js';

/** What a way of signing in may lack. */
export type AuthenticationCapability = 'cut_off';

/** A sign-in as it comes from outside. */
export interface SignIn {
  readonly body: Readonly<Record<string, unknown>>;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * A way of signing in, with somebody who can and attempts that must fail.
 *
 * @example
 * const open = async (): Promise<AuthenticationWorld> => ({
 *   authentication: createLocalAuthentication({ name: 'portal' }),
 *   clientToken: 'good-token',
 *   signIn: { body: { client_token: 'good-token', user_info: { username: 'ada', email: 'ada@x.org' } } },
 *   identity: { username: 'ada', email: 'ada@x.org', firstName: '', lastName: '' },
 *   credentials: ['body.client_token'],
 *   failures: [{ body: { client_token: 'good-token' }, kind: 'incomplete' }],
 *   close: async () => {},
 * });
 */
export interface AuthenticationWorld extends World {
  readonly authentication: Authentication;
  /** The one client token that belongs to a portal. */
  readonly clientToken?: string;
  /** A sign-in that succeeds. */
  readonly signIn: SignIn;
  /** Whom it gives. */
  readonly identity: Identity;
  /** Where in `signIn` the texts are that prove who calls, such as `body.client_token` or `headers.x-remote-user`. */
  readonly credentials: readonly string[];
  /** Sign-ins that fail, and how. */
  readonly failures: readonly (SignIn & { readonly kind: 'incomplete' | 'refused' })[];
  /** Capability `cut_off`: makes the system behind it unreachable; what it returns brings it back. */
  cutOff?(): Promise<() => Promise<void>>;
}
