import type { Launched, LaunchReference } from '@user-workspaces/contract';
import type { Claim, Records } from './records.js';
import { type ClusterJob, type JobReference, jobNameOf } from './transport.js';

export type JobClaim = Extract<Claim, { kind: 'job' }>;

/** The claim of a launch. A job whose records are gone though it was launched is taken up again, if the cluster still has it among these. */
export async function claimOf(
  records: Records,
  { launchKey, handle }: LaunchReference,
  jobs: readonly ClusterJob[],
  read: (launchKey: string) => Promise<Claim | undefined> = (key) => records.claim(key),
): Promise<Claim | undefined> {
  const claim = await read(launchKey);
  if (claim) return claim;
  const job = handle === null ? undefined : jobs.find(({ id }) => String(id) === handle);
  return job && records.claimOnce(launchKey, { kind: 'job', id: job.id, port: null });
}

/** The job of a launch that may still have to be asked for; none for one that has ended or was never submitted. */
export async function wantedOf(records: Records, launch: LaunchReference): Promise<JobReference | undefined> {
  const { launchKey, handle, account } = launch;
  const claim = await records.claim(launchKey);
  if (claim?.kind === 'never' || (await records.end(launchKey))) return undefined;
  const id = claim?.id ?? Number(handle ?? Number.NaN);
  return Number.isInteger(id) ? { id, name: jobNameOf(launchKey), account } : undefined;
}

export function launchedOf({ id }: JobClaim): Launched {
  return { handle: String(id), resourceJobId: id };
}
