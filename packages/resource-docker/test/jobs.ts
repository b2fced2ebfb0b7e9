import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LaunchReference, LaunchSpecification, Observation, Resource } from '@user-workspaces/contract';
import type { ResourceWorld } from '@user-workspaces/testkit';

let jobs = 0;

export function job(
  world: Pick<ResourceWorld, 'account' | 'workspacePath'>,
  script: string,
  changes: Partial<LaunchSpecification> = {},
): LaunchSpecification {
  return {
    launchKey: randomBytes(16).toString('hex'),
    jobId: ++jobs,
    account: world.account,
    workspacePath: world.workspacePath,
    command: ['/bin/sh', '-c', script],
    files: [],
    environment: {},
    limits: {},
    options: {},
    ...changes,
  };
}

export const referenceTo = (specification: LaunchSpecification): LaunchReference => ({
  ...specification,
  handle: null,
});

export async function observe(resource: Resource, specification: LaunchSpecification): Promise<Observation> {
  const seen = (await resource.observe([referenceTo(specification)])).get(specification.launchKey);
  if (!seen) throw new Error('The launch was not answered.');
  return seen;
}

export async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 400; tries += 1) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(100);
  }
  throw new Error(`Never came true: ${look}`);
}

export const ended = (resource: Resource, specification: LaunchSpecification) =>
  until(async () => {
    const seen = await observe(resource, specification);
    return seen.kind === 'ended' ? seen : undefined;
  });

export async function outputOf(resource: Resource, specification: LaunchSpecification): Promise<string> {
  let text = '';
  for await (const { content } of resource.logs(referenceTo(specification), { fromByte: 0, follow: false })) {
    text += Buffer.from(content).toString();
  }
  return text;
}
