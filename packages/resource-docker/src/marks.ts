import { randomUUID } from 'node:crypto';
import type { Engine } from './engine.js';
import { labels, stopMarkName } from './names.js';

/**
 * Marks of launches that were asked to end: empty volumes, which the engine keeps over its own end and the server's, makes once however often it is asked, and
 * can make without an image, also for a key that was never launched.
 */
export class StopMarks {
  private readonly maker = randomUUID();
  /** When this process knows a launch to have been asked to end first, by a clock that nobody sets. */
  private readonly askedAt = new Map<string, number>();

  constructor(
    private readonly engine: Engine,
    private readonly owner: string,
  ) {}

  /** Marks the launch. @returns Milliseconds since it was marked first. */
  async make(launchKey: string, signal?: AbortSignal): Promise<number> {
    const known = this.askedAt.get(launchKey);
    if (known !== undefined) return performance.now() - known;
    const nowMs = performance.now();
    await this.engine.ask(
      (docker) =>
        docker.createVolume({
          Name: stopMarkName(launchKey, this.owner),
          Labels: { [labels.key]: launchKey, [labels.owner]: this.owner, [labels.maker]: this.maker },
        }),
      signal,
    );
    const ageMs = await this.ageMs(launchKey, signal);
    this.askedAt.set(launchKey, nowMs - ageMs);
    return ageMs;
  }

  async has(launchKey: string, signal?: AbortSignal): Promise<boolean> {
    if (this.askedAt.has(launchKey)) return true;
    return (await this.find(launchKey, signal)) !== undefined;
  }

  async remove(launchKey: string, signal?: AbortSignal): Promise<void> {
    this.askedAt.delete(launchKey);
    await this.engine.find((docker) => docker.getVolume(stopMarkName(launchKey, this.owner)).remove(), signal);
  }

  private find(launchKey: string, signal?: AbortSignal) {
    return this.engine.find((docker) => docker.getVolume(stopMarkName(launchKey, this.owner)).inspect(), signal);
  }

  /** Both times are the engine's own; it tells that of the mark in whole seconds, so the age may be a second less than it seems. */
  private async ageMs(launchKey: string, signal?: AbortSignal): Promise<number> {
    const volume = await this.find(launchKey, signal);
    if (volume?.Labels?.[labels.maker] === this.maker) return 0;
    const madeAt = volume && 'CreatedAt' in volume ? Date.parse(String(volume.CreatedAt)) : Number.NaN;
    const ageMs = (await this.engine.nowMs(signal)) - madeAt - 1000;
    return Number.isFinite(ageMs) ? Math.max(0, ageMs) : 0;
  }
}
