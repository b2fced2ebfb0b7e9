import type { LaunchFile } from './resource.js';

/** What a job type knows when it makes a launch. */
export interface JobRequest {
  readonly jobId: number;
  /** The user's `job_details`, as sent: hostile. */
  readonly jobDetails: Readonly<Record<string, unknown>>;
  /** Absolute path of the workspace on the resource. */
  readonly workspacePath: string;
  readonly username: string;
  /** Time of the launch. */
  readonly nowMs: number;
  /** Secret of this job's session, 43 URL-safe characters: for the session's own authentication, where it has one. */
  readonly sessionToken: string;
  /**
   * Path prefix under which the browser will see the session, without a trailing slash. Where the host is only known when the job runs, it
   * contains `{host}`, which the job's start script must replace by `UWS_HOST`.
   */
  readonly basePath: string;
}

/** How a job's session is reached and when it is ready. */
export interface SessionRecipe {
  /** `keep`: the application is asked for the path as the browser sees it, base path included; `strip`: without the base path. */
  readonly basePath: 'keep' | 'strip';
  /** Ready when this path below the base path answers with a status in `statuses`. Absent: ready when the port accepts a connection. */
  readonly readiness?: { readonly path: string; readonly statuses: readonly [from: number, to: number] };
  /** Added to the query of the address that the user opens, such as the application's own token. */
  readonly query: Readonly<Record<string, string>>;
}

/** How to run one job: the part of a launch specification that the job type decides. */
export interface JobRecipe {
  /** Program and arguments; `{job_directory}` in an argument is replaced by the job directory. Never passed through a shell. */
  readonly command: readonly [string, ...string[]];
  readonly files: readonly LaunchFile[];
  readonly environment: Readonly<Record<string, string>>;
  /** Absent: the job serves no session. */
  readonly session?: SessionRecipe;
}

/** Traffic to a session that the server sees: `reads` are GET and HEAD requests, `writes` all others, `sockets` messages of WebSockets in either direction. */
export type SessionTraffic = 'reads' | 'writes' | 'sockets';

/** What an application says of its use. */
export type SessionUse =
  /** It is at work at this moment; why, as a short sentence for the user. */
  | { readonly kind: 'busy'; readonly reason: string }
  /** Nothing is at work. When it last was, where the application knows. */
  | { readonly kind: 'idle'; readonly lastUsedAtMs: number | null };

/** How it is known whether somebody uses a session. */
export interface SessionActivity {
  /** Traffic that counts as use. Leave out what an open page sends by itself. */
  readonly traffic: readonly SessionTraffic[];
  /**
   * Asked with GET when traffic alone says that nobody uses it: `path` lies below the base path and gets the session's query. `read` makes sense of the
   * answer's JSON; it throws when it cannot, and then the session counts as used.
   */
  readonly questions?: readonly { readonly path: string; readonly read: (answer: unknown) => SessionUse }[];
}

/**
 * A job type bound to its configuration: one entry of `available_job_types` on one resource.
 *
 * Guarantees the server relies on: `recipe` is fast and pure (the same request gives the same recipe; it may be called again after a crash); no
 * value from the request can become a program, an option or shell syntax unless the operator allowed that.
 */
export interface JobType {
  /** @throws AdapterError `invalid` with a `field` when `job_details` cannot be accepted, `misconfigured`. Called once when the job is asked for, with a throw-away id, and again for the launch. */
  recipe(request: JobRequest): JobRecipe;
  /** @default traffic of every kind, no questions */
  readonly activity?: SessionActivity;
}

/**
 * A kind of job type, such as `JupyterLabJob`: turns the operator's configuration into a {@link JobType}.
 *
 * @example
 * export const localTestJob: JobTypeKind = { kind: 'LocalTestJob', configure: () => ({ recipe: … }) };
 */
export interface JobTypeKind {
  /** The word in the configuration's `job_type`. */
  readonly kind: string;
  /**
   * Checks `environment_details` of one resource.
   *
   * @param where The configuration key of `details`, for error messages.
   * @throws AdapterError `misconfigured` that names key, value and what is allowed.
   */
  configure(details: Readonly<Record<string, unknown>>, where: string): JobType;
}
