import { hasEnded, type ListedContainer, listLaunches } from './containers.js';
import { timeOf } from './ending.js';
import type { Engine } from './engine.js';
import type { StopMarks } from './marks.js';
import { labels } from './names.js';

const dayMs = 24 * 60 * 60 * 1000;
const sweepMs = 60 * 60 * 1000;
/** How long the server has for taking in the ends that it was told, the output included, before they may go. */
const takingInMs = 60_000;

/** Removes what this owner's launches left behind and nobody asks for any more. What others have made is not touched. */
export class Remains {
  private timer: NodeJS.Timeout | undefined;
  private first: NodeJS.Timeout | undefined;

  constructor(
    private readonly engine: Engine,
    private readonly marks: StopMarks,
    private readonly owner: string,
    private readonly keptDays: number,
  ) {}

  /** Looks every hour. Not now: what ended while no server ran has not been read yet, however long ago that was. */
  begin(): void {
    this.timer = setInterval(() => this.sweep(), sweepMs).unref();
  }

  /** The server was told what has become of its launches: a first look follows soon. */
  endsAreTold(): void {
    this.first ??= setTimeout(() => this.sweep(), takingInMs).unref();
  }

  close(): void {
    clearInterval(this.timer);
    clearTimeout(this.first);
  }

  private sweep(): void {
    void this.remove().catch(() => undefined); // The next look tries again.
  }

  /** @returns How many containers and marks were removed. */
  async remove(): Promise<number> {
    const oldest = Date.now() - this.keptDays * dayMs;
    let removed = 0;
    for (const { job, limits } of (await listLaunches(this.engine, [`${labels.owner}=${this.owner}`])).values()) {
      // The limit of a job tells how it ended: both go together.
      const isStale = job ? await this.isStale(job, oldest) : limits.every(({ createdAtMs }) => createdAtMs < oldest);
      const stale = isStale ? [...limits, ...(job ? [job] : [])] : [];
      for (const { id } of stale) {
        await this.engine.find((docker) => docker.getContainer(id).remove({ v: true, force: true }));
        removed += 1;
      }
    }
    return removed + (await this.removeMarks(oldest));
  }

  private async isStale(job: ListedContainer, oldest: number): Promise<boolean> {
    if (job.createdAtMs >= oldest) return false;
    if (job.state === 'created') return true;
    if (!hasEnded(job)) return false;
    const found = await this.engine.find((docker) => docker.getContainer(job.id).inspect());
    const endedAtMs = timeOf(found?.State.FinishedAt ?? '');
    return endedAtMs !== null && endedAtMs < oldest;
  }

  private async removeMarks(oldest: number): Promise<number> {
    const filters = JSON.stringify({ label: [labels.key, `${labels.owner}=${this.owner}`] });
    const { Volumes = [] } = await this.engine.ask((docker) => docker.listVolumes({ filters }));
    let removed = 0;
    for (const volume of Volumes ?? []) {
      const madeAtMs = 'CreatedAt' in volume ? timeOf(String(volume.CreatedAt)) : null;
      const launchKey = volume.Labels?.[labels.key];
      if (launchKey === undefined || madeAtMs === null || madeAtMs >= oldest) continue;
      await this.marks.remove(launchKey);
      removed += 1;
    }
    return removed;
  }
}
