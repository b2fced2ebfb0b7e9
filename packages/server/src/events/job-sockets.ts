import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { JobRow } from '@user-workspaces/contract';
import type { Schema } from '@user-workspaces/schema';
import { type WebSocket, WebSocketServer } from 'ws';
import { ApiError, toApiError } from '../http/api-error.js';
import type { Caller } from '../http/handler.js';
import { limitOf } from '../limits/limits.js';
import { refuseOn } from '../limits/refuse-on.js';
import type { ServerContext } from '../server-context.js';
import { findJob } from '../services/jobs.js';
import { notAuthenticated } from '../services/tokens.js';
import { isActive, viewCurrentDetails } from '../views/job.js';
import { Readers } from './readers.js';
import { isStillWelcome } from './still-welcome.js';
import { watchJob } from './watch-job.js';

const pingMs = 25_000;
const lingerMs = 3_000;
const goingAway = 1001;

/** Nobody has anything to say to these sockets. */
const maxMessageBytes = 1_024;

const tokenProtocol = 'uws.token.';

/** Who sends these headers, `undefined` for nobody. @throws ApiError for credentials that are wrong. */
export type Authenticate = (headers: IncomingHttpHeaders) => Promise<Caller | undefined>;

/** The WebSockets at `/jobs/{id}/`: a job's state now, and at every change until it has ended. */
export interface JobSockets {
  /** Takes an upgrade request, if it is for one of these sockets; false leaves it to others. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  /** Ends a user's sockets at once. */
  closeUser(userId: number): void;
  /** Ends the sockets of tokens at once; otherwise they end with the next ping. */
  closeTokens(tokenIds: readonly number[]): void;
  /** Whose sockets are open. */
  callers(): readonly { readonly userId: number; readonly tokenId: number }[];
  /** Ends all sockets, for a shutdown. */
  close(): void;
}

/** Makes the sockets of a server. Pages of any origin may open them, as a cookie opens none. */
export function createJobSockets(context: ServerContext, authenticate: Authenticate): JobSockets {
  const readers = new Readers();
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    handleProtocols: (protocols) => (protocols.has('uws') ? 'uws' : false),
  });
  server.on('wsClientError', (error, socket) => {
    refuseOn(socket, new ApiError('invalid_field', `This is not how a WebSocket is opened: ${error.message}.`));
  });
  const prefix = context.settings.prefix;

  async function accept(request: IncomingMessage, socket: Duplex, head: Buffer, jobId: number): Promise<void> {
    context.admission.checkHead(request);
    const caller = await context.admission.admit(request, () => authenticate(headersWithToken(request.headers)));
    if (!caller) throw notAuthenticated();
    await findJob(context, caller, jobId);
    context.admission.hold('open_job_sockets', caller, socket);
    server.handleUpgrade(request, socket, head, (webSocket) => {
      serve(context, readers, webSocket, caller, jobId).catch((error: unknown) => {
        context.log.error({ err: error, jobId }, 'a WebSocket of a job failed');
        webSocket.terminate();
      });
    });
  }

  return {
    handleUpgrade(request, socket, head) {
      const jobId = jobIdOf(request.url ?? '', prefix);
      // Programs offer other protocols with any request, and want its plain answer; a WebSocket is opened by GET alone (RFC 6455, 4.1).
      const isOpening = request.method === 'GET' && request.headers.upgrade?.toLowerCase() === 'websocket';
      if (jobId === undefined || !isOpening) return false;
      const onError = (): void => {
        socket.destroy();
      };
      socket.on('error', onError);
      accept(request, socket, head, jobId)
        .catch((error: unknown) => {
          const refusal = toApiError(error);
          const limit = limitOf(refusal);
          if (limit) context.metrics.limitRefused(limit);
          if (refusal.status >= 500) context.log.error({ err: error, jobId }, 'a WebSocket of a job was refused');
          refuseOn(socket, refusal);
        })
        .finally(() => socket.off('error', onError).on('error', () => undefined));
      return true;
    },
    closeUser: (userId) => readers.closeUser(userId),
    closeTokens: (tokenIds) => readers.closeTokens(tokenIds),
    callers: () => readers.callers(),
    close() {
      readers.close();
      server.close();
    },
  };
}

