import { setTimeout as sleep } from 'node:timers/promises';
import type { LaunchSpecification, Observation, Resource } from '@user-workspaces/contract';
import { observe } from '../../../test/support/launches.js';

/** Observes until it is of this kind, and fails when it is `absent` meanwhile or at once when it has ended instead. */
export async function until<K extends Observation['kind']>(
  resource: Resource,
  specification: LaunchSpecification,
  kind: K,
) {
  for (let tries = 0; tries < 600; tries++) {
    const seen = await observe(resource, specification);
    if (seen.kind === kind) return seen as Extract<Observation, { kind: K }>;
    if (seen.kind === 'absent' || seen.kind === 'ended') throw new Error(`Instead of ${kind}: ${JSON.stringify(seen)}`);
    await sleep(200);
  }
  throw new Error(`Never ${kind}.`);
}
