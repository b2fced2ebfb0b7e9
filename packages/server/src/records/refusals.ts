import type { Logger } from 'pino';
import type { Actor, AuditEvent } from './audit.js';
import type { Journal } from './journal.js';

/** So many refusals of one kind from one user or address are written in a minute; more are only counted by the metrics. */
const perMinute = 20;
/** So many in all. */
const perMinuteInAll = 1_000;
const minuteMs = 60_000;

/** Writes refusals into the audit log. There is no change that they belong to, and whoever is refused must not be able to fill the database. */
export class Refusals {
  readonly #journal: Pick<Journal, 'transaction'>;
  readonly #log: Logger;
  readonly #now: () => number;
  #minute = 0;
  #inAll = 0;
  readonly #written = new Map<string, number>();

  constructor(journal: Pick<Journal, 'transaction'>, log: Logger, now: () => number) {
    this.#journal = journal;
    this.#log = log;
    this.#now = now;
  }

  /** Never fails: who is refused stays refused, whether it can be written or not. */
  async record(actor: Actor, event: Omit<AuditEvent, 'outcome'>): Promise<void> {
    if (!this.#isWithinLimits(`${event.action} ${actor.userId ?? actor.address}`)) return;
    try {
      await this.#journal.transaction((transaction) => transaction.audit(actor, { ...event, outcome: 'refused' }));
    } catch (error) {
      this.#log.error({ err: error, action: event.action }, 'a refusal could not be written into the audit log');
    }
  }

  #isWithinLimits(key: string): boolean {
    const minute = Math.floor(this.#now() / minuteMs);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#inAll = 0;
      this.#written.clear();
    }
    const count = (this.#written.get(key) ?? 0) + 1;
    if (count > perMinute || this.#inAll >= perMinuteInAll) return false;
    this.#written.set(key, count);
    this.#inAll += 1;
    return true;
  }
}
