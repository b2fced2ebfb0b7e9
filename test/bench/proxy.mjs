// node test/bench/proxy.mjs [SECONDS] [ROUNDS] : the session proxy beside its measures, all in one run, as only figures of one run compare.
// Needs `npm run build` and wrk (apt-get install wrk); nginx takes part when it is installed.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocket, WebSocketServer } from 'ws';

const base = '/passthrough/127.0.0.1/7';
const [role, ...rest] = process.argv.slice(2);
const roles = { upstream, bare, ours };
if (Object.hasOwn(roles, role ?? '')) roles[role](Number(rest[0]));
else await main(Number(role ?? 4), Number(rest[0] ?? 3));

function listening(server) {
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
}

function upstream() {
  const bodies = { '/1k': Buffer.alloc(1024, 97), '/1m': Buffer.alloc(1 << 20, 98) };
  const server = http.createServer((request, response) => {
    const body = bodies[request.url.slice(-3)] ?? bodies['/1k'];
    response.writeHead(200, { 'content-type': 'text/plain', 'content-length': body.length });
    response.end(body);
  });
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  sockets.on('connection', (socket) =>
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })),
  );
  listening(server);
}

/** The least that a proxy on node:http does: hop-by-hop headers out, pipes both ways; no rights, no cookies, no pings. */
function bare(port) {
  const hop = new Set(['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade']);
  const strip = (raw) => raw.filter((_, i) => !hop.has(raw[i - (i % 2)].toLowerCase()));
  const agent = new http.Agent({ keepAlive: true, maxFreeSockets: 256 });
  const server = http.createServer((request, response) => {
    const { method, url: path, rawHeaders } = request;
    const asked = http.request(
      { agent, host: '127.0.0.1', port, method, path, headers: strip(rawHeaders), setHost: false },
      (answer) => {
        response.writeHead(answer.statusCode, strip(answer.rawHeaders));
        answer.pipe(response);
      },
    );
    asked.on('error', () => response.destroy());
    asked.end();
  });
  server.on('upgrade', (request, socket) => {
    const target = net.connect({ port, host: '127.0.0.1', noDelay: true });
    let head = `GET ${request.url} HTTP/1.1\r\n`;
    for (let i = 0; i < request.rawHeaders.length; i += 2)
      head += `${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}\r\n`;
    target.write(`${head}\r\n`);
    for (const [a, b] of [
      [socket, target],
      [target, socket],
    ])
      a.on('error', () => b.destroy()).pipe(b);
  });
  listening(server);
}

async function ours(port) {
  const { createSessionProxy } = await import('../../packages/server/dist/proxy/index.js');
  const route = { jobId: 7, userId: 1, epoch: 0, host: '127.0.0.1', port, basePath: 'keep' };
  const proxy = createSessionProxy({
    routes: { byJob: (id) => (id === 7 ? route : undefined), byLabel: () => undefined },
    authenticate: async () => undefined,
    enter: () => ({ signal: new AbortController().signal, leave() {} }),
    checkHead() {},
    onLimit() {},
    signingKey: Buffer.alloc(32, 1),
    now: Date.now,
    prefix: '',
    publicOrigin: () => 'http://127.0.0.1',
    onTraffic() {},
    onUnreachable() {},
    log: console,
  });
  const server = http.createServer(async (request, response) => {
    if (!(await proxy.handle(request, response))) response.writeHead(200).end(proxy.issueTicket(route));
  });
  server.on('upgrade', (request, socket, head) => proxy.handleUpgrade(request, socket, head) || socket.destroy());
  listening(server);
}

