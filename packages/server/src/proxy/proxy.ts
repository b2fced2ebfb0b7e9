import { Socket } from 'node:net';
import { ApiError } from '../http/api-error.js';
import { full, limitOf, tooMany } from '../limits/limits.js';
import {
  applicationPath,
  confirmed,
  findTarget,
  joinAddress,
  readAddress,
  type SessionAddress,
  type SessionTarget,
  takeTicket,
} from './addresses.js';
import { answer, answerOf, gone, type OwnAnswer } from './answers.js';
import { type Granted, judge, type Refused, sessionCookieFor } from './credentials.js';
import { Exchange } from './exchange.js';
import {
  defaultLimits,
  type HttpRequest,
  type HttpResponse,
  type SessionProxy,
  type SessionProxyOptions,
} from './options.js';
import { SocketRelay, sweepsPerPing } from './relay.js';
import { ambiguity, applicationHead } from './request-head.js';
import { Seals } from './seals.js';
import { isSameRoute, type Session, SessionTable } from './sessions.js';
import { responseOn, shakeHands, upgradeFault } from './upgrade.js';
import { mayOpenSocket, type Visitor, visitorOf } from './visitor.js';

/** A request to a session, of which nothing is known yet but its address. */
interface Asked {
  readonly visitor: Visitor | undefined;
  readonly address: SessionAddress | 'unknown';
}

/** What was found out about a request that is for a session. */
interface Visit {
  readonly target: SessionTarget;
  readonly visitor: Visitor;
  /** Its address without a ticket. */
  readonly url: string;
  readonly ticket: string | undefined;
}

/** What is open may end at any moment; of a full server many wait. */
const openRetrySeconds = 5;
const fullRetrySeconds = 10;

/**
 * The way of browsers and programs into running jobs.
 *
 * @example
 * const proxy = createSessionProxy({ routes, authenticate, signingKey, now: Date.now, prefix: '', publicOrigin, onTraffic, onUnreachable, log });
 * const server = createServer(async (request, response) => {
 *   if (!(await proxy.handle(request, response))) koa(request, response);
 * });
 * server.on('upgrade', (request, socket, head) => proxy.handleUpgrade(request, socket, head) || socket.destroy());
 */
