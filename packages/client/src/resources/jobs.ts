import type { QueryParameters } from '@user-workspaces/schema';
import { JobEndedError, NotFoundError, TimeoutError } from '../errors.js';
import { PagePromise } from '../pages.js';
import { type Session, sessionOf } from '../session.js';
import { type Job, type JobState, toJob } from '../shapes.js';
import { jobLogs, type LogOptions } from '../streams/job-logs.js';
import { hasEnded, jobStates } from '../streams/job-states.js';
import { LiveStream } from '../streams/live-stream.js';
import type { RequestOptions, Transport } from '../transport/transport.js';

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
  /** How long to wait, in milliseconds; the job goes on when it is over. `Infinity`: for ever. @default 600_000 */
  readonly timeoutMs?: number | undefined;
  /** Called at every change, with the server's own words in `current_job_details.message`. */
  readonly onProgress?: ((state: JobState) => void) | undefined;
}

/** Runs of a job type in a workspace; `workspaces.start` makes them. */
export class Jobs {
  readonly #transport: Transport;

  /** @internal */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * The caller's jobs, those of deleted workspaces included. Filters match exactly.
   *
   * @throws AuthenticationError
   * @example
   * const { items } = await client.jobs.list({ status: 'running', order: '-id' });
   */
  list(filters: QueryParameters<'listJobs'> = {}, options?: RequestOptions): PagePromise<Job> {
    return new PagePromise(async (next) => {
      const query = { ...filters, ...next };
      const { data } = await this.#transport.call('listJobs', { query }, options);
      return [data.jobs.map(toJob), data];
    });
  }

  /**
   * One job.
   *
   * @throws NotFoundError for an unknown id or someone else's
   * @example
   * const { status, status_message } = await client.jobs.get(12);
   */
  async get(jobId: number, options?: RequestOptions): Promise<Job> {
    const { data } = await this.#transport.call('getJob', { path: { job_id: jobId } }, options);
    const found = data.jobs.find((job) => job.id === jobId);
    if (found) return toJob(found);
    throw new NotFoundError(`Job ${jobId} not found for user.`, { code: 'not_found', status: 404 });
  }

  /**
   * Asks for a job to be stopped; `waitUntilEnded` tells when it is.
   *
   * @throws InvalidRequestError (`job_not_active`) if it is neither pending nor running; NotFoundError
   * @example
   * await client.jobs.stop(12);
   */
  async stop(jobId: number, options?: RequestOptions): Promise<void> {
    await this.#transport.run('stopJob', { path: { job_id: jobId } }, options);
  }

  /**
   * Sets a running job's time limit, counted in minutes from its start.
   *
   * @throws InvalidRequestError (`job_not_active`, `invalid_options`), ServerError (`unsupported`)
   * @example
   * const job = await client.jobs.extend(12, 360);
   */
  async extend(jobId: number, timeLimitMinutes: number, options?: RequestOptions): Promise<Job> {
    const input = { path: { job_id: jobId }, json: { time_limit_minutes: timeLimitMinutes } };
    return toJob((await this.#transport.call('extendJob', input, options)).data.job);
  }

  /**
   * The output of a job as pieces of text, in order, nothing lost or repeated. With `follow` it goes on until the job has
   * ended, and by itself resumes after a broken connection for as long as it is read.
   *
   * @throws NotFoundError, ConnectionError
   * @example
   * for await (const text of client.jobs.logs(12, { follow: true })) process.stdout.write(text);
   */
  logs(jobId: number, options: LogOptions = {}): LiveStream<string> {
    const isOver = async (signal: AbortSignal) => hasEnded((await this.get(jobId, { ...options, signal })).status);
    return new LiveStream(new AbortController(), options.signal, (signal) =>
      jobLogs(this.#transport, jobId, isOver, options, signal),
    );
  }

  /**
   * The states of a job: the present one, every change, and with the last one it ends. Over a WebSocket, or by asking
   * every 2 seconds where none gets through; reconnects by itself.
   *
   * @throws NotFoundError, AuthenticationError
   * @example
   * for await (const { status, current_job_details } of client.jobs.watch(12)) {
   *   console.log(status, current_job_details.message);
   * }
   */
  watch(jobId: number, options: RequestOptions = {}): LiveStream<JobState> {
    return new LiveStream(new AbortController(), options.signal, (signal) =>
      jobStates(this.#transport, jobId, (id, reading) => this.get(id, reading), options, signal),
    );
  }

  /**
   * Waits until a job's session can be opened.
   *
   * @throws JobEndedError if it ends or is stopped before; TimeoutError; NotFoundError
   * @example
   * const session = await client.jobs.waitUntilReady(job.id, { onProgress: ({ status }) => console.log(status) });
   * console.log(session.url);
   */
  async waitUntilReady(jobId: number, options: WaitOptions = {}): Promise<Session> {
    const session = await this.#waitFor(jobId, options, 'ready', async (state, signal) => {
      if (state.status === 'pending') return undefined;
      if (state.status === 'running' && !state.current_job_details.connection_details) return undefined;
      const job = await this.get(jobId, { signal });
      const ready = sessionOf(job, (id) => this.get(id));
      if (!ready && job.status !== 'running' && job.status !== 'pending') throw new JobEndedError(job);
      return ready;
    });
    return session;
  }

  /**
   * Waits until a job has ended, however it ends: see its `status` and `status_reason`.
   *
   * @throws TimeoutError, NotFoundError
   * @example
   * const { exit_code, status_reason } = await client.jobs.waitUntilEnded(12, { timeoutMs: 60_000 });
   */
  async waitUntilEnded(jobId: number, options: WaitOptions = {}): Promise<Job> {
    return this.#waitFor(jobId, options, 'over', async (state, signal) =>
      hasEnded(state.status) ? this.get(jobId, { signal }) : undefined,
    );
  }

  async #waitFor<Result>(
    jobId: number,
    { signal, timeoutMs = 600_000, onProgress }: WaitOptions,
    what: string,
    reached: (state: JobState, signal: AbortSignal) => Promise<Result | undefined>,
  ): Promise<Result> {
    const over = new AbortController();
    let last = 'unknown';
    const tooLong = () => {
      const message = `Job ${jobId} was not ${what} after ${timeoutMs} ms; it is ${last}.`;
      over.abort(new TimeoutError(message, { code: 'timeout', retryable: true }));
    };
    // A timer set to more fires at once.
    const timer = timeoutMs > 2_147_483_647 ? undefined : setTimeout(tooLong, timeoutMs);
    const waiting = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
    try {
      for await (const state of this.watch(jobId, { signal: waiting })) {
        const { message } = state.current_job_details;
        last = message ? `${state.status} (${message})` : state.status;
        onProgress?.(state);
        const result = await reached(state, waiting);
        if (result !== undefined) return result;
      }
    } finally {
      clearTimeout(timer);
    }
    throw new JobEndedError(await this.get(jobId, { signal }));
  }
}
