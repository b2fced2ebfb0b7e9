import type { RequestListener } from 'node:http';
import type { Duplex } from 'node:stream';
import type { SessionTraffic, UserRow } from '@user-workspaces/contract';
import { type LimitName, type Limits, defaultLimits as limitsOfServer } from '../limits/limits.js';

/** Where one running job serves its session, as recorded by its resource. */
export interface SessionRoute {
  readonly jobId: number;
  /** The job's owner: the only one who gets in. */
  readonly userId: number;
  /** The owner's `session_epoch`, raised by every deactivation and when sign-ins are revoked: tickets and cookies of another one do not count. */
  readonly epoch: number;
  readonly host: string;
  readonly port: number;
  /** Whether the application is asked for the path as the browser sees it (`keep`) or without the base path (`strip`). */
  readonly basePath: 'keep' | 'strip';
}

/** Whose a session is, as tickets and cookies name it. */
export type SessionOwner = Pick<SessionRoute, 'jobId' | 'userId' | 'epoch'>;

/**
 * The running sessions, kept from the rows and never from a request. A route must disappear when its job ends or its owner is
 * deactivated: tickets and cookies are refused from then on. All are called on every request, so they must be cheap.
 */
export interface SessionRoutes {
  byJob(jobId: number): SessionRoute | undefined;
  /** The running job whose `sessionLabel(host, port)` this is. */
  byLabel(label: string): SessionRoute | undefined;
  /**
   * Before `byJob`: finds out what other processes have decided about the job and its owner, where that is not known. Nothing to wait for: `undefined`. A failure is answered 503, as
   * the port of a job that has ended may be another user's by then.
   */
  confirmJob?(jobId: number): Promise<void> | undefined;
  /** The same before `byLabel`. */
  confirmLabel?(label: string): Promise<void> | undefined;
}

/** What passed: a session opened with a ticket, or traffic of one of the kinds that job types tell apart. */
export type TrafficKind = 'openings' | SessionTraffic;

/** Bounds of what callers open, which an operator sets. */
type OpenLimits = Readonly<Pick<Limits, 'open_session_requests' | 'open_session_sockets' | 'all_session_sockets'>>;

/** Bounds of the proxy; every one keeps a caller or an application from using up the server. */
export interface SessionProxyLimits extends OpenLimits {
  /** Largest head of an application's answer. @default 65_536 */
  readonly responseHeadBytes: number;
  /** Time to reach an application. @default 10_000 */
  readonly connectTimeoutMs: number;
  /** Time until an application begins to answer, a WebSocket handshake included. @default 300_000 */
  readonly answerTimeoutMs: number;
  /** A quiet WebSocket gets a ping this often; after three without a sign of the browser it is closed. @default 25_000 */
  readonly pingIntervalMs: number;
  /** How long one side of a WebSocket may take to end after the other did, and what is left of a body after the answer. @default 5_000 */
  readonly lingerMs: number;
  /** At most one `onTraffic` of a kind and one `onUnreachable` for each job in this time. @default 5_000 */
  readonly reportIntervalMs: number;
}

export const defaultLimits: SessionProxyLimits = {
  open_session_requests: limitsOfServer.open_session_requests,
  open_session_sockets: limitsOfServer.open_session_sockets,
  all_session_sockets: limitsOfServer.all_session_sockets,
  responseHeadBytes: 65_536,
  connectTimeoutMs: 10_000,
  answerTimeoutMs: 300_000,
  pingIntervalMs: 25_000,
  lingerMs: 5_000,
  reportIntervalMs: 5_000,
};

/** Who brought a good API token. */
export interface TokenHolder {
  readonly user: Pick<UserRow, 'id' | 'username'>;
  readonly tokenId: number;
}

