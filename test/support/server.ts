import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const uws = fileURLToPath(new URL('../../packages/cli/bin/uws.mjs', import.meta.url));

/** A server started as its operator starts it: a process of its own with a data directory of its own. */
export interface RunningServer {
  readonly baseUrl: string;
  readonly port: number;
  readonly dataDirectory: string;
  readonly clientToken: string;
  readonly process: ChildProcess;
  /** What it printed so far, standard output and error. */
  output(): string;
  /** Ends it with a signal, `SIGTERM` unless told otherwise, and waits for its end. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('No port.');
  return address.port;
}

/** A directory for one test, which other accounts may enter, as jobs do. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'uws-test-'));
  await chmod(directory, 0o755);
  return directory;
}

/** Starts `uws serve` and waits until it is ready. */
export async function startServer(
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly dataDirectory?: string;
    readonly port?: number;
    /** Another program than `uws serve`, with its arguments. */
    readonly command?: readonly string[];
    /** Kills it as soon as it aborts, also while it starts. */
    readonly killed?: AbortSignal;
  } = {},
): Promise<RunningServer> {
  const dataDirectory = options.dataDirectory ?? join(await temporaryDirectory(), 'data');
  const port = options.port ?? (await freePort());
  const clientToken = 'c0ffee0000000000000000000000000000000000';
  const [script = uws, ...args] = options.command ?? [uws, 'serve'];
  const child = spawn(process.execPath, [script, ...args], {
    env: {
      PATH: process.env.PATH ?? '',
      HOME: process.env.HOME ?? '/',
      LANG: 'C.UTF-8',
      UWS_DATA_DIR: dataDirectory,
      UWS_PORT: String(port),
      UWS_CLIENT_TOKEN: clientToken,
      // Without root all jobs share an account, and a server then admits one user only, unless told otherwise.
      UWS_ALLOW_SHARED_ACCOUNT: 'true',
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.killed && { signal: options.killed, killSignal: 'SIGKILL' }),
  });
  // An abort is told as an error as well as by the exit.
  child.on('error', () => undefined);
  let output = '';
  const gather = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-200_000);
  };
  child.stdout.on('data', gather);
  child.stderr.on('data', gather);
  const server: RunningServer = {
    baseUrl: `http://127.0.0.1:${port}`,
    port,
    dataDirectory,
    clientToken,
    process: child,
    output: () => output,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode !== null || child.signalCode !== null) return;
      // `once` of node:events would throw what an abort at this moment tells as an error.
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill(signal);
      await exited;
    },
  };
  for (let attempt = 0; attempt < 1_200; attempt++) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`The server ended at its start:\n${output}`);
    const ready = await fetch(`${server.baseUrl}/readyz`).catch(() => undefined);
    if (ready?.ok) return server;
    await delay(100);
  }
  await server.stop('SIGKILL');
  throw new Error(`The server was not ready in two minutes:\n${output}`);
}

/** Removes a server's directory, the jobs' files included. */
export async function removeDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
}

/** Process ids whose environment or command line names the directory, or one of the further names: what a test left running. */
export async function processesBelow(directory: string, furtherNames: readonly string[] = []): Promise<number[]> {
  const names = [directory, ...furtherNames];
  // A short name would find, and a clean-up end, what belongs to others.
  const vague = names.find((name) => name.length < 16);
  if (vague !== undefined) throw new Error(`"${vague}" does not tell the processes of a test from others.`);
  const found: number[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const texts = await Promise.all(
      ['cmdline', 'environ'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')),
    );
    if (texts.some((text) => names.some((name) => text.includes(name)))) found.push(Number(pid));
  }
  return found;
}
