import { createHash } from 'node:crypto';
import { request as httpRequest, type IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { SessionTarget } from './addresses.js';
import type { OwnAnswer } from './answers.js';
import { ownProtocol, splitProtocols } from './credentials.js';
import type { HttpRequest, SessionProxyLimits } from './options.js';
import { hasBody } from './request-head.js';
import { browserHead } from './response-head.js';
import type { Session } from './sessions.js';
import type { Visitor } from './visitor.js';

/** Why an upgrade is not the opening of a WebSocket (RFC 6455, 4.2.1); others, such as h2c, would be a tunnel that nobody looks into. */
export function upgradeFault(request: HttpRequest): string | undefined {
  if (request.headers.upgrade?.toLowerCase() !== 'websocket') return 'Sessions can only be upgraded to WebSocket.';
  if (request.method !== 'GET' || request.httpVersion !== '1.1') return 'A WebSocket is opened by GET and HTTP/1.1.';
  if (hasBody(request)) return 'The opening of a WebSocket has no body.';
  if (request.headers['sec-websocket-version'] !== '13') return 'Only version 13 of WebSocket is understood.';
  const key = request.headers['sec-websocket-key'] ?? '';
  return /^[A-Za-z0-9+/]{22}==$/.test(key) ? undefined : 'Sec-WebSocket-Key must be 16 bytes in Base64.';
}

/** A response on the bare socket that Node leaves after an upgrade request; the connection ends with it. */
export function responseOn(request: HttpRequest, socket: Socket, lingerMs: number): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.on('finish', () => {
    response.detachSocket(socket);
    const linger = setTimeout(() => socket.destroy(), lingerMs);
    socket.once('close', () => clearTimeout(linger));
    socket.resume();
    socket.end();
  });
  return response;
}

export interface HandshakeContext {
  readonly session: Session;
  readonly target: SessionTarget;
  readonly visitor: Visitor;
  readonly request: HttpRequest;
  readonly socket: Socket;
  readonly path: string;
  readonly head: string[];
  readonly renewal: string | undefined;
  readonly limits: SessionProxyLimits;
  /** Both sides agreed. */
  readonly onOpen: (application: Socket, applicationHead: Buffer) => void;
  /** The application answered otherwise, and that was passed on. */
  readonly onDeclined: () => void;
  readonly onFailed: (own: OwnAnswer, reason: Error, unreachable: boolean) => void;
}

/** Passes the opening of a WebSocket on and the answer back. What both sides negotiate stays theirs, except for our own subprotocol. */
export function shakeHands(context: HandshakeContext): void {
  const { session, target, visitor, request, socket, limits, renewal } = context;
  const { host, port, jobId } = target.route;
  const head = [...context.head, 'Connection', 'Upgrade', 'Upgrade', 'websocket'];
  const asked = httpRequest({
    host,
    port,
    path: context.path,
    method: 'GET',
    headers: head,
    agent: false,
    setHost: false,
    maxHeaderSize: limits.responseHeadBytes,
  });
  let settled = false;
  const end = () => asked.destroy(new Error('The session was closed.'));
  const settle = (): boolean => {
    if (settled) return false;
    settled = true;
    clearTimeout(timer);
    session.handshakes.delete(end);
    socket.off('close', end);
    socket.off('end', end);
    return true;
  };
  const timer = setTimeout(
    () => asked.destroy(Object.assign(new Error('The handshake took too long.'), { code: 'ETIMEDOUT' })),
    limits.answerTimeoutMs,
  );
  session.handshakes.add(end);
  socket.on('close', end);
  socket.on('end', end);
  // Nobody reads yet; without this the end of a browser that left is not seen either. What it sends waits in the socket's buffer, up to its bound.
  socket.read(0);

  asked.on('upgrade', (answered, application, early) => {
    application.on('error', () => undefined);
    if (!settle() || socket.destroyed || !(application instanceof Socket)) {
      application.destroy();
      return;
    }
    if (!agrees(request, answered)) {
      application.destroy();
      context.onFailed(disagreement(jobId), new Error('wrong Sec-WebSocket-Accept'), false);
      return;
    }
    const lines = browserHead(answered.rawHeaders, target, visitor);
    if (
      splitProtocols(request.headers['sec-websocket-protocol'] ?? '').ours &&
      !answered.headers['sec-websocket-protocol']
    ) {
      lines.push('Sec-WebSocket-Protocol', ownProtocol);
    }
    if (renewal !== undefined) lines.push('Set-Cookie', renewal);
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${linesOf(lines)}\r\n`,
      'latin1',
    );
    context.onOpen(application, early);
  });
  asked.on('response', (answered) => {
    if (!settle()) return;
    // A change of protocol that names none: a proxy in front would take it for the beginning of a tunnel.
    if (answered.statusCode === 101) {
      answered.destroy();
      context.onFailed(disagreement(jobId), new Error('101 without Upgrade'), false);
      return;
    }
    const response = responseOn(request, socket, limits.lingerMs);
    const cut = () => socket.destroy();
    session.handshakes.add(cut);
    socket.once('close', () => {
      session.handshakes.delete(cut);
      answered.destroy();
      context.onDeclined();
    });
    answered.on('error', cut);
    response.writeHead(answered.statusCode ?? 502, browserHead(answered.rawHeaders, target, visitor));
    answered.pipe(response);
  });
  asked.on('error', (error) => {
    if (!settle()) return;
    const late = 'code' in error && error.code === 'ETIMEDOUT';
    const message = `The server of job ${jobId} does not answer. It may have ended; the job's status is being checked.`;
    context.onFailed(
      { status: late ? 504 : 502, code: 'session_unreachable', message, retryAfterSeconds: 10 },
      error,
      true,
    );
  });
  asked.end();
}

function disagreement(jobId: number): OwnAnswer {
  const message = `The server of job ${jobId} answered the opening of a WebSocket with something else. Look into the job's log.`;
  return { status: 502, code: 'session_unreachable', message };
}

function agrees(request: HttpRequest, answered: IncomingMessage): boolean {
  const expected = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  const { upgrade } = answered.headers;
  return upgrade?.toLowerCase() === 'websocket' && answered.headers['sec-websocket-accept'] === expected;
}

/** Node's parser let neither line breaks nor other control characters into these. */
function linesOf(head: readonly string[]): string {
  let text = '';
  for (let i = 0; i + 1 < head.length; i += 2) text += `${head[i]}: ${head[i + 1]}\r\n`;
  return text;
}
