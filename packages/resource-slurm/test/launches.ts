import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LaunchReference, LaunchSpecification, Observation, Resource } from '@user-workspaces/contract';
import type { SlurmWorld } from './world.js';

let jobs = 0;

/** A job of a shell script. */
export function specificationOf(
  world: SlurmWorld,
  script: string,
  changes: Partial<LaunchSpecification> = {},
): LaunchSpecification {
  const { account, workspacePath } = world;
  jobs += 1;
  return {
    launchKey: randomBytes(16).toString('hex'),
    jobId: jobs,
    account,
    workspacePath,
    command: ['/bin/sh', '-c', script],
    files: [],
    environment: {},
    limits: {},
    options: {},
    ...changes,
  };
}

export function referenceTo({ launchKey, account, workspacePath, jobId }: LaunchSpecification): LaunchReference {
  return { launchKey, handle: null, account, workspacePath, jobId };
}

export async function observe(resource: Resource, specification: LaunchSpecification): Promise<Observation> {
  const seen = (await resource.observe([referenceTo(specification)])).get(specification.launchKey);
  if (!seen) throw new Error('The launch was not answered.');
  return seen;
}

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
