/** A response, as far as turns know it. */
interface Closing {
  readonly closed: boolean;
  once(event: 'close', listener: () => void): unknown;
}

/** What may wait for the readers of one user while the next answer is made: one who does not read holds up nobody with a few of the usual length. */
const waitingBytes = 8 * 1024 * 1024;

/**
 * Makes those answers of a user one after the other that may be large: each takes much memory until it has been read. So of each user there wait a bounded number of bytes and one answer.
 */
export class AnswerTurns {
  /** By user, the end of the last turn that began or waits. */
  readonly #ends = new Map<number, Promise<unknown>>();
  /** By user; those without any are not kept. */
  readonly #waiting = new Map<number, number>();

  /**
   * Waits until the turns that the user asked for before are over; this one lasts until its response has closed, or until the answer is told to have few enough bytes.
   *
   * @returns Tells how many bytes the answer has, once it is made.
   * @throws what the signal aborts with.
   */
  async enter(userId: number, response: Closing, signal: AbortSignal): Promise<(bytes: number) => void> {
    const before = this.#ends.get(userId);
    let endTurn = (): void => undefined;
    const ended = new Promise<void>((resolve) => {
      endTurn = resolve;
    });
    if (response.closed) endTurn();
    else response.once('close', endTurn);
    const end = Promise.all([before, ended]);
    this.#ends.set(userId, end);
    void end.then(() => {
      if (this.#ends.get(userId) === end) this.#ends.delete(userId);
    });
    signal.throwIfAborted();
    await Promise.race([
      before,
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    ]);
    return (bytes) => {
      if (response.closed || (this.#waiting.get(userId) ?? 0) + bytes > waitingBytes) return;
      this.#count(userId, bytes);
      response.once('close', () => this.#count(userId, -bytes));
      endTurn();
    };
  }

  #count(userId: number, bytes: number): void {
    const sum = (this.#waiting.get(userId) ?? 0) + bytes;
    if (sum > 0) this.#waiting.set(userId, sum);
    else this.#waiting.delete(userId);
  }
}
