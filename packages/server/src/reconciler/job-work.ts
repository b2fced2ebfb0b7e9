import { AdapterError, type JobRow, type NewRow, type Observation, type Resource } from '@user-workspaces/contract';
import type { Metrics } from '../observability/metrics.js';
import { StaleRowError } from '../records/stale-row-error.js';
import type { ServerContext } from '../server-context.js';
import { settleWorkspace } from '../services/jobs.js';
import { launchReferenceOf } from '../services/launch-reference.js';
import type { SessionActivity } from '../services/session-activity.js';
import { isActive } from '../views/job.js';
import type { Attendance } from './attendance.js';
import { retryAtMs } from './backoff.js';
import { type Decision, decide, finalChanges, readyMessage, tellsItsOutput } from './job-decision.js';
import { lastLogLines } from './last-log-lines.js';
import { recipeOf, specificationOf } from './launch.js';
import { released, takeLease } from './lease.js';
import type { SessionProbe } from './session-probe.js';
import { SessionWatch } from './session-watch.js';

type JobChanges = Partial<Omit<NewRow<'jobs'>, 'version'>>;

/** Two readings of `absent` count only when they are at least so far apart. */
const absenceMs = 5_000;

const probeTimeoutMs = 2_000;

/** Carries out what was decided for jobs. */
export class JobWork {
  readonly #context: ServerContext;
  readonly #metrics: Metrics;
  readonly #probe: SessionProbe;
  readonly #sessions: SessionWatch;
  /** When each launch that must be there, or can never come any more, was first found absent (`elapsed`); forgotten at every other answer. */
  readonly #absentSince = new Map<string, number>();
  /** Launches whose resource has answered a stop: one that was never launched cannot be launched after that. */
  readonly #stopped = new Set<string>();

  constructor(
    context: ServerContext,
    metrics: Metrics,
    probe: SessionProbe,
    activity: Pick<SessionActivity, 'heardAtMs'>,
    attendance: Attendance,
  ) {
    this.#context = context;
    this.#metrics = metrics;
    this.#probe = probe;
    this.#sessions = new SessionWatch(context, probe, activity, attendance);
  }

  /** A job's session could not be reached by a visitor. */
  suspect(jobId: number): void {
    this.#sessions.suspect(jobId);
  }

  /** True for a job that waits as it did, with nothing to do for it: where there are thousands, that is what most looks find. */
  isAsBefore(row: JobRow, observation: Observation | undefined): boolean {
    if (row.status !== 'pending' || row.due_at_ms !== null || observation?.kind !== 'pending') return false;
    return this.#decide(row, observation).do === 'nothing';
  }

  /**
   * Brings one active job a step further.
   *
   * @param observation What its resource says; absent while its launch has not begun.
   * @returns When to look again; `null` to wait for the resource's word or the next sweep.
   */
  async step(row: JobRow, observation: Observation | undefined, signal: AbortSignal): Promise<number | null> {
    if (!isActive(row)) return null;
    if (!row.launch_begun) return row.status === 'pending' ? this.#launch(row, signal) : null;
    if (!observation) return this.#in(1_000);
    const decision = this.#decide(row, observation);
    switch (decision.do) {
      case 'nothing':
        if (row.due_at_ms === null && observation.kind === 'running') return this.#sessions.step(row);
        await this.#clearDue(row);
        return observation.kind === 'absent' || observation.kind === 'unknown' ? this.#in(1_000) : null;
      case 'change':
        await this.#change(row, { ...decision.changes, due_at_ms: null });
        return null;
      case 'launch':
        return this.#launch(row, signal);
      case 'stop':
        return this.#stop(row, decision.changes, signal);
      case 'probe':
        return this.#probeSession(row, decision, signal);
      case 'finish':
        await this.#finish(row, decision, signal);
        return null;
    }
  }

