import type { JobRow, LaunchReference } from '@user-workspaces/contract';
import type { ServerContext } from '../server-context.js';
import { isActive } from '../views/job.js';
import { KnownJobs } from './known-jobs.js';
import { SweepTimes } from './sweep-times.js';

/** In this order an index tells what is due. In another one, or with a condition on the status, SQLite looks at all active rows each time. */
export const longestDueFirst = { orderBy: [['due_at_ms', 'asc']], limit: 500 } as const;

/** Whether the jobs of a resource may be looked at: not while others of them are worked on. */
type IsFree = (resource: string) => boolean;

/** Jobs of one resource that are to be looked at now. */
export interface Due {
  readonly rows: readonly JobRow[];
  /** They are all that run there. */
  readonly isSweep: boolean;
}

/** Which jobs are to be looked at, and when. */
export class DueJobs {
  readonly #context: ServerContext;
  readonly #known: KnownJobs;
  readonly #sweeps: SweepTimes;
  /** Jobs to look at again, and when. */
  readonly #again = new Map<number, number>();
  /** Launch keys that a resource says have changed. */
  readonly #changed = new Set<string>();
  #lastMs = 0;

  constructor(context: ServerContext) {
    this.#context = context;
    this.#known = new KnownJobs(context.database);
    this.#sweeps = new SweepTimes(context.resources);
  }

  /** A resource says that these launches have changed. */
  launchesChanged(launchKeys: Iterable<string>): void {
    for (const key of launchKeys) this.#changed.add(key);
  }

  /** These rows were written by this process. */
  written(rows: readonly JobRow[]): void {
    this.#known.take(rows);
    for (const { resource } of rows) this.#sweeps.moved(resource, this.#context.clock.now());
  }

  /** A job is to be looked at by this time at the latest. */
  lookAt(jobId: number, atMs: number): void {
    this.#again.set(jobId, Math.min(atMs, this.#again.get(jobId) ?? Number.POSITIVE_INFINITY));
  }

  /** A resource has answered for all its jobs. */
  sweepTook(resource: string, tookMs: number): void {
    this.#sweeps.took(resource, tookMs);
  }

  /** How their resource is asked about the launches of jobs. */
  referencesTo(rows: readonly JobRow[]): Promise<LaunchReference[]> {
    return this.#known.referencesTo(rows);
  }

  /** When something that can be looked at is due next. */
  nextMs(isFree: IsFree): number {
    const again = [...this.#again].filter(([id]) => this.#isFree(id, isFree)).map(([, atMs]) => atMs);
    return Math.min(...again, this.#sweeps.earliestMs(isFree));
  }

  /**
   * By resource, the active jobs with a wish to carry out, a changed launch, a time to look again, or a sweep of their resource. Those of a resource that is not free
   * are given as well; a wish stays due, and what else led to them is kept until it is free.
   */
  async find(nowMs: number, isFree: IsFree): Promise<ReadonlyMap<string, Due>> {
    const { database } = this.#context;
    if (nowMs < this.#lastMs) this.#clockWentBack(nowMs);
    this.#lastMs = nowMs;
    const found = new Set<number>();
    const add = (rows: readonly JobRow[]): void => {
      this.#known.take(rows);
      for (const row of rows) found.add(row.id);
    };
    const swept = this.#sweeps.begin(nowMs, isFree);
    add(await database.find('jobs', { where: { due_at_ms: { lte: nowMs } }, ...longestDueFirst }));
    for (const resource of swept) for (const id of await this.#known.idsOf(resource)) found.add(id);
    add(await this.#readChanged(nowMs));
    const again = [...this.#again].filter(([id, atMs]) => atMs <= nowMs && !found.has(id)).map(([id]) => id);
    const ids = again.filter((id) => this.#isFree(id, isFree));
    // What no longer runs is not looked at, and must not be asked for for ever.
    if (ids.length > 0) add(await database.find('jobs', { where: { id: { in: ids } } }));
    for (const id of ids) if (this.#known.resourceOf(id) === undefined) this.#again.delete(id);
    return this.#byResource(found, swept);
  }

  /** What was to be looked at soon may be hours away now: all of it is due at once. */
  #clockWentBack(nowMs: number): void {
    this.#sweeps.startAnew();
    for (const id of this.#again.keys()) this.#again.set(id, nowMs);
  }

  /** They are being looked at. */
  begin(rows: readonly JobRow[]): void {
    for (const { id } of rows) this.#again.delete(id);
  }

  /** The jobs that resources speak of; they are looked at as soon as their resource is free. */
  async #readChanged(nowMs: number): Promise<readonly JobRow[]> {
    const keys = [...this.#changed];
    if (keys.length === 0) return [];
    this.#changed.clear();
    try {
      const rows = await this.#context.database.find('jobs', { where: { launch_key: { in: keys } } });
      for (const row of rows) if (isActive(row)) this.lookAt(row.id, nowMs);
      return rows;
    } catch (error) {
      this.launchesChanged(keys);
      throw error;
    }
  }

  #isFree(jobId: number, isFree: IsFree): boolean {
    const resource = this.#known.resourceOf(jobId);
    return resource === undefined || isFree(resource);
  }

  #byResource(ids: ReadonlySet<number>, swept: readonly string[]): ReadonlyMap<string, Due> {
    const rows = new Map<string, JobRow[]>();
    for (const row of this.#known.rowsOf(ids)) {
      const own = rows.get(row.resource);
      if (own) own.push(row);
      else rows.set(row.resource, [row]);
    }
    return new Map([...rows].map(([name, own]) => [name, { rows: own, isSweep: swept.includes(name) }]));
  }
}
