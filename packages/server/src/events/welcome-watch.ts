import type { IncomingMessage } from 'node:http';
import type { Database } from '@user-workspaces/contract';
import type { Logger } from 'pino';
import type { SessionOwners } from '../services/session-owners.js';
import type { JobSockets } from './job-sockets.js';
import type { Readers } from './readers.js';

/** How often is looked for what another process (a replica, the command line) decided about those who have something open here. */
const lookMs = 2_000;

/** So many ids are asked for in one statement. */
const batchSize = 500;

/** Ends what users and tokens have open once they are no longer welcome: at once for what this process decides, soon for what another does. */
export class WelcomeWatch {
  readonly #database: Database;
  readonly #log: Logger;
  readonly #requests: Readers;
  readonly #sockets: Pick<JobSockets, 'closeUser' | 'closeTokens' | 'callers'>;
  readonly #owners: SessionOwners;
  readonly #now: () => number;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(
    database: Database,
    log: Logger,
    /** Requests under way, event streams among them, and what tokens have opened to sessions. */
    requests: Readers,
    sockets: Pick<JobSockets, 'closeUser' | 'closeTokens' | 'callers'>,
    owners: SessionOwners,
    now: () => number,
  ) {
    this.#database = database;
    this.#log = log;
    this.#requests = requests;
    this.#sockets = sockets;
    this.#owners = owners;
    this.#now = now;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#looking ??= this.look()
        .catch((error: unknown) => this.#log.warn({ err: error }, 'who is still welcome could not be read'))
        .finally(() => {
          this.#looking = undefined;
        });
    }, lookMs).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  /** Ends a user's requests, sockets and ways into sessions. */
  endUser(userId: number): void {
    // First, or cookies would open sessions again.
    this.#owners.forget(userId);
    this.#requests.closeUser(userId);
    this.#sockets.closeUser(userId);
  }

  /** Ends the requests and sockets of tokens, those to sessions too. @param except The request that asks for it. */
  endTokens(tokenIds: readonly number[], except?: IncomingMessage): void {
    this.#requests.closeTokens(tokenIds, except);
    this.#sockets.closeTokens(tokenIds);
  }

  /** Ends what tickets and cookies have opened to the sessions of users whose epochs were raised; they open nothing any more. */
  endSessions(userIds: readonly number[]): Promise<void> {
    return this.#owners.read(userIds);
  }

  /** Gives a user who was reactivated the ways into their sessions again; those of before the deactivation stay closed. */
  admitUser(userId: number): Promise<void> {
    return this.#owners.read([userId]);
  }

  /** Looks once. Nothing is asked while nobody has anything open. */
  async look(): Promise<void> {
    const open = [...this.#requests.callers(), ...this.#sockets.callers()];
    const userIds = new Set(open.map(({ userId }) => userId));
    const tokenIds = new Set(open.map(({ tokenId }) => tokenId));
    for (const ids of batches(userIds)) {
      const where = { id: { in: ids }, is_active: false };
      for (const user of await this.#database.find('users', { where })) this.endUser(user.id);
    }
    for (const ids of batches(tokenIds)) {
      const where = { id: { in: ids }, expires_at_ms: { gt: this.#now() } };
      const kept = new Set((await this.#database.find('tokens', { where })).map(({ id }) => id));
      this.endTokens(ids.filter((id) => !kept.has(id)));
    }
  }
}

function batches(ids: ReadonlySet<number>): number[][] {
  const all = [...ids];
  return Array.from({ length: Math.ceil(all.length / batchSize) }, (_, index) =>
    all.slice(index * batchSize, (index + 1) * batchSize),
  );
}
