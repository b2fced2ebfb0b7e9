import { request } from 'node:http';
import { request as requestSecurely } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { type Fields, isFields } from './versions.js';

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/**
 * Sends one request on a connection of its own, in the few ways that slurmrestd understands: it refuses chunks and a charset.
 *
 * @throws What went wrong on the way, or the signal's reason.
 */
export function exchange(
  address: string,
  method: 'GET' | 'POST' | 'DELETE',
  headers: Readonly<Record<string, string>>,
  body: object | undefined,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const text = body && JSON.stringify(body);
  const allHeaders = {
    ...headers,
    // Asked to close, slurmrestd writes a further header behind the body of its answer, which is no HTTP.
    Connection: 'keep-alive',
    ...(text !== undefined && {
      'Content-Type': 'application/json',
      'Content-Length': String(Buffer.byteLength(text)),
    }),
  };
  return new Promise((resolve, reject) => {
    const send = address.startsWith('https:') ? requestSecurely : request;
    const asked = send(address, { method, headers: allHeaders, signal, agent: false }, (response) => {
      buffer(response).then(
        (content) => resolve({ status: response.statusCode ?? 0, text: content.toString() }),
        reject,
      );
    });
    asked.once('error', reject);
    asked.end(text);
  });
}

/** The object of an answer, if it is one. */
export function jsonOf({ text }: HttpAnswer): Fields | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return isFields(body) ? body : undefined;
  } catch {
    return undefined;
  }
}
