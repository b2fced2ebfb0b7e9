import type { RequestBody } from '@user-workspaces/schema';
import { InvalidRequestError } from './errors.js';
import { Tokens, Users } from './resources/account.js';
import { Catalogue } from './resources/catalogue.js';
import { Events } from './resources/events.js';
import { Files } from './resources/files.js';
import { Jobs } from './resources/jobs.js';
import { Shares } from './resources/shares.js';
import { Workspaces } from './resources/workspaces.js';
import { type Me, type Status, toStatus } from './shapes.js';
import { type Logger, type RequestOptions, type TokenSource, Transport } from './transport/transport.js';

export interface UserWorkspacesOptions {
  /** Address of the server, with the prefix under which it is mounted; in browsers it may be relative to the page. */
  readonly baseUrl: string | URL;
  /** A token, or a function that gives the present one at every request. @default none; `signIn` sets it */
  readonly token?: TokenSource | undefined;
  /** Time for one attempt, in **milliseconds**; for streams until the answer begins. `Infinity`: none. @default 60_000 */
  readonly timeoutMs?: number | undefined;
  /** Further attempts after a failure that allows them. @default 2 */
  readonly retries?: number | undefined;
  /** What to use instead of the runtime's `fetch`. */
  readonly fetch?: typeof fetch | undefined;
  /** Where to tell of requests, retries and reconnections; `console` fits. @default nowhere */
  readonly logger?: Logger | undefined;
}

/** What a sign-in gave. */
export interface SignIn {
  /** The token, which the client now uses; null if the sign-in has a further step. */
  readonly token: string | null;
  /** When the token ends; null where the server does not tell. */
  readonly expiresAt: Date | null;
  /** What the server's way of signing in asks for next, such as an address to visit; null if nothing. */
  readonly data: Readonly<Record<string, unknown>> | null;
}

/** The transport of a client, for the parts of this package that are loaded apart. */
export let transportOf: (client: UserWorkspaces) => Transport;

/**
 * A client of one server for one user; cheap to make, with nothing to close. Everything it throws is a
 * `UserWorkspacesError`. Retries only what is safe to repeat, honours Retry-After, follows no redirect and sends no
 * token to calls that are open to all.
 *
 * @example
 * const client = new UserWorkspaces({ baseUrl: 'http://127.0.0.1:5050' });
 * await client.signIn({ client_token, user_info: { username: 'ada', email: 'ada@example.org' } });
 * const job = await client.workspaces.start(7, { job_type: 'jupyter_lab' });
 * const session = await client.jobs.waitUntilReady(job.id);
 */
export class UserWorkspaces {
  static {
    transportOf = (client) => client.#transport;
  }

  readonly workspaces: Workspaces;
  readonly jobs: Jobs;
  readonly files: Files;
  readonly shares: Shares;
  readonly tokens: Tokens;
  readonly users: Users;
  readonly events: Events;
  readonly catalogue: Catalogue;
  readonly #transport: Transport;

  /** @throws InvalidRequestError (`invalid_argument`) for an option that cannot be used */
  constructor(options: UserWorkspacesOptions) {
    const { timeoutMs = 60_000, retries = 2, fetch, logger, token } = options;
    if (!(timeoutMs > 0)) throw invalid('timeoutMs', 'must be a number of milliseconds above 0');
    if (!(retries >= 0)) throw invalid('retries', 'must be 0 or more');
    const transport = new Transport({ baseUrl: absolute(options.baseUrl), timeoutMs, retries, fetch, logger }, token);
    this.#transport = transport;
    this.workspaces = new Workspaces(transport);
    this.jobs = new Jobs(transport);
    this.files = new Files(transport);
    this.shares = new Shares(transport);
    this.tokens = new Tokens(transport);
    this.users = new Users(transport);
    this.events = new Events(transport);
    this.catalogue = new Catalogue(transport);
  }

  /**
   * Signs in and uses the token from then on. What to give depends on the server's way of signing in: local sign-in takes
   * a portal's `client_token` and `user_info`. Older tokens stay good.
   *
   * @throws AuthenticationError (`sign_in_failed`), InvalidRequestError for missing fields
   * @example
   * await client.signIn({ client_token, user_info: { username: 'ada', email: 'ada@example.org' } });
   */
  async signIn(credentials: RequestBody<'createToken'>, options?: RequestOptions): Promise<SignIn> {
    const answer = await this.#transport.call('createToken', { json: credentials ?? {} }, options);
    const { token = null, datetime_expires, data = null } = answer;
    if (token !== null) this.#transport.token = token;
    return { token, expiresAt: datetime_expires === undefined ? null : new Date(datetime_expires), data };
  }

  /**
   * Revokes the token in use and forgets it.
   *
   * @throws AuthenticationError if it was no longer good
   * @example
   * await client.signOut();
   */
  async signOut(options?: RequestOptions): Promise<void> {
    await this.tokens.revoke('current', options);
    this.#transport.token = undefined;
  }

  /**
   * The caller.
   *
   * @throws AuthenticationError
   * @example
   * const { username, event_id } = await client.me();
   */
  async me(options?: RequestOptions): Promise<Me> {
    return (await this.#transport.call('getMe', {}, options)).data.user;
  }

  /**
   * Version and build of the server, and the health of what it depends on; open to all.
   *
   * @throws ConnectionError, ServerError
   * @example
   * const { version, dependencies } = await client.status();
   */
  async status(options?: RequestOptions): Promise<Status> {
    return toStatus(await this.#transport.call('getStatus', {}, options));
  }
}

function absolute(baseUrl: string | URL): URL {
  try {
    const url = new URL(baseUrl, typeof location === 'undefined' ? undefined : location.href);
    url.search = '';
    url.hash = '';
    if (/^https?:$/.test(url.protocol)) return url;
  } catch {
    // Falls through to the error that says what to give.
  }
  throw invalid('baseUrl', `is "${String(baseUrl)}" and must be an http or https address`);
}

function invalid(field: string, what: string): InvalidRequestError {
  return new InvalidRequestError(`The client's ${field} ${what}.`, { code: 'invalid_argument', field });
}
