/** One's place among those who wait. */
export interface Turn {
  /** Resolves when all turns that were asked for before have ended; absent where there are none. */
  readonly before: Promise<unknown> | undefined;
  /** Lets the next one begin; also of a turn that nobody waits for any more, which the others then pass over. */
  end(): void;
}

/** Turns of each user, one after the other in the order in which they are asked for. */
export class Turns {
  /** By user, the end of the last that has begun or waits; those without any are not kept. */
  readonly #ends = new Map<number, Promise<unknown>>();

  join(userId: number): Turn {
    const before = this.#ends.get(userId);
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    // Of one that ends early the next must know, too, when those before have ended.
    const last = Promise.all([before, ended]);
    this.#ends.set(userId, last);
    void last.then(() => {
      if (this.#ends.get(userId) === last) this.#ends.delete(userId);
    });
    return { before, end };
  }
}
