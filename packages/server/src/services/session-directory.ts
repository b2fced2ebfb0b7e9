import { setTimeout as pause } from 'node:timers/promises';
import type { DatabaseReader, JobRow } from '@user-workspaces/contract';
import { type SessionRoute, type SessionRoutes, sessionLabel } from '../proxy/index.js';
import { BoundedMap } from './bounded-map.js';
import type { SessionOwners } from './session-owners.js';
import { SharedReading } from './shared-reading.js';

type SessionRow = Pick<
  JobRow,
  | 'id'
  | 'user_id'
  | 'job_type'
  | 'resource'
  | 'status'
  | 'session_host'
  | 'session_port'
  | 'session_base_path'
  | 'idle_stop_at_ms'
  | 'version'
>;

/** A way into a session, whoever may take it. */
type Place = Omit<SessionRoute, 'epoch'>;

/** Where the host and port of a job's ready session are kept; `undefined` while it has none. */
export function placeOf(row: SessionRow): Place | undefined {
  if (row.status !== 'running' || row.session_host === null || row.session_port === null) return undefined;
  return {
    jobId: row.id,
    userId: row.user_id,
    host: row.session_host,
    port: row.session_port,
    basePath: row.session_base_path ?? 'keep',
  };
}

/** So long a session counts as it was last read. */
const confirmedForMs = 2_000;

/** So long it is remembered that an address leads to no session. */
const missedForMs = 1_000;

/** Looking for a host name reads the rows of running jobs, as no index helps; so there is a pause after it. */
const labelPauseMs = 250;

/** So many jobs without a session, and addresses that lead to none, are remembered. */
const memorySize = 10_000;

/** So many rows are asked for in one statement. */
const batchSize = 500;

interface Known {
  readonly place: Place;
  readonly job: Pick<JobRow, 'id' | 'job_type' | 'resource' | 'idle_stop_at_ms'>;
  readonly version: number;
  /** When the rows of the job and its user were last read. What this process writes of the job tells nothing of what others decide about the user. */
  confirmedMs: number;
}

/**
 * The running sessions by job and by host name, as the rows have them: read at the start, changed with every committed change, and read anew with their owners
 * for their use where that was not done within 2 s, since other processes write too, and the answer to a commit may be lost. Rows come late and out of order: one
 * that is older than what is known of its job changes nothing.
 */
export class SessionDirectory implements SessionRoutes {
  readonly #database: Pick<DatabaseReader, 'find'>;
  readonly #owners: SessionOwners;
  readonly #ended: (jobId: number) => void;
  readonly #nowMs: () => number;
  readonly #byJob = new Map<number, Known>();
  readonly #byLabel = new Map<string, Place>();
  /** The newest version known of jobs without a session, most of which have ended: an older row must not give them a route again. */
  readonly #past = new BoundedMap<number, number>(memorySize);
  /** When a job or host name was found to have no session. */
  readonly #missedMs = new BoundedMap<number | string, number>(memorySize);
  readonly #jobs = new SharedReading<number>((ids) => this.#readJobs([...ids]));
  readonly #labels = new SharedReading<string>((labels) => this.#readLabels([...labels]));
  #labelsReadMs = Number.NEGATIVE_INFINITY;

  /**
   * @param ended Told of each session that is no more.
   * @param nowMs A clock that never goes back.
   */
  constructor(
    database: Pick<DatabaseReader, 'find'>,
    owners: SessionOwners,
    ended: (jobId: number) => void,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#database = database;
    this.#owners = owners;
    this.#ended = ended;
    this.#nowMs = nowMs;
  }

  byJob(jobId: number): SessionRoute | undefined {
    return this.#routeTo(this.#byJob.get(jobId)?.place);
  }

  byLabel(label: string): SessionRoute | undefined {
    return this.#routeTo(this.#byLabel.get(label));
  }

