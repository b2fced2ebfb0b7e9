import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { RawAnswer } from './handler.js';

/** Streams an answer that is not JSON; ends its source when the caller goes away. */
export async function sendRaw(request: IncomingMessage, response: ServerResponse, answer: RawAnswer): Promise<void> {
  response.writeHead(answer.status, { ...answer.headers });
  const { body } = answer;
  if (body === undefined || typeof body === 'string' || request.method === 'HEAD') {
    if (body !== undefined && typeof body !== 'string') await Readable.from(body).destroy();
    response.end(request.method === 'HEAD' ? undefined : body);
    return;
  }
  // Long-lived streams begin with their headers, whenever the first byte comes.
  response.flushHeaders();
  try {
    await pipeline(body, response);
  } catch (error) {
    // The head is out, so a broken connection is the only way to tell; a caller who left needs no telling.
    response.destroy();
    if (!isDisconnect(error)) throw error;
  }
}

function isDisconnect(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error.name === 'AbortError' ||
      ('code' in error &&
        (error.code === 'ERR_STREAM_PREMATURE_CLOSE' || error.code === 'ECONNRESET' || error.code === 'EPIPE')))
  );
}
