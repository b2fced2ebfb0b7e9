import type { Account } from './account.js';
import type { Health } from './health.js';

/** A file that a launch needs in its job directory before it starts. */
export interface LaunchFile {
  /** A plain file name. */
  readonly name: string;
  readonly content: string;
  readonly mode: number;
}

/** What a launch may use. Absent: no limit beyond the machine's. */
export interface LaunchLimits {
  readonly cpus?: number;
  readonly memoryMb?: number;
  readonly timeLimitMinutes?: number;
  readonly gpus?: number;
}

/**
 * Everything that a resource needs to start a job, complete and final: made once, stored nowhere else.
 *
 * The started program finds in its environment, besides {@link environment}: `UWS_JOB_ID`, `UWS_WORKSPACE` (absolute
 * path of the workspace), `UWS_JOB_DIRECTORY` (absolute path of its own directory, `<workspace>/.<job id>`), and, if
 * {@link session} is set, `UWS_HOST` (the name under which the server will reach it), `UWS_PORT` (a free port, where
 * the resource can assign one; otherwise the program picks its own), `UWS_SECRET` and `UWS_REPORT`; also `UWS_LISTEN`, the address to
 * listen on, where that is another than `UWS_HOST`, as inside a container. A program with a
 * session tells that it listens by writing one line `<secret> <port> <path>\n` to a new file and renaming it to the path
 * in `UWS_REPORT`; `<path>` begins with a slash and is the session's start page below its base path, `/` alone for the
 * base path itself.
 */
export interface LaunchSpecification {
  /** Our key for this start: 32 lower-case hexadecimal digits, stored before the resource is called. */
  readonly launchKey: string;
  readonly jobId: number;
  readonly account: Account;
  /** Absolute path of the workspace on the resource's hosts. */
  readonly workspacePath: string;
  /** Program and arguments; never passed through a shell. */
  readonly command: readonly [string, ...string[]];
  /** Written to the job directory as the account, before the start. `command` may name them below `UWS_JOB_DIRECTORY` with the placeholder `{job_directory}`. */
  readonly files: readonly LaunchFile[];
  readonly environment: Readonly<Record<string, string>>;
  readonly limits: LaunchLimits;
  /** Options under the resource's own names, as `parameter_mapping` made them. */
  readonly options: Readonly<Record<string, unknown>>;
  /** What the operator set for this job type on this resource, such as a container's image: checked by {@link Resource.checkDetails} when the server started. */
  readonly resourceDetails?: Readonly<Record<string, unknown>>;
  /** Set when the job serves a session. `secret` authenticates its report. */
  readonly session?: { readonly secret: string };
}

/** What a launch was, to ask about it. */
export interface LaunchReference {
  readonly launchKey: string;
  /** The resource's own name for what it runs, if the answer to the launch arrived. */
  readonly handle: string | null;
  readonly account: Account;
  readonly workspacePath: string;
  readonly jobId: number;
  /** Present while the job's session is still awaited or open. */
  readonly session?: { readonly secret: string };
}

/** What a resource answers to a launch. */
export interface Launched {
  readonly handle: string;
  /** The number shown as `resource_job_id`: the process id or the cluster's job number. */
  readonly resourceJobId: number;
}

/** Where a session listens, as the resource found it: its own host, and the port that the job reported and the resource has verified. */
export interface SessionAddress {
  readonly host: string;
  readonly port: number;
  /** Start page below the base path, from the job's report; begins with a slash. */
  readonly path: string;
}

/** Why and how a launch ended. */
export interface LaunchEnd {
  readonly endedAtMs: number;
  readonly startedAtMs: number | null;
  /** Exit code of the main process; `null` when it was ended by a signal or is not known. */
  readonly exitCode: number | null;
  /** Name of the ending signal, such as `SIGKILL`. */
  readonly signal: string | null;
  /** What the resource knows beyond code and signal. `lost`: it did run, but how it ended cannot be known any more. */
  readonly cause: 'exited' | 'time_limit' | 'memory_limit' | 'stopped' | 'node_failure' | 'launch_failed' | 'lost';
  /** A sentence for the user where `cause` says too little. */
  readonly reason?: string;
  /** Used CPU hours: wall hours times allocated CPUs. */
  readonly coreHours: number;
  /** Used GPU hours: wall hours times allocated GPUs. Absent where the resource does not know how many there were: it never guesses. */
  readonly gpuHours?: number;
}

/** What a resource says of a launch: found (with state), absent, or unknown. Unknown never changes a job's state. */
export type Observation =
  | {
      readonly kind: 'pending';
      readonly handle: string;
      readonly resourceJobId: number;
      /** Why it waits, in words for the user. */
      readonly reason?: string;
      readonly expectedStartAtMs?: number;
    }
  | {
      readonly kind: 'running';
      readonly handle: string;
      readonly resourceJobId: number;
      readonly startedAtMs: number;
      /** When the resource will end it; `null` without a time limit. */
      readonly endsAtMs: number | null;
      readonly coreHours: number;
      /** As {@link LaunchEnd.gpuHours}, until now. */
      readonly gpuHours?: number;
      /** Set once the job's report was read and verified. */
      readonly session?: SessionAddress;
      /** What still keeps the session from being reachable, in words for the user. */
      readonly sessionProblem?: string;
      /** Somebody else listens where the session did, as {@link sessionProblem} says: nobody may be sent there any more. */
      readonly sessionTaken?: true;
    }
  | ({ readonly kind: 'ended'; readonly handle: string; readonly resourceJobId: number } & LaunchEnd)
  /** The resource answers, is sure, and does not know this key: it never started, or it forgot it. */
  | { readonly kind: 'absent' }
  /** The resource did not answer, or its answer cannot be trusted. */
  | { readonly kind: 'unknown'; readonly reason: string };