export function createSessionProxy(options: SessionProxyOptions): SessionProxy {
  if (options.prefix !== '' && !/^(\/[A-Za-z0-9._~-]+)+$/.test(options.prefix)) {
    throw new TypeError(`The prefix of the session proxy is "${options.prefix}"; it must be empty or like "/api".`);
  }
  const limits = { ...defaultLimits, ...options.limits };
  const seals = new Seals(options.signingKey, options.now);
  const table = new SessionTable({ limits, onTraffic: options.onTraffic, onUnreachable: options.onUnreachable });
  const totals = { requestsTotal: 0, socketsTotal: 0, refusedTotal: 0, unreachableTotal: 0, pingsTotal: 0 };
  const sweeper = setInterval(() => table.sweep(), limits.pingIntervalMs / sweepsPerPing);
  sweeper.unref();

  const refuse = (request: HttpRequest, response: HttpResponse, own: OwnAnswer): void => {
    totals.refusedTotal += 1;
    answer(request, response, own, homeUrl());
  };
  const homeUrl = (): string => `${options.publicOrigin().replace(/\/+$/, '')}${options.prefix}/`;

  const told = (error: ApiError): OwnAnswer => {
    const limit = limitOf(error);
    if (limit) options.onLimit(limit);
    return answerOf(error);
  };

  /** `undefined`: not a request to a session. */
  const addressOf = (request: HttpRequest): Asked | undefined => {
    const visitor = visitorOf(options, request);
    const address = readAddress(options, request.url ?? '', visitor?.host ?? '');
    return address && { visitor, address };
  };

  const visitOf = async (request: HttpRequest, { visitor, address }: Asked): Promise<Visit | OwnAnswer> => {
    // Before anything else is believed of it: of a head with too many headers the rest is missing.
    options.checkHead(request);
    const fault = visitor ? ambiguity(request) : 'A request needs a Host.';
    if (!visitor || fault !== undefined) return { status: 400, code: 'invalid_field', message: fault ?? '' };
    if (address === 'unknown') return gone;
    await confirmed(options.routes, address);
    const target = findTarget(options, address);
    if (target === 'unknown') return gone;
    const { url, ticket } = takeTicket(request.url ?? '');
    return { target, visitor, url, ticket: target.tokenOnly ? undefined : ticket };
  };

  /** Looked at again after every wait: the job may have ended, or its owner been deactivated. */
  const stillRuns = ({ route }: SessionTarget): boolean => {
    const now = options.routes.byJob(route.jobId);
    return now !== undefined && isSameRoute(now, route);
  };

  /** The answer for whoever may not pass; of somebody else than the owner is told. */
  const refusalOf = (verdict: Refused, { route }: SessionTarget, request: HttpRequest): OwnAnswer => {
    if (verdict.holder) options.onForeign?.(route, verdict.holder, request);
    return verdict.answer;
  };

  /** What a token opened ends with the token; what a ticket or cookie did, with the job or when its owner is deactivated. */
  const endWithToken = ({ by }: Granted, until: HttpResponse | Socket, end: () => void): void => {
    if (typeof by === 'string') return;
    const { signal, leave } = options.enter(by);
    until.once('close', leave);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
  };

  const failed = (session: Session, own: OwnAnswer, error: Error, unreachable: boolean): OwnAnswer => {
    if (session.closed) return gone;
    if (!unreachable) {
      options.log.warn({ err: error, jobId: session.route.jobId }, 'A session sent an answer that cannot be relayed.');
      return own;
    }
    totals.unreachableTotal += 1;
    table.unreachable(session);
    return own;
  };

  const serve = async (request: HttpRequest, response: HttpResponse, asked: Asked): Promise<void> => {
    const visit = await visitOf(request, asked);
    if (response.destroyed) return;
    if (!('target' in visit)) return refuse(request, response, visit);
    const { target, visitor, url, ticket } = visit;
    if (request.headers['service-worker'] !== undefined && target.form === 'path' && isOutside(url, target)) {
      const message = 'A service worker can only be registered from an address below the base path of its session.';
      return refuse(request, response, { status: 403, code: 'permission_denied', message });
    }
    const verdict = await judge(options, seals, request, target, visitor, ticket);
    const runs = stillRuns(target);
    if (response.destroyed) return;
    if (verdict.kind === 'refused') return refuse(request, response, refusalOf(verdict, target, request));
    if (!runs) return refuse(request, response, gone);
    const safe = request.method === 'GET' || request.method === 'HEAD';
    if (ticket !== undefined && safe) {
      const traded = seals.isTicket(ticket, target.route);
      if (traded) table.traffic(table.at(target.route), 'openings');
      if (traded) options.onOpened?.(target.route, 'ticket', request);
      return redirect(response, visitor, url, traded ? sessionCookieFor(seals, target, visitor) : undefined);
    }
    if (safe && target.route.basePath === 'strip' && target.form === 'path' && isOutside(url, target)) {
      // Relative addresses on the application's first page need the slash, and an application without a base path cannot ask for it.
      return redirect(response, visitor, `${target.base}/${url.slice(target.base.length)}`, undefined);
    }
    const session = table.at(target.route);
    if (session.requests >= limits.open_session_requests) {
      const message = 'The session has too many requests under way. Wait for some to end.';
      throw tooMany(limits, 'open_session_requests', message, openRetrySeconds);
    }
    response.once('close', table.begin(session, 'requests'));
    endWithToken(verdict, response, () => response.destroy());
    if (verdict.by !== 'cookie') options.onOpened?.(target.route, verdict.by, request);
    totals.requestsTotal += 1;
    const kind = safe ? 'reads' : 'writes';
    table.traffic(session, kind);
    new Exchange({
      session,
      target,
      visitor,
      request,
      response,
      path: applicationPath(target, url),
      head: applicationHead(request, target, visitor, verdict.ownAuthorization),
      renewal: verdict.renewal,
      onTraffic: () => table.traffic(session, kind),
      onFailed: (own, reason, unreachable) => {
        answer(request, response, failed(session, own, reason, unreachable), homeUrl());
      },
    }).start();
  };

  const upgrade = async (request: HttpRequest, socket: Socket, head: Buffer, asked: Asked): Promise<void> => {
    const decline = (own: OwnAnswer): void => refuse(request, responseOn(request, socket, limits.lingerMs), own);
    const visit = await visitOf(request, asked);
    if (socket.destroyed) return;
    if (!('target' in visit)) return decline(visit);
    const { target, visitor, url, ticket } = visit;
    const fault = upgradeFault(request);
    if (fault !== undefined) return decline({ status: 400, code: 'invalid_field', message: fault });
    if (!mayOpenSocket(request, visitor, options.allowedOrigins ?? [])) {
      const message = 'This WebSocket is opened by a page of another site, which may not use the session.';
      return decline({ status: 403, code: 'permission_denied', message });
    }
    const verdict = await judge(options, seals, request, target, visitor, ticket);
    const runs = stillRuns(target);
    if (socket.destroyed) return;
    if (verdict.kind === 'refused') return decline(refusalOf(verdict, target, request));
    if (!runs) return decline(gone);
    const session = table.at(target.route);
    if (session.sockets >= limits.open_session_sockets) {
      const message = 'The session has too many WebSockets open. Close some.';
      throw tooMany(limits, 'open_session_sockets', message, openRetrySeconds);
    }
    if (table.open.sockets >= limits.all_session_sockets) {
      const message = 'The server has as many WebSockets open as it can. Try again in a moment.';
      throw full(limits, 'all_session_sockets', message, fullRetrySeconds);
    }
    const closed = table.begin(session, 'sockets');
    totals.socketsTotal += 1;
    table.traffic(session, 'sockets');
    let relay: SocketRelay | undefined;
    endWithToken(verdict, socket, () => (relay ? relay.end() : socket.destroy()));
    if (verdict.by !== 'cookie') options.onOpened?.(target.route, verdict.by, request);
    shakeHands({
      session,
      target,
      visitor,
      request,
      socket,
      path: applicationPath(target, url),
      head: applicationHead(request, target, visitor, verdict.ownAuthorization),
      renewal: verdict.renewal,
      limits,
      onOpen: (application, early) => {
        const opened = new SocketRelay(socket, application, {
          onData: () => table.traffic(session, 'sockets'),
          onPing: () => {
            totals.pingsTotal += 1;
          },
          onClosed: () => {
            session.relays.delete(opened);
            closed();
          },
          lingerMs: limits.lingerMs,
        });
        relay = opened;
        session.relays.add(opened);
        opened.begin(head, early);
      },
      onDeclined: closed,
      onFailed: (own, reason, unreachable) => {
        closed();
        const shown = failed(session, own, reason, unreachable);
        if (!socket.destroyed) answer(request, responseOn(request, socket, limits.lingerMs), shown, homeUrl());
      },
    });
  };

  /** What is asked of the server around us, such as whose token it is, may be refused, or fail. */
  const broken = (request: HttpRequest, response: HttpResponse, { address }: Asked, error: unknown): void => {
    if (error instanceof ApiError) {
      refuse(request, response, told(error));
      return;
    }
    options.log.warn({ err: error, address }, 'A request to a session failed.');
    const message = 'Whether you may use the session could not be found out. Try again in a moment.';
    answer(request, response, { status: 503, code: 'unavailable', message, retryAfterSeconds: 10 }, homeUrl());
  };

  return {
    handle: async (request, response) => {
      const asked = addressOf(request);
      if (asked === undefined) return false;
      response.once('finish', () => cutUnreadBody(request, limits.lingerMs));
      const closed = response.closed || new Promise<true>((resolve) => response.once('close', () => resolve(true)));
      await serve(request, response, asked).catch((error) => broken(request, response, asked, error));
      return closed;
    },
    handleUpgrade: (request, socket, head) => {
      const asked = addressOf(request);
      if (asked === undefined) return false;
      // What failed is told by the close that follows.
      socket.on('error', () => undefined);
      if (!(socket instanceof Socket)) socket.destroy(new TypeError('The session proxy needs the sockets of Node.'));
      else {
        upgrade(request, socket, head, asked).catch((error) =>
          broken(request, responseOn(request, socket, limits.lingerMs), asked, error),
        );
      }
      return true;
    },
    isForSession: (request) => addressOf(request) !== undefined,
    jobsInUse: () => table.jobIds(),
    issueTicket: (owner) => seals.ticket(owner),
    addressOf: (route, path, query) => joinAddress(options, route, path, query),
    closeJob: (jobId) => void table.closeJob(jobId),
    closeUser: (userId) => void table.closeWhere((route) => route.userId === userId),
    metrics: () => {
      const { sessions, requests, sockets } = table.open;
      return { sessions, openRequests: requests, openSockets: sockets, ...totals };
    },
    close: async () => {
      clearInterval(sweeper);
      await table.closeWhere(() => true);
    },
  };
}

/** A request that is answered already and still sends its body, perhaps a byte a minute, would hold its connection for as long as it likes. */
function cutUnreadBody(request: HttpRequest, patienceMs: number): void {
  if (request.complete) return;
  const timer = setTimeout(() => request.socket.destroy(), patienceMs);
  request.once('close', () => clearTimeout(timer));
}

/** The base path without a slash: for a browser it is a page of the directory that holds all sessions of the host. */
function isOutside(url: string, { base }: SessionTarget): boolean {
  return !url.startsWith('/', base.length);
}

/** To the same address on the same host, absolute because a path may begin with `//`. */
function redirect(response: HttpResponse, visitor: Visitor, url: string, cookie: string | undefined): void {
  response.statusCode = 302;
  response.setHeader('Location', `${visitor.scheme}://${visitor.host}${url}`);
  if (cookie !== undefined) response.setHeader('Set-Cookie', cookie);
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('Content-Length', 0);
  response.end();
}
