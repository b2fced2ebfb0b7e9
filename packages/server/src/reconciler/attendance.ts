import type { Clock } from '../clock.js';

/** The reconciler looks at the rows every two seconds; one that has not for so long was halted, or its database did not answer. */
const breakMs = 30_000;

/** Since when this process has been at work without a break. In a break nobody can reach a session through it. */
export class Attendance {
  readonly #clock: Clock;
  #since: number;
  #last: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.elapsed();
    this.#last = this.#since;
  }

  /** The process is at work. */
  mark(): void {
    const now = this.#clock.elapsed();
    if (now - this.#last >= breakMs) this.#since = now;
    this.#last = now;
  }

  /** In milliseconds since the epoch, counted back from now: while a machine sleeps, or its clock is set forward, nobody was there. */
  get sinceMs(): number {
    const now = this.#clock.elapsed();
    // Whoever has just woken may ask before the next mark.
    const since = now - this.#last >= breakMs ? now : this.#since;
    return this.#clock.now() - (now - since);
  }
}
