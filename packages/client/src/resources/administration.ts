import type { QueryParameters, RequestBody, Schema } from '@user-workspaces/schema';
import { administrationOperations } from '@user-workspaces/schema/administration';
import { transportOf, type UserWorkspaces } from '../client.js';
import { PagePromise } from '../pages.js';
import { type KeyedOptions, keyHeader } from '../transport/idempotency.js';
import { learnOperations } from '../transport/operations.js';
import type { RequestOptions, Transport } from '../transport/transport.js';

/** A user as administrators see it. */
export type AdminUser = Schema<'AdminUser'>;
/** A user with limits and use. */
export type UserDetails = Schema<'AdminUserAnswer'>['data'];
/** A job as administrators see it: what it takes, not what is in it. */
export type AdminJob = Schema<'AdminJob'>;
export type AdminWorkspace = Schema<'AdminWorkspace'>;
export type AdminToken = Schema<'AdminToken'>;
/** What a resource runs, or keeps, for no job. */
export type UnknownLaunch = Schema<'UnknownLaunch'>;
/** A portal that may sign its users in. */
export type Client = Schema<'Client'>;
export type AuditEntry = Schema<'AuditEntry'>;

type Filter<
  Id extends 'adminListUsers' | 'adminListClients' | 'adminListJobs' | 'adminListWorkspaces' | 'adminListAudit',
> = Omit<QueryParameters<Id>, 'cursor'>;

/**
 * What administrators may do beyond what every user may. Every call throws PermissionError for others.
 *
 * Lists give 100 rows unless `limit` says otherwise; `for await` gives all.
 */
export class Administration {
  readonly #transport: Transport;

  /** @internal */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * All users.
   *
   * @example
   * for await (const user of admin.users({ is_active: false })) console.log(user.username, user.datetime_deactivated);
   */
  users(filter: Filter<'adminListUsers'> = {}, options?: RequestOptions): PagePromise<AdminUser> {
    return new PagePromise(async (next) => {
      const { data } = await this.#transport.call('adminListUsers', { query: { ...filter, ...next } }, options);
      return [data.users, data];
    });
  }

