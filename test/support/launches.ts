import { randomBytes } from 'node:crypto';
import type { LaunchReference, LaunchSpecification, Observation, Resource } from '@user-workspaces/contract';
import type { ResourceWorld } from '@user-workspaces/testkit';

let jobs = 0;

/** A job of a shell script. */
export function specificationOf(
  { account, workspacePath }: Pick<ResourceWorld, 'account' | 'workspacePath'>,
  script: string,
  changes: Partial<LaunchSpecification> = {},
): LaunchSpecification {
  return {
    launchKey: randomBytes(16).toString('hex'),
    jobId: ++jobs,
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

export function referenceTo(specification: LaunchSpecification): LaunchReference {
  return { ...specification, handle: null };
}

export async function observe(resource: Resource, specification: LaunchSpecification): Promise<Observation> {
  const seen = (await resource.observe([referenceTo(specification)])).get(specification.launchKey);
  if (!seen) throw new Error('The launch was not answered.');
  return seen;
}
