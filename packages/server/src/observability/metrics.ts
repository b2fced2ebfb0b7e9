import type { JobRow } from '@user-workspaces/contract';
import { schemas } from '@user-workspaces/schema';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { defaultLimits } from '../limits/limits.js';
import { statusOfEnd } from '../records/job-ends.js';
import type { Journal } from '../records/journal.js';
import { activeJobStatuses } from '../views/job.js';
import { type ActiveStatus, countedTogether } from './job-counts.js';

const reconcileKinds = ['jobs', 'observe'] as const;

/** `jobs`: work on the jobs of a resource that are due; `observe`: the question to a resource in it. */
type ReconcileKind = (typeof reconcileKinds)[number];

const launchOutcomes = ['launched', 'failed'] as const;

/** The server's figures for Prometheus; their names and labels are described in docs/operation.md. */
export interface Metrics {
  /** The head of an answer went out so long after its request came. */
  request(labels: { readonly operation: string; readonly status: number }, durationSeconds: number): void;
  /** A reconciler pass: how long, how many rows. */
  reconcile(kind: ReconcileKind, durationSeconds: number, rowCount: number): void;
  launch(resource: string, outcome: (typeof launchOutcomes)[number]): void;
  /** A job that has come to its end, however it did. */
  jobEnded(job: Pick<JobRow, 'resource' | 'status' | 'status_reason'>): void;
  /** An entry of the audit log. */
  audited(action: string, outcome: string): void;
  /** One that was not written, as there were too many. */
  auditLeftOut(action: string): void;
  /** Counted whether it was written into the audit log or not. */
  signInRefused(): void;
  quotaRefused(scope: string): void;
  administrationRefused(): void;
  /** Something was larger, or more, than a limit allows. */
  limitRefused(name: string): void;
  /** Shows what there is at the time of each scrape. */
  watch(present: Present): void;
  /** All figures that can be told: without the database, those of this process alone. */
  render(): Promise<{ contentType: string; text: string }>;
}

/** What there is now, asked for at every scrape. */
export interface Present {
  readonly sessions: () => number;
  readonly sessionRequests: () => number;
  readonly sessionSockets: () => number;
  readonly eventStreams: () => number;
  /** Since the start. */
  readonly lostLogLines: () => number;
  /** How far the machine's clock is ahead of the database's. */
  readonly clockAheadSeconds: () => number;
  /** Of all servers on this database. */
  readonly countJobs: (status: ActiveStatus) => Promise<number>;
  /** Told why the jobs could not be counted. */
  readonly onUncounted: (error: unknown) => void;
}

/** Counts what this process has committed: each end of a job and each entry of the audit log once, whoever caused it. */
export function countCommitted(journal: Pick<Journal, 'onCommitted'>, metrics: Metrics): void {
  journal.onCommitted(({ ended, audited }) => {
    for (const job of ended) metrics.jobEnded(job);
    for (const { action, outcome } of audited) metrics.audited(action, outcome);
  });
}

/**
 * Counts begin with zero wherever the values of their labels are known: Prometheus sees no rise in what begins with one.
 *
 * @param resources Names of the resources that jobs run on.
 */
