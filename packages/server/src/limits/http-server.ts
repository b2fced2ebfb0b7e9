import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import type { Duplex } from 'node:stream';
import { ApiError } from '../http/api-error.js';
import { completeLimits, type Limits, tooLarge } from './limits.js';
import { refuseOn } from './refuse-on.js';

/** How often, at least, connections are looked through for heads that take too long. */
const lookThroughMs = 5_000;

/**
 * Makes an HTTP server that bounds the heads of requests: their size, their number, and the time they may take; and whose refusals reach
 * those who are still sending. Give it the limits that `createServer` gets.
 *
 * Node's own bound of a whole request's time is taken away, as uploads may take hours: the kit bounds its bodies itself.
 *
 * @throws AdapterError `misconfigured`
 * @example
 * const http = createHttpServer(server.handler);
 * server.attach(http);
 */
export function createHttpServer(listener: RequestListener, limits: Partial<Limits> = {}): HttpServer {
  const complete = completeLimits(limits);
  const lingering = new WeakSet<Duplex>();
  const http = createServer(
    {
      maxHeaderSize: complete.header_bytes,
      headersTimeout: complete.header_seconds * 1000,
      requestTimeout: 0,
      connectionsCheckingInterval: Math.min(lookThroughMs, complete.header_seconds * 1000),
    },
    (request, response) => {
      // The connection was to end with the request before.
      if (lingering.has(request.socket)) request.socket.destroy();
      else listener(request, response);
    },
  );
  // Node would leave the rest out without a word; one more than allowed is seen, and refused.
  http.maxHeadersCount = complete.headers + 1;
  // Of what else a caller may expect than to go on, nothing is known: the request is answered as if it were not said. Node would refuse it in its own words.
  http.on('checkExpectation', (request, response) => http.emit('request', request, response));
  /** The answers that each connection waits for, which go out in this order. */
  const answering = new WeakMap<Duplex, Set<ServerResponse>>();
  http.on('request', (request, response) => {
    const { socket } = request;
    const open = answering.get(socket) ?? new Set();
    answering.set(socket, open.add(response));
    response.once('close', () => open.delete(response));
    response.prependOnceListener('finish', () => {
      if (!request.complete) lingerOnEnd(request, http.keepAliveTimeout, () => lingering.add(socket));
    });
  });
  http.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    // Within an answer under way, another would be taken for a part of it; before one that comes first, for that.
    const [first, ...further] = answering.get(socket) ?? [];
    const isBegun = first?.headersSent || further.length > 0;
    if (isBegun || error.code === 'ECONNRESET') socket.destroy();
    else refuseOn(socket, refusalOf(error, complete));
  });
  return http;
}

/**
 * Lets a connection that is to end with its answer end only when the request's body has come, or no more of it comes. Closed at once, as Node does it, the
 * system tells the sender that what is on its way goes nowhere, and who only reads after sending never sees the answer.
 */
function lingerOnEnd(request: IncomingMessage, patienceMs: number, lingers: () => void): void {
  const { socket } = request;
  socket.destroySoon = () => {
    lingers();
    socket.setTimeout(patienceMs);
    socket.end();
    request.once('close', () => socket.destroy());
    request.resume();
  };
  // Of a connection that is kept, the next answer may be the last.
  request.once('close', () => Reflect.deleteProperty(socket, 'destroySoon'));
}

/** Node's own bound, which cannot be set. */
const chunkExtensionBytes = 16_384;

/** What a request that the parser gave up on is told: where it did is known, but not how much more would have come. */
function refusalOf({ code }: NodeJS.ErrnoException, limits: Limits): ApiError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return tooLarge(limits, 'header_bytes', 'The head of the request');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return tooLarge({ ...limits, header_bytes: chunkExtensionBytes }, 'header_bytes', 'The extensions of a chunk');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ApiError('request_timeout', 'The head of the request came too slowly.', {
        details: { limit: limits.header_seconds },
      });
    default:
      return new ApiError('invalid_field', 'The request is no HTTP that can be understood.');
  }
}
