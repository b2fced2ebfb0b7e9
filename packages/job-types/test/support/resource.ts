import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { JobRecipe, JobType } from '@user-workspaces/contract';

export const sessionToken = 'Ab3-_kQx9LmN0pRsTuVwXyZ1234567890abcdefghij';
export const secret = 'secret-of-this-job';

/** Jobs run as an unprivileged account where the tests are root, as the server sees to, and as the tests' own account elsewhere. */
export const account = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : undefined;

/** Builds the programs that jobs run; quick, and whole for tests in other processes. */
export function buildPrograms(): void {
  execFileSync(process.execPath, [fileURLToPath(new URL('../../build.mjs', import.meta.url))]);
}

/** Makes a directory and its missing parents for the account of jobs. */
export function makeDirectory(path: string): string {
  mkdirSync(path, { recursive: true });
  if (account) chownSync(path, account.uid, account.gid);
  return path;
}

export function writeProgram(path: string, content: string): string {
  makeDirectory(dirname(path));
  writeFileSync(path, content);
  chmodSync(path, 0o755);
  return path;
}

export interface Options {
  readonly jobId?: number;
  readonly workspaceName?: string;
  readonly basePath?: string;
  readonly jobDetails?: Record<string, unknown>;
  readonly nowMs?: number;
  /** What the machine itself sets for jobs, on top of the bare minimum. */
  readonly machine?: Record<string, string>;
  /** The resource assigns a port. */
  readonly port?: number;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One job, started as a resource starts it: files written, environment set, no shell in between. */
export class Job {
  output = '';
  readonly ended: Promise<Ended>;

  constructor(
    readonly recipe: JobRecipe,
    readonly workspace: string,
    readonly directory: string,
    readonly process: ChildProcess,
  ) {
    const collect = (data: Buffer): void => {
      this.output += data.toString();
    };
    process.stdout?.on('data', collect);
    process.stderr?.on('data', collect);
    this.ended = new Promise((resolve) => {
      process.on('close', (code, signal) => resolve({ code, signal }));
    });
  }

  /** The report, checked as a resource does. */
  async report(timeoutMs = 15_000): Promise<{ port: number; path: string }> {
    const line = await until(
      () => {
        const text = readIfThere(join(this.directory, 'report'));
        if (text === undefined && this.process.exitCode !== null) throw new Error(`Ended early:\n${this.output}`);
        return text;
      },
      timeoutMs,
      () => this.output,
    );
    const match = /^(\S+) ([0-9]+) (\/\S*)\n$/.exec(line);
    if (match?.[1] !== secret) throw new Error(`Not a report: ${JSON.stringify(line)}`);
    return { port: Number(match[2]), path: match[3] ?? '' };
  }

  /** Waits for the session as the server does, and gives the address of its base path. */
  async ready(timeoutMs = 15_000): Promise<string> {
    const { port } = await this.report(timeoutMs);
    const prefix = this.recipe.session?.basePath === 'keep' ? (this.recipe.environment.UWS_BASE_PATH ?? '') : '';
    const base = `http://127.0.0.1:${port}${prefix.replace('{host}', '127.0.0.1')}`;
    const { path, statuses } = this.recipe.session?.readiness ?? { path: '/', statuses: [100, 599] };
    await until(
      async () => {
        const answer = await fetch(base + path, { redirect: 'manual' }).catch(() => undefined);
        return answer && answer.status >= statuses[0] && answer.status <= statuses[1] ? 'ready' : undefined;
      },
      timeoutMs,
      () => this.output,
    );
    return base;
  }

  /** Sends TERM to the main process. */
  terminate(): Promise<Ended> {
    this.process.kill('SIGTERM');
    return this.ended;
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Asks again until there is an answer; the time-out's message says what the job wrote. */
export async function until<T>(
  ask: () => T | undefined | Promise<T | undefined>,
  timeoutMs: number,
  log: () => string,
): Promise<T> {
  for (const end = Date.now() + timeoutMs; Date.now() < end; ) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  throw new Error(`Nothing within ${timeoutMs} ms. Output of the job:\n${log()}`);
}

/** Plays the resource for the recipes of one test file. */
export class Resource {
  readonly root = makeRoot();
  private readonly jobs: Job[] = [];

  workspace(name = 'workspace'): string {
    return makeDirectory(join(this.root, name));
  }

  start(type: JobType, options: Options = {}): Job {
    const jobId = options.jobId ?? this.jobs.length + 1;
    const workspace = this.workspace(options.workspaceName);
    const directory = makeDirectory(join(workspace, `.${jobId}`));
    const recipe = type.recipe({
      jobId,
      jobDetails: options.jobDetails ?? {},
      workspacePath: workspace,
      username: 'ada',
      nowMs: options.nowMs ?? Date.now(),
      sessionToken,
      basePath: options.basePath ?? '',
    });
    for (const { name, content, mode } of recipe.files) {
      writeFileSync(join(directory, name), content, { mode });
      if (account) chownSync(join(directory, name), account.uid, account.gid);
    }
    const [program, ...rest] = recipe.command.map((part) => part.replaceAll('{job_directory}', directory));
    const child = spawn(program ?? '', rest, {
      ...account,
      cwd: workspace,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: '/usr/local/bin:/usr/bin:/bin',
        HOME: makeDirectory(join(this.root, 'home')),
        LANG: 'C.UTF-8',
        ...options.machine,
        ...recipe.environment,
        UWS_JOB_ID: String(jobId),
        UWS_WORKSPACE: workspace,
        UWS_JOB_DIRECTORY: directory,
        ...(recipe.session && { UWS_HOST: '127.0.0.1', UWS_SECRET: secret, UWS_REPORT: join(directory, 'report') }),
        ...(options.port !== undefined && { UWS_PORT: String(options.port) }),
      },
    });
    const job = new Job(recipe, workspace, directory, child);
    this.jobs.push(job);
    return job;
  }

  /** Ends all jobs with everything they started, and removes what they wrote. */
  async close(): Promise<void> {
    for (const { process: child, ended } of this.jobs) {
      if (child.pid !== undefined) {
        try {
          process.kill(-child.pid, 'SIGKILL');
        } catch {
          // The whole group has ended already.
        }
      }
      await ended;
    }
    rmSync(this.root, { recursive: true, force: true });
  }
}

function makeRoot(): string {
  const root = mkdtempSync(join(tmpdir(), 'job-types-'));
  chmodSync(root, 0o755);
  return root;
}
