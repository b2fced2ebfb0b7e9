import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { SessionActivity, SessionRecipe, SessionUse } from '@user-workspaces/contract';

/** Where a session listens. */
export interface SessionTarget {
  readonly host: string;
  readonly port: number;
}

/** Whether a session is ready; where it answered, but with a status that no ready one answers, which. */
export type SessionReadiness =
  | { readonly kind: 'ready' }
  | { readonly kind: 'not ready'; readonly status: number | null };

/** What the reconciler asks of sessions themselves. A session's silence never ends its job: that is told by its resource. */
export interface SessionProbe {
  /** It is ready when `path` answers with an expected status, or the port accepts a connection. Every failure means "not ready". */
  isReady(
    target: SessionTarget & { readonly path: string | undefined },
    readiness: SessionRecipe['readiness'],
    timeoutMs: number,
  ): Promise<SessionReadiness>;
  /** True only where the session's machine itself says that nobody listens at the port; false for everything else, silence included. */
  isClosed(target: SessionTarget, timeoutMs: number): Promise<boolean>;
  /**
   * What the session says of its use: busy if it is by any of the questions, else when it was last at work.
   *
   * @param place Path of the session's base, and the query that goes with each request.
   * @throws when a question gets no answer that can be read.
   */
  use(
    target: SessionTarget,
    place: { readonly base: string; readonly query: Readonly<Record<string, string>> },
    questions: NonNullable<SessionActivity['questions']>,
    timeoutMs: number,
  ): Promise<SessionUse>;
}

const maxAnswerBytes = 1024 * 1024;

const silent: SessionReadiness = { kind: 'not ready', status: null };

/** The probe that really asks. */
export const probeSession: SessionProbe = {
  async isReady({ host, port, path }, readiness, timeoutMs) {
    if (!readiness || path === undefined)
      return (await knock({ host, port }, timeoutMs)) === 'open' ? { kind: 'ready' } : silent;
    const [from, to] = readiness.statuses;
    return new Promise((resolve) => {
      const asked = request({ host, port, path, method: 'GET', timeout: timeoutMs, agent: false }, (response) => {
        const status = response.statusCode ?? 0;
        response.destroy();
        resolve(status >= from && status <= to ? { kind: 'ready' } : { kind: 'not ready', status });
      });
      asked.once('timeout', () => asked.destroy(new Error('No answer in time.')));
      asked.once('error', () => resolve(silent));
      asked.end();
    });
  },
  async isClosed(target, timeoutMs) {
    return (await knock(target, timeoutMs)) === 'ECONNREFUSED';
  },
  async use(target, { base, query }, questions, timeoutMs) {
    let lastUsedAtMs: number | null = null;
    for (const { path, read } of questions) {
      const search = new URLSearchParams(query).toString();
      const text = await get(target, `${base}${path}${search === '' ? '' : `?${search}`}`, timeoutMs);
      const use = read(JSON.parse(text));
      if (use.kind === 'busy') return use;
      if (use.lastUsedAtMs !== null) lastUsedAtMs = Math.max(lastUsedAtMs ?? 0, use.lastUsedAtMs);
    }
    return { kind: 'idle', lastUsedAtMs };
  },
};

/** What happens at a port: `open`, `silent`, or the code of the error. */
function knock({ host, port }: SessionTarget, timeoutMs: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    const finish = (what: string): void => {
      socket.destroy();
      resolve(what);
    };
    socket.once('connect', () => finish('open'));
    socket.once('timeout', () => finish('silent'));
    socket.once('error', (error) => finish('code' in error ? String(error.code) : error.message));
  });
}

/** The body of an answer 200, which a hostile application cannot make too long or too slow. */
async function get({ host, port }: SessionTarget, path: string, timeoutMs: number): Promise<string> {
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ host, port, path, method: 'GET', agent: false, signal }, resolve).once('error', reject).end();
  });
  let sizeBytes = 0;
  response.on('data', (chunk: Buffer) => {
    sizeBytes += chunk.length;
    if (sizeBytes > maxAnswerBytes) response.destroy(new Error(`The answer is longer than ${maxAnswerBytes} bytes.`));
  });
  const body = await buffer(response);
  // The path's query may hold the session's token, so the message does not show it.
  if (response.statusCode !== 200) throw new Error(`The session answered ${response.statusCode}.`);
  return body.toString();
}
