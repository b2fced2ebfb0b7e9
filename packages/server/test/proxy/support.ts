import http, { type IncomingMessage, type RequestListener, type Server } from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { Readers } from '../../src/events/readers.js';
import {
  createSessionProxy,
  type SessionProxy,
  type SessionProxyOptions,
  type SessionRoute,
  type SessionRoutes,
  sessionLabel,
  type TokenHolder,
} from '../../src/proxy/index.js';

export const owner = 11;
export const stranger = 12;
const tokens = new Map<string, TokenHolder>([
  ['owner-token', { user: { id: owner, username: 'owner' }, tokenId: 1 }],
  ['second-token', { user: { id: owner, username: 'owner' }, tokenId: 2 }],
  ['stranger-token', { user: { id: stranger, username: 'stranger' }, tokenId: 3 }],
]);

export interface App {
  readonly server: Server;
  readonly port: number;
  /** Connections open to it at present. */
  readonly sockets: Set<Socket>;
}

/** A real HTTP server in the place of a job's own. */
export async function startApp(listener: RequestListener): Promise<App> {
  const server = http.createServer(listener);
  const port = await listen(server);
  const sockets = trackSockets(server);
  onTestFinished(() => stop(server, sockets));
  return { server, port, sockets };
}

/** A job's server that writes what it likes. */
export async function startRawApp(onSocket: (socket: Socket) => void): Promise<number> {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  const port = await listen(server);
  const sockets = trackSockets(server);
  onTestFinished(() => stop(server, sockets));
  return port;
}

export interface Front {
  readonly proxy: SessionProxy;
  readonly port: number;
  readonly origin: string;
  readonly routes: Map<number, SessionRoute>;
  readonly traffic: string[];
  readonly unreachable: number[];
  /** Who opened what by ticket or token, as the audit log is told. */
  readonly openings: string[];
  /** Who tried to get into whose session. */
  readonly intruders: string[];
  readonly sockets: Set<Socket>;
  readonly clock: { now: number };
  /** What tokens have opened. */
  readonly readers: Readers;
  /** Epochs of users; 0 of those who are not in it. */
  readonly epochs: Map<number, number>;
  /** A ticket of now. */
  ticketOf(owner: Pick<SessionRoute, 'jobId' | 'userId'>): string;
}

/** The proxy in a real server, as an operator would mount it; what is no session's is answered 418. */
export async function startFront(
  routes: readonly SessionRoute[],
  { confirmJob, ...options }: Partial<Omit<SessionProxyOptions, 'routes'>> & Pick<SessionRoutes, 'confirmJob'> = {},
): Promise<Front> {
  const known = new Map(routes.map((route) => [route.jobId, route]));
  const traffic: string[] = [];
  const unreachable: number[] = [];
  const openings: string[] = [];
  const intruders: string[] = [];
  const clock = { now: Date.now() };
  const epochs = new Map<number, number>();
  const readers = new Readers();
  const asOfNow = (route: SessionRoute | undefined): SessionRoute | undefined =>
    route && { ...route, epoch: epochs.get(route.userId) ?? 0 };
  let port = 0;
  const proxy = createSessionProxy({
    routes: {
      byJob: (jobId) => asOfNow(known.get(jobId)),
      byLabel: (label) => asOfNow([...known.values()].find(({ host, port }) => sessionLabel(host, port) === label)),
      ...(confirmJob && { confirmJob }),
    },
    authenticate: async (token) => tokens.get(token),
    enter: (holder) => readers.enter(holder),
    checkHead: () => undefined,
    onLimit: () => undefined,
    signingKey: Buffer.alloc(32, 7),
    now: () => clock.now,
    prefix: '',
    publicOrigin: () => `http://127.0.0.1:${port}`,
    onTraffic: (jobId, kind) => traffic.push(`${kind} ${jobId}`),
    onOpened: ({ jobId }, by) => openings.push(`${jobId} ${by === 'ticket' ? by : by.user.username}`),
    onForeign: ({ jobId }, { user }) => intruders.push(`${jobId} ${user.username}`),
    onUnreachable: (jobId) => unreachable.push(jobId),
    log: { warn: () => undefined },
    ...options,
  });
  const server = http.createServer(async (request, response) => {
    if (!(await proxy.handle(request, response))) response.writeHead(418).end();
  });
  server.on('upgrade', (request, socket, head) => proxy.handleUpgrade(request, socket, head) || socket.destroy());
  port = await listen(server);
  const sockets = trackSockets(server);
  onTestFinished(async () => {
    await proxy.close();
    await stop(server, sockets);
  });
  const origin = `http://127.0.0.1:${port}`;
  const ticketOf: Front['ticketOf'] = ({ jobId, userId }) =>
    proxy.issueTicket({ jobId, userId, epoch: epochs.get(userId) ?? 0 });
  return {
    proxy,
    port,
    origin,
    routes: known,
    traffic,
    unreachable,
    openings,
    intruders,
    sockets,
    clock,
    epochs,
    readers,
    ticketOf,
  };
}

export function routeTo(port: number, more: Partial<SessionRoute> = {}): SessionRoute {
  return { jobId: 7, userId: owner, epoch: 0, host: '127.0.0.1', port, basePath: 'keep', ...more };
}

export function basePathOf(route: SessionRoute, prefix = ''): string {
  return `${prefix}/passthrough/${route.host}/${route.jobId}`;
}

/** Opens a session as the portal does and gives its cookie as `name=value`. */
export async function openSession(front: Front, route: SessionRoute, prefix = ''): Promise<string> {
  const ticket = front.ticketOf(route);
  const opened = await ask(front, `${basePathOf(route, prefix)}/?uws_ticket=${ticket}`);
  const [cookie] = opened.headers['set-cookie'] ?? [];
  if (opened.status !== 302 || cookie === undefined)
    throw new Error(`opening answered ${opened.status}: ${opened.body}`);
  return cookie.split(';', 1)[0] ?? '';
}

export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

/** One request with its path as given: unlike fetch, nothing is normalised, followed or kept. */
export function ask(
  front: { readonly port: number },
  path: string,
  options: { method?: string; headers?: Record<string, string | string[]>; body?: string | Buffer } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = http.request(
      {
        host: '127.0.0.1',
        port: front.port,
        path,
        method: options.method ?? 'GET',
        headers: options.headers ?? {},
        agent: false,
      },
      (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.on('error', reject);
        answer.on('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            reason: answer.statusMessage ?? '',
            headers: answer.headers,
            rawHeaders: answer.rawHeaders,
            body: Buffer.concat(parts).toString(),
          }),
        );
      },
    );
    asked.on('error', reject);
    asked.end(options.body);
  });
}

/** Sends bytes as they are and gives whatever comes back until the connection ends, or `quietMs` after its last byte. */
export function sendRaw(port: number, text: string, quietMs = 400): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(text, 'latin1'));
    let got = '';
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(got);
    };
    let timer = setTimeout(finish, 3_000);
    socket.on('data', (part) => {
      got += part.toString('latin1');
      clearTimeout(timer);
      timer = setTimeout(finish, quietMs);
    });
    socket.on('error', finish);
    socket.on('close', finish);
  });
}

/** Waits until a condition holds, and says which one did not. */
export async function eventually(what: string, holds: () => boolean, withinMs = 8_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function listen(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function trackSockets(server: net.Server): Set<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

async function stop(server: net.Server, sockets: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  for (const socket of sockets) socket.destroy();
  await closed;
}
