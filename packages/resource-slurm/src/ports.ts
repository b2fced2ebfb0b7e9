import { randomInt } from 'node:crypto';
import { AdapterError } from '@user-workspaces/contract';
import type { Records } from './records.js';

/** The ports of sessions: one per launch, none twice among the launches of a resource, whatever nodes they run on. */
export class Ports {
  constructor(
    private readonly records: Records,
    private readonly range: readonly [from: number, to: number],
  ) {}

  /** A port of its own for a launch. The same launch may ask again. */
  async assign(launchKey: string): Promise<number> {
    const [from, to] = this.range;
    const count = to - from + 1;
    const first = randomInt(count);
    for (let step = 0; step < count; step++) {
      const port = from + ((first + step) % count);
      if (await this.records.takePort(port, launchKey)) return port;
    }
    throw new AdapterError('unavailable', `All ${count} ports for sessions are in use.`);
  }

  async free(port: number, launchKey: string): Promise<void> {
    await this.records.freePort(port, launchKey);
  }
}
