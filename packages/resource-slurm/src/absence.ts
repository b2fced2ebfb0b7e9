import type { Transport } from './transport.js';

/** Two readings that do not find a job count only when they are at least so far apart. */
const apartMs = 5_000;
/** `MinJobAge` where nobody set it, and where the cluster does not tell it. */
const usualMs = 300_000;
/** How long an answer about the cluster's configuration holds. */
const heldMs = 300_000;

/** A look at the cluster that did not find a job. */
export interface Missing {
  readonly launchKey: string;
  /** When the cluster was asked, by `performance.now()`. */
  readonly askedAtMs: number;
  /** The accounting answers, and has nothing of the job: not even its start. */
  readonly isUnheardOf: boolean;
}

/**
 * When a job that the cluster does not list is gone. The cluster lists each job for a time after its end (`MinJobAge`). One that was listed a moment ago and is missing now has not ended and
 * been forgotten: the controller has lost it, or answers from an older state, and the job may run. So only readings later than that time after it was last listed count, and two of them.
 *
 * When a job was listed is known to this process alone. Of one that it never saw listed, the time begins with the first look that missed it: after a new start, and after another replica, everything is
 * waited for again; no clock of another machine or process is believed.
 */
export class Absence {
  private readonly listedAt = new Map<string, number>();
  /** The first reading that counts. */
  private readonly missingSince = new Map<string, number>();
  private told: { readonly ms: number; readonly atMs: number } | undefined;

  constructor(private readonly transport: Pick<Transport, 'listedAfterEndMs'>) {}

  noteListed(launchKey: string): void {
    this.listedAt.set(launchKey, performance.now());
    this.missingSince.delete(launchKey);
  }

  /** How long the cluster lists a job after its end. */
  async listedMs(signal?: AbortSignal): Promise<number> {
    const nowMs = performance.now();
    if (!this.told || nowMs - this.told.atMs > heldMs) {
      // 0 stands for a cluster that forgets nothing: what is missing there was lost.
      this.told = { ms: (await this.transport.listedAfterEndMs(signal)) || usualMs, atMs: nowMs };
    }
    return this.told.ms;
  }

  /** Whether this look proves that the job is gone. */
  isProved({ launchKey, askedAtMs, isUnheardOf }: Missing, listedMs: number): boolean {
    const listedAtMs = this.listedAt.get(launchKey);
    // A job that nobody ever saw, neither this process nor the accounting, has not ended a short while ago.
    if (listedAtMs === undefined && !isUnheardOf) this.listedAt.set(launchKey, askedAtMs);
    if (askedAtMs - (this.listedAt.get(launchKey) ?? Number.NEGATIVE_INFINITY) < listedMs) return false;
    const sinceMs = this.missingSince.get(launchKey) ?? askedAtMs;
    this.missingSince.set(launchKey, sinceMs);
    return askedAtMs - sinceMs >= apartMs;
  }

  forget(launchKey: string): void {
    this.listedAt.delete(launchKey);
    this.missingSince.delete(launchKey);
  }
}
