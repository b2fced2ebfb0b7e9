import type { IncomingMessage } from 'node:http';
import { ApiError } from '../http/api-error.js';
import { type Limits, tooLarge } from '../limits/limits.js';

/** What a body may be. */
export interface BodyBounds {
  readonly limits: Limits;
  /** The limit of its bytes, if it has one of its own, and what to call it at the beginning of a sentence. */
  readonly bytes?: readonly [name: 'json_bytes' | 'file_bytes' | 'chunk_bytes', what: string];
  /** The limit of the time until it is complete, if it has one. */
  readonly seconds?: 'json_seconds';
}

/**
 * A request's body as it arrives. Whoever stops reading early leaves the connection usable, so that the caller still gets an
 * answer.
 *
 * @throws ApiError `too_large`, `request_timeout` when the sender falls silent, and `invalid_field` when it is compressed, or when the
 *   request breaks off, instead of ending as if it were complete.
 */
export async function* bodyOf(
  request: IncomingMessage,
  { limits, bytes, seconds }: BodyBounds,
): AsyncGenerator<Uint8Array, void, undefined> {
  const [name, what] = bytes ?? [];
  const maxBytes = name === undefined ? Number.POSITIVE_INFINITY : limits[name];
  const check = (sizeBytes: number): void => {
    if (name !== undefined && sizeBytes > maxBytes) throw tooLarge(limits, name, what ?? '', sizeBytes);
  };
  const patience = new Patience(limits.idle_seconds, seconds === undefined ? undefined : limits[seconds]);
  const pieces = request.iterator({ destroyOnReturn: false });
  let sizeBytes = 0;
  try {
    refuseCompressed(request);
    check(Number(request.headers['content-length'] ?? 0));
    for (;;) {
      const { done, value } = await patience.wait(pieces.next());
      if (done === true) return;
      if (!(value instanceof Uint8Array)) throw new TypeError('A request gave text where bytes were expected.');
      sizeBytes += value.length;
      check(sizeBytes);
      patience.received(value.length);
      yield value;
    }
  } catch (error) {
    throw error instanceof TypeError || error instanceof ApiError ? error : brokenOff(error);
  } finally {
    patience.end();
    const ending = pieces.return?.().catch(() => undefined);
    // Where a sender is silent, this ends only with the connection.
    if (!patience.isExhausted) await ending;
    // What nobody wants any more is read and forgotten; otherwise a caller who is still sending would never see the answer.
    request.resume();
  }
}

/** Refuses a compressed body: taken as it is it would not be what its sender means, and unpacked it could be of any size. */
function refuseCompressed({ headers }: IncomingMessage): void {
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding.trim().toLowerCase() === 'identity') return;
  throw new ApiError('invalid_field', 'A body with a Content-Encoding is not accepted. Send it as it is.', {
    field: 'Content-Encoding',
  });
}

/** Of a body without a time limit so much must come in a second, on the average of `idle_seconds`: who sends a byte now and then would hold for days what is kept for the request. */
const slowestBytesPerSecond = 1024;

/** Waits for what a sender sends, but not for ever: neither for the next piece, nor for all of them. */
class Patience {
  readonly #idleSeconds: number;
  /** What must come before the patience begins anew. */
  readonly #enoughBytes: number;
  readonly #whole: NodeJS.Timeout | undefined;
  #receivedBytes = 0;
  #waitedMs = 0;
  #giveUp: ((reason: ApiError) => void) | undefined;
  #failure: ApiError | undefined;

  constructor(idleSeconds: number, wholeSeconds: number | undefined) {
    this.#idleSeconds = idleSeconds;
    this.#enoughBytes = wholeSeconds === undefined ? idleSeconds * slowestBytesPerSecond : 1;
    if (wholeSeconds === undefined) return;
    this.#whole = setTimeout(() => this.#exhaust(wholeSeconds), wholeSeconds * 1000);
  }

  get isExhausted(): boolean {
    return this.#failure !== undefined;
  }

  /** While the pieces are not asked for, their sender is not the one who is slow: only the time in here counts. */
  async wait<T>(piece: Promise<T>): Promise<T> {
    if (this.#failure) throw this.#failure;
    const beganMs = performance.now();
    const idle = setTimeout(() => this.#exhaust(this.#idleSeconds), this.#idleSeconds * 1000 - this.#waitedMs);
    try {
      return await new Promise((resolve, reject) => {
        this.#giveUp = reject;
        piece.then(resolve, reject);
      });
    } finally {
      clearTimeout(idle);
      this.#giveUp = undefined;
      this.#waitedMs += performance.now() - beganMs;
    }
  }

  received(sizeBytes: number): void {
    this.#receivedBytes += sizeBytes;
    if (this.#receivedBytes < this.#enoughBytes) return;
    this.#receivedBytes = 0;
    this.#waitedMs = 0;
  }

  end(): void {
    clearTimeout(this.#whole);
  }

  #exhaust(seconds: number): void {
    this.#failure = tooSlow(seconds);
    this.#giveUp?.(this.#failure);
  }
}

function tooSlow(seconds: number): ApiError {
  return new ApiError('request_timeout', `The body came too slowly: ${seconds} seconds are the limit.`, {
    details: { limit: seconds },
  });
}

/** Waits for work that needs the request's body; a caller who went away is no failure of the server. */
export async function whileReceiving<R>(signal: AbortSignal, work: Promise<R>): Promise<R> {
  try {
    return await work;
  } catch (error) {
    throw signal.aborted ? brokenOff(error) : error;
  }
}

function brokenOff(cause: unknown): ApiError {
  return new ApiError('invalid_field', 'The request broke off before its body was complete. Send it again.', { cause });
}
