import type { Pool } from 'undici';
import type { SessionProxyLimits, SessionRoute, TrafficKind } from './options.js';
import type { SocketRelay } from './relay.js';

/** What is open to one job's server at present. */
export class Session {
  readonly route: SessionRoute;
  readonly relays = new Set<SocketRelay>();
  /** Ends handshakes that are not a relay yet. */
  readonly handshakes = new Set<() => void>();
  requests = 0;
  /** WebSockets, from the start of their handshake until both sides are closed. */
  sockets = 0;
  /** Ended by us, so that its failures tell nothing of the job. */
  closed = false;
  /** Sweeps since anything was open. */
  idleSweeps = 0;
  /** When traffic of each kind was last reported. */
  readonly reportedMs = new Map<TrafficKind, number>();
  lastUnreachableMs = Number.NEGATIVE_INFINITY;

  readonly #limits: SessionProxyLimits;
  #pool: Promise<Pool> | undefined;

  constructor(route: SessionRoute, limits: SessionProxyLimits) {
    this.route = route;
    this.#limits = limits;
  }

  /** The connections to the application. */
  get pool(): Promise<Pool> {
    this.#pool ??= openPool(this.route, this.#limits);
    return this.#pool;
  }

  /** Ends everything open, at once. */
  async close(): Promise<void> {
    this.closed = true;
    for (const end of this.handshakes) end();
    for (const relay of this.relays) relay.end();
    await (await this.#pool)?.destroy();
  }
}

/** The module is loaded by the first request to any session: a server starts a tenth sooner without it. */
async function openPool({ host, port }: SessionRoute, limits: SessionProxyLimits): Promise<Pool> {
  const { Pool } = await import('undici');
  return new Pool(`http://${host.includes(':') ? `[${host}]` : host}:${port}`, {
    connections: limits.open_session_requests,
    pipelining: 1,
    allowH2: false,
    // A stream may be silent for hours; what bounds it is the end of either side, or of the job.
    bodyTimeout: 0,
    headersTimeout: limits.answerTimeoutMs,
    connectTimeout: limits.connectTimeoutMs,
    maxHeaderSize: limits.responseHeadBytes,
  });
}

export interface SessionTableHooks {
  readonly limits: SessionProxyLimits;
  readonly onTraffic: (jobId: number, kind: TrafficKind) => void;
  readonly onUnreachable: (jobId: number) => void;
}

/** Whether two routes of one job lead to the same place for the same tickets and cookies. */
export function isSameRoute(one: SessionRoute, other: SessionRoute): boolean {
  return one.host === other.host && one.port === other.port && one.userId === other.userId && one.epoch === other.epoch;
}

const sweepsUntilForgotten = 12;

/** The sessions in use. One is made by its first request and forgotten a minute after its last. */
export class SessionTable {
  readonly #hooks: SessionTableHooks;
  readonly #sessions = new Map<number, Session>();
  #requests = 0;
  #sockets = 0;

  constructor(hooks: SessionTableHooks) {
    this.#hooks = hooks;
  }

  /** The session of a route. One that was left at another address is ended first. */
  at(route: SessionRoute): Session {
    const known = this.#sessions.get(route.jobId);
    if (known) {
      if (isSameRoute(known.route, route)) return known;
      void this.closeJob(route.jobId);
    }
    const session = new Session(route, this.#hooks.limits);
    this.#sessions.set(route.jobId, session);
    return session;
  }

  traffic(session: Session, kind: TrafficKind): void {
    const now = performance.now();
    const reportedMs = session.reportedMs.get(kind) ?? Number.NEGATIVE_INFINITY;
    if (now - reportedMs < this.#hooks.limits.reportIntervalMs) return;
    session.reportedMs.set(kind, now);
    this.#hooks.onTraffic(session.route.jobId, kind);
  }

  unreachable(session: Session): void {
    const now = performance.now();
    if (now - session.lastUnreachableMs < this.#hooks.limits.reportIntervalMs) return;
    session.lastUnreachableMs = now;
    this.#hooks.onUnreachable(session.route.jobId);
  }

  sweep(): void {
    for (const [jobId, session] of this.#sessions) {
      for (const relay of session.relays) relay.sweep();
      session.idleSweeps = session.requests + session.sockets > 0 ? 0 : session.idleSweeps + 1;
      if (session.idleSweeps > sweepsUntilForgotten) {
        this.#sessions.delete(jobId);
        void session.close();
      }
    }
  }

  async closeJob(jobId: number): Promise<void> {
    const session = this.#sessions.get(jobId);
    this.#sessions.delete(jobId);
    await session?.close();
  }

  async closeWhere(belongs: (route: SessionRoute) => boolean): Promise<void> {
    const ending = [...this.#sessions.values()].filter((session) => belongs(session.route));
    await Promise.all(ending.map((session) => this.closeJob(session.route.jobId)));
  }

  /** Counts a request or WebSocket until the function it returns is called. */
  begin(session: Session, kind: 'requests' | 'sockets'): () => void {
    session[kind] += 1;
    this.#count(kind, 1);
    return () => {
      session[kind] -= 1;
      this.#count(kind, -1);
    };
  }

  #count(kind: 'requests' | 'sockets', change: 1 | -1): void {
    if (kind === 'requests') this.#requests += change;
    else this.#sockets += change;
  }

  jobIds(): number[] {
    return [...this.#sessions.keys()];
  }

  get open(): { readonly sessions: number; readonly requests: number; readonly sockets: number } {
    return { sessions: this.#sessions.size, requests: this.#requests, sockets: this.#sockets };
  }
}
