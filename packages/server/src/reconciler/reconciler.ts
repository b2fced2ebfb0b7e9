import type { JobRow, Observation } from '@user-workspaces/contract';
import type { Metrics } from '../observability/metrics.js';
import { StaleRowError } from '../records/record-transaction.js';
import type { ServerContext } from '../server-context.js';
import { launchReferenceOf } from '../services/launch-reference.js';
import { activeJobStatuses } from '../views/job.js';
import { cleanUp } from './clean-up.js';
import { JobWork } from './job-work.js';
import type { SessionProbe } from './session-probe.js';
import { workOnShare } from './share-work.js';
import { SweepTimes } from './sweep-times.js';
import { workOnWorkspace } from './workspace-work.js';

/** The longest time between two looks at the rows: what other processes wrote is found then. */
const idleMs = 2_000;

/** How many rows of one kind are worked on at once. */
const concurrency = 16;
/** Mails that are sent at once: a mail server that does not answer holds each of them for a minute, and must not hold up anything else. */
const mailConcurrency = 4;
const batchSize = 500;

const cleanUpMs = 60_000;

/** A job that waits longer is told to the operator, where its resource does not say otherwise. */
const pendingWarningMs = 600_000;

/**
 * Drives the world towards the rows: launches, observes and stops jobs, deletes workspaces, copies shares.
 *
 * All it must remember is in the rows; what it keeps in memory (when to look again) only saves work and is found anew by the first sweep after a start.
 */
export class Reconciler {
  readonly #context: ServerContext;
  readonly #metrics: Metrics;
  readonly #jobs: JobWork;
  readonly #stopping = new AbortController();
  /** Jobs to look at again, and when. */
  readonly #soon = new Map<number, number>();
  /** Launch keys that a resource says have changed. */
  readonly #pushed = new Set<string>();
  readonly #sweeps: SweepTimes;
  /** File work under way, and mails, each by name of its row. */
  readonly #busy = { files: new Set<string>(), mails: new Set<string>() };
  /** Jobs of which the operator was told that they wait too long. */
  readonly #warned = new Set<number>();
  #nextCleanUpMs = 0;
  #wake: AbortController = new AbortController();
  #running: Promise<void> | undefined;

  constructor(context: ServerContext, metrics: Metrics, probe: SessionProbe) {
    this.#context = context;
    this.#metrics = metrics;
    this.#jobs = new JobWork(context, metrics, probe);
    this.#sweeps = new SweepTimes(context.resources);
  }

  /** Begins to work in the background. */
  start(): void {
    const { signal } = this.#stopping;
    for (const { resource } of this.#context.resources.values()) {
      if (!resource.capabilities.push) continue;
      resource.watch((launchKeys) => {
        for (const key of launchKeys) this.#pushed.add(key);
        this.nudge();
      }, signal);
    }
    const { clock, journal } = this.#context;
    const unsubscribe = journal.onCommitted(({ isDue, jobs }) => {
      for (const { resource } of jobs.values()) this.#sweeps.moved(resource, clock.now());
      if (isDue) this.nudge();
    });
    this.#running = this.#loop().finally(unsubscribe);
  }

  /** Ends after the steps that are under way; jobs run on. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('The server stops.'));
    this.nudge();
    await this.#running;
  }

  /** Something is due: look now. */
  nudge(): void {
    this.#wake.abort();
  }

  /** A job's session does not answer: observe the job now. */
  checkJob(jobId: number): void {
    this.#jobs.suspect(jobId);
    this.#soon.set(jobId, 0);
    this.nudge();
  }

