import type { JobRow } from '@user-workspaces/contract';
import { type SessionRoute, type SessionRoutes, sessionLabel } from '../proxy/index.js';
import type { ServerContext } from '../server-context.js';

type SessionRow = Pick<
  JobRow,
  'id' | 'user_id' | 'job_type' | 'resource' | 'status' | 'session_host' | 'session_port' | 'session_base_path'
>;

/** Where the host and port of a job's ready session are kept; `undefined` while it has none. */
export function routeOf(row: SessionRow): SessionRoute | undefined {
  if (row.status !== 'running' || row.session_host === null || row.session_port === null) return undefined;
  return {
    jobId: row.id,
    userId: row.user_id,
    host: row.session_host,
    port: row.session_port,
    basePath: row.session_base_path ?? 'keep',
  };
}

/**
 * The running sessions by job and by host name, as the rows have them: read at the start, changed with every committed change, and read anew
 * every minute for what other processes wrote.
 */
export class SessionDirectory implements SessionRoutes {
  readonly #byJob = new Map<number, SessionRoute>();
  readonly #byLabel = new Map<string, SessionRoute>();
  readonly #kinds = new Map<number, Pick<JobRow, 'id' | 'job_type' | 'resource'>>();
  /** Users who are kept out although their jobs run. */
  #barred = new Set<number>();
  readonly #ended: (jobId: number) => void;

  /** @param ended Told of each session that is no more. */
  constructor(ended: (jobId: number) => void) {
    this.#ended = ended;
  }

  byJob(jobId: number): SessionRoute | undefined {
    return this.#byJob.get(jobId);
  }

  byLabel(label: string): SessionRoute | undefined {
    return this.#byLabel.get(label);
  }

  /** What kind of job a session is of. */
  kindOf(jobId: number): Pick<JobRow, 'id' | 'job_type' | 'resource'> | undefined {
    return this.#kinds.get(jobId);
  }

  get size(): number {
    return this.#byJob.size;
  }

  /** Takes a job as it is now. */
  update(row: SessionRow): void {
    const route = this.#barred.has(row.user_id) ? undefined : routeOf(row);
    const former = this.#byJob.get(row.id);
    if (former && (!route || former.port !== route.port || former.host !== route.host)) this.#remove(former);
    if (!route) return;
    this.#byJob.set(row.id, route);
    this.#kinds.set(row.id, { id: row.id, job_type: row.job_type, resource: row.resource });
    const label = sessionLabel(route.host, route.port);
    const holder = this.#byLabel.get(label);
    // A job reports its own port: one that names another's must not take over the other's host name.
    if (holder === undefined || holder.jobId === route.jobId) this.#byLabel.set(label, route);
  }

  /** Whose sessions there are. */
  userIds(): ReadonlySet<number> {
    return new Set([...this.#byJob.values()].map(({ userId }) => userId));
  }

  /** Users who are kept out. */
  barredIds(): ReadonlySet<number> {
    return this.#barred;
  }

  /** Ends a user's sessions for their user, until {@link admit}: the user was deactivated. The jobs run on. */
  bar(userId: number): void {
    this.#barred.add(userId);
    for (const route of [...this.#byJob.values()]) if (route.userId === userId) this.#remove(route);
  }

  /** The user may open sessions again, as the next {@link refresh} finds them. */
  admit(userId: number): void {
    this.#barred.delete(userId);
  }

  /** Reads all rows; sessions that are no longer among them end. */
  async refresh(context: Pick<ServerContext, 'database'>): Promise<void> {
    const rows = await context.database.find('jobs', { where: { status: 'running' } });
    const owners = [...new Set(rows.map((row) => row.user_id))];
    const inactive =
      owners.length === 0
        ? []
        : await context.database.find('users', { where: { id: { in: owners }, is_active: false } });
    this.#barred = new Set(inactive.map(({ id }) => id));
    const running = new Set(rows.map((row) => row.id));
    for (const route of [...this.#byJob.values()]) if (!running.has(route.jobId)) this.#remove(route);
    for (const row of rows) this.update(row);
  }

  #remove(route: SessionRoute): void {
    this.#byJob.delete(route.jobId);
    this.#kinds.delete(route.jobId);
    const label = sessionLabel(route.host, route.port);
    // Ports are used again: the name may already be another job's, or be waited for by one.
    if (this.#byLabel.get(label)?.jobId === route.jobId) {
      const next = [...this.#byJob.values()].find(({ host, port }) => sessionLabel(host, port) === label);
      if (next) this.#byLabel.set(label, next);
      else this.#byLabel.delete(label);
    }
    this.#ended(route.jobId);
  }
}
