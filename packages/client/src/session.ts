import { JobEndedError } from './errors.js';
import type { Job } from './shapes.js';

/**
 * The way into a running job's own server. Its address holds a ticket that is good for some minutes: open it at once, or
 * `refresh()` first. Sessions share an origin with the API where no pass-through domain is configured, so open them
 * with `window.open(session.url, '_blank', 'noopener')`.
 */
export class Session {
  /** The job as it was when the address was made. */
  readonly job: Job;
  readonly jobId: number;
  /** Where a browser gets in. */
  readonly url: string;
  /** When the job's time limit ends it; null where that is not known. */
  readonly expiresAt: Date | null;
  readonly #read: (jobId: number) => Promise<Job>;

  /** @internal */
  constructor(job: Job, url: string, read: (jobId: number) => Promise<Job>) {
    this.job = job;
    this.jobId = job.id;
    this.url = url;
    this.expiresAt = job.datetime_time_limit === null ? null : new Date(job.datetime_time_limit);
    this.#read = read;
  }

  /**
   * The address of a page within the session: the path is put before the query, which keeps the ticket. Characters with
   * a meaning in addresses are encoded; slashes stay as they are, also two in a row.
   *
   * @example
   * window.open(session.open('/tree/analysis.ipynb'), '_blank', 'noopener');
   */
  open(path: string): string {
    const [address = '', query] = this.url.split('?', 2);
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    const joined = `${address.replace(/\/$/, '')}/${encoded.replace(/^\//, '')}`;
    return query === undefined ? joined : `${joined}?${query}`;
  }

  /**
   * The same session with a fresh ticket.
   *
   * @throws JobEndedError, NotFoundError
   * @example
   * window.open((await session.refresh()).url, '_blank', 'noopener');
   */
  async refresh(): Promise<Session> {
    const job = await this.#read(this.jobId);
    const session = sessionOf(job, this.#read);
    if (!session) throw new JobEndedError(job);
    return session;
  }
}

/** The session of a job, if it has one. A running job without connection details is still starting. */
export function sessionOf(job: Job, read: (jobId: number) => Promise<Job>): Session | undefined {
  const connection = job.job_details.current_job_details.connection_details;
  if (job.status !== 'running' || !connection?.url_domain) return undefined;
  return new Session(job, connection.url_domain + connection.url_path, read);
}
