import { once } from 'node:events';
import type { RequestListener, Server } from 'node:http';
import { AdapterError } from '@user-workspaces/contract';
import { createHttpServer, type Limits } from '@user-workspaces/server';

/** A bound address that answers "starting" until a handler takes over. */
export interface Listener {
  readonly http: Server;
  /** Address for people on this machine, without a trailing slash. */
  readonly url: string;
  /** From now on this answers requests. */
  serve(handler: RequestListener): void;
}

const starting: RequestListener = (_request, response) => {
  const body = JSON.stringify({ success: false, message: 'The server is starting. Try again in a moment.' });
  response.writeHead(503, { 'Content-Type': 'application/json', 'Retry-After': '1', Connection: 'close' }).end(body);
};

/**
 * Binds the address before anything else is opened, so that a port in use leaves nothing behind.
 *
 * @throws AdapterError when the address cannot be had, `conflict` when another program has it; the message says what to set.
 */
export async function listen(host: string, port: number, limits: Partial<Limits> = {}): Promise<Listener> {
  let handler = starting;
  const http = createHttpServer((request, response) => handler(request, response), limits);
  http.listen({ host, port });
  try {
    await once(http, 'listening');
  } catch (cause) {
    const isTaken = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE';
    const kind = isTaken ? 'conflict' : 'misconfigured';
    throw new AdapterError(kind, explain(cause, host, port), { field: 'port', cause });
  }
  const address = http.address();
  const boundPort = typeof address === 'object' && address !== null ? address.port : port;
  return {
    http,
    url: `http://${reachableHost(host)}:${boundPort}`,
    serve(next) {
      handler = next;
    },
  };
}

/** An address that stands for all others cannot be opened in a browser; an IPv6 address needs brackets there. */
function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

function explain(cause: unknown, host: string, port: number): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  switch (code) {
    case 'EADDRINUSE':
      return `port is ${port}, but another program already listens on ${host}:${port}. Stop it, or set UWS_PORT to a free port (0 takes any).`;
    case 'EACCES':
      return `port is ${port}, which this account may not listen on. Set UWS_PORT to a port from 1024 to 65535.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `host is "${host}", which is no address of this machine. Set UWS_HOST to one of its addresses, such as 127.0.0.1 or 0.0.0.0.`;
    default:
      return `The address ${host}:${port} (UWS_HOST, UWS_PORT) cannot be listened on: ${cause instanceof Error ? cause.message : String(cause)}.`;
  }
}
