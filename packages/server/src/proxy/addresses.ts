import { ticketParameter } from '@user-workspaces/schema';
import type { SessionRoute, SessionRoutes } from './options.js';

/** A session named by a request's address. `base` is the part of its path that names the session: empty where it has a host name of its own. */
export interface SessionTarget {
  readonly route: SessionRoute;
  readonly form: 'path' | 'domain';
  readonly base: string;
  /**
   * Neither ticket nor cookie counts: sessions have origins of their own here, and no page of one is to appear under the origin of the API, wherever
   * a ticket may have got to.
   */
  readonly tokenOnly: boolean;
}

const jobNumber = /^[1-9][0-9]{0,14}(?=[/?#]|$)/;

/** The session's own host name below the pass-through domain. Not reversible (`a.b` and `a-b` collide): look it up, never decode it. */
export function sessionLabel(host: string, port: number): string {
  return `${host.replace(/[.:]/g, '-').toLowerCase()}-${port}`;
}

/** Path prefix of a session in the path form; `host` may be a placeholder. */
export function sessionBasePath(prefix: string, host: string, jobId: number): string {
  return `${prefix}/passthrough/${host}/${jobId}`;
}

/** Base path that an application which keeps it has under a host name of its own. */
export const domainBasePath = '/passthrough';

/** What an address names, before anybody has looked whether there is such a session. */
export type SessionAddress =
  | { readonly form: 'path'; readonly jobId: number; readonly host: string; readonly base: string }
  | { readonly form: 'domain'; readonly label: string };

/**
 * Reads an address, from the bytes as they came: nothing is decoded or normalised.
 * `undefined`: not an address of a session; `'unknown'`: one that no session can have.
 */
export function readAddress(
  options: { readonly prefix: string; readonly passthroughDomain?: string },
  url: string,
  host: string,
): SessionAddress | 'unknown' | undefined {
  if (options.passthroughDomain !== undefined) {
    const suffix = `.${options.passthroughDomain.toLowerCase()}`;
    const name = host.toLowerCase();
    if (name.endsWith(suffix)) return { form: 'domain', label: name.slice(0, -suffix.length) };
  }
  const start = `${options.prefix}/passthrough/`;
  if (!url.startsWith(start)) return undefined;
  const hostEnd = url.indexOf('/', start.length);
  if (hostEnd < 0) return 'unknown';
  const [id] = jobNumber.exec(url.slice(hostEnd + 1, hostEnd + 17)) ?? [];
  if (id === undefined) return 'unknown';
  const base = url.slice(0, hostEnd + 1 + id.length);
  return { form: 'path', jobId: Number(id), host: url.slice(start.length, hostEnd), base };
}

/** Whatever must be waited for before {@link findTarget}; `undefined` where that is nothing. */
export function confirmed(routes: SessionRoutes, address: SessionAddress): Promise<void> | undefined {
  return address.form === 'path' ? routes.confirmJob?.(address.jobId) : routes.confirmLabel?.(address.label);
}

/** The session that has this address, as far as is known; `'unknown'`: none that runs. */
export function findTarget(
  options: { readonly passthroughDomain?: string; readonly routes: SessionRoutes },
  address: SessionAddress,
): SessionTarget | 'unknown' {
  if (address.form === 'domain') {
    const route = options.routes.byLabel(address.label);
    return route ? { route, form: 'domain', base: '', tokenOnly: false } : 'unknown';
  }
  const { jobId, host, base } = address;
  const route = options.routes.byJob(jobId);
  if (!route || route.host !== host) return 'unknown';
  return { route, form: 'path', base, tokenOnly: options.passthroughDomain !== undefined };
}

/** The request target for the application. */
export function applicationPath(target: SessionTarget, url: string): string {
  if (target.route.basePath === 'keep' || target.form === 'domain') return url;
  const rest = url.slice(target.base.length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** Takes our ticket out of an address; everything else stays byte for byte. */
export function takeTicket(url: string): { readonly url: string; readonly ticket: string | undefined } {
  const queryStart = url.indexOf('?');
  // A name may be percent-encoded, so a look at the plain text alone would let an encoded ticket through to the application.
  if (queryStart < 0 || !mayHoldTicket.test(url)) return { url, ticket: undefined };
  const fragmentStart = url.indexOf('#', queryStart);
  const queryEnd = fragmentStart < 0 ? url.length : fragmentStart;
  let ticket: string | undefined;
  const kept = url
    .slice(queryStart + 1, queryEnd)
    .split('&')
    .filter((pair) => {
      const [name = '', value = ''] = pair.split('=', 2);
      if (name !== ticketParameter && decoded(name) !== ticketParameter) return true;
      ticket = decoded(value);
      return false;
    });
  if (ticket === undefined) return { url, ticket };
  const query = kept.length > 0 ? `?${kept.join('&')}` : '';
  return { url: url.slice(0, queryStart) + query + url.slice(queryEnd), ticket };
}

const mayHoldTicket = /uws_ticket|%/;

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * The address of a session in the two parts that clients join. A client may split it at its one `?` and put a path in between, so the
 * path has no slash at its end unless it is only that, and there is no fragment.
 */
export function joinAddress(
  options: { readonly prefix: string; readonly passthroughDomain?: string; readonly publicOrigin: () => string },
  route: SessionRoute,
  path: string,
  query: Readonly<Record<string, string>>,
): { readonly url_domain: string; readonly url_path: string } {
  const origin = options.publicOrigin().replace(/\/+$/, '');
  const pairs = Object.entries(query).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
  );
  const [page = ''] = path === '/' ? [''] : path.split('#', 1);
  if (options.passthroughDomain === undefined) {
    const base = sessionBasePath(options.prefix, route.host, route.jobId);
    return { url_domain: origin, url_path: withQuery(base + page, pairs) };
  }
  const scheme = origin.slice(0, origin.indexOf(':'));
  const base = route.basePath === 'keep' ? domainBasePath : '';
  return {
    url_domain: `${scheme}://${sessionLabel(route.host, route.port)}.${options.passthroughDomain}`,
    url_path: withQuery(base + page || '/', pairs),
  };
}

function withQuery(path: string, pairs: readonly string[]): string {
  if (pairs.length === 0) return path;
  return `${path}${path.includes('?') ? '&' : '?'}${pairs.join('&')}`;
}
