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

  look(rows: readonly JobRow[], nowMs: number): void {
    const waiting = new Map<string, JobRow[]>();
    for (const row of rows) {
      if (row.status !== 'pending') this.#told.delete(row.id);
      else if (!this.#told.has(row.id)) {
        const limitMs = this.#context.resources.get(row.resource)?.pendingWarningMs ?? pendingWarningMs;
        if (nowMs - row.created_at_ms < limitMs) continue;
        this.#told.add(row.id);
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
}
