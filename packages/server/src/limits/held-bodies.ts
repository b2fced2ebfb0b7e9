import { full, type Limits, tooLarge, tooMany } from './limits.js';

type BodyLimits = Readonly<Pick<Limits, 'open_json_bytes' | 'all_json_bytes'>>;

/** A body may be complete, or given up, at any moment. */
const retrySeconds = 5;

/** A body of which memory holds what has come so far. */
export interface HeldBody {
  /** Counts bytes that came. @throws ApiError `too_large`, `rate_limited`, `unavailable`: then they are not counted, and are not to be kept. */
  add(bytes: number): void;
  /** Ends the count of all of them, once nothing of the body is needed any more. */
  release(): void;
}

/**
 * Counts the bytes of bodies that are in memory as a whole, by owner and in all. Only what has come counts: what a head announces may never come,
 * and must keep nobody out.
 */
export class HeldBodies {
  readonly #limits: BodyLimits;
  /** Those without any are not kept. */
  readonly #byOwner = new Map<string, number>();
  #all = 0;

  constructor(limits: BodyLimits) {
    this.#limits = limits;
  }

  /** Bytes that are held, of all owners. */
  get bytes(): number {
    return this.#all;
  }

  hold(owner: string): HeldBody {
    let held = 0;
    return {
      add: (bytes) => {
        this.#check(owner, held, bytes);
        held += bytes;
        this.#count(owner, bytes);
      },
      release: () => {
        this.#count(owner, -held);
        held = 0;
      },
    };
  }

  #check(owner: string, held: number, bytes: number): void {
    const limits = this.#limits;
    // Asking again would not help.
    if (held + bytes > Math.min(limits.open_json_bytes, limits.all_json_bytes)) {
      const name = limits.open_json_bytes <= limits.all_json_bytes ? 'open_json_bytes' : 'all_json_bytes';
      throw tooLarge(limits, name, 'The body', held + bytes);
    }
    const used = this.#byOwner.get(owner) ?? 0;
    if (used + bytes > limits.open_json_bytes) {
      const message = 'You have too many bytes of JSON under way. Wait for some of your requests to end.';
      throw tooMany(limits, 'open_json_bytes', message, retrySeconds, { used, requested: bytes });
    }
    if (this.#all + bytes > limits.all_json_bytes) {
      const message = 'The server has no room for more JSON at present. Try again.';
      throw full(limits, 'all_json_bytes', message, retrySeconds, { used: this.#all, requested: bytes });
    }
  }

  #count(owner: string, bytes: number): void {
    this.#all += bytes;
    const sum = (this.#byOwner.get(owner) ?? 0) + bytes;
    if (sum > 0) this.#byOwner.set(owner, sum);
    else this.#byOwner.delete(owner);
  }
}
