import type { SessionTarget } from './addresses.js';
import { isSessionCookie } from './credentials.js';
import { isHopByHop, namesInConnection } from './request-head.js';
import type { Visitor } from './visitor.js';

/**
 * Hold for a whole origin or even domain, which an application shares with the API or with other sessions: one of them could log a user out
 * everywhere, take the origin's traffic elsewhere, or have the addresses of others reported to it.
 */
const tooWide = new Set([
  'alt-svc',
  'clear-site-data',
  'expect-ct',
  'nel',
  'public-key-pins',
  'report-to',
  'sec-session-registration',
  'secure-session-registration',
  'service-worker-allowed',
  'set-login',
  'strict-transport-security',
  'use-as-dictionary',
]);

/** Orders to a server in front of us, such as to send one of its own files or to keep the answer for others. */
const orders = new Set(['x-litespeed-location', 'x-lighttpd-send-file', 'x-reproxy-url', 'x-sendfile', 'x-sendfile2']);

function reachesBeyond(name: string): boolean {
  // That an answer must not be buffered is an application's own affair.
  const toNginx = name.startsWith('x-accel-') && name !== 'x-accel-buffering';
  return tooWide.has(name) || orders.has(name) || toNginx;
}

/** The application's head for the browser: cookies and redirects stay within the session, whatever reaches beyond it is left out. */
export function browserHead(raw: readonly string[], target: SessionTarget, visitor: Visitor): string[] {
  const head: string[] = [];
  let connection: ReadonlySet<string> | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (raw[i]?.toLowerCase() === 'connection') connection = namesInConnection(raw[i + 1]) ?? connection;
  }
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const value = raw[i + 1] ?? '';
    const lower = name.toLowerCase();
    if (isHopByHop(lower) || reachesBeyond(lower) || connection?.has(lower)) continue;
    if (lower === 'set-cookie') {
      const cookie = cookieWithinSession(value, target.base);
      if (cookie !== undefined) head.push(name, cookie);
    } else if (lower === 'location') {
      head.push(name, publicLocation(value, target, visitor));
    } else {
      head.push(name, value);
    }
  }
  return head;
}

/**
 * A Set-Cookie of an application without Domain and with a Path below the session's, its name and value unchanged; `undefined` for one that
 * pretends to be ours. An empty base means that the session has a host of its own.
 */
export function cookieWithinSession(value: string, base: string): string | undefined {
  const [pair = '', ...attributes] = value.split(';');
  const equals = pair.indexOf('=');
  const name = pair.slice(0, Math.max(equals, 0)).trim();
  // A cookie without a name is sent as its bare value, which could read like ours.
  const shown = name === '' ? (pair.slice(equals + 1).split('=', 1)[0] ?? '').trim() : name;
  if (isSessionCookie(shown)) return undefined;
  let path = '';
  const kept = attributes.filter((attribute) => {
    const [key = '', ...rest] = attribute.split('=');
    const lower = key.trim().toLowerCase();
    if (lower === 'path') path = rest.join('=').trim();
    return lower !== 'domain' && (lower !== 'path' || base === '');
  });
  if (base !== '') kept.push(` Path=${pathWithin(path, base)}`);
  return [pair, ...kept].join(';');
}

function pathWithin(path: string, base: string): string {
  if (path === base || path.startsWith(`${base}/`)) return path;
  // Without a path of its own a cookie would get the directory of the page, which for the base path itself lies outside the session.
  return path.startsWith('/') && path !== '/' ? base + path : base;
}

/** A redirect to the application's own address, as the browser has to see it; others as they are. Absolute, as a path could begin with `//`. */
function publicLocation(location: string, target: SessionTarget, visitor: Visitor): string {
  const [, authority, rest] = /^(?:https?:)?\/\/([^/?#\\]*)(.*)$/i.exec(location) ?? [];
  const adds = target.base !== '' && target.route.basePath === 'strip';
  if (authority === undefined || rest === undefined) {
    return adds && location.startsWith('/') ? underBase(location, target.base) : location;
  }
  if (!/^https?:/i.test(location)) return location;
  const { host, port } = target.route;
  const targetAuthority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const own = authority.toLowerCase();
  if (own !== targetAuthority.toLowerCase() && own !== visitor.host.toLowerCase()) return location;
  const path = rest.startsWith('/') ? rest : `/${rest}`;
  return `${visitor.scheme}://${visitor.host}${adds ? underBase(path, target.base) : path}`;
}

function underBase(path: string, base: string): string {
  const after = path.startsWith(base) ? path[base.length] : 'outside';
  return after === undefined || after === '/' || after === '?' || after === '#' ? path : base + path;
}
