import type { HttpRequest } from './options.js';

/** Who asks and under which address, as far as it can be believed. */
export interface Visitor {
  readonly scheme: 'http' | 'https';
  /** Host and port as the browser sent them. */
  readonly host: string;
  /** Value for X-Forwarded-For. */
  readonly forwardedFor: string;
}

const hostForm = /^[A-Za-z0-9._-]+(:[0-9]{1,5})?$|^\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?$/;

/** `undefined` when the request has no usable Host, without which there is neither an address to redirect to nor an origin to compare. */
export function visitorOf(
  options: { readonly publicOrigin: () => string; readonly trustsPeer?: (remoteAddress: string) => boolean },
  request: HttpRequest,
): Visitor | undefined {
  const peer = request.socket.remoteAddress ?? '';
  const trusted = options.trustsPeer?.(peer) ?? false;
  const host = (trusted && single(request.headers['x-forwarded-host'])) || request.headers.host;
  if (host === undefined || !hostForm.test(host)) return undefined;
  const earlier = trusted ? request.headers['x-forwarded-for'] : undefined;
  return {
    scheme: schemeOf(options, request, trusted),
    host,
    forwardedFor: earlier === undefined ? peer : `${earlier.toString()}, ${peer}`,
  };
}

function schemeOf(
  options: { readonly publicOrigin: () => string },
  request: HttpRequest,
  trusted: boolean,
): 'http' | 'https' {
  const told = trusted ? single(request.headers['x-forwarded-proto']) : undefined;
  if (told === 'http' || told === 'https') return told;
  if ('encrypted' in request.socket) return 'https';
  return options.publicOrigin().startsWith('https:') ? 'https' : 'http';
}

function single(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value.split(',', 1)[0]?.trim() : undefined;
}

/**
 * Whether a request comes from the session's own pages, or from a program, and not from another site's page that uses the browser's cookie.
 * Sec-Fetch-Site decides where a browser sends it; older ones, and pages without TLS, are judged by Origin.
 */
export function isOwnRequest(request: HttpRequest, visitor: Visitor, allowedOrigins: readonly string[]): boolean {
  const { origin } = request.headers;
  if (origin !== undefined && allowedOrigins.includes(origin)) return true;
  const safe = request.method === 'GET' || request.method === 'HEAD';
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined) {
    if (site === 'same-origin' || site === 'none') return true;
    // A link from elsewhere may be followed; nothing else may be done or embedded from there, not even by a neighbour whose frames get the cookie.
    const dest = request.headers['sec-fetch-dest'] ?? 'document';
    return safe && request.headers['sec-fetch-mode'] === 'navigate' && dest === 'document';
  }
  return safe || origin === undefined || isSameOrigin(origin, visitor);
}

/** WebSockets know no CORS, so a page of any site can open one with the browser's cookie: Origin, where there is one, must be the session's own. */
export function mayOpenSocket(request: HttpRequest, visitor: Visitor, allowedOrigins: readonly string[]): boolean {
  const { origin } = request.headers;
  return origin === undefined || allowedOrigins.includes(origin) || isSameOrigin(origin, visitor);
}

function isSameOrigin(origin: string, visitor: Visitor): boolean {
  const [scheme, host] = origin.toLowerCase().split('://', 2);
  if (host === undefined || (scheme !== 'https' && (scheme !== 'http' || visitor.scheme === 'https'))) return false;
  const defaultPort = scheme === 'https' ? /:443$/ : /:80$/;
  return host === visitor.host.toLowerCase().replace(defaultPort, '');
}
