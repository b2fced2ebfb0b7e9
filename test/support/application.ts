/**
 * A job's own server for tests of the proxy; `app.cjs` of a workspace, run by `web_app` and `web_app_keep` of the test configuration. It tells what
 * reaches it and answers as it is told to.
 *
 * - `/log`: the requests and upgrades so far, as JSON; `/log?clear` forgets them afterwards.
 * - `/upload`: takes a body and tells its size and hash; `/progress`: the bytes that arrived so far.
 * - `/stream`: an event at once, another one after `/go`.
 * - `/answer?<base64url>`: these bytes, on the bare socket. `/set`: the heads in the query, as JSON.
 * - `/flood`: bytes without end.
 * - WebSockets: `/mute` never answers, `/hold` opens and never reads, others echo.
 * - everything else: the request itself, as JSON.
 */
const source = `
const { createHash } = require('node:crypto');
const http = require('node:http');
let log = [];
let received = 0;
let waiting = [];
const server = http.createServer((request, response) => {
  const path = request.url.split('?')[0];
  const query = request.url.slice(path.length + 1);
  const json = (value) => response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
  if (path.endsWith('/log')) { json(log); if (query === 'clear') log = []; return; }
  if (path.endsWith('/progress')) return json({ received });
  if (path.endsWith('/go')) { for (const go of waiting) go(); waiting = []; return json({}); }
  if (path.endsWith('/stream')) {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
    response.write('data: first\\n\\n');
    waiting.push(() => response.end('data: second\\n\\n'));
    return;
  }
  if (path.endsWith('/flood')) {
    const part = Buffer.alloc(65536, 97);
    const more = () => { while (!response.destroyed && response.write(part)); };
    response.on('drain', more);
    return more();
  }
  log.push({ method: request.method, url: request.url });
  if (path.endsWith('/answer')) return request.socket.end(Buffer.from(query, 'base64url'));
  if (path.endsWith('/raw')) return request.socket.write(Buffer.from(query, 'base64url'));
  if (path.endsWith('/set')) return response.writeHead(200, JSON.parse(decodeURIComponent(query))).end('own');
  if (path.endsWith('/page')) return response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>session</title>');
  if (/\\/(worker|[0-9]+)(\\.js)?$/.test(path)) return response.writeHead(200, { 'Content-Type': 'text/javascript' }).end('self.onfetch = (event) => event.respondWith(new Response("intercepted"));');
  if (path.endsWith('/die')) process.exit(1);
  const hash = createHash('sha1');
  let bytes = 0;
  if (path.endsWith('/upload')) received = 0;
  request.on('error', () => undefined);
  request.on('data', (chunk) => { bytes += chunk.length; hash.update(chunk); if (path.endsWith('/upload')) received += chunk.length; });
  request.on('end', () => json({ method: request.method, url: request.url, headers: request.headers, bytes, hash: hash.digest('hex') }));
});
server.on('upgrade', (request, socket) => {
  log.push({ method: 'UPGRADE', url: request.url });
  socket.on('error', () => undefined);
  socket.on('end', () => socket.end());
  const path = request.url.split('?')[0];
  if (path.endsWith('/mute')) return socket.resume();
  const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' + accept + '\\r\\n\\r\\n');
  if (path.endsWith('/hold')) return;
  // Frames of a client are masked, those of a server are not.
  socket.on('data', (frame) => {
    const opcode = frame[0] & 15;
    const length = frame[1] & 127;
    const mask = frame.subarray(2, 6);
    const payload = Buffer.from(frame.subarray(6, 6 + length)).map((byte, index) => byte ^ mask[index % 4]);
    socket.write(Buffer.concat([Buffer.from([128 | opcode, length]), payload]));
    if (opcode === 8) socket.end();
  });
});
server.listen(Number(process.env.PORT), process.env.HOST);
`;

export const application = [{ name: 'app.cjs', content: source }];

/** What the application saw of a request. */
export interface Echo {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly bytes: number;
  readonly hash: string;
}
