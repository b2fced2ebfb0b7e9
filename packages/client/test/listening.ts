// Test double: a bare node:http server whose answers, faults and broken connections each test scripts itself. It stands in
// for the real server because that one cannot be made to break a connection at a given byte.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { UserWorkspaces, type UserWorkspacesOptions } from '../src/index.js';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Path with query. */
  readonly path: string;
  /** How many requests came before. */
  readonly index: number;
  body(): Promise<Buffer>;
  json(status: number, body: unknown, headers?: Record<string, string>): void;
}

export interface Listening {
  readonly url: string;
  readonly server: Server;
  readonly requests: { method: string; path: string; headers: IncomingMessage['headers'] }[];
}

/** Serves on the loopback until the test has finished. */
export async function listen(answer: (exchange: Exchange) => void | Promise<void>): Promise<Listening> {
  const requests: Listening['requests'] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    const index = requests.push({ method: request.method ?? '', path, headers: request.headers }) - 1;
    const exchange: Exchange = {
      request,
      response,
      path,
      index,
      async body() {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk);
        return Buffer.concat(chunks);
      },
      json(status, body, headers = {}) {
        response.writeHead(status, { 'content-type': 'application/json', ...headers });
        response.end(JSON.stringify(body));
      },
    };
    Promise.resolve(answer(exchange)).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(599);
      response.end(String(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${portOf(server)}`, server, requests };
}

export function portOf(server: { address(): AddressInfo | string | null }): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server does not listen on a port.');
  return address.port;
}

export function clientOf(url: string, options: Partial<UserWorkspacesOptions> = {}): UserWorkspaces {
  return new UserWorkspaces({ baseUrl: url, token: 'secret-token', ...options });
}

export function ok(data?: unknown): object {
  return { success: true, message: 'Successful.', ...(data === undefined ? {} : { data }) };
}

/** What a promise was rejected with; fails if it was not. */
export async function failureOf(promise: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return Object.assign(error);
    throw error;
  }
  throw new Error('It should have failed, and did not.');
}

export const job = {
  id: 5,
  workspace_id: 7,
  resource_job_id: 41,
  job_type: 'terminal',
  status: 'running',
  datetime_created: '2026-11-23T09:06:52.400Z',
  datetime_start: '2026-11-23T09:06:53.400Z',
  datetime_end: null,
  core_hours: '0.00277',
  gpu_hours: null,
  job_details: { metrics: {}, request_job_details: {}, current_job_details: {} },
  resource: 'local',
  resource_handle: '41',
  status_reason: null,
  status_message: null,
  queue_reason: null,
  datetime_expected_start: null,
  datetime_time_limit: '2026-11-23T12:06:53.400Z',
  exit_code: null,
  signal: null,
  last_log_lines: [],
  version: 3,
};

export const connection = {
  url_domain: 'http://127.0.0.1:5050',
  url_path: '/passthrough/localhost/5/lab/?uws_ticket=abc',
};
