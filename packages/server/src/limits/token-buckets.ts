interface Bucket {
  tokens: number;
  atMs: number;
}

const minuteMs = 60_000;

/**
 * Counts what happens per key and period, by default a minute: each key may use a period's number at once, and gets it back evenly.
 *
 * Memory is bounded: of more keys than `maxKeys` those that were not seen for the longest time are forgotten, which gives
 * them a full bucket.
 */
export class TokenBuckets {
  readonly #buckets = new Map<string, Bucket>();
  readonly #perPeriod: number;
  readonly #periodMs: number;
  readonly #now: () => number;
  readonly #maxKeys: number;

  constructor(perPeriod: number, now: () => number, maxKeys = 10_000, periodMs = minuteMs) {
    this.#perPeriod = perPeriod;
    this.#periodMs = periodMs;
    this.#now = now;
    this.#maxKeys = maxKeys;
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Takes one; returns 0, or the milliseconds until there is one again. */
  take(key: string): number {
    const bucket = this.#refilled(key);
    const waitMs = this.#waitMs(bucket);
    if (waitMs === 0) bucket.tokens -= 1;
    return waitMs;
  }

  /** How many milliseconds `take` would return; takes none. */
  waitMs(key: string): number {
    return this.#buckets.has(key) ? this.#waitMs(this.#refilled(key)) : 0;
  }

  /** Takes one whether or not it is there, for what is known only afterwards to count; what is owed is a period's number at most. */
  owe(key: string): void {
    const bucket = this.#refilled(key);
    bucket.tokens = Math.max(-this.#perPeriod, bucket.tokens - 1);
  }

  /** Gives one back that turned out not to count. */
  giveBack(key: string): void {
    const bucket = this.#buckets.get(key);
    if (bucket) bucket.tokens = Math.min(this.#perPeriod, bucket.tokens + 1);
  }

  #waitMs({ tokens }: Bucket): number {
    return tokens < 1 ? Math.ceil(((1 - tokens) * this.#periodMs) / this.#perPeriod) : 0;
  }

  #refilled(key: string): Bucket {
    const nowMs = this.#now();
    const bucket = this.#buckets.get(key) ?? { tokens: this.#perPeriod, atMs: nowMs };
    // A clock that was set back gives nothing and takes nothing.
    const elapsedMs = Math.max(0, nowMs - bucket.atMs);
    bucket.tokens = Math.min(this.#perPeriod, bucket.tokens + (elapsedMs * this.#perPeriod) / this.#periodMs);
    bucket.atMs = nowMs;
    // Put last, so that the first is the one not seen for the longest time.
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > this.#maxKeys) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    }
    return bucket;
  }
}
