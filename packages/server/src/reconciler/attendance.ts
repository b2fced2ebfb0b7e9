import type { Clock } from '../clock.js';

/**
 * The reconciler looks at the rows every two seconds; one that has not for so long was halted, or its database did not answer. A machine that slept counts no time for
 * that: its clock has gone on by so much more than the time that has passed.
 */
const breakMs = 30_000;

/** Since when this process has been at work without a break. In a break nobody can reach a session through it. */
export class Attendance {
  readonly #clock: Clock;
  #since: number;
  #last: number;
  #lastMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.elapsed();
    this.#last = this.#since;
    this.#lastMs = clock.now();
  }

  /** The process is at work. */
  mark(): void {
    const now = this.#clock.elapsed();
    if (this.#wasAway(now)) this.#since = now;
    this.#last = now;
    this.#lastMs = this.#clock.now();
  }

  /** In milliseconds since the epoch, counted back from now: while a machine sleeps, or its clock is set forward, nobody was there. */
  get sinceMs(): number {
    const now = this.#clock.elapsed();
    // Whoever has just woken may ask before the next mark.
    const since = this.#wasAway(now) ? now : this.#since;
    return this.#clock.now() - (now - since);
  }

  #wasAway(now: number): boolean {
    const passed = now - this.#last;
    return passed >= breakMs || this.#clock.now() - this.#lastMs - passed >= breakMs;
  }
}
