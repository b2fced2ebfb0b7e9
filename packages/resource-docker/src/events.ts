import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from './engine.js';
import { jsonLines } from './lines.js';
import { labels } from './names.js';

const reconnectMs = 1000;

/** Something that happened to a job's container. */
export interface ContainerEvent {
  readonly launchKey: string;
  readonly containerId: string;
  /** `start`, `die`, `oom`, … */
  readonly action: string;
}

/** Follows what the engine says of jobs, from the making to {@link close}; after a break it asks for what was missed. */
export class EngineEvents {
  private readonly closing = new AbortController();
  /** At first everything that the engine still remembers: what happened while no server ran. */
  private since = '0';

  constructor(
    private readonly engine: Engine,
    private readonly happened: (event: ContainerEvent) => void,
  ) {
    void this.run();
  }

  close(): void {
    this.closing.abort();
  }

  private async run(): Promise<void> {
    const { signal } = this.closing;
    while (!signal.aborted) {
      try {
        await this.follow(signal);
      } catch {
        // The engine is away: what happens meanwhile is found by observations, and told when it is back.
      }
      await sleep(reconnectMs, undefined, { signal }).catch(() => undefined);
    }
  }

  private async follow(signal: AbortSignal): Promise<void> {
    const filters = JSON.stringify({ type: ['container'], label: [labels.key, `${labels.role}=job`] });
    const stream = await this.engine.open('/events', { filters, since: this.since }, signal);
    const end = () => stream.destroy();
    signal.addEventListener('abort', end, { once: true });
    try {
      for await (const { Action, Actor, timeNano } of jsonLines(stream)) {
        if (typeof timeNano === 'number') this.since = (timeNano / 1e9).toFixed(9);
        const { ID, Attributes } = { ID: undefined, Attributes: undefined, ...(isObject(Actor) ? Actor : {}) };
        const launchKey = isObject(Attributes) ? Attributes[labels.key] : undefined;
        if (typeof Action !== 'string' || typeof ID !== 'string' || typeof launchKey !== 'string') continue;
        this.happened({ launchKey, containerId: ID, action: Action.split(':')[0] ?? Action });
      }
    } finally {
      signal.removeEventListener('abort', end);
      stream.destroy();
    }
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
