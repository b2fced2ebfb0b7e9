import type { SessionTarget } from './addresses.js';
import { holdsOwnToken, splitProtocols, withoutSessionCookie, withoutTicket } from './credentials.js';
import type { HttpRequest } from './options.js';
import type { Visitor } from './visitor.js';

/** Belong to one connection, not to the message (RFC 9110, 7.6.1), or are written anew by whoever sends the next one. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

export function isHopByHop(name: string): boolean {
  return hopByHop.has(name);
}

/** Names that a Connection header declares to be hop-by-hop; `undefined` for the usual ones, which are known. */
export function namesInConnection(connection: string | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  return new Set(connection.split(',').map((name) => name.trim().toLowerCase()));
}

/** Told by a client or an earlier proxy; set again by us, from what we know. */
const told = new Set(['forwarded', 'x-real-ip', 'x-scheme', 'x-original-url', 'x-rewrite-url']);

/**
 * Why a request must not be relayed: a shape on which two servers in a row may disagree where it ends. Node's parser refuses most of these; this
 * holds even when the server was made with a lenient one.
 */
export function ambiguity(request: HttpRequest): string | undefined {
  const url = request.url ?? '';
  if (!url.startsWith('/')) return 'The address must be a path.';
  if (request.httpVersion === '0.9') return 'The first line of the request names no version of HTTP.';
  const coding = request.headers['transfer-encoding'];
  const length = request.headers['content-length'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked')
    return 'The only transfer coding understood is "chunked".';
  if (coding !== undefined && length !== undefined) return 'A request has a length or is chunked, but not both.';
  if (length !== undefined && !/^[0-9]+$/.test(length)) return 'Content-Length must be one number.';
  let hosts = 0;
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  return hosts === 1 ? undefined : 'A request needs exactly one Host.';
}

export function hasBody(request: HttpRequest): boolean {
  const length = request.headers['content-length'];
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

/** The head for the application: names and values in turn, without whatever is ours. */
export function applicationHead(
  request: HttpRequest,
  target: SessionTarget,
  visitor: Visitor,
  ownAuthorization: boolean,
): string[] {
  const head = ['host', visitor.host];
  const connection = namesInConnection(request.headers.connection);
  const raw = request.rawHeaders;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const value = raw[i + 1] ?? '';
    const lower = name.toLowerCase();
    if (hopByHop.has(lower) || connection?.has(lower)) continue;
    switch (lower) {
      case 'host':
      case 'uws-authorization':
      case 'expect': // Node has answered 100-continue already.
        continue;
      case 'authorization':
        if (!ownAuthorization && !holdsOwnToken(value)) head.push(name, value);
        continue;
      case 'cookie': {
        const kept = withoutSessionCookie(value);
        if (kept !== undefined) head.push(name, kept);
        continue;
      }
      case 'referer':
        head.push(name, withoutTicket(value));
        continue;
      case 'sec-websocket-protocol': {
        const { application } = splitProtocols(value);
        if (application !== undefined) head.push(name, application);
        continue;
      }
      default:
        if (lower.startsWith('x-forwarded-') || told.has(lower)) continue;
        head.push(name, value);
    }
  }
  head.push(
    'X-Forwarded-For',
    visitor.forwardedFor,
    'X-Forwarded-Proto',
    visitor.scheme,
    'X-Forwarded-Host',
    visitor.host,
  );
  // Told only where the application does not see it: one that keeps its base path would add it twice.
  if (target.route.basePath === 'strip' && target.base !== '') head.push('X-Forwarded-Prefix', target.base);
  return head;
}
