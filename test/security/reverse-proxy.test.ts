// The configurations of docs/reverse-proxy/ in the real programs, in front of real servers: everything that a browser needs passes.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { connect } from 'node:tls';
import { UserWorkspaces } from '@user-workspaces/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { application, type Echo } from '../support/application.js';
import { writeTestConfiguration } from '../support/configuration.js';
import { putAway } from '../support/put-away.js';
import { describeWith } from '../support/requirements.js';
import { freePort, type RunningServer, startServer, temporaryDirectory } from '../support/server.js';
import { signIn, startSession, type User } from '../support/users.js';
import {
  apiName,
  clientAddress,
  configurationOf,
  makeCertificate,
  type ReverseProxy,
  type Running,
  sessionsDomain,
  startInFront,
  textOf,
  Way,
} from './in-front.js';

/** A server that expects to be reached at one port of this machine, by https, with a job whose session is open. */
interface Behind {
  readonly server: RunningServer;
  readonly port: number;
  readonly user: User;
  readonly jobId: number;
}

const uploadBytes = 64 * 1024 * 1024;

const forms = ['path form', 'sub-domain form'] as const;

describeWith(['nginx', 'haproxy', 'caddy', 'openssl'], 'reverse proxies', () => {
  let directory: string;
  let ca: string;
  const behind = new Map<string, Behind>();

  beforeAll(async () => {
    directory = await temporaryDirectory();
    ca = await makeCertificate(directory);
    for (const form of forms) {
      const port = await freePort();
      const root = join(directory, form.replace(' ', '-'));
      await mkdir(root, { mode: 0o755 });
      const server = await startServer({
        dataDirectory: join(root, 'data'),
        env: {
          UWS_CONFIG: await writeTestConfiguration(root),
          UWS_PUBLIC_URL: `https://${apiName}:${port}`,
          UWS_TRUSTED_PROXIES: '127.0.0.1/32',
          UWS_TRUSTED_PROXY_SECRET: 'replace-with-32-random-characters',
          ...(form === 'sub-domain form' && { UWS_PASSTHROUGH_DOMAIN: `${sessionsDomain}:${port}` }),
        },
      });
      const user = await signIn(server);
      const { job } = await startSession(user, { job_type: 'web_app' }, application);
      behind.set(form, { server, port, user, jobId: job.id });
    }
  });

  afterAll(async () => {
    for (const { server, user } of behind.values()) expect(await putAway(server, [user])).toEqual([]);
  });

  describe.each(['nginx', 'haproxy', 'caddy'] as const)('%s', (program) => {
    describe.each(forms)('%s', (form) => {
      let server: RunningServer;
      let inFront: Running;
      let way: Way;
      let client: UserWorkspaces;
      let jobId: number;
      let origin: string;
      /** Address of the session without ticket and slash, and its cookie. */
      let base: string;
      let cookie: string;

      beforeAll(async () => {
        const found = behind.get(form);
        if (!found) throw new Error('No server.');
        ({ server, jobId } = found);
        inFront = await startInFront(program, { port: found.port, upstream: server.port, directory });
        way = new Way(found.port, ca);
        origin = `https://${apiName}:${found.port}`;
        client = new UserWorkspaces({ baseUrl: origin, fetch: way.fetch });
        await client.signIn({
          client_token: server.clientToken,
          user_info: { username: 'ada', email: 'ada@example.org' },
        });
        const address = (await client.jobs.waitUntilReady(jobId)).url;
        const opened = await way.ask(address);
        const [set = ''] = opened.headers['set-cookie'] ?? [];
        const host = form === 'path form' ? origin : `https://127-0-0-1-\\d+\\.${sessionsDomain}:${found.port}`;
        expect(opened.statusCode).toBe(302);
        expect(opened.headers.location).toMatch(new RegExp(`^${host}[/\\w.]*$`));
        expect(set).toMatch(
          form === 'path form'
            ? /^uws_session=[\w.-]+; Path=\/passthrough\/127\.0\.0\.1\/\d+; HttpOnly; SameSite=Lax; Secure$/
            : /^__Host-uws_session=[\w.-]+; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
        );
        base = (opened.headers.location ?? '').replace(/\/$/, '');
        cookie = set.split(';', 1)[0] ?? '';
      });

      afterAll(async () => {
        await inFront?.stop();
      });

      async function echo(path: string, headers: Record<string, string> = {}): Promise<Echo> {
        const response = await way.ask(base + path, { headers: { ...headers, cookie } });
        expect(response.statusCode).toBe(200);
        const seen: Echo = JSON.parse(await textOf(response));
        return seen;
      }

      // The others write no log of requests as they are configured here.
      if (program === 'nginx') {
        test('its log has who asked for what, and no ticket', async () => {
          const log = await readFile(join(directory, 'nginx-access.log'), 'utf8');
          expect(log).toMatch(/^127\.0\.0\.77 - .* "GET \/\S+ HTTP\/[\d.]+" 302 /m);
          expect(log).not.toMatch(/[?&]|uws_ticket/);
        });
      }

      test('paths pass byte for byte, and the application learns who asks, whatever they say of themselves', async () => {
        const lie = '203.0.113.66';
        const seen = await echo('/tree//a%2Fb//?x=//%20&y', {
          'X-Forwarded-For': lie,
          'X-Forwarded-Proto': 'ftp',
          'X-Forwarded-Host': 'evil.example',
          'X-Real-IP': lie,
          Forwarded: `for=${lie}`,
        });
        expect(seen.url).toBe('/tree//a%2Fb//?x=//%20&y');
        expect(seen.headers).toMatchObject({
          'x-forwarded-for': `${clientAddress}, 127.0.0.1`,
          'x-forwarded-proto': 'https',
          'x-forwarded-host': new URL(base).host,
          host: new URL(base).host,
        });
        expect(JSON.stringify(seen.headers)).not.toContain(lie);
      });

      test('the log names the client', async () => {
        const before = server.output().length;
        await client.me();
        await expect.poll(() => server.output().slice(before)).toContain(`"client":"${clientAddress}"`);
      });

      test('an event arrives while the stream goes on', async () => {
        const stop = new AbortController();
        const seen: string[] = [];
        const following = (async () => {
          for await (const event of client.events.stream({ signal: stop.signal })) seen.push(event.type);
        })().catch(() => undefined);
        await expect.poll(() => seen.length, { timeout: 10_000 }).toBeGreaterThan(0);
        const workspace = await client.workspaces.create({ name: 'For an event', description: '' });
        await expect.poll(() => seen.some((type) => type.startsWith('workspace')), { timeout: 10_000 }).toBe(true);
        await client.workspaces.delete(workspace.id);
        stop.abort();
        await following;
      });

      test('a session’s own stream arrives as it is sent', async () => {
        const stream = await way.ask(`${base}/stream`, { headers: { cookie } });
        const parts = stream[Symbol.asyncIterator]();
        // The second event is sent only after the first one is here.
        expect(String((await parts.next()).value)).toBe('data: first\n\n');
        await echo('/go');
        expect(String((await parts.next()).value)).toBe('data: second\n\n');
      });

      test('an upload of 64 MiB is not gathered up on its way', async () => {
        const body = new PassThrough();
        const hash = createHash('sha1');
        const headers = { cookie, 'content-length': String(uploadBytes), 'content-type': 'application/octet-stream' };
        const answered = way.ask(`${base}/upload`, { method: 'PUT', headers, body });
        const part = randomBytes(256 * 1024);
        const send = async (): Promise<void> => {
          hash.update(part);
          if (!body.write(part)) await once(body, 'drain');
        };
        await send();
        // The rest is sent only after the application has some of the beginning.
        const arrived = async (): Promise<number> => {
          const progress = await way.ask(`${base}/progress`, { headers: { cookie } });
          return JSON.parse(await textOf(progress)).received;
        };
        await expect.poll(arrived, { timeout: 10_000 }).toBeGreaterThan(0);
        for (let sent = part.length; sent < uploadBytes; sent += part.length) await send();
        body.end();
        const seen: Echo = JSON.parse(await textOf(await answered));
        expect(seen).toMatchObject({ bytes: uploadBytes, hash: hash.digest('hex') });
      });

      test('a WebSocket passes both ways, for pages of the session only', async () => {
        const open = async (from: string): Promise<string> => {
          const socket = new WebSocket(`${base.replace('https', 'wss')}/socket`, {
            headers: { Cookie: cookie, Host: new URL(base).host },
            origin: from,
            createConnection: () => connect({ ...way.connection, servername: new URL(base).hostname }),
          });
          const result = await new Promise<string>((resolve) => {
            socket.on('open', () => socket.send('hello'));
            socket.on('message', (data) => resolve(String(data)));
            socket.on('unexpected-response', (_request, response: IncomingMessage) =>
              resolve(`refused ${response.statusCode}`),
            );
            socket.on('error', (error) => resolve(String(error)));
          });
          socket.terminate();
          return result;
        };
        expect(await open(new URL(base).origin)).toBe('hello');
        expect(await open('https://evil.example')).toBe('refused 403');
        expect(await open(`https://127-0-0-1-1.${sessionsDomain}:${way.port}`)).toBe('refused 403');
      });

      test('a session gives no orders to the server in front', async () => {
        const orders = { 'X-Accel-Redirect': '/healthz', 'X-Sendfile': '/etc/passwd', 'X-Accel-Expires': '3600' };
        const answer = await way.ask(`${base}/set?${encodeURIComponent(JSON.stringify(orders))}`, {
          headers: { cookie },
        });
        expect(await textOf(answer)).toBe('own');
        expect(Object.keys(answer.headers).filter((name) => name.startsWith('x-'))).toEqual([]);
      });

      test('names that are not ours do not reach the server', async () => {
        const before = server.output().length;
        for (const name of ['evil.example', `${apiName}.evil.example`, `x${sessionsDomain}`]) {
          const outcome = await way
            .ask(`https://${name}:${way.port}/healthz`, {}, AbortSignal.timeout(2_000))
            .then(async (response) => `${response.statusCode} ${await textOf(response)}`)
            .catch(() => 'no answer');
          expect(outcome).not.toMatch(/^200 .+/);
        }
        expect(server.output().slice(before)).not.toContain('healthz');
      });
    });

    test('time-outs are longer than the pauses of streams, WebSockets and slow sessions', async () => {
      const seconds = timeouts(program, await configurationOf(program));
      // The server sends a heartbeat every 15 s and a ping every 25 s, and waits 300 s for a session's answer.
      for (const [name, value] of Object.entries(seconds)) expect([name, value]).toEqual([name, expect.any(Number)]);
      for (const value of Object.values(seconds)) expect(value).toBeGreaterThan(300);
    });
  });
});

/** Times without a byte, in seconds, after which a program would end a connection; Caddy has none unless it is told. */
function timeouts(program: ReverseProxy, text: string): Record<string, number> {
  const named = {
    nginx: ['proxy_read_timeout', 'proxy_send_timeout'],
    haproxy: ['timeout client', 'timeout server', 'timeout tunnel'],
    caddy: [],
  }[program];
  if (program === 'caddy') expect(text).not.toMatch(/^\s*(idle|write|read_body|read_timeout|write_timeout)\b/m);
  return Object.fromEntries(
    named.map((name) => [name, Number(new RegExp(`^\\s*${name} (\\d+)s`, 'm').exec(text)?.[1])]),
  );
}
