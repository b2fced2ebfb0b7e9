import { Turns } from '../limits/turns.js';

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
  readonly #turns = new Turns();
  /** By user; those without any are not kept. */
  readonly #waiting = new Map<number, number>();

  /**
   * Waits until the turns that the user asked for before are over; this one lasts until its response has closed, or until the answer is told to have few enough bytes.
   *
   * @returns Tells how many bytes the answer has, once it is made.
   * @throws what the signal aborts with.
   */
  async enter(userId: number, response: Closing, signal: AbortSignal): Promise<(bytes: number) => void> {
    const { before, end } = this.#turns.join(userId);
    if (response.closed) end();
    else response.once('close', end);
    signal.throwIfAborted();
    await Promise.race([
      before,
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    ]);
    return (bytes) => {
      if (response.closed || (this.#waiting.get(userId) ?? 0) + bytes > waitingBytes) return;
      this.#count(userId, bytes);
      response.once('close', () => this.#count(userId, -bytes));
      end();
    };
  }

  #count(userId: number, bytes: number): void {
    const sum = (this.#waiting.get(userId) ?? 0) + bytes;
    if (sum > 0) this.#waiting.set(userId, sum);
    else this.#waiting.delete(userId);
  }
}