  /** One user, with limits and use. @throws NotFoundError */
  async user(userId: number, options?: RequestOptions): Promise<UserDetails> {
    return (await this.#transport.call('adminGetUser', { path: { user_id: userId } }, options)).data;
  }

  /**
   * Makes a user before the first sign-in, with the name and e-mail that it will tell. Retried without making a second one.
   *
   * @throws InvalidRequestError for what nobody could sign in as; ConflictError when the name is taken
   * @example
   * const { user } = await admin.createUser({ username: 'ada', email: 'ada@example.org', role: 'administrator' });
   */
  async createUser(request: RequestBody<'adminCreateUser'>, options?: KeyedOptions): Promise<UserDetails> {
    const input = { json: request, headers: keyHeader(options) };
    return (await this.#transport.call('adminCreateUser', input, options)).data;
  }

  /**
   * Removes a user who has nothing yet, such as one made by mistake; what they have open ends at once.
   *
   * @throws NotFoundError; ConflictError for a user with workspaces, jobs or shares, and for the caller themselves
   */
  async deleteUser(userId: number, options?: RequestOptions): Promise<void> {
    await this.#transport.run('adminDeleteUser', { path: { user_id: userId } }, options);
  }

  /**
   * Keeps a user out: sign-ins, tokens, streams and sessions end at once. Jobs go on unless they are to be stopped.
   *
   * @throws NotFoundError; ConflictError for the caller themselves
   * @example
   * await admin.deactivate(12, { stopJobs: true });
   */
  async deactivate(
    userId: number,
    { stopJobs = false, ...options }: RequestOptions & { readonly stopJobs?: boolean } = {},
  ): Promise<UserDetails> {
    const input = { path: { user_id: userId }, query: { stop_jobs: stopJobs } };
    return (await this.#transport.call('adminDeactivateUser', input, options)).data;
  }

  /** Lets a user in again. @throws NotFoundError */
  async reactivate(userId: number, options?: RequestOptions): Promise<UserDetails> {
    return (await this.#transport.call('adminReactivateUser', { path: { user_id: userId } }, options)).data;
  }

  /**
   * Gives a user quotas of their own: a number, null for none, `default` for the server's.
   *
   * @throws NotFoundError
   * @example
   * await admin.setQuotas(12, { active_jobs: 4, disk_space: null });
   */
  async setQuotas(
    userId: number,
    quotas: RequestBody<'adminSetQuotas'>,
    options?: RequestOptions,
  ): Promise<UserDetails> {
    return (await this.#transport.call('adminSetQuotas', { path: { user_id: userId }, json: quotas }, options)).data;
  }

  /** Makes a user an administrator, or an ordinary user again. @throws NotFoundError; ConflictError for one's own */
  async setRole(userId: number, role: Schema<'Role'>, options?: RequestOptions): Promise<UserDetails> {
    return (await this.#transport.call('adminSetRole', { path: { user_id: userId }, json: { role } }, options)).data;
  }

  /** Changes the e-mail that a user signs in with. @throws NotFoundError; ConflictError when another user has it */
  async setEmail(userId: number, email: string, options?: RequestOptions): Promise<UserDetails> {
    return (await this.#transport.call('adminSetEmail', { path: { user_id: userId }, json: { email } }, options)).data;
  }

  /** A user's tokens, never their values. @throws NotFoundError */
  async tokens(userId: number, options?: RequestOptions): Promise<AdminToken[]> {
    return (await this.#transport.call('adminListTokens', { path: { user_id: userId } }, options)).data.tokens;
  }

  /** Revokes one token of a user, or all. @throws NotFoundError */
  async revoke(userId: number, tokenId: number | 'all', options?: RequestOptions): Promise<void> {
    if (tokenId === 'all') await this.#transport.run('adminRevokeTokens', { path: { user_id: userId } }, options);
    else await this.#transport.run('adminRevokeToken', { path: { user_id: userId, id: tokenId } }, options);
  }

  /** Portals that may sign their users in. */
  clients(filter: Filter<'adminListClients'> = {}, options?: RequestOptions): PagePromise<Client> {
    return new PagePromise(async (next) => {
      const { data } = await this.#transport.call('adminListClients', { query: { ...filter, ...next } }, options);
      return [data.clients, data];
    });
  }

  /**
   * Lets a portal sign its users in.
   *
   * @returns The client token, which is shown nowhere else
   * @throws ConflictError when the name is taken
   * @example
   * const { client_token } = await admin.createClient('second portal');
   */
  async createClient(name: string, options?: RequestOptions): Promise<Schema<'ClientTokenAnswer'>['data']> {
    return (await this.#transport.call('adminCreateClient', { json: { name } }, options)).data;
  }

  /** Gives a portal a new token; the former one stops working. @throws NotFoundError; ConflictError for the configured portal */
  async rotateClient(clientId: number, options?: RequestOptions): Promise<Schema<'ClientTokenAnswer'>['data']> {
    return (await this.#transport.call('adminRotateClient', { path: { id: clientId } }, options)).data;
  }

  /** Refuses a portal from now on; its users' tokens stay good (see {@link revokeSignIns}). @throws NotFoundError; ConflictError for the configured portal */
  async deleteClient(clientId: number, options?: RequestOptions): Promise<void> {
    await this.#transport.run('adminDeleteClient', { path: { id: clientId } }, options);
  }

  /**
   * Revokes all tokens that a portal has signed in, and ends what they have opened: after a leak of its client token, which is to be given a new one first.
   *
   * @param since Only what was signed in not before this time, such as 2026-11-23T09:06:47Z
   * @returns How many tokens, of how many users; and how many sign-ins there are of which is not known whether they were this portal's
   * @throws NotFoundError
   * @example
   * const { client_token } = await admin.rotateClient(portal.id);
   * const { revoked } = await admin.revokeSignIns(portal.id);
   */
  async revokeSignIns(
    clientId: number,
    { since, ...options }: RequestOptions & { readonly since?: string } = {},
  ): Promise<Schema<'RevokedSignInsAnswer'>['data']> {
    const input = { path: { id: clientId }, query: { ...(since !== undefined && { since }) } };
    return (await this.#transport.call('adminRevokeSignIns', input, options)).data;
  }

  /** Everybody's jobs. */
  jobs(filter: Filter<'adminListJobs'> = {}, options?: RequestOptions): PagePromise<AdminJob> {
    return new PagePromise(async (next) => {
      const { data } = await this.#transport.call('adminListJobs', { query: { ...filter, ...next } }, options);
      return [data.jobs, data];
    });
  }

  /** Stops anybody's job. @throws NotFoundError; InvalidRequestError (`job_not_active`) */
  async stopJob(jobId: number, options?: RequestOptions): Promise<void> {
    await this.#transport.run('adminStopJob', { path: { job_id: jobId } }, options);
  }

  /** Launches that no job knows, as after a backup of the database was restored: those on the machine of the server that answers and in container engines. */
  async launches(options?: RequestOptions): Promise<UnknownLaunch[]> {
    return (await this.#transport.call('adminListLaunches', {}, options)).data.launches;
  }

  /**
   * Ends a launch that no job knows, and removes what is kept of it, its output included; returns once it has ended. Make sure first that the server's database is the right one.
   *
   * @throws NotFoundError, also for the launch of a job; ServerError (`unavailable`) when it does not end
   * @example
   * for (const { launch_key } of await admin.launches()) await admin.endLaunch(launch_key);
   */
  async endLaunch(launchKey: string, options?: RequestOptions): Promise<void> {
    await this.#transport.run('adminEndLaunch', { path: { launch_key: launchKey } }, options);
  }

  /** Everybody's workspaces and their sizes. */
  workspaces(filter: Filter<'adminListWorkspaces'> = {}, options?: RequestOptions): PagePromise<AdminWorkspace> {
    return new PagePromise(async (next) => {
      const { data } = await this.#transport.call('adminListWorkspaces', { query: { ...filter, ...next } }, options);
      return [data.workspaces, data];
    });
  }

  /** Whether a search for nobody in particular lists everybody, and who decided that. */
  async directory(options?: RequestOptions): Promise<Schema<'Directory'>> {
    return (await this.#transport.call('adminGetDirectory', {}, options)).data.directory;
  }

  /** Opens or closes the directory of users; null goes back to the configuration. */
  async setDirectory(isOpen: boolean | null, options?: RequestOptions): Promise<Schema<'Directory'>> {
    return (await this.#transport.call('adminSetDirectory', { json: { is_open: isOpen } }, options)).data.directory;
  }

  /**
   * Who did what to what, from where and when; the newest first.
   *
   * @example
   * const { items } = await admin.audit({ action: 'sign_in', outcome: 'refused', limit: 20 });
   */
  audit(filter: Filter<'adminListAudit'> = {}, options?: RequestOptions): PagePromise<AuditEntry> {
    return new PagePromise(async (next) => {
      const { data } = await this.#transport.call('adminListAudit', { query: { ...filter, ...next } }, options);
      return [data.entries, data];
    });
  }
}

/**
 * What an administrator may do, over a client that is signed in as one.
 *
 * @example
 * import { administration } from '@user-workspaces/client/admin';
 * const admin = administration(client);
 * const { items } = await admin.jobs({ status: 'running' });
 */
export function administration(client: UserWorkspaces): Administration {
  learnOperations(administrationOperations);
  return new Administration(transportOf(client));
}
