import { setImmediate } from 'node:timers/promises';
import type { DatabaseReader, JobRow, LaunchReference, WorkspaceRow } from '@user-workspaces/contract';
import { referenceTo } from '../services/launch-reference.js';
import { activeJobStatuses, isActive } from '../views/job.js';

/** So many rows are read by one statement, and anew by one sweep. */
const sliceSize = 500;

interface KnownJob {
  readonly row: JobRow;
  /** Where its launch is made; that never changes. */
  readonly place: Pick<WorkspaceRow, 'account' | 'location'> | undefined;
}

/**
 * The active jobs as this process has last seen their rows, so that a sweep of many thousands does not read them all: what this process writes is taken as it is
 * written, and each sweep reads some of the others anew. Where there are more jobs than that, what another process has written may be seen late. That does no harm: a
 * wish is due, and found by that; and a write that was decided by an old row is refused by the row's version and fence.
 */
export class KnownJobs {
  readonly #database: Pick<DatabaseReader, 'find'>;
  readonly #jobs = new Map<number, KnownJob>();
  /** The id up to which a resource's rows have been read anew; none for a resource of which not all were read yet. */
  readonly #cursors = new Map<string, number>();

  constructor(database: Pick<DatabaseReader, 'find'>) {
    this.#database = database;
  }

  /** Takes rows as they were read or written. */
  take(rows: Iterable<JobRow>): void {
    for (const row of rows) {
      const known = this.#jobs.get(row.id);
      if (known && isOlder(row, known.row)) continue;
      if (isActive(row)) this.#jobs.set(row.id, { row, place: known?.place });
      else this.#jobs.delete(row.id);
    }
  }

  /** Those of these jobs that are active. */
  rowsOf(ids: Iterable<number>): JobRow[] {
    return [...ids].flatMap((id) => this.#jobs.get(id)?.row ?? []);
  }

  /** Where an active job is launched, if it is known. */
  resourceOf(id: number): string | undefined {
    return this.#jobs.get(id)?.row.resource;
  }

  /** The active jobs of a resource. The first time all are read. */
  async idsOf(resource: string): Promise<number[]> {
    const cursor = this.#cursors.get(resource);
    let next = await this.#readAnew(resource, cursor ?? 0);
    while (cursor === undefined && next !== 0) {
      await setImmediate();
      next = await this.#readAnew(resource, next);
    }
    this.#cursors.set(resource, next);
    if (cursor !== undefined && cursor + next > 0) await this.#readWarned(resource);
    return this.#idsOf(resource);
  }

  /** How their resources are asked about the launches of jobs. */
  async referencesTo(rows: readonly JobRow[]): Promise<LaunchReference[]> {
    const unplaced = rows.filter(({ id }) => !this.#jobs.get(id)?.place);
    const read = new Map<number, WorkspaceRow>();
    for (let first = 0; first < unplaced.length; first += sliceSize) {
      const ids = new Set(unplaced.slice(first, first + sliceSize).map((row) => row.workspace_id));
      for (const workspace of await this.#database.find('workspaces', { where: { id: { in: [...ids] } } })) {
        read.set(workspace.id, workspace);
      }
    }
    return rows.map((row) => {
      const known = this.#jobs.get(row.id);
      const workspace = read.get(row.workspace_id);
      const place = workspace ? { account: workspace.account, location: workspace.location } : known?.place;
      if (known && workspace) this.#jobs.set(row.id, { row: known.row, place });
      return referenceTo(row, place);
    });
  }

  /** That a session is used is written without a new version; a warning should end soon when it no longer holds. */
  async #readWarned(resource: string): Promise<void> {
    const where = { status: 'running', resource, idle_stop_at_ms: { not: null } } as const;
    this.take(await this.#database.find('jobs', { where, limit: sliceSize }));
  }

  #idsOf(resource: string): number[] {
    return [...this.#jobs.values()].filter(({ row }) => row.resource === resource).map(({ row }) => row.id);
  }

  /** Reads the next rows of a resource. @returns where to go on, 0 behind the last. */
  async #readAnew(resource: string, cursor: number): Promise<number> {
    const before = this.#idsOf(resource);
    const where = { status: { in: activeJobStatuses }, resource, id: { gt: cursor } };
    const rows = await this.#database.find('jobs', { where, limit: sliceSize });
    const last = rows.length < sliceSize ? Number.POSITIVE_INFINITY : (rows.at(-1)?.id ?? 0);
    const present = new Set(rows.map(({ id }) => id));
    // Another process has seen their end.
    for (const id of before) if (id > cursor && id <= last && !present.has(id)) this.#jobs.delete(id);
    this.take(rows);
    return Number.isFinite(last) ? last : 0;
  }
}

/** It was read before, and arrived after, the other was written. */
function isOlder(row: JobRow, known: JobRow): boolean {
  return row.version < known.version || (row.version === known.version && row.lease_fence < known.lease_fence);
}
