import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import * as z from 'zod';
import { isToken, serve, takeSession } from '../session.js';
import { closeCodes } from './protocol.js';
import { activityOf, Shell } from './shell.js';

/** The page as one file, put in by the build. */
declare const PAGE_HTML: string;

const maxShells = 16;
const pingIntervalMs = 25_000;

const size = { columns: z.int().min(1).max(1000), rows: z.int().min(1).max(1000) };
const fromPage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('input'), data: z.string() }),
  z.object({ type: z.literal('resize'), ...size }),
  z.object({ type: z.literal('drawn'), offset: z.int().nonnegative() }),
]);
const opening = z.object({
  shell: z.string().max(64).default(''),
  seen: z.coerce.number().int().nonnegative().default(0),
  columns: z.coerce.number().pipe(size.columns).default(80),
  rows: z.coerce.number().pipe(size.rows).default(24),
});

const session = takeSession();
const shells = new Map<string, Shell>();
const sockets = new WebSocketServer({ noServer: true, maxPayload: 1024 * 1024 });

const scripts = [...PAGE_HTML.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(
  ([, code = '']) => `'sha256-${createHash('sha256').update(code).digest('base64')}'`,
);
const headers = {
  'content-security-policy': `default-src 'none'; script-src ${scripts.join(' ')}; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'`,
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
};

function url(request: IncomingMessage): URL | undefined {
  return URL.canParse(request.url ?? '', 'http://session') ? new URL(request.url ?? '', 'http://session') : undefined;
}

type Answer = readonly [status: number, type: 'text/plain' | 'text/html' | 'application/json', body: string];

function answer(request: IncomingMessage): Answer {
  const target = url(request);
  if (!target) return [400, 'text/plain', 'The address cannot be read.\n'];
  if (request.method !== 'GET' && request.method !== 'HEAD') return [405, 'text/plain', 'Only GET is served.\n'];
  if (target.pathname === '/ready') return [200, 'text/plain', 'ready\n'];
  if (target.pathname === '/activity') {
    if (!isToken(session, target.searchParams.get('token'))) return [403, 'text/plain', 'The token is missing.\n'];
    return [200, 'application/json', JSON.stringify(activityOf([...shells.values()]))];
  }
  // Portals add `/tree/<file>` to the address of any session.
  if (target.pathname !== '/' && !target.pathname.startsWith('/tree/')) return [404, 'text/plain', 'Not found.\n'];
  if (!isToken(session, target.searchParams.get('token'))) {
    return [
      403,
      'text/plain',
      'This terminal opens only with its own address. Open it again from your list of jobs.\n',
    ];
  }
  return [200, 'text/html', PAGE_HTML];
}

/** Browsers tell where a page came from; only this page may connect. Programs tell nothing, and have the token. */
function hasOwnOrigin(request: IncomingMessage): boolean {
  const { origin, host, 'x-forwarded-host': forwarded } = request.headers;
  if (origin === undefined) return true;
  if (!URL.canParse(origin)) return false;
  return [host, ...[forwarded].flat()].includes(new URL(origin).host);
}

type Wish = z.output<typeof opening>;

/** What a connection asks for, or the status that refuses it. */
function wishOf(request: IncomingMessage): Wish | string {
  const target = url(request);
  if (target?.pathname !== '/shell') return '404 Not Found';
  if (!isToken(session, target.searchParams.get('token')) || !hasOwnOrigin(request)) return '403 Forbidden';
  const wish = opening.safeParse(Object.fromEntries(target.searchParams));
  return wish.success ? wish.data : '400 Bad Request';
}

function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
  socket.on('error', () => socket.destroy());
  const wish = wishOf(request);
  if (typeof wish === 'string') socket.end(`HTTP/1.1 ${wish}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  else sockets.handleUpgrade(request, socket, head, (page) => connect(page, wish));
}

function connect(page: WebSocket, wish: Wish): void {
  page.on('error', () => page.terminate());
  const shell = shellFor(wish);
  if (typeof shell === 'string') {
    page.close(closeCodes.refused, shell);
    return;
  }
  page.on('message', (data: RawData, isBinary: boolean) => {
    const message = isBinary ? undefined : parsed(data.toString());
    if (message?.success) shell.handle(message.data);
    else page.close(closeCodes.malformed, 'not a message of the terminal');
  });
  let isAlive = true;
  page.on('pong', () => {
    isAlive = true;
  });
  const pings = setInterval(() => {
    if (!isAlive) page.terminate();
    isAlive = false;
    page.ping();
  }, pingIntervalMs);
  page.on('close', () => clearInterval(pings));
  shell.attach(page, wish.shell === shell.id ? wish.seen : 0, wish.columns, wish.rows);
}

function parsed(text: string): ReturnType<typeof fromPage.safeParse> | undefined {
  try {
    return fromPage.safeParse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** The shell asked for; without one, the one that was left last, so that closing a tab loses no work; else a new one, or why there is none. */
function shellFor({ shell: id, columns, rows }: Wish): Shell | string {
  const known = shells.get(id);
  if (known) return known;
  for (const shell of shells.values()) if (shell.hasEnded && shell.isDetached) shells.delete(shell.id);
  const left = [...shells.values()].filter((shell) => shell.isDetached).sort((a, b) => b.detachedAtMs - a.detachedAtMs);
  if (left[0] && id !== 'new') return left[0];
  if (shells.size >= maxShells) return `${maxShells} shells are open already`;
  try {
    const shell = new Shell(randomUUID(), columns, rows);
    shells.set(shell.id, shell);
    return shell;
  } catch (error) {
    console.error('A shell could not be started:', error);
    return 'a shell could not be started';
  }
}

const server = createServer((request, response) => {
  const [status, type, body] = answer(request);
  response.writeHead(status, { ...headers, 'content-type': `${type}; charset=utf-8` }).end(body);
});
server.on('upgrade', upgrade);
serve(server, session);

function end(): void {
  for (const shell of shells.values()) shell.hangUp();
  // Long enough for the close frames to leave.
  setTimeout(() => process.exit(0), 100);
}
process.on('SIGTERM', end);
process.on('SIGINT', end);
