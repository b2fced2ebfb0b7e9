import type { JobRow, JobType, SessionUse } from '@user-workspaces/contract';
import type { JobTypeEntry } from '../options.js';
import type { ServerContext } from '../server-context.js';
import { requestStop } from '../services/jobs.js';
import type { SessionActivity } from '../services/session-activity.js';
import type { Attendance } from './attendance.js';
import { decideSession, type SessionDecision } from './session-decision.js';
import type { SessionProbe } from './session-probe.js';

const answerTimeoutMs = 5_000;
/** A session that cannot be asked counts as used, and is asked again. */
const askAgainMs = 60_000;
/** Nobody has listened at the port of a ready session for so long: an application that restarts itself is back by then. */
const lostAfterMs = 60_000;
const knockAgainMs = 5_000;
/** A later time is left to the sweeps. */
const soonMs = 15_000;

/** Looks after the sessions of running jobs: gives up what is never ready or has gone, warns about and stops what nobody uses. */
export class SessionWatch {
  readonly #context: ServerContext;
  readonly #probe: SessionProbe;
  readonly #activity: Pick<SessionActivity, 'heardAtMs'>;
  readonly #attendance: Pick<Attendance, 'sinceMs'>;
  /** Since when nobody has listened at the ports of sessions (`elapsed`); known from visitors' failures. */
  readonly #closedSince = new Map<number, number>();

  constructor(
    context: ServerContext,
    probe: SessionProbe,
    activity: Pick<SessionActivity, 'heardAtMs'>,
    attendance: Pick<Attendance, 'sinceMs'>,
  ) {
    this.#context = context;
    this.#probe = probe;
    this.#activity = activity;
    this.#attendance = attendance;
  }

  /** A visitor could not reach the session. */
  suspect(jobId: number): void {
    if (!this.#closedSince.has(jobId)) this.#closedSince.set(jobId, this.#context.clock.elapsed());
  }

  /** The job has ended. */
  forget(jobId: number): void {
    this.#closedSince.delete(jobId);
  }

  /** @param row A job that its resource says is running. @returns When to look again; `null` to wait for the next sweep. */
  async step(row: JobRow): Promise<number | null> {
    const nowMs = this.#context.clock.now();
    const decision = this.#decide(row);
    switch (decision.do) {
      case 'give up':
        await this.giveUp(row);
        return null;
      case 'keep':
        await this.#context.journal.transaction((transaction) => transaction.changeJob(row, { idle_stop_at_ms: null }));
        return null;
      case 'ask':
        return this.#ask(row);
      case 'wait': {
        if (this.#closedSince.has(row.id) && row.session_host !== null) return this.#knock(row, row.session_host);
        const { untilMs } = decision;
        return untilMs !== null && untilMs - nowMs < soonMs ? untilMs : null;
      }
    }
  }

  /** Stops a job whose session has not been ready in time; false while it still may be, and where it has become so. */
  async giveUp(row: JobRow): Promise<boolean> {
    if (this.#decide(row).do !== 'give up') return false;
    return this.#stop(row, 'start_timeout', (present) => this.#decide(present).do === 'give up');
  }

  #decide(row: JobRow): SessionDecision {
    // What this process has heard counts, whether it is stored or not.
    const last_activity_at_ms = latest(row.last_activity_at_ms, this.#activity.heardAtMs(row.id) ?? null);
    const entry = this.#entryOf(row) ?? {};
    return decideSession({ ...row, last_activity_at_ms }, entry, this.#context.clock.now(), this.#attendance.sinceMs);
  }

  #entryOf(row: JobRow): JobTypeEntry | undefined {
    return this.#context.jobTypes.get(row.job_type);
  }

  /** What traffic says is not all: a kernel may be at work that nobody watches. */
  async #ask(row: JobRow): Promise<number | null> {
    const { clock, log } = this.#context;
    const jobType = this.#entryOf(row)?.resources.get(row.resource);
    let use: SessionUse;
    try {
      use = await this.#use(row, jobType);
    } catch (error) {
      log.warn({ err: error, jobId: row.id }, 'a session does not say whether it is used, and is left alone');
      return clock.now() + askAgainMs;
    }
    const lastUsedAtMs = use.kind === 'busy' ? clock.now() : Math.min(use.lastUsedAtMs ?? 0, clock.now());
    await this.#context.journal.transaction(async (transaction) => {
      // Locked: what any process has stored of its use by now is seen, and what one stores later waits until this is decided.
      const present = await transaction.rows.lock('jobs', row.id);
      if (!present) return;
      if (lastUsedAtMs > (present.last_activity_at_ms ?? 0)) {
        await transaction.rows.update('jobs', { id: row.id }, { last_activity_at_ms: lastUsedAtMs });
        present.last_activity_at_ms = lastUsedAtMs;
      }
      const decision = this.#decide(present);
      const idle = this.#entryOf(row)?.idle;
      if (decision.do === 'keep') await transaction.changeJob(present, { idle_stop_at_ms: null });
      if (decision.do !== 'ask' || !idle) return;
      if (decision.before === 'warning') await transaction.warnOfIdleStop(present, transaction.nowMs + idle.warningMs);
      else await requestStop(transaction, present, 'idle');
    });
    return clock.now();
  }

  async #use(row: JobRow, jobType: JobType | undefined): Promise<SessionUse> {
    const questions = jobType?.activity?.questions ?? [];
    const { session_host: host, session_port: port } = row;
    if (questions.length === 0 || host === null || port === null) return { kind: 'idle', lastUsedAtMs: null };
    const base = row.session_base_path === 'keep' ? this.#context.basePathOf(row).replace('{host}', host) : '';
    const query = Object.fromEntries(
      Object.entries(row.session_query).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    );
    return this.#probe.use({ host, port }, { base, query }, questions, answerTimeoutMs);
  }

  async #knock(row: JobRow, host: string): Promise<number | null> {
    const { clock } = this.#context;
    const isClosed =
      row.session_port !== null && (await this.#probe.isClosed({ host, port: row.session_port }, answerTimeoutMs));
    const since = this.#closedSince.get(row.id);
    if (!isClosed || since === undefined) {
      this.#closedSince.delete(row.id);
      return null;
    }
    if (clock.elapsed() - since < lostAfterMs) return clock.now() + knockAgainMs;
    const isSame = ({ status, session_host, session_port }: JobRow): boolean =>
      status === 'running' && session_host === host && session_port === row.session_port;
    await this.#stop(row, 'session_lost', isSame);
    return null;
  }

  /** @param holds Whether there is still reason to: the row may be an old one, and another process may have found the session ready. */
  async #stop(
    { id }: JobRow,
    reason: 'start_timeout' | 'session_lost',
    holds: (present: JobRow) => boolean,
  ): Promise<boolean> {
    return this.#context.journal.transaction(async (transaction) => {
      const present = await transaction.rows.lock('jobs', id);
      if (!present || !holds(present)) return false;
      await requestStop(transaction, present, reason);
      return true;
    });
  }
}

function latest(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.max(one, other);
}
