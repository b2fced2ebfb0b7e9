// The back end of the example: a program that runs jobs for whoever may connect to it, started as the account that its jobs run as.
//
//   node runner.js <port> <directory for logs>
//
//   PUT    /launches/<key>        start it, unless it was started before
//   GET    /launches              {"keys": [...]}: all that it knows
//   POST   /observe               {"keys": [...]}: what has become of them, in one request
//   POST   /launches/<key>/stop   {"graceMs": n}: TERM, and KILL when the grace is over
//   GET    /launches/<key>/log    its output from ?from=<byte>
//   DELETE /launches/<key>        forget it
//
// It keeps its launches in memory. A runner that starts ends what an earlier one has left, so that "I do not know this key" means "it does not run".
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { dirname, join } from 'node:path';

/** What the adapter sends for a launch. */
export interface RunRequest {
  readonly jobId: number;
  readonly workspacePath: string;
  readonly command: readonly [string, ...string[]];
  readonly files: readonly { readonly name: string; readonly content: string; readonly mode: number }[];
  readonly environment: Readonly<Record<string, string>>;
  readonly timeLimitMs: number | null;
  readonly cpus: number;
}

/** What the runner knows of a launch. */
export interface Run {
  readonly number: number;
  readonly startedAtMs: number;
  readonly timeLimitMs: number | null;
  readonly cpus: number;
  readonly end: {
    readonly endedAtMs: number;
    readonly exitCode: number | null;
    readonly signal: string | null;
    readonly cause: 'exited' | 'stopped' | 'time_limit' | 'launch_failed';
    readonly reason?: string;
  } | null;
}

interface Entry {
  run: Run | undefined;
  /** When the first stop came, by a clock that nobody sets; also for a key that was not launched: then it never will be. */
  stoppedAtMs?: number;
  ending?: 'stopped' | 'time_limit';
}

/** In the environment of everything that a launch starts: what leaves its parent and its process group is found by it. */
const marker = 'UWS_RUNNER_KEY';
/** Tells the launches of this runner from those of others on the machine. */
const runnerMarker = 'UWS_RUNNER_DIRECTORY';
const launches = new Map<string, Entry>();

/** Every process with this in its environment. */
function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return `\0${readFileSync(`/proc/${pid}/environ`, 'utf8')}`.includes(`\0${text}`);
      } catch {
        return false; // It has ended, or belongs to somebody else.
      }
    });
}

function signalAll(text: string, signal: NodeJS.Signals): void {
  for (const pid of processesWith(text)) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended meanwhile.
    }
  }
}

/** KILL, until nothing is left: what is being killed may start another process first. */
function killAll(text: string): void {
  for (let round = 0; round < 20 && processesWith(text).length > 0; round++) signalAll(text, 'SIGKILL');
}

function start(key: string, request: RunRequest, logPath: string): Run {
  const entry: Entry = { run: undefined };
  launches.set(key, entry);
  const directory = join(request.workspacePath, `.${request.jobId}`);
  const words = request.command.map((word) => word.replaceAll('{job_directory}', directory));
  const startedAtMs = Date.now();
  const finish = (end: NonNullable<Run['end']>): void => {
    if (entry.run?.end) return;
    killAll(`${marker}=${key}\0`);
    entry.run = { ...run, end };
  };
  const failed = (reason: string): void =>
    finish({ endedAtMs: Date.now(), exitCode: null, signal: null, cause: 'launch_failed', reason });
  let run: Run = {
    number: launches.size,
    startedAtMs,
    timeLimitMs: request.timeLimitMs,
    cpus: request.cpus,
    end: null,
  };
  entry.run = run;
  const log = openSync(logPath, 'a', 0o600);
  try {
    mkdirSync(directory, { mode: 0o700, recursive: true });
    for (const { name, content, mode } of request.files) {
      rmSync(join(directory, name), { force: true });
      writeFileSync(join(directory, name), content, { mode, flag: 'wx' });
    }
    const child = spawn(words[0] ?? '', words.slice(1), {
      cwd: request.workspacePath,
      env: { ...request.environment, [marker]: key, [runnerMarker]: dirname(logPath) },
      stdio: ['ignore', log, log],
      detached: true,
    });
    child.once('error', (error) => failed(`The program could not be started: ${error.message}.`));
    child.once('exit', (exitCode, signal) =>
      finish({ endedAtMs: Date.now(), exitCode, signal, cause: entry.ending ?? 'exited' }),
    );
    run = { ...run, number: child.pid ?? run.number };
    entry.run = run;
    if (request.timeLimitMs !== null) {
      setTimeout(() => {
        entry.ending ??= 'time_limit';
        killAll(`${marker}=${key}\0`);
      }, request.timeLimitMs).unref();
    }
  } catch (error) {
    failed(`The job directory could not be made: ${error instanceof Error ? error.message : String(error)}.`);
  } finally {
    closeSync(log);
  }
  return entry.run;
}