/** Which part of a job's output. Positions count bytes from the output's beginning. */
export type LogRange = ({ readonly fromByte: number } | { readonly tailBytes: number }) & { readonly follow: boolean };

/** A piece of output and the position of its first byte. */
export interface LogChunk {
  readonly offsetBytes: number;
  readonly content: Uint8Array;
}

export interface ResourceCapabilities {
  /** The time limit of a running job can be raised. */
  readonly extend: boolean;
  /** Changes are reported by {@link Resource.watch}; otherwise the server asks at intervals. */
  readonly push: boolean;
  /** Which limits are enforced, and by what means, in words for `GET /status/` and the documentation. */
  readonly limits: Readonly<Record<'time' | 'memory' | 'cpu', string>>;
  /** A launch gets the GPUs of {@link LaunchLimits.gpus}: the option `gpu_enabled` is named for this resource. @default false */
  readonly gpus?: boolean;
}

export interface Capacity {
  readonly total: number;
  readonly free: number;
}

/** How busy a resource is, other people's jobs included. What it cannot tell is absent. */
export interface ResourceLoad {
  readonly runningJobs?: number;
  readonly queuedJobs?: number;
  readonly cpus?: Capacity;
  readonly memoryMb?: Capacity;
  readonly gpus?: Capacity;
}

/**
 * A place that runs jobs.
 *
 * Guarantees the server relies on:
 * - `launch` with a key that was launched before starts nothing and returns the first launch's answer, also when both calls
 *   run at once, in different processes, or after a crash at any point of the first;
 * - a launch that was found stays found (as `ended`) until {@link forget}; a resource that cannot keep that promise says
 *   `absent` only when it is sure that the key is not running;
 * - `observe` answers for every reference it is given, in one request to the back end however many there are, and reports
 *   `unknown` rather than guess;
 * - `stop` ends everything that the launch started, what left its process group included, and leaves nothing behind; it may be
 *   called any number of times;
 * - jobs run as the account, never as root, and survive the end of the server.
 */
export interface Resource {
  readonly name: string;
  /** What kind of place it is, in one word for `GET /resources/`: `local`, `slurm`, `docker`, or one's own. */
  readonly kind: string;
  readonly capabilities: ResourceCapabilities;
  /** Name or address under which the session proxy's path form shows this resource's sessions before their host is known. */
  readonly sessionHost: string;

  /**
   * Checks the `resource_details` of one job type, which every launch of it gets as {@link LaunchSpecification.resourceDetails}. Called when the
   * server starts, also with `{}` where the operator set none. A resource without this function takes none.
   *
   * @param where The configuration key of `details`, for error messages.
   * @throws AdapterError `misconfigured` that names key, value and what is allowed.
   */
  checkDetails?(details: Readonly<Record<string, unknown>>, where: string): void;
  /**
   * Starts a job.
   *
   * @throws AdapterError `invalid` when this launch can never succeed here, `unavailable` when nothing is known: then the server asks
   *   `observe` before it tries again.
   */
  launch(specification: LaunchSpecification, signal?: AbortSignal): Promise<Launched>;
  /** What has become of launches; the answer's keys are the launch keys. Throws only when aborted. */
  observe(launches: readonly LaunchReference[], signal?: AbortSignal): Promise<ReadonlyMap<string, Observation>>;
  /** Calls `changed` with launch keys that should be observed soon. Ends with the signal. Only with {@link ResourceCapabilities.push}. */
  watch(changed: (launchKeys: readonly string[]) => void, signal: AbortSignal): void;
  /**
   * Asks a launch to end: TERM first, then, once `graceMs` have passed since the first call, KILL. Returns when the request was delivered,
   * not when the job has ended; the server calls again until `observe` says `ended` or `absent`. A key that was never launched cannot be
   * launched afterwards.
   */
  stop(launch: LaunchReference, graceMs: number, signal?: AbortSignal): Promise<void>;
  /** Sets the running job's time limit, counted from its start. @throws AdapterError `unsupported`, `invalid`, `not_found`. */
  extend(launch: LaunchReference, timeLimitMinutes: number, signal?: AbortSignal): Promise<void>;
  /**
   * Output of the job, oldest first: from a position in the whole output, or the last `tailBytes`; with `follow` also what comes, until the
   * launch has ended. Nothing for a job without output. A position whose output is gone continues at the oldest that is kept.
   */
  logs(launch: LaunchReference, range: LogRange, signal?: AbortSignal): AsyncIterable<LogChunk>;
  /** Removes what the resource keeps about an ended launch, its logs included. An unknown key is fine. */
  forget(launch: LaunchReference, signal?: AbortSignal): Promise<void>;
  /**
   * The keys of all launches that it keeps something of, so that those can be found which no job knows any more, as after a backup of the database was restored: each
   * that runs or may come to run, and each that has ended, until it is forgotten. Keys that were stopped and never launched may be among them. All that it gives must be
   * launches of this installation, and can be observed, stopped and forgotten by the key alone: account, workspace and job are not known any more. A resource without
   * this function does not tell.
   *
   * @throws AdapterError `unavailable` when the back end cannot be asked: no list is better than one that is not whole.
   */
  launchKeys?(signal?: AbortSignal): Promise<readonly string[]>;
  check(signal?: AbortSignal): Promise<Health>;
  /** How busy it is, for `GET /resources/`: asked every few seconds at most. A resource without this function does not tell. */
  load?(signal?: AbortSignal): Promise<ResourceLoad>;
  close(): Promise<void>;
}