  async #loop(): Promise<void> {
    const { clock, log } = this.#context;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const wake = new AbortController();
      this.#wake = wake;
      let waitMs = idleMs;
      try {
        await this.pass(signal);
        const next = Math.min(...this.#soon.values(), this.#sweeps.earliestMs, clock.now() + idleMs);
        waitMs = Math.max(10, next - clock.now());
      } catch (error) {
        if (signal.aborted) break;
        log.error({ err: error }, 'the reconciler could not read the rows, will try again');
      }
      await clock.sleep(waitMs, AbortSignal.any([signal, wake.signal]));
    }
  }

  /** Does once all that is due. Long file work goes on in the background and is not waited for. */
  async pass(signal: AbortSignal): Promise<void> {
    const nowMs = this.#context.clock.now();
    await this.#passJobs(nowMs, signal);
    await Promise.all([this.#passWorkspaces(nowMs, signal), this.#passShares(nowMs, signal)]);
    if (nowMs >= this.#nextCleanUpMs) {
      this.#nextCleanUpMs = nowMs + cleanUpMs;
      await cleanUp(this.#context, signal);
    }
  }

  async #passJobs(nowMs: number, signal: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    const rows = await this.#dueJobs(nowMs);
    if (rows.length === 0) return;
    this.#warnOfLongWaits(rows, nowMs);
    const observations = await this.#observe(rows, signal);
    await eachLimited(rows, concurrency, async (row) => {
      if (signal.aborted) return;
      const againAtMs = await this.#stepJob(row, observations.get(row.launch_key), signal);
      if (againAtMs === null) this.#soon.delete(row.id);
      else this.#soon.set(row.id, againAtMs);
    });
    this.#metrics.reconcile('jobs', (performance.now() - startedAt) / 1000, rows.length);
  }

  /** Active jobs with a wish to carry out, a changed launch, a time to look again, or a sweep of their resource. */
  async #dueJobs(nowMs: number): Promise<JobRow[]> {
    const { database } = this.#context;
    const status = { in: activeJobStatuses };
    const found = new Map<number, JobRow>();
    const add = (rows: readonly JobRow[]): void => {
      for (const row of rows) found.set(row.id, row);
    };
    add(await database.find('jobs', { where: { status, due_at_ms: { lte: nowMs } }, limit: batchSize }));
    for (const resource of this.#sweeps.begin(nowMs)) add(await database.find('jobs', { where: { status, resource } }));
    const keys = [...this.#pushed];
    this.#pushed.clear();
    if (keys.length > 0) add(await database.find('jobs', { where: { status, launch_key: { in: keys } } }));
    const ids = [...this.#soon].filter(([id, atMs]) => atMs <= nowMs && !found.has(id)).map(([id]) => id);
    for (const id of ids) this.#soon.delete(id);
    if (ids.length > 0) add(await database.find('jobs', { where: { status, id: { in: ids } } }));
    return [...found.values()];
  }

  /** Tells the operator, once for each job, of those that wait longer than they should. */
  #warnOfLongWaits(rows: readonly JobRow[], nowMs: number): void {
    for (const row of rows) {
      if (row.status !== 'pending') this.#warned.delete(row.id);
      else if (!this.#warned.has(row.id)) {
        const limitMs = this.#context.resources.get(row.resource)?.pendingWarningMs ?? pendingWarningMs;
        if (nowMs - row.created_at_ms < limitMs) continue;
        this.#warned.add(row.id);
        this.#context.log.error(
          { jobId: row.id, resource: row.resource, reason: row.queue_reason },
          'a job waits too long',
        );
      }
    }
  }

  /** One question per resource for all its launches. */
  async #observe(rows: readonly JobRow[], signal: AbortSignal): Promise<ReadonlyMap<string, Observation>> {
    const { clock, database, resources } = this.#context;
    const launched = rows.filter((row) => row.launch_begun);
    const workspaceIds = [...new Set(launched.map((row) => row.workspace_id))];
    const workspaces = await database.find('workspaces', { where: { id: { in: workspaceIds } } });
    const workspaceById = new Map(workspaces.map((row) => [row.id, row]));
    const all = new Map<string, Observation>();
    for (const [name, { resource }] of resources) {
      const own = launched.filter((row) => row.resource === name);
      if (own.length === 0) continue;
      const references = await Promise.all(
        own.map((row) => launchReferenceOf(this.#context, row, workspaceById.get(row.workspace_id))),
      );
      const askedAtMs = clock.elapsed();
      const observed = await resource.observe(references, signal);
      const tookMs = clock.elapsed() - askedAtMs;
      this.#metrics.reconcile('observe', tookMs / 1000, own.length);
      this.#sweeps.took(name, tookMs);
      for (const [key, observation] of observed) all.set(key, observation);
    }
    return all;
  }

  async #stepJob(row: JobRow, observation: Observation | undefined, signal: AbortSignal): Promise<number | null> {
    try {
      return await this.#jobs.step(row, observation, signal);
    } catch (error) {
      if (signal.aborted) return null;
      if (error instanceof StaleRowError) return this.#context.clock.now();
      this.#context.log.error({ err: error, jobId: row.id }, 'work on a job failed, will be tried again');
      return this.#context.clock.now() + 2_000;
    }
  }

  async #passWorkspaces(nowMs: number, signal: AbortSignal): Promise<void> {
    const due = await this.#context.database.find('workspaces', {
      where: { due_at_ms: { lte: nowMs }, lease_until_ms: { lte: nowMs } },
      limit: batchSize,
    });
    for (const row of due)
      this.#inBackground('files', `workspace ${row.id}`, () => workOnWorkspace(this.#context, row, signal));
  }

  async #passShares(nowMs: number, signal: AbortSignal): Promise<void> {
    const due = await this.#context.database.find('shares', {
      where: { due_at_ms: { lte: nowMs }, lease_until_ms: { lte: nowMs } },
      limit: batchSize,
    });
    for (const row of due) {
      const kind = row.work === 'none' ? 'mails' : 'files';
      this.#inBackground(kind, `share ${row.id}`, () => workOnShare(this.#context, row, signal));
    }
  }

  /** File work may take long: it must not hold up jobs. Its lease keeps others away; its row is tried again if it fails. */
  #inBackground(kind: 'files' | 'mails', name: string, work: () => Promise<void>): void {
    const busy = this.#busy[kind];
    if (busy.has(name) || busy.size >= (kind === 'mails' ? mailConcurrency : concurrency)) return;
    busy.add(name);
    work()
      .catch((error: unknown) => {
        if (!this.#stopping.signal.aborted && !(error instanceof StaleRowError)) {
          this.#context.log.error({ err: error }, `work on ${name} failed, will be tried again`);
        }
      })
      .finally(() => {
        busy.delete(name);
        this.nudge();
      });
  }
}

async function eachLimited<T>(items: readonly T[], limit: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
}
