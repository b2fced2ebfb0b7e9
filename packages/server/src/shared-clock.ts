import type { Database } from '@user-workspaces/contract';
import type { Logger } from 'pino';
import type { Clock } from './clock.js';

/** How often the database is asked for its time. */
const everyMs = 10_000;

/** A question that takes longer tells too little of when it was answered. */
const slowMs = 2_000;

/** Less is what a question takes, and no reason to go back. */
const noticeableMs = 500;

/** How far the machine's own clock may move against this one before the database is asked, and its difference before it is told. */
const suspiciousMs = 1_000;

/**
 * The time by the clock of the database, which all servers on it share: what one of them writes (leases, due times, tickets, the last use of a session) the others compare
 * with their own time, and the clocks of their machines may differ by hours. Between two questions time goes on by what has passed, so that a machine's clock that is set
 * changes nothing. Without a clock of the database it is the machine's own.
 */
export class SharedClock implements Clock {
  readonly elapsed: Clock['elapsed'];
  readonly sleep: Clock['sleep'];
  readonly random: Clock['random'];
  readonly #own: Clock;
  readonly #database: Pick<Database, 'nowMs'>;
  readonly #log: Logger;
  readonly #closing = new AbortController();
  /** What the database's clock showed, at a time by `elapsed`. */
  #known: { readonly nowMs: number; readonly elapsedMs: number; readonly aheadMs: number } | undefined;
  #toldMs = 0;
  #asked = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;
  #running: Promise<void> | undefined;

  constructor(own: Clock, database: Pick<Database, 'nowMs'>, log: Logger) {
    this.#own = own;
    this.#database = database;
    this.#log = log;
    this.elapsed = () => own.elapsed();
    this.sleep = (delayMs, signal) => own.sleep(delayMs, signal);
    this.random = (byteCount) => own.random(byteCount);
  }

  readonly now = (): number => {
    const ownMs = this.#own.now();
    if (!this.#known) return ownMs;
    const nowMs = this.#at(this.#known, this.elapsed());
    // The machine's clock was set, which changes nothing; or it slept, which only that clock tells.
    const moved = Math.abs(ownMs - nowMs - this.#known.aheadMs) > suspiciousMs;
    if (moved && this.elapsed() - this.#asked >= suspiciousMs) void this.#askAgain();
    return nowMs;
  };

  readonly aheadMs = (): number => (this.#known ? this.#own.now() - this.now() : 0);

  /** Asks the database. @throws what its adapter throws */
  ask(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** Begins to ask now and then. */
  start(): void {
    if (this.#database.nowMs) this.#running ??= this.#goOn();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
    await this.#asking?.catch(() => undefined);
  }

  async #goOn(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await this.sleep(everyMs, signal);
      if (!signal.aborted) await this.#askAgain();
    }
  }

  async #askAgain(): Promise<void> {
    try {
      await this.ask();
    } catch (error) {
      this.#log.debug({ err: error }, 'the database does not tell the time, will be asked again');
    }
  }

  async #ask(): Promise<void> {
    const before = this.elapsed();
    this.#asked = before;
    const toldMs = await this.#database.nowMs?.();
    if (toldMs === undefined) return;
    const after = this.elapsed();
    const isSlow = after - before > slowMs;
    if (this.#known && isSlow) return;
    const elapsedMs = (before + after) / 2;
    const told = { nowMs: toldMs, elapsedMs };
    const errorMs = noticeableMs + (after - before) / 2;
    const known = this.#known;
    const isAsKnown = known !== undefined && Math.abs(toldMs - this.#at(known, elapsedMs)) <= errorMs;
    const place = isAsKnown ? known : told;
    const aheadMs = this.#own.now() - this.#at(place, after);
    this.#known = { nowMs: place.nowMs, elapsedMs: place.elapsedMs, aheadMs };
    this.#tell(aheadMs);
  }

  #at({ nowMs, elapsedMs }: { readonly nowMs: number; readonly elapsedMs: number }, atMs: number): number {
    return Math.floor(nowMs + atMs - elapsedMs);
  }

  #tell(aheadMs: number): void {
    if (Math.abs(aheadMs - this.#toldMs) < suspiciousMs) return;
    this.#toldMs = aheadMs;
    const seconds = aheadMs / 1000;
    if (Math.abs(aheadMs) < suspiciousMs) this.#log.info('the clocks of this machine and the database agree again');
    else
      this.#log.warn(
        { aheadSeconds: seconds },
        "this machine's clock differs from the database's, by which all times are compared; have both set by a time service",
      );
  }
}
