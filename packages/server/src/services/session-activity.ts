import type { JobRow, SessionTraffic } from '@user-workspaces/contract';
import type { TrafficKind } from '../proxy/index.js';
import type { ServerContext } from '../server-context.js';

/** How far behind the stored time of a session's last use may be. */
const pauseMs = 5_000;

const everyKind: readonly SessionTraffic[] = ['reads', 'writes', 'sockets'];

/**
 * Notes when sessions were last used, as far as their job types count the traffic as use. Gathers what it hears and stores it in one statement,
 * however many sessions are used.
 */
export class SessionActivity {
  readonly #context: ServerContext;
  readonly #used = new Set<number>();
  #storing: Promise<void> | undefined;
  readonly #closing = new AbortController();

  constructor(context: ServerContext) {
    this.#context = context;
  }

  /** Traffic passed to the session of a job. Opening it by its address always counts: somebody did that. */
  note(job: Pick<JobRow, 'id' | 'job_type' | 'resource'>, kind: TrafficKind): void {
    const jobType = this.#context.jobTypes.get(job.job_type)?.resources.get(job.resource);
    if (kind !== 'openings' && !(jobType?.activity?.traffic ?? everyKind).includes(kind)) return;
    this.#used.add(job.id);
    this.#storing ??= this.#store().finally(() => {
      this.#storing = undefined;
    });
  }

  /** Stores what was heard. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#storing;
  }

  async #store(): Promise<void> {
    const { clock, database, log } = this.#context;
    const { signal } = this.#closing;
    while (this.#used.size > 0) {
      const ids = [...this.#used];
      this.#used.clear();
      const nowMs = clock.now();
      try {
        await database.transaction((rows) => rows.update('jobs', { id: { in: ids } }, { last_activity_at_ms: nowMs }));
      } catch (error) {
        log.warn({ err: error }, 'the use of sessions could not be stored');
        if (signal.aborted) return;
        for (const id of ids) this.#used.add(id);
      }
      // What comes in this time is stored together; a first sign of use is stored at once.
      await clock.sleep(pauseMs, signal);
    }
  }
}