async function main(seconds, rounds) {
  const children = [];
  const directory = mkdtempSync(join(tmpdir(), 'uws-bench-'));
  try {
    const start = (name, port) => {
      const child = spawn(process.execPath, [fileURLToPath(import.meta.url), name, String(port)], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      children.push(child);
      return new Promise((resolve) => child.once('message', (message) => resolve(message.port)));
    };
    const direct = await start('upstream', 0);
    const targets = {
      direct,
      'node:http by hand': await start('bare', direct),
      'session proxy': await start('ours', direct),
    };
    const nginxPort = startNginx(directory, direct, children);
    if (nginxPort) targets.nginx = nginxPort;
    await new Promise((resolve) => setTimeout(resolve, 300));
    const cookie = await openSession(targets['session proxy']);
    const figures = Object.fromEntries(
      Object.keys(targets).map((name) => [name, { '1 KiB req/s': [], '1 MiB MB/s': [], 'echoes/s': [] }]),
    );
    for (let round = 0; round < rounds; round++) {
      for (const [name, port] of Object.entries(targets)) {
        figures[name]['1 KiB req/s'].push(wrk(port, '/1k', 64, seconds, cookie).requests);
        figures[name]['1 MiB MB/s'].push(wrk(port, '/1m', 8, seconds, cookie).requests * 1.048576);
        figures[name]['echoes/s'].push(await echoes(port, 100, seconds, cookie));
      }
    }
    console.table(
      Object.fromEntries(
        Object.entries(figures).map(([name, row]) => [
          name,
          Object.fromEntries(Object.entries(row).map(([k, v]) => [k, Math.round(median(v))])),
        ]),
      ),
    );
  } finally {
    await Promise.all(
      children.map((child) => {
        const exited = new Promise((resolve) => child.once('exit', resolve));
        child.kill();
        return exited;
      }),
    );
    rmSync(directory, { recursive: true, force: true });
  }
}

async function openSession(port) {
  const origin = `http://127.0.0.1:${port}`;
  const ticket = await (await fetch(origin)).text();
  const opened = await fetch(`${origin}${base}/?uws_ticket=${ticket}`, { redirect: 'manual' });
  return opened.headers.getSetCookie()[0].split(';')[0];
}

function wrk(port, path, connections, seconds, cookie) {
  const out = execFileSync(
    'wrk',
    ['-t1', `-c${connections}`, `-d${seconds}s`, '-H', `Cookie: ${cookie}`, `http://127.0.0.1:${port}${base}${path}`],
    { encoding: 'utf8' },
  );
  if (/Non-2xx|Socket errors/.test(out)) throw new Error(out);
  return { requests: Number(/Requests\/sec:\s+([\d.]+)/.exec(out)[1]) };
}

/** One message of 64 bytes in flight on each socket. */
async function echoes(port, count, seconds, cookie) {
  const message = Buffer.alloc(64, 120);
  let received = 0;
  const sockets = Array.from(
    { length: count },
    () => new WebSocket(`ws://127.0.0.1:${port}${base}/ws`, { headers: { cookie }, perMessageDeflate: false }),
  );
  await Promise.all(
    sockets.map((socket) => new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))),
  );
  for (const socket of sockets) {
    socket.on('message', () => {
      received += 1;
      socket.send(message);
    });
    socket.send(message);
  }
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  for (const socket of sockets) socket.terminate();
  return received / seconds;
}

function startNginx(directory, upstreamPort, children) {
  const port = 20_000 + (process.pid % 20_000);
  writeFileSync(
    join(directory, 'nginx.conf'),
    `daemon off; pid ${directory}/pid; worker_processes 1; error_log stderr crit; events { worker_connections 1024; }
http { access_log off; client_body_temp_path ${directory}/b; proxy_temp_path ${directory}/p; fastcgi_temp_path ${directory}/f; uwsgi_temp_path ${directory}/u; scgi_temp_path ${directory}/s;
upstream u { server 127.0.0.1:${upstreamPort}; keepalive 256; } map $http_upgrade $c { default upgrade; '' ''; }
server { listen 127.0.0.1:${port}; keepalive_requests 1000000; location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $c; } } }`,
  );
  try {
    execFileSync('nginx', ['-v'], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  children.push(
    spawn('nginx', ['-p', directory, '-c', join(directory, 'nginx.conf')], { stdio: ['ignore', 'ignore', 'inherit'] }),
  );
  return port;
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
