import type { Caller } from '../http/handler.js';

interface Reader {
  readonly userId: number;
  readonly tokenId: number;
  readonly ending: AbortController;
}

/** Those who read a stream right now, so that their streams can be ended. */
export class Readers {
  readonly #all = new Set<Reader>();
  #isClosed = false;

  get size(): number {
    return this.#all.size;
  }

  /** Takes a reader in; the signal aborts when its stream is to end. Call `leave` when it has ended by itself. */
  enter({ user, tokenId }: Caller): { readonly signal: AbortSignal; leave(): void } {
    const reader: Reader = { userId: user.id, tokenId, ending: new AbortController() };
    if (this.#isClosed) reader.ending.abort();
    else this.#all.add(reader);
    return { signal: reader.ending.signal, leave: () => this.#all.delete(reader) };
  }

  closeUser(userId: number): void {
    this.#end((reader) => reader.userId === userId);
  }

  closeToken(tokenId: number): void {
    this.#end((reader) => reader.tokenId === tokenId);
  }

  /** Ends all, and whoever comes later. */
  close(): void {
    this.#isClosed = true;
    this.#end(() => true);
  }

  #end(isMeant: (reader: Reader) => boolean): void {
    for (const reader of [...this.#all]) if (isMeant(reader)) reader.ending.abort();
  }
}
