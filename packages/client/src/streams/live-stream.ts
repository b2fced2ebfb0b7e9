import { toFailure } from '../transport/failure.js';

/**
 * Something that goes on: events, output, states of a job, a file on its way. To be read once, by `for await`. Leaving
 * the loop, `return()`, `await using` and the call's `signal` close its connection, at once, also while a read waits.
 */
export class LiveStream<Item> implements AsyncIterableIterator<Item> {
  readonly #items: AsyncGenerator<Item, void>;
  readonly #stop: AbortController;
  readonly #signal: AbortSignal | undefined;

  /** @internal */
  constructor(
    stop: AbortController,
    signal: AbortSignal | undefined,
    items: (signal: AbortSignal) => AsyncGenerator<Item, void>,
  ) {
    this.#stop = stop;
    this.#signal = signal;
    this.#items = items(signal ? AbortSignal.any([signal, stop.signal]) : stop.signal);
  }

  async next(): Promise<IteratorResult<Item, void>> {
    try {
      return await this.#items.next();
    } catch (error) {
      if (this.#stop.signal.aborted) return { done: true, value: undefined };
      throw toFailure(error, this.#signal);
    }
  }

  /** Closes the connection; a read that waits ends as done. */
  async return(): Promise<IteratorResult<Item, void>> {
    this.#stop.abort();
    await this.#items.return();
    return { done: true, value: undefined };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
