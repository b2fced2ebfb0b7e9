import { randomBytes } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ApiError } from '../http/api-error.js';

/** How long the peer may take to read the answer. */
const lingerMs = 2_000;

/** Answers on a bare socket, in the API's envelope, and ends it: for requests that no response object exists for. */
export function refuseOn(socket: Duplex, error: ApiError): void {
  // It was answered already, or nobody is there.
  if (!socket.writable) return;
  const requestId = randomBytes(9).toString('base64url');
  const body = JSON.stringify(error.body(requestId));
  const headers: Readonly<Record<string, string>> = {
    ...error.headers,
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(body)),
    'X-Request-Id': requestId,
    'X-Content-Type-Options': 'nosniff',
    Connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  setTimeout(() => socket.destroy(), lingerMs).unref();
  socket.end(`HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}\r\n${lines.join('')}\r\n${body}`);
}