export interface SessionProxyOptions {
  readonly routes: SessionRoutes;
  /**
   * Who holds an API token that a request brought, or `undefined` when it is unknown, expired, revoked or its user deactivated.
   *
   * @throws ApiError, which is the answer.
   */
  readonly authenticate: (token: string, request: HttpRequest) => Promise<TokenHolder | undefined>;
  /** A token opened a request or WebSocket, which is ended when the signal aborts: with the token. `leave` is called when it has ended. */
  readonly enter: (holder: TokenHolder) => { readonly signal: AbortSignal; leave(): void };
  /** What the server asks of the head of every request. @throws ApiError, which is the answer. */
  readonly checkHead: (request: HttpRequest) => void;
  /** A request was refused as it was beyond this limit. */
  readonly onLimit: (name: LimitName) => void;
  /** At least 32 secret bytes; the same on all replicas, or a ticket of one is refused by the others. */
  readonly signingKey: Uint8Array;
  /** Wall clock in Unix milliseconds. */
  readonly now: () => number;
  /** Mount prefix such as `/api`, or an empty string. Enters addresses and cookie paths. */
  readonly prefix: string;
  /** Scheme and host under which browsers reach the server, such as `https://portal.example.org`; asked when it is needed, as a port may be chosen late. */
  readonly publicOrigin: () => string;
  /** Parent of the sessions' own host names, with its port unless that is the default, such as `sessions.example.org:8443`. Absent: only paths. */
  readonly passthroughDomain?: string;
  /** Further origins, such as `https://portal.example.org`, whose pages may call sessions and open their WebSockets. */
  readonly allowedOrigins?: readonly string[];
  /** Whether X-Forwarded-For, -Proto and -Host of this peer are believed. Default: of none. */
  readonly trustsPeer?: (remoteAddress: string) => boolean;
  /** There was traffic of a person or program; pings and pongs are none. Called for each kind at most once in `reportIntervalMs`. */
  readonly onTraffic: (jobId: number, kind: TrafficKind) => void;
  /** A ticket was traded for a cookie, or a request or WebSocket was let in by ticket or token. Called for every one of them. */
  readonly onOpened?: (route: SessionRoute, by: 'ticket' | TokenHolder, request: HttpRequest) => void;
  /** A good token of somebody else than the owner was shown, and refused as where there is no session. */
  readonly onForeign?: (route: SessionRoute, holder: TokenHolder, request: HttpRequest) => void;
  /** The job's server could not be reached or did not answer: its status should be checked. Called at most once in `reportIntervalMs`. */
  readonly onUnreachable: (jobId: number) => void;
  readonly log: { warn(fields: object, message: string): void };
  readonly limits?: Partial<SessionProxyLimits>;
}

/** Request and response of Node's HTTP server. */
export type HttpRequest = Parameters<RequestListener>[0];
export type HttpResponse = Parameters<RequestListener>[1];

/** Gauges and counters since the start. */
export interface SessionProxyMetrics {
  /** Jobs with connections kept for them. */
  readonly sessions: number;
  readonly openRequests: number;
  readonly openSockets: number;
  readonly requestsTotal: number;
  readonly socketsTotal: number;
  /** Requests without the right to a session. */
  readonly refusedTotal: number;
  /** Requests that a job's server did not answer. */
  readonly unreachableTotal: number;
  readonly pingsTotal: number;
}

export interface SessionProxy {
  /**
   * Serves the request when it is one to a session: by its path, or by a host under the pass-through domain. Resolves to false, untouched, when it is
   * not; to true when the response has been closed. Must see the request before anything reads its body or changes its address.
   */
  handle(request: HttpRequest, response: HttpResponse): Promise<boolean>;
  /** The same for Node's `upgrade` event. True: the socket is taken care of. */
  handleUpgrade(request: HttpRequest, socket: Duplex, head: Buffer): boolean;
  /** Whether the request's address is one of a session, running or not: {@link SessionProxy.handle} would serve it. */
  isForSession(request: HttpRequest): boolean;
  /** The jobs whose sessions are in use, or were within the last minute. */
  jobsInUse(): number[];
  /** A permission for the job's owner to open the session within 15 minutes. Show it to nobody else. */
  issueTicket(owner: SessionOwner): string;
  /** Where browsers reach a session: `path` begins with a slash and lies below the base path, `/` alone is the base path itself. Add a ticket to `query`. */
  addressOf(
    route: SessionRoute,
    path: string,
    query: Readonly<Record<string, string>>,
  ): { readonly url_domain: string; readonly url_path: string };
  /** Ends everything open to a job's session, at once. */
  closeJob(jobId: number): void;
  /** Ends everything open to any session of a user. Remove the routes first, or cookies open them again. */
  closeUser(userId: number): void;
  metrics(): SessionProxyMetrics;
  /** Ends all sessions; the proxy is of no use afterwards. */
  close(): Promise<void>;
}
