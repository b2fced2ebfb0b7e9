import type { ResourceEntry } from '../options.js';

/** The shortest time between two looks at everything that runs on a resource. */
const shortestMs = { push: 15_000, poll: 2_000 } as const;

/** The longest time after which a job's end is noticed. */
const longestMs = 30_000;

/**
 * The part of the time that looking at a resource may take, while its jobs change and while nothing does: one with many thousands of jobs is asked less often than
 * one with ten, and one that answers slowly is left in peace.
 */
const share = { moving: 1 / 20, quiet: 1 / 40 } as const;

/** When everything that runs on a resource is observed, even if nothing seems to move. */
export class SweepTimes {
  readonly #resources: ReadonlyMap<string, ResourceEntry>;
  readonly #lastMs = new Map<string, number>();
  readonly #nextMs = new Map<string, number>();
  readonly #tookMs = new Map<string, number>();
  readonly #moving = new Set<string>();

  constructor(resources: ReadonlyMap<string, ResourceEntry>) {
    this.#resources = resources;
  }

  /** The resources that are to be swept now, of those that are free for it. */
  begin(nowMs: number, isFree: (name: string) => boolean): readonly string[] {
    const due = [...this.#resources.keys()].filter((name) => isFree(name) && (this.#nextMs.get(name) ?? 0) <= nowMs);
    for (const name of due) {
      this.#lastMs.set(name, nowMs);
      this.#nextMs.set(name, nowMs + this.#pauseMs(name, this.#moving.delete(name) ? 'moving' : 'quiet'));
    }
    return due;
  }

  /** Everything is to be swept at once: the times that were kept mean nothing any more. */
  startAnew(): void {
    this.#lastMs.clear();
    this.#nextMs.clear();
  }

  /** How long a resource took to answer for all its jobs. */
  took(name: string, tookMs: number): void {
    this.#tookMs.set(name, tookMs);
  }

  /** A job of this resource has changed: more may follow. */
  moved(name: string, nowMs: number): void {
    this.#moving.add(name);
    const [lastMs, nextMs] = [this.#lastMs.get(name), this.#nextMs.get(name)];
    if (lastMs === undefined || nextMs === undefined) return;
    const soonMs = Math.max(nowMs + this.#shortestMs(name), lastMs + this.#pauseMs(name, 'moving'));
    this.#nextMs.set(name, Math.min(nextMs, soonMs));
  }

  /** When the next sweep is due, of the resources that are free for it. */
  earliestMs(isFree: (name: string) => boolean): number {
    return Math.min(...[...this.#nextMs].filter(([name]) => isFree(name)).map(([, nextMs]) => nextMs));
  }

  #pauseMs(name: string, motion: keyof typeof share): number {
    return Math.max(this.#shortestMs(name), Math.min(longestMs, (this.#tookMs.get(name) ?? 0) / share[motion]));
  }

  #shortestMs(name: string): number {
    return shortestMs[this.#resources.get(name)?.resource.capabilities.push ? 'push' : 'poll'];
  }
}
