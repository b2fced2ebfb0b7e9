import { randomInt } from 'node:crypto';
import { AdapterError } from '@user-workspaces/contract';
import type { Records } from './records.js';

/** The ports of sessions: one per launch, none twice among the launches of a resource, whatever nodes they run on. */
export class Ports {
  constructor(
    private readonly records: Records,
    private readonly range: readonly [from: number, to: number],
  ) {}

  /** The port of a launch, the same one until it is freed, whoever asks and whatever was broken off: a job that was submitted knows no other. */
  async assign(launchKey: string): Promise<number> {
    const { records } = this;
    const assigned = await records.port(launchKey);
    if (assigned !== undefined) return assigned;
    const [from, to] = this.range;
    const count = to - from + 1;
    const first = randomInt(count);
    const taken = await records.takenPorts();
    const all = Array.from({ length: count }, (_, step) => from + ((first + step) % count));
    // What a launch that was broken off has taken comes first.
    for (const port of [...(await records.portsTakenBy(launchKey)), ...all.filter((each) => !taken.has(each))]) {
      if (!(await records.takePort(port, launchKey))) continue;
      const held = await records.portOnce(launchKey, port);
      if (held !== port) await records.freePort(port, launchKey);
      return held;
    }
    throw new AdapterError('unavailable', `All ${count} ports for sessions are in use.`);
  }

  /** Of a launch that needs its port no more: it has ended, or shall never be. */
  async free(launchKey: string): Promise<void> {
    await this.records.freePorts(launchKey);
  }
}