export function createMetrics(resources: readonly string[] = []): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const requests = new Histogram({
    name: 'uws_http_request_duration_seconds',
    help: 'Time to the head of an answer, by operation and status',
    labelNames: ['operation', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers,
  });
  const passes = new Histogram({
    name: 'uws_reconcile_duration_seconds',
    help: 'Time of a reconciler pass',
    labelNames: ['kind'],
    buckets: [0.002, 0.01, 0.05, 0.25, 1, 5],
    registers,
  });
  const rows = new Counter({
    name: 'uws_reconcile_rows_total',
    help: 'Rows that the reconciler worked on',
    labelNames: ['kind'],
    registers,
  });
  const launches = new Counter({
    name: 'uws_launches_total',
    help: 'Launches by resource and outcome',
    labelNames: ['resource', 'outcome'],
    registers,
  });
  const ended = new Counter({
    name: 'uws_jobs_ended_total',
    help: 'Jobs that ended, by resource, last status, and the reason for it',
    labelNames: ['resource', 'status', 'reason'],
    registers,
  });
  const audited = new Counter({
    name: 'uws_audit_entries_total',
    help: 'Entries of the audit log, by action and outcome',
    labelNames: ['action', 'outcome'],
    registers,
  });
  const auditLeftOut = new Counter({
    name: 'uws_audit_entries_left_out_total',
    help: 'Entries that the audit log does not have, as there were too many in a minute, by action',
    labelNames: ['action'],
    registers,
  });
  const signInsRefused = new Counter({
    name: 'uws_sign_ins_refused_total',
    help: 'Sign-ins that were refused',
    registers,
  });
  const quotaRefusals = new Counter({
    name: 'uws_quota_refusals_total',
    help: 'Requests that did not fit into a quota, by scope',
    labelNames: ['scope'],
    registers,
  });
  const administrationRefusals = new Counter({
    name: 'uws_administration_refusals_total',
    help: 'Requests for administration by users without the role',
    registers,
  });
  const limitRefusals = new Counter({
    name: 'uws_limit_refusals_total',
    help: 'Requests and WebSockets of jobs that a limit refused, by its name',
    labelNames: ['name'],
    registers,
  });
  for (const kind of reconcileKinds) {
    passes.zero({ kind });
    rows.inc({ kind }, 0);
  }
  for (const resource of resources) {
    for (const outcome of launchOutcomes) launches.inc({ resource, outcome }, 0);
    for (const [reason, status] of Object.entries(statusOfEnd)) ended.inc({ resource, status, reason }, 0);
  }
  for (const action of schemas.AuditAction.options) {
    for (const outcome of schemas.AuditOutcome.options) audited.inc({ action, outcome }, 0);
    auditLeftOut.inc({ action }, 0);
  }
  for (const scope of schemas.QuotaScope.options) quotaRefusals.inc({ scope }, 0);
  for (const name of Object.keys(defaultLimits)) limitRefusals.inc({ name }, 0);
  return {
    audited(action, outcome) {
      audited.inc({ action, outcome });
    },
    auditLeftOut(action) {
      auditLeftOut.inc({ action });
    },
    signInRefused() {
      signInsRefused.inc();
    },
    quotaRefused(scope) {
      quotaRefusals.inc({ scope });
    },
    administrationRefused() {
      administrationRefusals.inc();
    },
    limitRefused(name) {
      limitRefusals.inc({ name });
    },
    request({ operation, status }, durationSeconds) {
      requests.observe({ operation, status }, durationSeconds);
    },
    reconcile(kind, durationSeconds, rowCount) {
      passes.observe({ kind }, durationSeconds);
      rows.inc({ kind }, rowCount);
    },
    launch(resource, outcome) {
      launches.inc({ resource, outcome });
    },
    jobEnded({ resource, status, status_reason }) {
      ended.inc({ resource, status, reason: status_reason ?? '' });
    },
    watch(present) {
      const gauge = (name: string, help: string, value: () => number): void => {
        const collect = (): void => shown.set(value());
        const shown = new Gauge({ name, help, registers, collect });
      };
      gauge('uws_sessions', 'Sessions that can be opened', present.sessions);
      gauge('uws_session_requests', 'Requests to sessions under way', present.sessionRequests);
      gauge('uws_session_sockets', 'Open WebSockets to sessions', present.sessionSockets);
      gauge('uws_event_streams', 'Open event streams', present.eventStreams);
      new Counter({
        name: 'uws_log_lines_lost_total',
        help: 'Lines of the log that could not be written',
        registers,
        collect() {
          this.reset();
          this.inc(present.lostLogLines());
        },
      });
      gauge(
        'uws_clock_ahead_seconds',
        "How far the machine's clock is ahead of the database's",
        present.clockAheadSeconds,
      );
      const countJobs = countedTogether(async () => {
        const counting = activeJobStatuses.map(async (status) => [status, await present.countJobs(status)] as const);
        return new Map(await Promise.all(counting));
      }, present.onUncounted);
      new Gauge({
        name: 'uws_jobs',
        help: 'Jobs that have not ended, by status, of all servers on the same database',
        labelNames: ['status'],
        registers,
        async collect() {
          const counts = await countJobs();
          this.reset();
          for (const [status, count] of counts ?? []) this.set({ status }, count);
        },
      });
      new Gauge({
        name: 'uws_database_up',
        help: 'Whether the database answered this scrape: 1, or 0',
        registers,
        async collect() {
          this.set((await countJobs()) ? 1 : 0);
        },
      });
    },
    async render() {
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
  };
}
