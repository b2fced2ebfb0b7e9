import { sessionCookie } from '@user-workspaces/schema';
import { type SessionTarget, takeTicket } from './addresses.js';
import { gone, type OwnAnswer } from './answers.js';
import type { HttpRequest, TokenHolder } from './options.js';
import type { Seals } from './seals.js';
import { isOwnRequest, type Visitor } from './visitor.js';

const hostCookie = `__Host-${sessionCookie}`;
/** The subprotocol that we answer with, and the one that carries a token and is never answered. */
export const ownProtocol = 'uws';
const protocolPrefix = 'uws.token.';

/** What a request showed is enough. */
export interface Granted {
  readonly kind: 'granted';
  /** What of it counted. What a token opens ends with the token. */
  readonly by: 'ticket' | 'cookie' | TokenHolder;
  /** `Authorization` held our token, so the application must not see it. */
  readonly ownAuthorization: boolean;
  /** Set-Cookie that prolongs the session's cookie. */
  readonly renewal?: string | undefined;
}

/** What a request showed is not enough. */
export interface Refused {
  readonly kind: 'refused';
  readonly answer: OwnAnswer;
  /** Whose good token it showed: of somebody else than the owner. */
  readonly holder?: TokenHolder;
}

/** Whether a request may pass. */
type Verdict = Granted | Refused;

export interface CredentialOptions {
  readonly authenticate: (token: string, request: HttpRequest) => Promise<TokenHolder | undefined>;
  readonly allowedOrigins?: readonly string[];
}

/**
 * Judges a request to a session: by the token in UWS-Authorization or the WebSocket subprotocol, else by ticket, else by cookie, else by a token
 * in Authorization. That header comes last because it usually belongs to the application.
 */
export async function judge(
  options: CredentialOptions,
  seals: Seals,
  request: HttpRequest,
  target: SessionTarget,
  visitor: Visitor,
  ticket: string | undefined,
): Promise<Verdict> {
  const header = request.headers['uws-authorization'];
  const own = header === undefined ? tokenInProtocols(request) : tokenIn(header.toString());
  if (header !== undefined && own === undefined) {
    return refused(401, 'not_authenticated', 'UWS-Authorization must be "Token <token>" or "Bearer <token>".');
  }
  if (own !== undefined) return judgeToken(options, request, target, own, false);

  if (ticket !== undefined && seals.isTicket(ticket, target.route)) {
    return { kind: 'granted', by: 'ticket', ownAuthorization: false };
  }

  const seal = cookieSeal(seals, request, target, visitor);
  if (seal !== 'bad') {
    if (!isOwnRequest(request, visitor, options.allowedOrigins ?? [])) {
      return refused(
        403,
        'permission_denied',
        'This request comes from a page of another site, which may not use the session.',
      );
    }
    const renewal = seal === 'stale' ? sessionCookieFor(seals, target, visitor) : undefined;
    return { kind: 'granted', by: 'cookie', ownAuthorization: false, renewal };
  }

  const token = tokenIn(request.headers.authorization);
  if (token !== undefined) return judgeToken(options, request, target, token, true);
  const message =
    ticket === undefined
      ? 'The session needs a ticket, its cookie or a token. Open it again from the list of workspaces.'
      : 'The address of the session is too old, or was made for another one. Open it again from the list of workspaces.';
  return refused(401, 'not_authenticated', message);
}

async function judgeToken(
  options: CredentialOptions,
  request: HttpRequest,
  target: SessionTarget,
  token: string,
  ownAuthorization: boolean,
): Promise<Verdict> {
  const holder = await options.authenticate(token, request);
  if (holder === undefined)
    return refused(401, 'invalid_token', 'The token is unknown, expired or revoked. Sign in again.');
  if (holder.user.id !== target.route.userId) return { kind: 'refused', answer: gone, holder };
  return { kind: 'granted', by: holder, ownAuthorization };
}

function refused(status: 401 | 403, code: string, message: string): Verdict {
  return { kind: 'refused', answer: { status, code, message } };
}

/** Several cookies of the name may come, of which a neighbour on the same parent domain may have set one: any good one counts. */
function cookieSeal(
  seals: Seals,
  request: HttpRequest,
  target: SessionTarget,
  visitor: Visitor,
): 'good' | 'stale' | 'bad' {
  let best: 'stale' | 'bad' = 'bad';
  const header = request.headers.cookie;
  const name = cookieName(target, visitor);
  if (header === undefined || target.tokenOnly || !header.includes(name)) return best;
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=');
    if (equals < 0 || pair.slice(0, equals).trim() !== name) continue;
    const state = seals.checkCookie(pair.slice(equals + 1).trim(), target.route);
    if (state === 'good') return state;
    if (state === 'stale') best = state;
  }
  return best;
}

/** With the prefix where it can be had: a browser lets no neighbouring sub-domain set such a cookie. */
function cookieName(target: SessionTarget, visitor: Visitor): string {
  return target.form === 'domain' && visitor.scheme === 'https' ? hostCookie : sessionCookie;
}

/** Whether a cookie of this name is ours, in either spelling. */
export function isSessionCookie(name: string): boolean {
  return name === sessionCookie || name === hostCookie;
}

/** Set-Cookie of a session: HttpOnly, host-only, and where sessions share a host only for the session's own path. */
export function sessionCookieFor(seals: Seals, target: SessionTarget, visitor: Visitor): string {
  const secure = visitor.scheme === 'https';
  const name = cookieName(target, visitor);
  const attributes = `Path=${target.base || '/'}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
  return `${name}=${seals.cookie(target.route)}; ${attributes}`;
}

/** A Cookie header without ours; `undefined` when none is left. The others stay byte for byte. */
export function withoutSessionCookie(header: string): string | undefined {
  if (!header.includes(sessionCookie)) return header;
  const kept = header.split(';').filter((pair) => !isSessionCookie((pair.split('=', 1)[0] ?? '').trim()));
  return kept.length > 0 ? kept.join(';').trimStart() : undefined;
}

/** A Referer without our ticket. */
export function withoutTicket(referer: string): string {
  return takeTicket(referer).url;
}

/**
 * The subprotocols for the application, and whether ours must be answered where it chooses none: a browser gives up when it offered some and
 * none is chosen. One that offered nothing but its token gets none either, as no client may be answered with what it did not offer.
 */
export function splitProtocols(header: string): { readonly application: string | undefined; readonly ours: boolean } {
  const names = header.split(',').map((name) => name.trim());
  if (!names.some((name) => name.startsWith(protocolPrefix))) return { application: header, ours: false };
  const kept = names.filter((name) => name !== ownProtocol && !name.startsWith(protocolPrefix));
  return { application: kept.length > 0 ? kept.join(', ') : undefined, ours: names.includes(ownProtocol) };
}

function tokenInProtocols(request: HttpRequest): string | undefined {
  return request.headers['sec-websocket-protocol']
    ?.split(',')
    .map((name) => name.trim())
    .find((name) => name.startsWith(protocolPrefix))
    ?.slice(protocolPrefix.length);
}

const ownToken = /^(?:token|bearer) +uws_[A-Za-z0-9_-]{43} *$/i;

/** Whether an Authorization header holds what can only be an API token, which is not for an application, whatever else opened the session. */
export function holdsOwnToken(authorization: string): boolean {
  return ownToken.test(authorization);
}

const credential = /^(?:token|bearer) +([\x21-\x7e]+) *$/i;

function tokenIn(header: string | undefined): string | undefined {
  return header === undefined ? undefined : credential.exec(header)?.[1];
}
