import type { IncomingMessage } from 'node:http';
import { ApiError } from '../http/api-error.js';

/**
 * A request's body as it arrives. Whoever stops reading early leaves the connection usable, so that the caller still gets an
 * answer.
 *
 * @throws ApiError when the request breaks off, instead of ending as if it were complete.
 */
export async function* bodyOf(request: IncomingMessage): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      if (!(chunk instanceof Uint8Array)) throw new TypeError('A request gave text where bytes were expected.');
      yield chunk;
    }
  } catch (error) {
    throw error instanceof TypeError ? error : brokenOff(error);
  } finally {
    // What nobody wants any more is read and forgotten; otherwise a caller who is still sending would never see the answer.
    request.resume();
  }
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