  confirmJob(jobId: number): Promise<void> | undefined {
    const known = this.#byJob.get(jobId);
    if (known ? this.#nowMs() - known.confirmedMs < confirmedForMs : this.#wasMissed(jobId)) return undefined;
    return this.#jobs.ask(jobId);
  }

  confirmLabel(label: string): Promise<void> | undefined {
    const holder = this.#byLabel.get(label);
    if (!holder) return this.#wasMissed(label) ? undefined : this.#labels.ask(label);
    // Ports are used again: when the holder has ended, the name may be that of a session which is not known yet.
    return this.confirmJob(holder.jobId)?.then(() => (this.#byLabel.has(label) ? undefined : this.#labels.ask(label)));
  }

  /** What kind of job a session is of, and when it is to be stopped for its idleness. */
  jobOf(jobId: number): Pick<JobRow, 'id' | 'job_type' | 'resource' | 'idle_stop_at_ms'> | undefined {
    return this.#byJob.get(jobId)?.job;
  }

  /** How many sessions can be opened. */
  get size(): number {
    return [...this.#byJob.values()].filter(({ place }) => this.#owners.epochOf(place.userId) !== undefined).length;
  }

  /** Takes a job as it is now; an older row than the newest that was taken is passed over. */
  update(row: SessionRow): void {
    const known = this.#byJob.get(row.id);
    if (row.version < (known?.version ?? this.#past.get(row.id) ?? 0)) return;
    const place = placeOf(row);
    const former = known?.place;
    if (former && (!place || former.port !== place.port || former.host !== place.host)) this.#remove(former);
    if (!place) {
      this.#past.set(row.id, row.version);
      return;
    }
    this.#past.delete(row.id);
    this.#byJob.set(row.id, {
      place,
      job: { id: row.id, job_type: row.job_type, resource: row.resource, idle_stop_at_ms: row.idle_stop_at_ms },
      version: row.version,
      confirmedMs: known?.confirmedMs ?? Number.NEGATIVE_INFINITY,
    });
    const label = sessionLabel(place.host, place.port);
    const holder = this.#byLabel.get(label);
    // A job reports its own port: one that names another's must not take over the other's host name.
    if (holder === undefined || holder.jobId === place.jobId) this.#byLabel.set(label, place);
  }

  /** Reads all running jobs, and those whose sessions are known. */
  async refresh(): Promise<void> {
    const startedMs = this.#nowMs();
    const rows = await this.#database.find('jobs', { where: { status: 'running' } });
    await this.#take(rows, startedMs);
    const running = new Set(rows.map((row) => row.id));
    await this.#readJobs([...this.#byJob.keys()].filter((id) => !running.has(id)));
    this.#owners.keepOnly(new Set([...this.#byJob.values()].map(({ place }) => place.userId)));
  }

  /** Reads the rows of these jobs: something is open to their sessions, which nothing else would end. */
  async check(jobIds: Iterable<number>): Promise<void> {
    await Promise.all([...jobIds].map((id) => this.#jobs.ask(id)));
  }

  /** Nobody is led to a session while it is not known whom it lets in. */
  #routeTo(place: Place | undefined): SessionRoute | undefined {
    if (!place) return undefined;
    const epoch = this.#owners.epochOf(place.userId);
    return epoch === undefined ? undefined : { ...place, epoch };
  }

  #wasMissed(key: number | string): boolean {
    const missedMs = this.#missedMs.get(key);
    return missedMs !== undefined && this.#nowMs() - missedMs < missedForMs;
  }

  async #readJobs(ids: readonly number[]): Promise<void> {
    for (let first = 0; first < ids.length; first += batchSize) {
      const batch = ids.slice(first, first + batchSize);
      const startedMs = this.#nowMs();
      const before = batch.map((id) => this.#byJob.get(id));
      const rows = await this.#database.find('jobs', { where: { id: { in: batch } } });
      await this.#take(rows, startedMs);
      const found = new Set(rows.map(({ id }) => id));
      for (const known of before) {
        if (!known || found.has(known.place.jobId)) continue;
        if (this.#byJob.get(known.place.jobId) === known) this.#remove(known.place);
      }
      for (const id of batch) if (!this.#byJob.has(id)) this.#missedMs.set(id, startedMs);
    }
  }

  async #readLabels(labels: readonly string[]): Promise<void> {
    const waitMs = this.#labelsReadMs + labelPauseMs - this.#nowMs();
    if (waitMs > 0) await pause(waitMs, undefined, { ref: false });
    const startedMs = this.#nowMs();
    // Many names have one port, and what has none is no name of a session.
    const ports = [...new Set(labels.flatMap((label) => portOf(label) ?? []))];
    for (let first = 0; first < ports.length; first += batchSize) {
      const session_port = { in: ports.slice(first, first + batchSize) };
      await this.#take(await this.#database.find('jobs', { where: { status: 'running', session_port } }), startedMs);
    }
    for (const label of labels) if (!this.#byLabel.has(label)) this.#missedMs.set(label, startedMs);
    this.#labelsReadMs = this.#nowMs();
  }

  /** Takes rows as they were read at a time, and then reads their users. */
  async #take(rows: readonly JobRow[], startedMs: number): Promise<void> {
    for (const row of rows) this.update(row);
    await this.#owners.read([...new Set(rows.filter((row) => placeOf(row)).map((row) => row.user_id))]);
    for (const { id } of rows) {
      const known = this.#byJob.get(id);
      if (known) known.confirmedMs = Math.max(known.confirmedMs, startedMs);
    }
  }

  #remove(place: Place): void {
    this.#byJob.delete(place.jobId);
    const label = sessionLabel(place.host, place.port);
    // Ports are used again: the name may already be another job's, or be waited for by one.
    if (this.#byLabel.get(label)?.jobId === place.jobId) {
      const waiting = [...this.#byJob.values()].find(
        (known) => sessionLabel(known.place.host, known.place.port) === label,
      );
      if (waiting) this.#byLabel.set(label, waiting.place);
      else this.#byLabel.delete(label);
    }
    this.#ended(place.jobId);
  }
}

function portOf(label: string): number | undefined {
  const [, digits] = /-([1-9][0-9]{0,4})$/.exec(label) ?? [];
  return digits === undefined ? undefined : Number(digits);
}
