import type { Resource } from '@user-workspaces/contract';
import type { Schema } from '@user-workspaces/schema';
import { ApiError } from '../../http/api-error.js';
import type { Actor } from '../../records/audit.js';
import { viewUnknownLaunch } from '../../views/administration.js';
import { findUnknownLaunches, type UnknownLaunch } from '../unknown-launches.js';
import type { AdministrationContext } from './context.js';

/** How long a launch that ends is waited for, beyond the time between TERM and KILL. */
const patienceMs = 20_000;
const lookMs = 250;

/** Launches of these resources that no job knows. */
export async function findLaunches(
  { database }: Pick<AdministrationContext, 'database'>,
  resources: Iterable<Resource>,
  signal?: AbortSignal,
): Promise<UnknownLaunch[]> {
  const found: UnknownLaunch[] = [];
  for (const resource of resources) found.push(...(await findUnknownLaunches(database, resource, signal)));
  return found;
}

/** The same, as the API shows them. */
export async function listLaunches(
  context: Pick<AdministrationContext, 'database'>,
  resources: Iterable<Resource>,
  signal?: AbortSignal,
): Promise<Schema<'UnknownLaunchesAnswer'>['data']> {
  return { launches: (await findLaunches(context, resources, signal)).map(viewUnknownLaunch) };
}

/**
 * The launch of this key that no job knows, on whichever of these resources it is.
 *
 * @throws ApiError `not_found`; the error of a resource that could not be asked, if it may be there.
 */
export async function findLaunch(
  { database }: Pick<AdministrationContext, 'database'>,
  resources: Iterable<Resource>,
  launchKey: string,
  signal?: AbortSignal,
): Promise<UnknownLaunch> {
  let failure: unknown = new ApiError(
    'not_found',
    `There is no launch ${launchKey} that no job knows. A job is stopped as a job.`,
  );
  for (const resource of resources) {
    try {
      const launches = await findUnknownLaunches(database, resource, signal);
      const launch = launches.find(({ reference }) => reference.launchKey === launchKey);
      if (launch) return launch;
    } catch (error) {
      signal?.throwIfAborted();
      failure = error;
    }
  }
  throw failure;
}

/**
 * Ends a launch that no job knows, waits until it has ended, and removes what is kept of it, its output included. Again, it goes on where it was interrupted.
 *
 * @throws ApiError `unavailable` when it does not end.
 */
export async function endLaunch(
  { journal, clock }: Pick<AdministrationContext, 'journal' | 'clock'>,
  actor: Actor,
  { resource, reference }: UnknownLaunch,
  graceMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const details = { launch_key: reference.launchKey, resource: resource.name };
  // First: nothing of it is to end untold.
  await journal.transaction((transaction) => transaction.audit(actor, { action: 'launch.end', details }));
  const beganAt = clock.elapsed();
  for (;;) {
    await resource.stop(reference, graceMs, signal);
    const kind = (await resource.observe([reference], signal)).get(reference.launchKey)?.kind;
    if (kind === 'ended' || kind === 'absent') break;
    if (clock.elapsed() - beganAt > graceMs + patienceMs) {
      const message = `The launch ${reference.launchKey} has not ended. Try again.`;
      throw new ApiError('unavailable', message, { headers: { 'Retry-After': '5' } });
    }
    await clock.sleep(lookMs, signal);
    signal?.throwIfAborted();
  }
  await resource.forget(reference, signal);
}
