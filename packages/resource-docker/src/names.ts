import { createHash } from 'node:crypto';

/** Labels of everything that this adapter makes on an engine. None holds a secret: who may use the engine can read them. */
export const labels = {
  /** The launch key. */
  key: 'user-workspaces.launch-key',
  /** `job`, or `limit` for what ends a job at its time limit. */
  role: 'user-workspaces.role',
  /** Whose it is: only the owner starts, stops and removes it. */
  owner: 'user-workspaces.owner',
  /** Hash of all that a job's container was made from. */
  specification: 'user-workspaces.specification',
  cpus: 'user-workspaces.cpus',
  /** Minutes. */
  timeLimit: 'user-workspaces.time-limit',
  /** Of several time limits the one with the highest number holds. */
  number: 'user-workspaces.number',
  /** Tells who made a mark first. */
  maker: 'user-workspaces.maker',
} as const;

/** A second container of this name is refused by the engine: that makes a launch happen once. */
export function containerName(launchKey: string): string {
  return `uws-${launchKey}`;
}

export function limitName(launchKey: string, number: number): string {
  return `uws-${launchKey}-limit-${number}`;
}

/** The volume that says, also after a crash, that a launch was asked to end: one for each owner, so that nobody is stopped by another. */
export function stopMarkName(launchKey: string, owner: string): string {
  return `uws-${launchKey}-stop-${createHash('sha256').update(owner).digest('hex').slice(0, 16)}`;
}

/** A number for `resource_job_id`: the first 28 bits of the container's id. */
export function numberOf(containerId: string): number {
  return Number.parseInt(containerId.slice(0, 7), 16);
}
