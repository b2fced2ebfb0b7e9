import type { Identity } from './account.js';
import type { Health } from './health.js';

/** The trusted portal that a client token belongs to. */
export interface ApiClient {
  readonly id: number;
  readonly name: string;
}

/** What the server lends to an authentication adapter for one sign-in. */
export interface SignInContext {
  /**
   * Finds the portal that owns a client token; `undefined` for any other string. Tokens are kept hashed, so this is the
   * only way to check one.
   */
  findApiClient(clientToken: string): Promise<ApiClient | undefined>;
  /**
   * Headers of the request, names in lower case. Trust one only if the operator's reverse proxy sets it. One that came several times may be a list:
   * take none of them, since one may be the client's.
   */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly signal: AbortSignal;
}

/** How a sign-in ended. */
export type SignInResult =
  /** The caller is this person. */
  | { readonly kind: 'identity'; readonly identity: Identity }
  /** The browser must go elsewhere first; answered as `data`, word for word. */
  | { readonly kind: 'continue'; readonly data: Readonly<Record<string, unknown>> }
  /** The request lacks something; the message is answered with status 400. */
  | { readonly kind: 'incomplete'; readonly message: string; readonly field: string }
  /** The credentials are wrong; answered with status 401. The message is for the log, never for the caller. */
  | { readonly kind: 'refused'; readonly message: string };

/** What an identity has that keeps it from signing in. */
export interface IdentityProblem {
  /** As the API calls it. */
  readonly field: 'username' | 'email' | 'first_name' | 'last_name';
  /** A sentence that says what is allowed. */
  readonly message: string;
}

/**
 * Finds out who signs in. The adapter sees the body of `POST /tokens/` as it came and never learns about tokens of the
 * server: those are made, hashed, and checked by the server alone.
 *
 * Guarantees the server relies on: an identity is returned only for somebody whom the adapter has authenticated in this
 * very call; a failure of the system behind it is an `unavailable` error and never an identity or a refusal; what proves who calls is in no message,
 * no details and no health; a signal that is aborted, also midway, ends the call with its reason.
 */
export interface Authentication {
  readonly name: string;
  /** @throws AdapterError `unavailable` when the identity provider cannot be asked. */
  signIn(body: Readonly<Record<string, unknown>>, context: SignInContext): Promise<SignInResult>;
  /**
   * What keeps an identity from ever being returned by {@link signIn}, such as characters that no user name has here: asked before an administrator makes a user or changes an e-mail, since
   * nobody could sign in as one that breaks the rules. Only what is given is looked at. Without it everything passes that the database can keep.
   */
  checkIdentity?(identity: Partial<Identity>): IdentityProblem | undefined;
  check(signal?: AbortSignal): Promise<Health>;
}
