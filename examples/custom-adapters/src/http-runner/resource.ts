import { setTimeout as sleep } from 'node:timers/promises';
import {
  AdapterError,
  type LaunchReference,
  type LaunchSpecification,
  type LogChunk,
  type Observation,
  type Resource,
} from '@user-workspaces/contract';
import type { Run, RunRequest } from './runner.js';

const keyPattern = /^[0-9a-f]{32}$/;

/** How to reach a runner, and whom its jobs run as. */
export interface HttpRunnerOptions {
  readonly name: string;
  /** Such as `http://127.0.0.1:8700`. */
  readonly url: string;
  /** The uid that the runner was started with; all accounts must have it. */
  readonly uid: number;
}

/**
 * A resource that has its jobs run by the runner beside this file. It shows what a resource is made of: a launch that may be asked for again, one request for all
 * observations, and errors that tell "no" from "nobody answers". Sessions, memory limits and more time are left out, and it says so.
 */
export function createHttpRunnerResource({ name, url, uid }: HttpRunnerOptions): Resource {
  /** Asks the runner. What nobody answers is `unavailable`: nothing is known, and the server asks again. */
  const ask = async (method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> => {
    signal?.throwIfAborted();
    try {
      return await fetch(url + path, {
        method,
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(signal && { signal }),
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw new AdapterError('unavailable', `The runner at ${url} does not answer.`, { cause: error });
    }
  };
  const observe: Resource['observe'] = async (launches, signal) => {
    signal?.throwIfAborted();
    // What is no key was never launched here.
    const keys = launches.map(({ launchKey }) => launchKey).filter((key) => keyPattern.test(key));
    const answers = new Map<string, Observation>(launches.map(({ launchKey }) => [launchKey, { kind: 'absent' }]));
    try {
      const runs: unknown = await (await ask('POST', '/observe', { keys }, signal)).json();
      for (const launch of launches) {
        const run: unknown =
          typeof runs === 'object' && runs !== null ? Reflect.get(runs, launch.launchKey) : undefined;
        if (isRun(run)) answers.set(launch.launchKey, observationOf(run, launch));
      }
    } catch (error) {
      signal?.throwIfAborted();
      // Never a guess: a launch that cannot be asked about is unknown.
      for (const key of keys) answers.set(key, { kind: 'unknown', reason: String(error) });
    }
    return answers;
  };

  return {
    name,
    kind: 'http_runner',
    sessionHost: new URL(url).hostname,
    capabilities: {
      extend: false,
      push: false,
      limits: { time: 'enforced by the runner', memory: 'not enforced', cpu: 'not enforced' },
    },
    async launch(specification, signal) {
      refuseWrong(specification, uid);
      const answer = await ask('PUT', `/launches/${specification.launchKey}`, requestOf(specification), signal);
      if (answer.status === 409) throw new AdapterError('conflict', 'The job was stopped before it was launched.');
      if (!answer.ok) throw new AdapterError('unavailable', `The runner answered ${answer.status}.`);
      const run: unknown = await answer.json();
      if (!isRun(run)) throw new AdapterError('unavailable', 'The answer of the runner cannot be read.');
      return { handle: specification.launchKey, resourceJobId: run.number };
    },
    observe,
    watch() {
      // `capabilities.push` is false: the server asks at intervals instead.
    },
    async stop({ launchKey }, graceMs, signal) {
      if (keyPattern.test(launchKey)) await ask('POST', `/launches/${launchKey}/stop`, { graceMs }, signal);
    },
    async extend() {
      throw new AdapterError('unsupported', 'The runner cannot change the time limit of a job.');
    },
    async *logs(launch, range, signal): AsyncGenerator<LogChunk> {
      const path = `/launches/${launch.launchKey}/log`;
      const read = async (from: number) =>
        new Uint8Array(await (await ask('GET', `${path}?from=${from}`, undefined, signal)).arrayBuffer());
      if (!keyPattern.test(launch.launchKey)) return;
      let position = 'fromByte' in range ? range.fromByte : Math.max(0, (await read(0)).length - range.tailBytes);
      for (;;) {
        // Asked before reading: what was written before the end is then read after it.
        const seen = (await observe([launch], signal)).get(launch.launchKey);
        const isLast = !range.follow || seen?.kind === 'ended' || seen?.kind === 'absent';
        const content = await read(position);
        if (content.length > 0) yield { offsetBytes: position, content };
        position += content.length;
        if (isLast) return;
        await sleep(200, undefined, signal && { signal });
      }
    },
    async forget({ launchKey }, signal) {
      if (!keyPattern.test(launchKey)) return;
      const answer = await ask('DELETE', `/launches/${launchKey}`, undefined, signal);
      if (answer.status === 409) throw new AdapterError('conflict', 'The job has not ended: stop it first.');
    },
    async launchKeys(signal) {
      const answer: unknown = await (await ask('GET', '/launches', undefined, signal)).json();
      if (isListOfKeys(answer)) return answer.keys;
      throw new AdapterError('unavailable', 'The answer of the runner cannot be read.');
    },
    async check(signal) {
      signal?.throwIfAborted();
      return ask('GET', '/health', undefined, signal).then(
        () => ({ connected: true, message: 'The runner answers.' }),
        () => ({ connected: false, message: 'The runner does not answer.' }),
      );
    },
    async close() {
      // Jobs go on without the server.
    },
  };
}

function isRun(value: unknown): value is Run {
  return typeof value === 'object' && value !== null && 'startedAtMs' in value && 'end' in value && 'number' in value;
}

function isListOfKeys(value: unknown): value is { readonly keys: readonly string[] } {
  return typeof value === 'object' && value !== null && 'keys' in value && Array.isArray(value.keys);
}

function observationOf(run: Run, { launchKey }: LaunchReference): Observation {
  const { number, startedAtMs, timeLimitMs, cpus, end } = run;
  const name = { handle: launchKey, resourceJobId: number };
  const coreHours = (((end?.endedAtMs ?? Date.now()) - startedAtMs) / 3_600_000) * cpus;
  if (end) return { kind: 'ended', ...name, startedAtMs, coreHours, ...end };
  const endsAtMs = timeLimitMs === null ? null : startedAtMs + timeLimitMs;
  const sessionProblem = 'This resource serves no sessions.';
  return { kind: 'running', ...name, startedAtMs, endsAtMs, coreHours: Math.max(0, coreHours), sessionProblem };
}

function requestOf({
  jobId,
  account,
  workspacePath,
  command,
  files,
  environment,
  limits,
  session,
}: LaunchSpecification): RunRequest {
  const directory = `${workspacePath}/.${jobId}`;
  return {
    jobId,
    workspacePath,
    command,
    files,
    cpus: limits.cpus ?? 1,
    timeLimitMs: limits.timeLimitMinutes === undefined ? null : limits.timeLimitMinutes * 60_000,
    environment: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      HOME: account.home ?? workspacePath,
      ...environment,
      UWS_JOB_ID: String(jobId),
      UWS_WORKSPACE: workspacePath,
      UWS_JOB_DIRECTORY: directory,
      ...(session && { UWS_HOST: '127.0.0.1', UWS_SECRET: session.secret, UWS_REPORT: `${directory}/session` }),
    },
  };
}

/** @throws AdapterError `denied` for an account that is not the runner's, `invalid` for what can never be launched. */
function refuseWrong(
  { launchKey, account, workspacePath, command, files, environment }: LaunchSpecification,
  uid: number,
): void {
  if (account.gid === 0 || (account.uid !== null && account.uid !== uid)) {
    throw new AdapterError('denied', `The runner runs jobs as uid ${uid} only.`, { field: 'account' });
  }
  const isWrong = {
    launchKey: !keyPattern.test(launchKey),
    workspacePath: !workspacePath.startsWith('/') || workspacePath.split('/').includes('..'),
    command: command.some((word) => word.includes('\0')),
    files: files.some(({ name }) => !/^[^/\0]{1,255}$/.test(name) || ['.', '..', 'session'].includes(name)),
    environment: Object.entries(environment).some(
      ([variable, value]) => !/^[A-Za-z_]\w*$/.test(variable) || value.includes('\0'),
    ),
  };
  const field = Object.entries(isWrong).find(([, wrong]) => wrong)?.[0];
  if (field !== undefined) throw new AdapterError('invalid', `The launch has a wrong ${field}.`, { field });
}