function stop(key: string, graceMs: number): void {
  const entry: Entry = launches.get(key) ?? { run: undefined };
  launches.set(key, entry);
  const isFirst = entry.stoppedAtMs === undefined;
  entry.stoppedAtMs ??= performance.now();
  if (!entry.run || entry.run.end) return;
  entry.ending ??= 'stopped';
  if (performance.now() - entry.stoppedAtMs >= graceMs) killAll(`${marker}=${key}\0`);
  else if (isFirst) signalAll(`${marker}=${key}\0`, 'SIGTERM');
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of request.setEncoding('utf8')) text += piece;
  return text;
}

/** The status and body of an answer. */
async function answer(request: IncomingMessage, directory: string): Promise<[status: number, body: string | Buffer]> {
  const url = new URL(request.url ?? '/', 'http://runner');
  const body = await bodyOf(request);
  if (url.pathname === '/observe') {
    const { keys }: { keys: string[] } = JSON.parse(body);
    return [200, JSON.stringify(Object.fromEntries(keys.map((key) => [key, launches.get(key)?.run ?? null])))];
  }
  if (url.pathname === '/launches') return [200, JSON.stringify({ keys: [...launches.keys()] })];
  if (url.pathname === '/health') return [200, '{}'];
  const [, key = '', action = ''] = /^\/launches\/([0-9a-f]{32})(?:\/(stop|log))?$/.exec(url.pathname) ?? [];
  if (key === '') return [404, '{}'];
  const logPath = join(directory, key);
  const known = launches.get(key);
  switch (`${request.method} ${action}`) {
    case 'PUT ': {
      if (known?.run) return [200, JSON.stringify(known.run)];
      if (known) return [409, '{}'];
      return [200, JSON.stringify(start(key, JSON.parse(body), logPath))];
    }
    case 'POST stop':
      stop(key, JSON.parse(body).graceMs);
      return [200, '{}'];
    case 'GET log': {
      if (!existsSync(logPath)) return [200, Buffer.alloc(0)];
      return [200, readFileSync(logPath).subarray(Number(url.searchParams.get('from') ?? 0))];
    }
    case 'DELETE ':
      if (known?.run && !known.run.end) return [409, '{}'];
      launches.delete(key);
      rmSync(logPath, { force: true });
      return [200, '{}'];
    default:
      return [405, '{}'];
  }
}

if (process.getuid?.() === 0) throw new Error('Start the runner as the account that its jobs run as, not as root.');
const [port = '0', directory = '.'] = process.argv.slice(2);
killAll(`${runnerMarker}=${directory}\0`);
const server = createServer((request, response) => {
  answer(request, directory).then(
    ([status, body]) => response.writeHead(status).end(body),
    (error: unknown) => response.writeHead(400).end(String(error)),
  );
});
server.listen(Number(port), '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`);
});
process.once('SIGTERM', () => {
  killAll(`${runnerMarker}=${directory}\0`);
  process.exit();
});
