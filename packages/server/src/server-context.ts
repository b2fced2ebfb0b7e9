import type { IncomingMessage } from 'node:http';
import type {
  AccountMapping,
  Authentication,
  Database,
  JobRow,
  Resource,
  Storage,
  UserRow,
} from '@user-workspaces/contract';
import type { Schema } from '@user-workspaces/schema';
import type { Logger } from 'pino';
import type { Clock } from './clock.js';
import type { Admission } from './limits/admission.js';
import type { Limits } from './limits/limits.js';
import type { Metrics } from './observability/metrics.js';
import type { JobTypeEntry, Mailer, ParameterEntry, QuotaDefaults, ResourceEntry, StepHook } from './options.js';
import type { FileAudit } from './records/file-audit.js';
import type { Journal } from './records/journal.js';
import type { Refusals } from './records/refusals.js';
import type { BytesUnderWay } from './services/bytes-under-way.js';

/** What handlers, services and the reconciler share: the adapters, the journal, and settings with their defaults filled in. */
export interface ServerContext {
  readonly authentication: Authentication;
  readonly accounts: AccountMapping;
  /** For reading; changes of workspaces, jobs and shares go through {@link journal}. */
  readonly database: Database;
  readonly journal: Journal;
  readonly refusals: Refusals;
  readonly fileAudit: FileAudit;
  readonly metrics: Metrics;
  readonly storages: ReadonlyMap<string, Storage>;
  readonly mainStorage: Storage;
  readonly resources: ReadonlyMap<string, ResourceEntry>;
  readonly mainResource: Resource;
  readonly jobTypes: ReadonlyMap<string, JobTypeEntry>;
  readonly parameters: readonly ParameterEntry[];
  readonly mailer: Mailer | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly step: StepHook;
  readonly limits: Limits;
  /** Who may go on, by those limits. */
  readonly admission: Admission;
  readonly bytesUnderWay: BytesUnderWay;
  /** Name of this process in leases. */
  readonly instance: string;
  /** Address of whoever sent a request, as far as trusted proxies can be believed. */
  readonly clientAddressOf: (request: IncomingMessage) => string;
  /** Address of a job's session with a fresh ticket, once it is ready; for its owner, as read when they asked. */
  readonly connectionOf: (row: JobRow, owner: UserRow) => Schema<'ConnectionDetails'> | undefined;
  /** Base path of a job's session as the browser sees it, with `{host}` where the host is not known yet. */
  readonly basePathOf: (job: { readonly id: number; readonly resource: string }) => string;
  readonly settings: {
    readonly publicUrl: string;
    readonly prefix: string;
    readonly tokenLifetimeMs: number;
    readonly openDirectory: boolean;
    readonly quotas: QuotaDefaults;
    readonly auditRetentionMs: number;
    readonly singleUser: boolean;
    readonly stopGraceMs: number;
    readonly version: string;
    readonly build: string;
  };
}
