import type { ServerResponse } from 'node:http';

/** Lets one large answer of a user be made and sent at a time: each takes much memory until it has been read. */
export class LargeListings {
  /** By user, the end of the last that was let in or waits. */
  readonly #ends = new Map<number, Promise<unknown>>();

  /** Waits until those that the user asked for before are over; this one lasts until its response has closed. @throws what the signal aborts with. */
  async enter(userId: number, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const before = this.#ends.get(userId);
    const closed = response.closed ? undefined : new Promise((resolve) => response.once('close', resolve));
    const end = Promise.all([before, closed]);
    this.#ends.set(userId, end);
    void end.then(() => {
      if (this.#ends.get(userId) === end) this.#ends.delete(userId);
    });
    signal.throwIfAborted();
    await Promise.race([
      before,
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    ]);
  }
}
