import { setMaxListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import type { JobRow, Observation, ShareRow } from '@user-workspaces/contract';
import type { Metrics } from '../observability/metrics.js';
import { StaleRowError } from '../records/stale-row-error.js';
import type { ServerContext } from '../server-context.js';
import type { SessionActivity } from '../services/session-activity.js';
import { Attendance } from './attendance.js';
import { cleanUp } from './clean-up.js';
import { CopyTurns, copiesAtOnce } from './copy-turns.js';
import { type Due, DueJobs, longestDueFirst } from './due-jobs.js';
import { JobWork } from './job-work.js';
import { correctTimes } from './lease.js';
import { LongWaits } from './long-waits.js';
import type { SessionProbe } from './session-probe.js';
import { workOnShare } from './share-work.js';
import { workOnWorkspace } from './workspace-work.js';

/** The longest time between two looks at the rows: what other processes wrote is found then. */
const idleMs = 2_000;

/** How many rows of one kind are worked on at once. */
const concurrency = 16;
/** What goes on in the background, and how much of it at once. A mail server that does not answer holds each mail for a minute, and must not hold up anything else. */
const mostAtOnce = { files: concurrency, mails: 4 } as const;
/** After so many rows others have their turn. */
const breathAfter = 200;

const cleanUpMs = 60_000;
const correctionMs = 60_000;

/**
 * Drives the world towards the rows: launches, observes and stops jobs, deletes workspaces, copies shares.
 *
 * All it must remember is in the rows; what it keeps in memory (when to look again) only saves work and is found anew by the first sweep after a start.
 */
export class Reconciler {
  readonly #context: ServerContext;
  readonly #metrics: Metrics;
  readonly #jobs: JobWork;
  readonly #due: DueJobs;
  readonly #attendance: Attendance;
  readonly #longWaits: LongWaits;
  readonly #stopping = new AbortController();
  /** Work on the jobs of each resource: one that does not answer holds up its own jobs alone. */
  readonly #work = new Map<string, Promise<void>>();
  readonly #isFree = (resource: string): boolean => !this.#work.has(resource);
  /** Resources that were being worked on when something of theirs was due. */
  readonly #passedOver = new Set<string>();
  /** File work under way, and mails, each by name of its row. */
  readonly #busy = { files: new Set<string>(), mails: new Set<string>() };
  /** Copies are apart: what takes as long as its sender likes must not hold up deletions. */
  readonly #copyTurns = new CopyTurns();
  /** By the time that has passed (`elapsed`). */
  #nextCleanUpMs = Number.NEGATIVE_INFINITY;
  #nextCorrectionMs = Number.NEGATIVE_INFINITY;
  #wake = new AbortController();
  #waitAnew = new AbortController();
  #running: Promise<void> | undefined;

  constructor(
    context: ServerContext,
    metrics: Metrics,
    probe: SessionProbe,
    activity: Pick<SessionActivity, 'heardAtMs'>,
  ) {
    this.#context = context;
    this.#metrics = metrics;
    this.#attendance = new Attendance(context.clock);
    this.#jobs = new JobWork(context, metrics, probe, activity, this.#attendance);
    this.#due = new DueJobs(context);
    this.#longWaits = new LongWaits(context);
    // All that is under way listens to it: many at once are no leak.
    setMaxListeners(0, this.#stopping.signal);
  }

  /** Begins to work in the background. */
  start(): void {
    const { signal } = this.#stopping;
    for (const { resource } of this.#context.resources.values()) {
      if (!resource.capabilities.push) continue;
      resource.watch((launchKeys) => {
        this.#due.launchesChanged(launchKeys);
        this.nudge();
      }, signal);
    }
    const unsubscribe = this.#context.journal.onCommitted(({ isDue, jobs }) => {
      this.#due.written([...jobs.values()]);
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
    this.#due.lookAt(jobId, 0);
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
        await this.#wait(wake);
      } catch (error) {
        if (signal.aborted) break;
        log.error({ err: error }, 'the reconciler could not read the rows, will try again');
        await clock.sleep(idleMs, wake);
      }
    }
  }

  /** Until something is due, and no longer than that: by a clock that nobody sets back. */
  async #wait(signal: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    const latest = clock.elapsed() + idleMs;
    const leftMs = (): number => Math.min(latest - clock.elapsed(), this.#due.nextMs(this.#isFree) - clock.now());
    for (let waitMs = Math.max(10, leftMs()); waitMs > 0 && !signal.aborted; waitMs = leftMs()) {
      this.#waitAnew = new AbortController();
      await clock.sleep(waitMs, AbortSignal.any([signal, this.#waitAnew.signal]));
    }
  }

  /** Begins all that is due. It goes on in the background: what takes long must hold up nothing else. */
  async #pass(signal: AbortSignal): Promise<void> {
    const passedMs = this.#context.clock.elapsed();
    if (passedMs >= this.#nextCorrectionMs) {
      await correctTimes(this.#context);
      this.#nextCorrectionMs = passedMs + correctionMs;
    }
    const nowMs = this.#context.clock.now();
    await this.#passJobs(nowMs, signal);
    await Promise.all([this.#passWorkspaces(nowMs, signal), this.#passShares(nowMs, signal)]);
    this.#attendance.mark();
    if (passedMs >= this.#nextCleanUpMs) {
      this.#nextCleanUpMs = passedMs + cleanUpMs;
      this.#inBackground('files', 'what is out of date', () => cleanUp(this.#context, signal));
    }
  }

  async #passJobs(nowMs: number, signal: AbortSignal): Promise<void> {
    for (const [resource, due] of await this.#due.find(nowMs, this.#isFree)) {
      this.#longWaits.look(resource, due.rows, nowMs);
      if (this.#isFree(resource)) this.#begin(resource, due, signal);
      else this.#passedOver.add(resource);
    }
  }

  #begin(resource: string, due: Due, signal: AbortSignal): void {
    const { clock, log } = this.#context;
    this.#due.begin(due.rows);
    const work = this.#workOnJobs(resource, due, signal)
      .catch(async (error: unknown) => {
        if (signal.aborted) return;
        log.error({ err: error, resource }, 'work on the jobs of a resource failed, will be tried again');
        for (const { id } of due.rows) this.#due.lookAt(id, clock.now() + idleMs);
        await clock.sleep(idleMs, signal);
      })
      .finally(() => {
        this.#work.delete(resource);
        if (this.#passedOver.delete(resource)) this.nudge();
        else this.#waitAnew.abort();
      });
    this.#work.set(resource, work);
  }

  async #workOnJobs(resource: string, { rows: found, isSweep }: Due, signal: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    // What was begun on a resource that is not configured any more may well run, but can be neither asked for nor stopped: it stays as it is until the resource is back.
    const isConfigured = this.#context.resources.has(resource);
    const rows = isConfigured ? found : found.filter(({ launch_begun }) => !launch_begun);
    const observations = await this.#observe(resource, rows, isSweep, signal);
    const changed = rows.filter((row) => !this.#jobs.isAsBefore(row, observations.get(row.launch_key)));
    await eachLimited(changed, concurrency, async (row) => {
      if (signal.aborted) return;
      const againAtMs = await this.#stepJob(row, observations.get(row.launch_key), signal);
      if (againAtMs !== null) this.#due.lookAt(row.id, againAtMs);
    });
    this.#metrics.reconcile('jobs', (performance.now() - startedAt) / 1000, rows.length);
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
    const references = await this.#due.referencesTo(launched);
    const askedAtMs = clock.elapsed();
    const observed = await entry.resource.observe(references, signal);
    const tookMs = clock.elapsed() - askedAtMs;
    this.#metrics.reconcile('observe', tookMs / 1000, launched.length);
    if (isSweep) this.#due.sweepTook(resource, tookMs);
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
    const { database } = this.#context;
    const due = { due_at_ms: { lte: nowMs }, lease_until_ms: { lte: nowMs } };
    const [others, copies] = await Promise.all([
      database.find('shares', { where: { ...due, work: { in: ['none', 'delete'] } }, ...longestDueFirst }),
      database.find('shares', { where: { ...due, work: 'copy' }, ...longestDueFirst, limit: this.#copiesRead }),
    ]);
    const unwanted = await this.#findUnwanted(copies);
    for (const row of [...others, ...unwanted]) {
      const kind = row.work === 'none' ? 'mails' : 'files';
      this.#inBackground(kind, `share ${row.id}`, () => workOnShare(this.#context, row, signal));
    }
    const wanted = copies.filter((row) => !unwanted.includes(row));
    for (const row of this.#copyTurns.begin(wanted)) {
      const work = (): Promise<void> => workOnShare(this.#context, row, signal);
      this.#goOn(`share ${row.id}`, work, () => this.#copyTurns.end(row));
    }
  }

  /** So many of a sender's copies wait at most that among these are some of a sender with none under way. */
  get #copiesRead(): number {
    return copiesAtOnce * this.#context.limits.open_shares + 1;
  }

  /** Copies that only leave files to be removed, which must not wait for a turn. */
  async #findUnwanted(copies: readonly ShareRow[]): Promise<readonly ShareRow[]> {
    if (copies.length === 0) return [];
    const where = {
      id: { in: copies.map((row) => row.shared_workspace_id) },
      status: { in: ['deleting', 'error'] as const },
    };
    const ids = new Set((await this.#context.database.find('workspaces', { where })).map(({ id }) => id));
    return copies.filter((row) => ids.has(row.shared_workspace_id));
  }

  /** File work may take long: it must not hold up jobs. Its lease keeps others away; its row is tried again if it fails. */
  #inBackground(kind: keyof typeof mostAtOnce, name: string, work: () => Promise<void>): void {
    const busy = this.#busy[kind];
    if (busy.has(name) || busy.size >= mostAtOnce[kind]) return;
    busy.add(name);
    this.#goOn(name, work, () => busy.delete(name));
  }

  #goOn(name: string, work: () => Promise<void>, ended: () => void): void {
    work()
      .catch((error: unknown) => {
        if (!this.#stopping.signal.aborted && !(error instanceof StaleRowError)) {
          this.#context.log.error({ err: error }, `work on ${name} failed, will be tried again`);
        }
      })
      .finally(() => {
        ended();
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
