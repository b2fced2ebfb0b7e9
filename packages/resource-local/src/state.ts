import type { ProcessId } from './processes.js';
import type { Isolation } from './system.js';

/** What is kept of a specification after the start, in `launch.json`; it holds no secret. */
export interface LaunchRecord {
  readonly launchKey: string;
  readonly jobId: number;
  readonly workspacePath: string;
  /** Owner of the job's processes and files. */
  readonly uid: number;
  readonly cpus: number | null;
  readonly memoryMb: number | null;
  /** Port assigned to the session. */
  readonly port: number | null;
  readonly isolation: Isolation;
  readonly cgroups: readonly string[];
  readonly oomFile: string | null;
  /** The boot of the machine in which it was written. */
  readonly bootId: string;
}

export type Cause = 'exited' | 'time_limit' | 'memory_limit' | 'stopped' | 'launch_failed' | 'lost';

export interface Supervisor extends ProcessId {
  readonly bootId: string;
}

export interface Started {
  /** First process of the namespace, by its number on the machine. */
  readonly init: ProcessId;
  readonly startedAtMs: number;
  /** The machine's uptime at the start, in seconds. */
  readonly uptimeSeconds: number;
}

export interface Result {
  readonly code: number | null;
  readonly bySignal: boolean;
  readonly cause: Cause;
  readonly endedAtMs: number;
}

/** All that is recorded of a launch. */
export interface LaunchState {
  readonly launchKey: string;
  /** Absent for a key that was stopped before it was launched. */
  readonly record?: LaunchRecord;
  /** The machine's uptime, in seconds, at the first call to stop. */
  readonly stoppedAtUptimeSeconds?: number;
  /** A supervisor has claimed the start. */
  readonly claimed: boolean;
  readonly supervisor?: Supervisor;
  readonly started?: Started;
  readonly result?: Result;
}

const causes: readonly string[] = ['exited', 'time_limit', 'memory_limit', 'stopped', 'launch_failed', 'lost'];

export function isLaunchRecord(value: unknown): value is LaunchRecord {
  if (typeof value !== 'object' || value === null) return false;
  const expected: Readonly<Record<keyof LaunchRecord, readonly string[]>> = {
    launchKey: ['string'],
    jobId: ['number'],
    workspacePath: ['string'],
    uid: ['number'],
    cpus: ['number', 'null'],
    memoryMb: ['number', 'null'],
    port: ['number', 'null'],
    isolation: ['string'],
    cgroups: ['array'],
    oomFile: ['string', 'null'],
    bootId: ['string'],
  };
  const kind = (field: unknown) => (field === null ? 'null' : Array.isArray(field) ? 'array' : typeof field);
  const fields = new Map<string, unknown>(Object.entries(value));
  return Object.entries(expected).every(([name, kinds]) => kinds.includes(kind(fields.get(name))));
}

export function parseSupervisor(words: readonly string[] | undefined): Supervisor | undefined {
  const [pid, startTime, bootId] = words ?? [];
  if (pid === undefined || startTime === undefined || bootId === undefined) return undefined;
  return { pid: Number(pid), startTime, bootId };
}

export function parseStarted(line: { words: readonly string[]; writtenAtMs: number } | undefined): Started | undefined {
  const [pid, startTime, uptimeText] = line?.words ?? [];
  if (!line || pid === undefined || startTime === undefined || uptimeText === undefined) return undefined;
  return {
    init: { pid: Number(pid), startTime },
    startedAtMs: line.writtenAtMs,
    uptimeSeconds: Number(uptimeText),
  };
}

export function parseResult(line: { words: readonly string[]; writtenAtMs: number } | undefined): Result | undefined {
  if (!line) return undefined;
  const [code, how, cause] = line.words;
  if (code === undefined || cause === undefined || !isCause(cause))
    throw new Error('The result of a launch is damaged.');
  return { code: code === '-' ? null : Number(code), bySignal: how === 's', cause, endedAtMs: line.writtenAtMs };
}

function isCause(word: string): word is Cause {
  return causes.includes(word);
}