  #in(delayMs: number): number {
    return this.#context.clock.now() + delayMs;
  }

  #resourceOf(row: JobRow): Resource {
    const entry = this.#context.resources.get(row.resource);
    if (!entry) throw new AdapterError('misconfigured', `The resource ${row.resource} is not configured.`);
    return entry.resource;
  }

  #decide(row: JobRow, observation: Observation): Decision {
    const { clock } = this.#context;
    const key = row.launch_key;
    // Before that, a launch may still be on its way.
    const counts = row.resource_handle !== null || this.#stopped.has(key);
    if (observation.kind !== 'absent' || !counts) this.#absentSince.delete(key);
    else if (!this.#absentSince.has(key)) this.#absentSince.set(key, clock.elapsed());
    const since = this.#absentSince.get(key);
    return decide(row, observation, clock.now(), since !== undefined && clock.elapsed() - since >= absenceMs);
  }

  async #change(row: JobRow, changes: JobChanges): Promise<JobRow> {
    return this.#context.journal.transaction((transaction) => transaction.changeJob(row, changes));
  }

  async #clearDue(row: JobRow): Promise<void> {
    if (row.due_at_ms === null) return;
    await this.#context.journal.transaction((transaction) => transaction.touchJob(row, { due_at_ms: null }));
  }

  /** Stores that the launch begins, launches, stores the answer. After a crash in between, the resource is asked first. */
  async #launch(found: JobRow, signal: AbortSignal): Promise<number | null> {
    const { step, database, journal } = this.#context;
    const lease = await takeLease(this.#context, 'jobs', found);
    if (!lease) return this.#in(1_000);
    let row: JobRow = { ...found, ...lease };
    try {
      const [workspace, user] = await Promise.all([
        database.findOne('workspaces', { id: row.workspace_id }),
        database.findOne('users', { id: row.user_id }),
      ]);
      if (!workspace || !user) throw new AdapterError('invalid', 'Its workspace is gone.');
      if (workspace.status === 'error') {
        throw new AdapterError('invalid', `Its workspace could not be made: ${workspace.status_reason}`);
      }
      // Files that were accepted with the workspace come before jobs that use them.
      if (workspace.status === 'initializing') {
        await journal.transaction((transaction) =>
          transaction.touchJob(row, { ...released, due_at_ms: this.#in(500) }),
        );
        return this.#in(500);
      }
      const recipe = recipeOf(this.#context, row, user, workspace);
      const specification = specificationOf(this.#context, row, recipe, workspace);
      step('before job.launch-begun');
      row = await journal.transaction((transaction) =>
        transaction.touchJob(row, {
          launch_begun: true,
          session_base_path: recipe.session?.basePath ?? null,
          session_query: { ...recipe.session?.query },
        }),
      );
      step('before resource.launch');
      const launched = await this.#resourceOf(row).launch(specification, signal);
      step('after resource.launch');
      await journal.transaction((transaction) =>
        transaction.changeJob(row, {
          ...released,
          resource_handle: launched.handle,
          resource_job_id: launched.resourceJobId,
          due_at_ms: null,
          attempts: 0,
        }),
      );
      step('after job.launched');
      this.#metrics.launch(row.resource, 'launched');
      return this.#in(50);
    } catch (error) {
      if (error instanceof StaleRowError) throw error;
      return this.#launchFailed(row, error);
    }
  }

  /** A launch that can never succeed ends the job; one whose outcome is unknown is asked for and tried again. */
  async #launchFailed(row: JobRow, error: unknown): Promise<number | null> {
    const { clock, journal, log } = this.#context;
    const isFinal = AdapterError.is(error) && error.kind !== 'unavailable' && error.kind !== 'no_space';
    const message = AdapterError.is(error)
      ? error.message
      : 'The launch failed for a reason that the server did not foresee.';
    log[isFinal ? 'warn' : 'error']({ err: error, jobId: row.id, resource: row.resource }, 'launch failed');
    if (isFinal) {
      const end = {
        endedAtMs: clock.now(),
        startedAtMs: null,
        exitCode: null,
        signal: null,
        cause: 'launch_failed',
        reason: message,
        coreHours: 0,
        gpuHours: 0,
      } as const;
      await journal.transaction(async (transaction) => {
        await transaction.changeJob(row, { ...released, ...finalChanges(row, end, []) });
        await settleWorkspace(transaction, row.workspace_id);
      });
      this.#metrics.launch(row.resource, 'failed');
      return null;
    }
    const dueAtMs = retryAtMs(clock, row.attempts);
    await journal.transaction((transaction) => {
      const changes = { ...released, due_at_ms: dueAtMs, attempts: row.attempts + 1 };
      return row.queue_reason === message
        ? transaction.touchJob(row, changes)
        : transaction.changeJob(row, { ...changes, queue_reason: message });
    });
    return dueAtMs;
  }

  async #stop(found: JobRow, changes: JobChanges, signal: AbortSignal): Promise<number> {
    const { settings, step, clock, log } = this.#context;
    const row = Object.keys(changes).length > 0 ? await this.#change(found, changes) : found;
    const elapsedMs = clock.now() - (row.stop_requested_at_ms ?? clock.now());
    try {
      step('before resource.stop');
      await this.#resourceOf(row).stop(await launchReferenceOf(this.#context, row), settings.stopGraceMs, signal);
      this.#stopped.add(row.launch_key);
      step('after resource.stop');
    } catch (error) {
      log.warn({ err: error, jobId: row.id }, 'stop not delivered, will be tried again');
      return this.#in(2_000);
    }
    await this.#clearDue(row);
    return this.#in(elapsedMs < 5_000 ? 250 : 1_000);
  }

  async #probeSession(
    found: JobRow,
    decision: Extract<Decision, { do: 'probe' }>,
    signal: AbortSignal,
  ): Promise<number | null> {
    const { database, clock, journal } = this.#context;
    const row = Object.keys(decision.changes).length > 0 ? await this.#change(found, decision.changes) : found;
    const [workspace, user] = await Promise.all([
      database.findOne('workspaces', { id: row.workspace_id }),
      database.findOne('users', { id: row.user_id }),
    ]);
    if (!workspace || !user) return null;
    const session = recipeOf(this.#context, row, user, workspace).session;
    if (!session) return null;
    const { host, port, path } = decision.session;
    const base = session.basePath === 'keep' ? this.#context.basePathOf(row).replace('{host}', host) : '';
    const target = { host, port, path: session.readiness && base + session.readiness.path };
    const readiness = await this.#probe.isReady(target, session.readiness, probeTimeoutMs);
    signal.throwIfAborted();
    const nowMs = clock.now();
    if (readiness.kind === 'not ready') {
      const noted = await this.#noteStatus(row, readiness.status);
      if (await this.#sessions.giveUp(noted)) return null;
      const waitedMs = nowMs - (row.started_at_ms ?? nowMs);
      return this.#in(waitedMs < 10_000 ? 200 : waitedMs < 60_000 ? 1_000 : 5_000);
    }
    await journal.transaction((transaction) =>
      transaction.changeJob(row, {
        session_host: host,
        session_port: port,
        session_path: path,
        current_details: { message: readyMessage },
        metrics: { ...row.metrics, time_init: Math.max(0, nowMs - (row.started_at_ms ?? nowMs)) / 1000 },
        last_activity_at_ms: nowMs,
        due_at_ms: null,
      }),
    );
    return null;
  }

  /** Keeps what a session answers that is not ready, for the sentence that says why it never was. While it is awaited its message stays the old service's. */
  async #noteStatus(row: JobRow, status: number | null): Promise<JobRow> {
    const { answered_status: before, ...details } = row.current_details;
    if ((before ?? null) === status) return row;
    const current_details = status === null ? details : { ...details, answered_status: status };
    return this.#context.journal.transaction((transaction) => transaction.touchJob(row, { current_details }));
  }

  async #finish(
    row: JobRow,
    { end, changes }: Extract<Decision, { do: 'finish' }>,
    signal: AbortSignal,
  ): Promise<void> {
    const { journal, step } = this.#context;
    const lines = tellsItsOutput(row, end)
      ? await lastLogLines(this.#context, this.#resourceOf(row), await launchReferenceOf(this.#context, row), signal)
      : [];
    step('before job.finish');
    await journal.transaction(async (transaction) => {
      await transaction.changeJob(row, { ...changes, ...finalChanges(row, end, lines) });
      await settleWorkspace(transaction, row.workspace_id);
    });
    step('after job.finish');
    this.#absentSince.delete(row.launch_key);
    this.#stopped.delete(row.launch_key);
    this.#sessions.forget(row.id);
  }
}
