import type { JobRow } from '@user-workspaces/contract';
import type { ServerContext } from '../server-context.js';

/** A job that waits longer is told to the operator, where its resource does not say otherwise. */
const pendingWarningMs = 600_000;

/** So many jobs are named in one line of the log. */
const namedAtMost = 20;

/** Tells the operator, once for each job, of those that wait longer than they should. */
export class LongWaits {
  readonly #context: ServerContext;
  readonly #told = new Set<number>();

  constructor(context: ServerContext) {
    this.#context = context;
  }

  /** @param rows Jobs of one resource. A start finds all that wait at once, so that they are told in one line. */
  look(resource: string, rows: readonly JobRow[], nowMs: number): void {
    const { resources, log } = this.#context;
    const limitMs = resources.get(resource)?.pendingWarningMs ?? pendingWarningMs;
    for (const { id, status } of rows) if (status !== 'pending') this.#told.delete(id);
    const jobs = rows.filter(
      ({ id, status, created_at_ms }) =>
        status === 'pending' && nowMs - created_at_ms >= limitMs && !this.#told.has(id),
    );
    if (jobs.length === 0) return;
    for (const { id } of jobs) this.#told.add(id);
    const jobIds = jobs.slice(0, namedAtMost).map(({ id }) => id);
    log.error({ resource, jobs: jobs.length, jobIds, reason: jobs[0]?.queue_reason }, 'jobs wait too long');
  }
}
