import { AdapterError } from '@user-workspaces/contract';
import { labels } from './names.js';

type Labels = Readonly<Record<string, string>>;

export function isOf(owner: string, { labels: found }: { readonly labels: Labels }): boolean {
  return found[labels.owner] === owner;
}

/**
 * Before anything of a container is changed: a server on a copy of the database knows the same launch keys.
 *
 * @throws AdapterError `conflict` when the container is another owner's.
 */
export function requireOwn(owner: string, container: { readonly labels: Labels }): void {
  if (isOf(owner, container)) return;
  const theirs = container.labels[labels.owner] ?? '';
  const message = `The job's container on the engine belongs to another server: its owner is "${theirs}", this server's is "${owner}". If both are the same server, set the resource's "owner" to the first.`;
  throw new AdapterError('conflict', message);
}
