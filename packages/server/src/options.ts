import type {
  Account,
  AccountMapping,
  Authentication,
  Database,
  Identity,
  JobType,
  JsonObject,
  Resource,
  Storage,
} from '@user-workspaces/contract';
import type { Schema } from '@user-workspaces/schema';
import type { Logger } from 'pino';
import type { Clock } from './clock.js';
import type { Limits } from './limits/limits.js';

/** A resource and what the server must know of it beyond its adapter. */
export interface ResourceEntry {
  readonly resource: Resource;
  /** API option name → the resource's own option name. */
  readonly parameterMapping: Readonly<Record<string, string>>;
  /** Host, with a port if needed, under whose sub-domains the sessions of this resource appear; absent: path form. */
  readonly passthroughDomain?: string;
  /** A job that waits longer is logged as an error. @default 600_000 */
  readonly pendingWarningMs?: number;
}

/** A job type and where it may run. */
export interface JobTypeEntry {
  readonly name: string;
  /** By resource name; the first one is the default. */
  readonly resources: ReadonlyMap<string, JobType>;
  /** What a resource itself takes for this job type, such as a container's image, by resource name. */
  readonly resourceDetails?: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  /** Stops jobs whose session nobody uses, after a warning. Absent: never. */
  readonly idle?: IdlePolicy;
  /** A job whose session is not ready so long after it began to run is stopped and has failed. @default 1_800_000 */
  readonly readyTimeoutMs?: number;
}

/** When an unused session is stopped. */
export interface IdlePolicy {
  /** From the last use to the stop. */
  readonly timeoutMs: number;
  /** From the warning to the stop; less than `timeoutMs`. */
  readonly warningMs: number;
}

/** An option that starts may carry, as `GET /parameters/` shows it. */
export type ParameterEntry = Schema<'Parameter'> & {
  /** Other names under which the option is accepted. */
  readonly aliases?: readonly string[];
};

/** Sends the e-mail about a new share. */
export interface Mailer {
  /** @throws when the mail server did not take the mail; the server tries again. */
  send(
    mail: { readonly to: string; readonly subject: string; readonly text: string },
    signal: AbortSignal,
  ): Promise<void>;
}

/** The quotas of every user without their own; an absent one is none. */
export interface QuotaDefaults {
  /** Bytes over all of a user's workspaces. */
  readonly diskSpaceBytes?: number;
  /** Core hours of all of a user's jobs, ever. */
  readonly coreHours?: number;
  /** Jobs that have not ended. */
  readonly activeJobs?: number;
  readonly workspaces?: number;
}

/** What {@link createServer} puts together. */
export interface ServerOptions {
  readonly authentication: Authentication;
  readonly accounts: AccountMapping;
  /** Several servers may share one that can have replicas. What one of them decides about a session holds in the others within 2 s. */
  readonly database: Database;
  /** New workspaces go to the first. */
  readonly storages: readonly [Storage, ...Storage[]];
  /** The first is the main one. */
  readonly resources: readonly [ResourceEntry, ...ResourceEntry[]];
  readonly jobTypes: ReadonlyMap<string, JobTypeEntry>;
  readonly parameters: readonly ParameterEntry[];

  /**
   * Name of this server in its leases, at most 255 characters. With a name that stays the same, a start takes over at once what the process
   * before it had under way; otherwise that waits until the leases have run out, a minute. No two processes may use one name at a time.
   * @default a random one
   */
  readonly instance?: string;
  /** Scheme, host and port under which browsers reach this server, without a trailing slash. */
  readonly publicUrl: string;
  /** Path under which the server is mounted in a Koa application. Sessions with host names of their own have all paths there. @default '' */
  readonly prefix?: string;
  /** Addresses of reverse proxies, or ranges such as `10.0.0.0/8`, whose `X-Forwarded-*` headers are believed. @default [] */
  readonly trustedProxies?: readonly string[];
  /** What trusted proxies say in the header `X-Forwarded-Secret`: without it their `X-Forwarded-*` headers are not believed. @default none, the address alone decides */
  readonly trustedProxySecret?: string;
  /** Origins, besides its own, whose pages may open WebSockets to sessions. @default [] */
  readonly allowedOrigins?: readonly string[];
  /** Life of a token. @default 30 days */
  readonly tokenLifetimeMs?: number;
  /** `GET /users/` finds by any part of a name or e-mail, and without a search term everybody; else by a beginning. @default false */
  readonly openDirectory?: boolean;
  /** Quotas of users without their own. @default none */
  readonly quotas?: QuotaDefaults;
  /** How long entries of the audit log are kept. @default 365 days */
  readonly auditRetentionMs?: number;
  /** Only one user may sign in, because jobs of all would share one operating-system account. @default false */
  readonly singleUser?: boolean;
  /** Time between TERM and KILL when a job is stopped. @default 10_000 */
  readonly stopGraceMs?: number;
  /** Bounds of what callers may send, open and ask; `GET /limits/` shows them. @default `defaultLimits` */
  readonly limits?: Partial<Limits>;
  readonly mailer?: Mailer;
  /** Directory with the files of the page at `/`. */
  readonly pageDirectory?: string;
  /** Directory with the files of the documentation page at `/docs/`. */
  readonly docsDirectory?: string;
  readonly build?: string;
  /** What it throws fails the request that logs: give one whose destination throws nothing, also when its disk is full. */
  readonly log?: Logger;
  /** Lines of the log that could not be written so far, for the metrics. @default none are lost */
  readonly lostLogLines?: () => number;
  readonly clock?: Clock;
  /** Answers that break the specification become errors: for tests. @default false */
  readonly validateAnswers?: boolean;
  /** Called before and after each outside effect with its name: where crash tests end the process. */
  readonly step?: StepHook;
}

/** Named moments before and after outside effects. */
export type StepHook = (name: string) => void;

/** What a workspace row keeps of its account. */
export function accountOfRow(value: JsonObject): Account {
  const { name, uid, gid, home } = value;
  return {
    name: typeof name === 'string' ? name : '',
    uid: typeof uid === 'number' ? uid : null,
    gid: typeof gid === 'number' ? gid : null,
    ...(typeof home === 'string' && { home }),
  };
}

/** The reverse of {@link accountOfRow}. */
export function rowOfAccount({ name, uid, gid, home }: Account): JsonObject {
  return { name, uid, gid, ...(home !== undefined && { home }) };
}

/** The identity of a user row. */
export function identityOfUser(user: {
  readonly username: string;
  readonly email: string;
  readonly first_name: string;
  readonly last_name: string;
}): Identity {
  return { username: user.username, email: user.email, firstName: user.first_name, lastName: user.last_name };
}

/** What came out of `JSON.parse` as an object, typed as that. */
export function asJson(value: Readonly<Record<string, unknown>>): JsonObject {
  const parsed: JsonObject = JSON.parse(JSON.stringify(value));
  return parsed;
}
