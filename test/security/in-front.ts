// The reverse proxies of docs/reverse-proxy/, started with those very files, and a way to go through them as browsers and programs do.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Program, pathOf } from '../support/requirements.js';

export const apiName = 'workspaces.example.org';
export const sessionsDomain = 'sessions.example.org';
/** Where the tests' requests come from: another address than the reverse proxy's, to be told from it. */
export const clientAddress = '127.0.0.77';

/** A reverse proxy: its file, what stands in it for this machine's places, and how it is started. */
interface Recipe {
  readonly file: string;
  readonly program: Program;
  readonly places: (machine: { port: number; upstream: number; directory: string }) => readonly [string, string][];
  readonly args: (file: string) => string[];
}

const certificates = (directory: string): [string, string][] => [
  ['/etc/ssl/workspaces', join(directory, 'workspaces')],
];

export const recipes = {
  nginx: {
    file: 'nginx.conf',
    program: 'nginx',
    places: ({ port, upstream, directory }) => [
      ...certificates(directory),
      ['/run/nginx.pid', join(directory, 'nginx.pid')],
      ['/var/log/nginx/', `${directory}/nginx-`],
      ['listen 443 ', `listen 127.0.0.1:${port} `],
      ['127.0.0.1:5050', `127.0.0.1:${upstream}`],
    ],
    args: (file) => ['-c', file, '-g', 'daemon off;'],
  },
  haproxy: {
    file: 'haproxy.cfg',
    program: 'haproxy',
    places: ({ port, upstream, directory }) => [
      ...certificates(directory),
      ['bind :443 ', `bind 127.0.0.1:${port} `],
      ['127.0.0.1:5050', `127.0.0.1:${upstream}`],
    ],
    args: (file) => ['-db', '-f', file],
  },
  caddy: {
    file: 'Caddyfile',
    program: 'caddy',
    places: ({ port, upstream, directory }) => [
      ...certificates(directory),
      ['.example.org:443', `.example.org:${port}`],
      ['127.0.0.1:5050', `127.0.0.1:${upstream}`],
      ['\tadmin off\n', '\tadmin off\n\tdefault_bind 127.0.0.1\n'],
    ],
    args: (file) => ['run', '--adapter', 'caddyfile', '--config', file],
  },
} as const satisfies Record<string, Recipe>;

export type ReverseProxy = keyof typeof recipes;

/** The file as an operator gets it. */
export function configurationOf(name: ReverseProxy): Promise<string> {
  return readFile(fileURLToPath(new URL(`../../docs/reverse-proxy/${recipes[name].file}`, import.meta.url)), 'utf8');
}

/** A certificate for the names in the files, in each of the forms that they name. */
export async function makeCertificate(directory: string): Promise<string> {
  const [certificate, key] = ['crt', 'key'].map((ending) => join(directory, `workspaces.${ending}`));
  if (certificate === undefined || key === undefined) throw new Error('No names.');
  const names = `subjectAltName=DNS:${apiName},DNS:*.${sessionsDomain}`;
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'].concat([
      '-subj',
      `/CN=${apiName}`,
      '-addext',
      names,
      '-keyout',
      key,
      '-out',
      certificate,
    ]),
    { stdio: 'pipe' },
  );
  const text = await readFile(certificate, 'utf8');
  await writeFile(join(directory, 'workspaces.pem'), text + (await readFile(key, 'utf8')));
  return text;
}

export interface Running {
  readonly port: number;
  stop(): Promise<void>;
}

/** Starts a reverse proxy in front of a server and waits until it listens. */
export async function startInFront(
  name: ReverseProxy,
  machine: { readonly port: number; readonly upstream: number; readonly directory: string },
): Promise<Running> {
  const recipe: Recipe = recipes[name];
  let text = await configurationOf(name);
  for (const [here, there] of recipe.places(machine)) {
    if (!text.includes(here)) throw new Error(`${recipe.file} does not hold ${here}.`);
    text = text.replaceAll(here, there);
  }
  const file = join(machine.directory, `${machine.port}-${recipe.file}`);
  await writeFile(file, text);
  const child = spawn(pathOf(recipe.program), recipe.args(file), {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '', HOME: machine.directory },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (output += part.toString()));
  for (let attempt = 0; attempt < 200; attempt++) {
    if (child.exitCode !== null) throw new Error(`${recipe.program} ended at its start:\n${output}`);
    if (await listens(machine.port)) return { port: machine.port, stop: () => stop(child) };
    await delay(50);
  }
  await stop(child);
  throw new Error(`${recipe.program} does not listen:\n${output}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const forced = setTimeout(() => child.kill('SIGKILL'), 3_000);
  await ended;
  clearTimeout(forced);
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** Goes to any of the names, all of which are on this machine, over TLS, from {@link clientAddress}. */
export class Way {
  constructor(
    readonly port: number,
    readonly ca: string,
  ) {}

  /** Options of a connection, for `tls.connect`. */
  get connection() {
    return { host: '127.0.0.1', port: this.port, ca: this.ca, localAddress: clientAddress } as const;
  }

  /** One request as given; nothing is normalised, followed or kept. */
  async ask(
    url: string,
    options: { method?: string; headers?: Record<string, string>; body?: Readable | string } = {},
    signal?: AbortSignal,
  ): Promise<IncomingMessage> {
    const [, host = '', path = '/'] = /^https:\/\/([^/?]+)(.*)$/.exec(url) ?? [];
    const request = httpsRequest({
      ...this.connection,
      agent: false,
      servername: host.split(':')[0] ?? '',
      method: options.method ?? 'GET',
      path: path.startsWith('/') ? path : `/${path}`,
      headers: { ...options.headers, host },
      ...(signal && { signal }),
    });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve).once('error', reject);
    });
    if (options.body instanceof Readable) options.body.pipe(request);
    else request.end(options.body);
    const response = await answered;
    response.on('error', () => undefined);
    return response;
  }

  /** For the SDK. */
  get fetch(): typeof fetch {
    return async (input, init) => {
      const request = new Request(input, init);
      const body = request.body === null ? '' : Buffer.from(await request.arrayBuffer()).toString();
      const headers = { ...Object.fromEntries(request.headers), 'content-length': String(Buffer.byteLength(body)) };
      const response = await this.ask(request.url, { method: request.method, headers, body }, request.signal);
      const stream = new ReadableStream<Uint8Array>({
        start(controller) {
          response.on('data', (part: Buffer) => controller.enqueue(new Uint8Array(part)));
          response.on('end', () => controller.close());
          response.on('error', (error) => controller.error(error));
        },
        cancel() {
          response.destroy();
        },
      });
      const status = response.statusCode ?? 0;
      const pairs = Object.entries(response.headersDistinct).flatMap(([name, values]) =>
        (values ?? []).map((value): [string, string] => [name, value]),
      );
      return new Response(status === 204 || status === 304 ? null : stream, { status, headers: pairs });
    };
  }
}

export async function textOf(response: AsyncIterable<unknown>): Promise<string> {
  let text = '';
  for await (const part of response) text += String(part);
  return text;
}
