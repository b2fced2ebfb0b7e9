import type { Account, DatabaseReader, LaunchReference, Observation, Resource } from '@user-workspaces/contract';

/** A launch that a resource keeps and no job knows, as after a backup of the database was restored. */
export interface UnknownLaunch {
  readonly resource: Resource;
  readonly reference: LaunchReference;
  readonly observation: Observation;
}

/** So many keys are looked for in one statement, which reads whole rows. */
const atOnce = 100;

/** Who it was is not known any more; resources that tell their keys need no more than the key. */
const nobody: Account = { name: '', uid: null, gid: null };

/** Launches of a resource that no job of the database knows. None of one that does not tell its keys. */
export async function findUnknownLaunches(
  database: DatabaseReader,
  resource: Resource,
  signal?: AbortSignal,
): Promise<readonly UnknownLaunch[]> {
  // First: whatever is launched has a job before.
  const keys = (await resource.launchKeys?.(signal)) ?? [];
  const unknown: string[] = [];
  for (let first = 0; first < keys.length; first += atOnce) {
    const some = keys.slice(first, first + atOnce);
    const jobs = await database.find('jobs', { where: { launch_key: { in: some } } });
    const known = new Set(jobs.map((job) => job.launch_key));
    unknown.push(...some.filter((key) => !known.has(key)));
  }
  if (unknown.length === 0) return [];
  const references = unknown.map(
    (launchKey): LaunchReference => ({ launchKey, handle: null, account: nobody, workspacePath: '', jobId: 0 }),
  );
  const observations = await resource.observe(references, signal);
  return references.flatMap((reference) => {
    const observation = observations.get(reference.launchKey);
    return observation ? [{ resource, reference, observation }] : [];
  });
}

/** Whether something of it may be at work. */
export function mayRun({ observation: { kind } }: UnknownLaunch): boolean {
  return kind !== 'ended' && kind !== 'absent';
}
