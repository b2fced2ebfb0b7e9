import type { DatabaseReader } from '@user-workspaces/contract';
import type { Logger } from 'pino';
import { networkOf } from '../limits/network.js';
import type { SessionRoute, TokenHolder } from '../proxy/index.js';
import { type AuditAction, actorOf } from './audit.js';
import type { Journal } from './journal.js';

/** A ticket or token is good for many uses: those of one user to one job's session from one address are written once in this time. */
const againMs = 60_000;
/** So many openings of one user are written in that time; more are only counted. */
const perUser = 1_000;

interface Opening {
  readonly userId: number;
  readonly atMs: number;
}

/** Writes into the audit log who opened which session from where, by ticket or token; what a cookie opens was opened by one of them before. */
export class Openings {
  readonly #journal: Pick<Journal, 'transaction'>;
  readonly #database: Pick<DatabaseReader, 'findOne'>;
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #leftOut: (action: AuditAction) => void;
  /** Those of the last minute by job, user and network, the oldest first. */
  readonly #recent = new Map<string, Opening>();
  readonly #ofUsers = new Map<number, number>();

  /** @param leftOut Told of each opening that is not written as there were too many. */
  constructor(
    journal: Pick<Journal, 'transaction'>,
    database: Pick<DatabaseReader, 'findOne'>,
    log: Logger,
    now: () => number,
    leftOut: (action: AuditAction) => void,
  ) {
    this.#journal = journal;
    this.#database = database;
    this.#log = log;
    this.#now = now;
    this.#leftOut = leftOut;
  }

  /** Never fails: a session opens whether that can be written or not. What could not be is tried again with the next use. */
  async record({ jobId, userId }: SessionRoute, by: 'ticket' | TokenHolder, address: string): Promise<void> {
    const atMs = this.#now();
    this.#forgetUntil(atMs - againMs);
    const key = `${jobId} ${userId} ${networkOf(address)}`;
    if (this.#recent.has(key)) return;
    const count = this.#ofUsers.get(userId) ?? 0;
    if (count >= perUser) {
      this.#leftOut('session.open');
      return;
    }
    const opening = { userId, atMs };
    this.#recent.set(key, opening);
    this.#ofUsers.set(userId, count + 1);
    try {
      const user = by === 'ticket' ? await this.#database.findOne('users', { id: userId }) : by.user;
      if (!user) return;
      await this.#journal.transaction((transaction) =>
        transaction.audit(actorOf({ user, origin: { address, requestId: null } }), {
          action: 'session.open',
          subject: { kind: 'job', id: jobId },
          details: by === 'ticket' ? { by } : { by: 'token', token_id: by.tokenId },
        }),
      );
    } catch (error) {
      this.#log.error({ err: error, jobId }, 'an opened session could not be written down');
      if (this.#recent.get(key) === opening) this.#forget(key, opening);
    }
  }

  #forgetUntil(atMs: number): void {
    for (const [key, opening] of this.#recent) {
      if (opening.atMs > atMs) return;
      this.#forget(key, opening);
    }
  }

  #forget(key: string, { userId }: Opening): void {
    this.#recent.delete(key);
    const left = (this.#ofUsers.get(userId) ?? 1) - 1;
    if (left > 0) this.#ofUsers.set(userId, left);
    else this.#ofUsers.delete(userId);
  }
}
