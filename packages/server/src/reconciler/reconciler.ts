import { setImmediate } from 'node:timers/promises';
import type { JobRow, Observation } from '@user-workspaces/contract';
import type { Metrics } from '../observability/metrics.js';
import { StaleRowError } from '../records/record-transaction.js';
import type { ServerContext } from '../server-context.js';
import { cleanUp } from './clean-up.js';
import { JobWork } from './job-work.js';
import { KnownJobs } from './known-jobs.js';
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
/** In this order an index tells what is due. In another one, or with a condition on the status, SQLite looks at all active rows each time. */
const longestDueFirst = { orderBy: [['due_at_ms', 'asc']], limit: 500 } as const;

/** After so many rows others have their turn. */
const breathAfter = 200;

const cleanUpMs = 60_000;

/** A job that waits longer is told to the operator, where its resource does not say otherwise. */
const pendingWarningMs = 600_000;
/** So many jobs are named in one line of the log. */
const namedAtMost = 20;

/**
 * Drives the world towards the rows: launches, observes and stops jobs, deletes workspaces, copies shares.
 *
 * All it must remember is in the rows; what it keeps in memory (when to look again) only saves work and is found anew by the first sweep after a start.
 */
export class Reconciler {
  readonly #context: ServerContext;
  readonly #metrics: Metrics;
  readonly #jobs: JobWork;
  readonly #known: KnownJobs;
  readonly #stopping = new AbortController();
  /** Jobs to look at again, and when. */
  readonly #soon = new Map<number, number>();
  /** Work on the jobs of each resource: one that does not answer holds up its own jobs alone. */
  readonly #work = new Map<string, Promise<void>>();
  /** Resources that were at work when something of theirs was due. */
  readonly #passedOver = new Set<string>();
  /** Launch keys that a resource says have changed. */
  readonly #pushed = new Set<string>();
  readonly #sweeps: SweepTimes;
  /** File work under way, and mails, each by name of its row. */
  readonly #busy = { files: new Set<string>(), mails: new Set<string>() };
  /** Jobs of which the operator was told that they wait too long. */
  readonly #warned = new Set<number>();
  #nextCleanUpMs = 0;
  #wake = new AbortController();
  #waitAnew = new AbortController();
  #running: Promise<void> | undefined;

