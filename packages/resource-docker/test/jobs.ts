import { setTimeout as sleep } from 'node:timers/promises';
import type { LaunchSpecification, Resource } from '@user-workspaces/contract';
import { observe, referenceTo } from '../../../test/support/launches.js';

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
