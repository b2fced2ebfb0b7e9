import type { Logger } from 'pino';
import { networkOf } from '../limits/network.js';
import type { Actor, AuditAction, AuditEvent } from './audit.js';
import type { Journal } from './journal.js';

/** So many refusals of one kind are written in a minute of one user, or of one address where nobody is signed in; more are only counted. */
const perMinute = 20;
/** So many in all where nobody is signed in. Users have no bound in common: nobody can keep another's refusals from being written. */
const perMinuteOfStrangers = 1_000;
const minuteMs = 60_000;

/** Writes refusals into the audit log. There is no change that they belong to, and whoever is refused must not be able to fill the database. */
export class Refusals {
  readonly #journal: Pick<Journal, 'transaction'>;
  readonly #log: Logger;
  readonly #now: () => number;
  #minute = 0;
  #ofStrangers = 0;
  readonly #leftOut: (action: AuditAction) => void;
  readonly #written = new Map<string, number>();

  /** @param leftOut Told of each refusal that is not written. */
  constructor(
    journal: Pick<Journal, 'transaction'>,
    log: Logger,
    now: () => number,
    leftOut: (action: AuditAction) => void,
  ) {
    this.#journal = journal;
    this.#log = log;
    this.#now = now;
    this.#leftOut = leftOut;
  }

  /** Never fails: who is refused stays refused, whether it can be written or not. */
  async record(actor: Actor, event: Omit<AuditEvent, 'outcome'>): Promise<void> {
    if (!this.#isWithinLimits(event.action, actor)) {
      this.#leftOut(event.action);
      return;
    }
    try {
      await this.#journal.transaction((transaction) => transaction.audit(actor, { ...event, outcome: 'refused' }));
    } catch (error) {
      this.#log.error({ err: error, action: event.action }, 'a refusal could not be written into the audit log');
    }
  }

  #isWithinLimits(action: AuditAction, { userId, address }: Actor): boolean {
    const minute = Math.floor(this.#now() / minuteMs);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#ofStrangers = 0;
      this.#written.clear();
    }
    const isStranger = userId === null;
    const key = `${action} ${isStranger ? networkOf(address ?? '') : userId}`;
    const count = (this.#written.get(key) ?? 0) + 1;
    if (count > perMinute || (isStranger && this.#ofStrangers >= perMinuteOfStrangers)) return false;
    this.#written.set(key, count);
    if (isStranger) this.#ofStrangers += 1;
    return true;
  }
}