  constructor(context: ServerContext, metrics: Metrics, probe: SessionProbe) {
    this.#context = context;
    this.#metrics = metrics;
    this.#jobs = new JobWork(context, metrics, probe);
    this.#known = new KnownJobs(context.database);
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
      this.#known.take(jobs.values());
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
    await Promise.all(this.#work.values());
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
      this.#wake = new AbortController();
      const wake = AbortSignal.any([signal, this.#wake.signal]);
      try {
        await this.#pass(signal);
        await this.#wait(clock.now() + idleMs, wake);
      } catch (error) {
        if (signal.aborted) break;
        log.error({ err: error }, 'the reconciler could not read the rows, will try again');
        await clock.sleep(idleMs, wake);
      }
    }
  }

  /** Until something is due, at the latest at this time. */
  async #wait(latestMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    let waitMs = Math.max(10, Math.min(latestMs, this.#nextMs) - clock.now());
    while (waitMs > 0 && !signal.aborted) {
      this.#waitAnew = new AbortController();
      await clock.sleep(waitMs, AbortSignal.any([signal, this.#waitAnew.signal]));
      waitMs = Math.min(latestMs, this.#nextMs) - clock.now();
    }
  }

  /** When the next look at a job or a resource is due, of those that are not being worked on. */
  get #nextMs(): number {
    const jobs = [...this.#soon].filter(([id]) => this.#isFree(this.#known.resourceOf(id))).map(([, atMs]) => atMs);
    return Math.min(
      ...jobs,
      this.#sweeps.earliestMs((name) => this.#isFree(name)),
    );
  }

  #isFree(resource: string | undefined): boolean {
    return resource === undefined || !this.#work.has(resource);
  }

  /** Begins all that is due. It goes on in the background: what takes long must hold up nothing else. */
  async #pass(signal: AbortSignal): Promise<void> {
    const nowMs = this.#context.clock.now();
    await this.#passJobs(nowMs, signal);
    await Promise.all([this.#passWorkspaces(nowMs, signal), this.#passShares(nowMs, signal)]);
    if (nowMs >= this.#nextCleanUpMs) {
      this.#nextCleanUpMs = nowMs + cleanUpMs;
      this.#inBackground('files', 'what is out of date', () => cleanUp(this.#context, signal));
    }
  }

  async #passJobs(nowMs: number, signal: AbortSignal): Promise<void> {
    const swept = this.#sweeps.begin(nowMs, (name) => this.#isFree(name));
    const rows = await this.#dueJobs(nowMs, swept);
    this.#warnOfLongWaits(rows, nowMs);
    const byResource = new Map<string, JobRow[]>();
    for (const row of rows) {
      const own = byResource.get(row.resource);
      if (own) own.push(row);
      else byResource.set(row.resource, [row]);
    }
    for (const [resource, own] of byResource) {
      if (this.#isFree(resource)) this.#begin(resource, own, swept.includes(resource), signal);
      else this.#passedOver.add(resource);
    }
  }

  #begin(resource: string, rows: readonly JobRow[], isSweep: boolean, signal: AbortSignal): void {
    const { clock, log } = this.#context;
    for (const row of rows) this.#soon.delete(row.id);
    const work = this.#workOnJobs(resource, rows, isSweep, signal)
      .catch(async (error: unknown) => {
        if (signal.aborted) return;
        log.error({ err: error, resource }, 'work on the jobs of a resource failed, will be tried again');
        for (const row of rows) this.#lookAt(row.id, clock.now() + idleMs);
        await clock.sleep(idleMs, signal);
      })
      .finally(() => {
        this.#work.delete(resource);
        if (this.#passedOver.delete(resource)) this.nudge();
        else this.#waitAnew.abort();
      });
    this.#work.set(resource, work);
  }

  async #workOnJobs(resource: string, rows: readonly JobRow[], isSweep: boolean, signal: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    const observations = await this.#observe(resource, rows, isSweep, signal);
    const changed = rows.filter((row) => !this.#jobs.isAsBefore(row, observations.get(row.launch_key)));
    await eachLimited(changed, concurrency, async (row) => {
      if (signal.aborted) return;
      const againAtMs = await this.#stepJob(row, observations.get(row.launch_key), signal);
      if (againAtMs !== null) this.#lookAt(row.id, againAtMs);
    });
    this.#metrics.reconcile('jobs', (performance.now() - startedAt) / 1000, rows.length);
  }

  #lookAt(jobId: number, atMs: number): void {
    this.#soon.set(jobId, Math.min(atMs, this.#soon.get(jobId) ?? Number.POSITIVE_INFINITY));
  }

  /** Active jobs with a wish to carry out, a changed launch, a time to look again, or a sweep of their resource. */
  async #dueJobs(nowMs: number, swept: readonly string[]): Promise<JobRow[]> {
    const { database } = this.#context;
    const found = new Set<number>();
    const add = (rows: readonly JobRow[]): void => {
      this.#known.take(rows);
      for (const row of rows) found.add(row.id);
    };
    add(await database.find('jobs', { where: { due_at_ms: { lte: nowMs } }, ...longestDueFirst }));
    for (const resource of swept) for (const id of await this.#known.idsOf(resource)) found.add(id);
    const keys = [...this.#pushed];
    this.#pushed.clear();
    if (keys.length > 0) {
      const told = await database.find('jobs', { where: { launch_key: { in: keys } } });
      add(told);
      // They may have to wait for other work on their resource.
      for (const { id } of this.#known.rowsOf(told.map(({ id }) => id))) this.#lookAt(id, nowMs);
    }
    const ids = [...this.#soon].filter(([id, atMs]) => atMs <= nowMs && !found.has(id)).map(([id]) => id);
    const waiting = ids.filter((id) => this.#isFree(this.#known.resourceOf(id)));
    for (const id of waiting) this.#soon.delete(id);
    if (waiting.length > 0) add(await database.find('jobs', { where: { id: { in: waiting } } }));
    return this.#known.rowsOf(found);
  }

  /** Tells the operator, once for each job, of those that wait longer than they should. */
  #warnOfLongWaits(rows: readonly JobRow[], nowMs: number): void {
    const waiting = new Map<string, JobRow[]>();
    for (const row of rows) {
      if (row.status !== 'pending') this.#warned.delete(row.id);
      else if (!this.#warned.has(row.id)) {
        const limitMs = this.#context.resources.get(row.resource)?.pendingWarningMs ?? pendingWarningMs;
        if (nowMs - row.created_at_ms < limitMs) continue;
        this.#warned.add(row.id);
        const others = waiting.get(row.resource);
        if (others) others.push(row);
        else waiting.set(row.resource, [row]);
      }
    }
    // A start finds all that wait at once.
    for (const [resource, jobs] of waiting) {
      const jobIds = jobs.slice(0, namedAtMost).map(({ id }) => id);
      const found = { resource, jobs: jobs.length, jobIds, reason: jobs[0]?.queue_reason };
      this.#context.log.error(found, 'jobs wait too long');
    }
  }

  /** One question for all launches of a resource. */
  async #observe(
    resource: string,
    rows: readonly JobRow[],
    isSweep: boolean,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Observation>> {
    const { clock, resources } = this.#context;
    const entry = resources.get(resource);
    const launched = rows.filter((row) => row.launch_begun);
    if (!entry || launched.length === 0) return new Map();
    const references = await this.#known.referencesTo(launched);
    const askedAtMs = clock.elapsed();
    const observed = await entry.resource.observe(references, signal);
    const tookMs = clock.elapsed() - askedAtMs;
    this.#metrics.reconcile('observe', tookMs / 1000, launched.length);
    if (isSweep) this.#sweeps.took(resource, tookMs);
    return observed;
  }

  async #stepJob(row: JobRow, observation: Observation | undefined, signal: AbortSignal): Promise<number | null> {
    try {
      return await this.#jobs.step(row, observation, signal);
    } catch (error) {
      if (signal.aborted) return null;
      if (error instanceof StaleRowError) return this.#context.clock.now() + 10;
      this.#context.log.error({ err: error, jobId: row.id }, 'work on a job failed, will be tried again');
      return this.#context.clock.now() + 2_000;
    }
  }

  async #passWorkspaces(nowMs: number, signal: AbortSignal): Promise<void> {
    const due = await this.#context.database.find('workspaces', {
      where: { due_at_ms: { lte: nowMs }, lease_until_ms: { lte: nowMs } },
      ...longestDueFirst,
    });
    for (const row of due)
      this.#inBackground('files', `workspace ${row.id}`, () => workOnWorkspace(this.#context, row, signal));
  }

  async #passShares(nowMs: number, signal: AbortSignal): Promise<void> {
    const due = await this.#context.database.find('shares', {
      where: { due_at_ms: { lte: nowMs }, lease_until_ms: { lte: nowMs } },
      ...longestDueFirst,
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
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) {
      await work(item);
      // Most take no time at all, and thousands of them together would hold up everybody else.
      if (index % breathAfter === breathAfter - 1) await setImmediate();
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
}
