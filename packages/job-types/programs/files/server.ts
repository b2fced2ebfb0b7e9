import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { basename, join } from 'node:path';
import { isToken, serve, takeSession } from '../session.js';
import { listing } from './listing.js';
import { mediaType } from './media-type.js';

const session = takeSession();
/** Cookies are shared by all ports of a host: the name keeps jobs apart. */
const cookieName = `uws-files-${session.jobId}`;

/** Files of the workspace may come from other people: their scripts get an origin of their own, apart from this session's and the API's. */
const sandbox = 'sandbox allow-scripts allow-popups allow-forms allow-downloads';

const common = { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'x-content-type-options': 'nosniff' };
const listingPolicy = {
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
};

class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** The names in a path, or a refusal; hidden ones are not served, since job directories and their secrets are among them. */
function namesIn(path: string): string[] {
  const names: string[] = [];
  for (const part of path.split('/').filter((part) => part !== '')) {
    let name: string;
    try {
      name = decodeURIComponent(part);
    } catch {
      throw new Refusal(400, 'The address cannot be read.');
    }
    if (name.startsWith('.') || /[/\0]/.test(name)) throw new Refusal(404, 'There is no such file.');
    names.push(name);
  }
  return names;
}

function authorize(request: IncomingMessage, target: URL): Record<string, string> {
  const offered = target.searchParams.get('token');
  if (isToken(session, offered)) {
    return { 'set-cookie': `${cookieName}=${session.token}; Path=/; HttpOnly; SameSite=Lax` };
  }
  const cookies = (request.headers.cookie ?? '').split(';').map((cookie) => cookie.trim());
  const cookie = cookies.find((cookie) => cookie.startsWith(`${cookieName}=`));
  if (isToken(session, cookie?.slice(cookieName.length + 1))) return {};
  throw new Refusal(403, 'These files open only with their own address. Open it again from your list of jobs.');
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') throw new Refusal(405, 'Only GET is served.');
  // Not `new URL(request.url, …)`: a path that begins with `//` would be read as a host.
  const [path = '/', query = ''] = (request.url ?? '/').split('?', 2);
  const target = new URL(`http://session/?${query}`);
  const cookie = authorize(request, target);
  const names = namesIn(path);
  const file = join(session.workspace, ...names);
  const entry = await stat(file).catch(() => {
    throw new Refusal(404, 'There is no such file.');
  });

  if (entry.isDirectory()) {
    const entries = await readdir(file, { withFileTypes: true });
    const html = listing(names, entries, session.basePath);
    response.writeHead(200, { ...common, ...cookie, ...listingPolicy, 'content-type': 'text/html; charset=utf-8' });
    response.end(html);
    return;
  }
  // A pipe would be read for ever.
  if (!entry.isFile()) throw new Refusal(404, 'This is not a file.');
  response.writeHead(200, {
    ...common,
    ...cookie,
    'content-type': mediaType(basename(file)),
    'content-length': entry.size,
    'content-security-policy': sandbox,
    'last-modified': entry.mtime.toUTCString(),
  });
  if (request.method === 'HEAD' || entry.size === 0) {
    response.end();
    return;
  }
  // No more than was announced, should the file grow meanwhile.
  const stream = createReadStream(file, { end: entry.size - 1 });
  stream.on('error', (error) => response.destroy(error));
  response.on('close', () => stream.destroy());
  stream.pipe(response);
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const refusal = error instanceof Refusal ? error : new Refusal(500, 'The file cannot be read.');
    if (refusal !== error) console.error(error);
    response.writeHead(refusal.status, { ...common, 'content-type': 'text/plain; charset=utf-8' });
    response.end(`${refusal.message}\n`);
  });
});
serve(server, session);
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