function jobIdOf(url: string, prefix: string): number | undefined {
  const path = url.split('?', 1)[0] ?? '';
  if (!path.startsWith(`${prefix}/jobs/`)) return undefined;
  const match = /^(\d{1,15})\/?$/.exec(path.slice(`${prefix}/jobs/`.length));
  return match ? Number(match[1]) : undefined;
}

/** Browsers can give a WebSocket no headers; they send the token as a subprotocol, which is never answered. */
function headersWithToken(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  if (headers['uws-authorization'] !== undefined) return headers;
  const protocols = (headers['sec-websocket-protocol'] ?? '').split(',').map((protocol) => protocol.trim());
  const token = protocols.find((protocol) => protocol.startsWith(tokenProtocol))?.slice(tokenProtocol.length);
  return token === undefined ? headers : { ...headers, 'uws-authorization': `Token ${token}` };
}

async function serve(
  context: ServerContext,
  readers: Readers,
  webSocket: WebSocket,
  caller: Caller,
  jobId: number,
): Promise<void> {
  const reader = readers.enter(caller);
  const gone = new AbortController();
  const ending = AbortSignal.any([gone.signal, reader.signal]);
  webSocket.on('close', () => gone.abort());
  // A socket that breaks closes, too.
  webSocket.on('error', () => undefined);
  const pinging = keepAlive(context, webSocket, caller, ending);
  let version = -1;
  try {
    for await (const row of watchJob(context, jobId, ending)) {
      if (row.version === version) continue;
      version = row.version;
      await send(webSocket, stateOf(context, row, caller), ending);
      if (!isActive(row)) break;
    }
    close(webSocket, reader.signal.aborted ? goingAway : 1000);
  } finally {
    reader.leave();
    gone.abort();
    await pinging;
  }
}

function stateOf(context: ServerContext, row: JobRow, { user }: Caller): Schema<'JobState'> {
  const details = viewCurrentDetails(row, context.clock.now(), context.connectionOf(row, user));
  return { status: row.status, current_job_details: details };
}

/** Sends and waits until it is on its way, so that a slow reader is not buffered for. */
async function send(webSocket: WebSocket, state: Schema<'JobState'>, ending: AbortSignal): Promise<void> {
  if (ending.aborted) return;
  await new Promise<void>((resolve) => {
    ending.addEventListener('abort', () => resolve(), { once: true });
    // An error means that the socket is closing, which is heard as that.
    webSocket.send(JSON.stringify(state), () => resolve());
  });
}

/** Says goodbye, and does not wait long for the peer to say it too. */
function close(webSocket: WebSocket, code: number): void {
  if (webSocket.readyState === webSocket.CLOSED) return;
  webSocket.close(code);
  const timer = setTimeout(() => webSocket.terminate(), lingerMs).unref();
  webSocket.once('close', () => clearTimeout(timer));
}

/** Pings; ends the socket when the peer has not answered the last ping, or is no longer welcome. */
async function keepAlive(
  context: ServerContext,
  webSocket: WebSocket,
  caller: Caller,
  ending: AbortSignal,
): Promise<void> {
  let isAlive = true;
  webSocket.on('pong', () => {
    isAlive = true;
  });
  for (;;) {
    await context.clock.sleep(pingMs, ending);
    if (ending.aborted) return;
    if (!isAlive) {
      webSocket.terminate();
      return;
    }
    isAlive = false;
    webSocket.ping();
    try {
      if (await isStillWelcome(context, caller)) continue;
    } catch (error) {
      context.log.warn({ err: error }, 'a token could not be checked, will be tried again');
      continue;
    }
    close(webSocket, goingAway);
    return;
  }
}
