import type { JobRow, SessionTraffic } from '@user-workspaces/contract';
import type { TrafficKind } from '../proxy/index.js';
import type { ServerContext } from '../server-context.js';

/** How far behind the stored time of a session's last use may be. */
const pauseMs = 5_000;

const everyKind: readonly SessionTraffic[] = ['reads', 'writes', 'sockets'];

/**
 * Notes when sessions were last used, as far as their job types count the traffic as use. Gathers what it hears and stores it in one statement,
 * however many sessions are used. What it has not stored yet it tells, so that this process decides by all that it has heard; the others decide
 * by the row, so the use of a session that is about to be stopped is stored at once.
 */
export class SessionActivity {
  readonly #context: ServerContext;
  /** What was heard and is not stored yet: when, by job. */
  readonly #heard = new Map<number, number>();
  #storing: Promise<void> | undefined;
  #pause = new AbortController();
  readonly #closing = new AbortController();

  constructor(context: ServerContext) {
    this.#context = context;
  }

  /** Traffic passed to the session of a job. Opening it by its address always counts: somebody did that. */
  note(job: Pick<JobRow, 'id' | 'job_type' | 'resource' | 'idle_stop_at_ms'>, kind: TrafficKind): void {
    const jobType = this.#context.jobTypes.get(job.job_type)?.resources.get(job.resource);
    if (kind !== 'openings' && !(jobType?.activity?.traffic ?? everyKind).includes(kind)) return;
    this.#heard.set(job.id, this.#context.clock.now());
    if (job.idle_stop_at_ms !== null) this.#pause.abort();
    this.#storing ??= this.#store().finally(() => {
      this.#storing = undefined;
    });
  }

  /** When the session of a job was last used, where the row may not say so yet. Whoever decides by both reads the row first. */
  heardAtMs(jobId: number): number | undefined {
    return this.#heard.get(jobId);
  }

  /** Stores what was heard. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#storing;
  }

  async #store(): Promise<void> {
    const { clock, database, log } = this.#context;
    while (this.#heard.size > 0) {
      this.#pause = new AbortController();
      const heard = new Map(this.#heard);
      const nowMs = clock.now();
      try {
        const where = { id: { in: [...heard.keys()] } };
        await database.transaction((rows) => rows.update('jobs', where, { last_activity_at_ms: nowMs }));
        // What was heard of again meanwhile stays to be stored.
        for (const [id, atMs] of heard) if (this.#heard.get(id) === atMs) this.#heard.delete(id);
      } catch (error) {
        log.warn({ err: error }, 'the use of sessions could not be stored');
        if (this.#closing.signal.aborted) return;
      }
      // What comes in this time is stored together; a first sign of use is stored at once.
      await clock.sleep(pauseMs, AbortSignal.any([this.#closing.signal, this.#pause.signal]));
    }
  }
}
