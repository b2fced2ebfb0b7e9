import type { IncomingMessage } from 'node:http';

/** Whose token opened something. */
interface Holder {
  readonly user: { readonly id: number };
  readonly tokenId: number;
}

interface Reader {
  readonly userId: number;
  readonly tokenId: number;
  readonly sinceMs: number;
  readonly request: IncomingMessage | undefined;
  /** It has ended its own token, and is to get its answer, however long that takes. */
  isSpared: boolean;
  readonly ending: AbortController;
}

/** What is open for less than this is not looked after: a request that revokes its own token must still get its answer. */
const settledMs = 1_000;

/** Those who have a stream, a socket or a request open right now by a token, so that it can be ended. */
export class Readers {
  readonly #all = new Set<Reader>();
  #isClosed = false;

  get size(): number {
    return this.#all.size;
  }

  /** Takes a reader in; the signal aborts when its stream is to end. Call `leave` when it has ended by itself. */
  enter({ user, tokenId }: Holder, request?: IncomingMessage): { readonly signal: AbortSignal; leave(): void } {
    const sinceMs = performance.now();
    const ending = new AbortController();
    const reader: Reader = { userId: user.id, tokenId, sinceMs, request, isSpared: false, ending };
    if (this.#isClosed) reader.ending.abort();
    else this.#all.add(reader);
    return { signal: reader.ending.signal, leave: () => this.#all.delete(reader) };
  }

  closeUser(userId: number): void {
    this.#end((reader) => reader.userId === userId);
  }

  /** @param except The request that asks for it. */
  closeTokens(tokenIds: readonly number[], except?: IncomingMessage): void {
    const ids = new Set(tokenIds);
    for (const reader of this.#all) {
      if (except !== undefined && reader.request === except && ids.has(reader.tokenId)) reader.isSpared = true;
    }
    this.#end((reader) => ids.has(reader.tokenId) && !reader.isSpared);
  }

  /** Users and tokens of those that have been open for a while. */
  callers(): { readonly userId: number; readonly tokenId: number }[] {
    const nowMs = performance.now();
    return [...this.#all].filter(({ sinceMs, isSpared }) => nowMs - sinceMs >= settledMs && !isSpared);
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
