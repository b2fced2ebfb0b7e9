import type { LaunchReference } from '@user-workspaces/contract';
import { claimOf, wantedOf } from './claims.js';
import type { SlurmResourceParts } from './parts.js';
import { phaseOf } from './states.js';
import { jobNameOf } from './transport.js';

/** Stops jobs: one that waits is taken out of the queue; one that runs gets a TERM first, and a KILL when it was first asked to stop long enough ago. */
export class Stopping {
  constructor(private readonly parts: Pick<SlurmResourceParts, 'records' | 'transport' | 'ports' | 'step'>) {}

  async stop(launch: LaunchReference, graceMs: number): Promise<void> {
    const { records, transport, ports, step } = this.parts;
    const { launchKey } = launch;
    let known = await records.claim(launchKey);
    if (!known && launch.handle === null) {
      known = await step('stop.never', () => records.claimOnce(launchKey, { kind: 'never' }));
    }
    if (known?.kind === 'never') return ports.free(launchKey);
    if (await records.end(launchKey)) return;
    const wanted = async () => {
      const job = await wantedOf(records, launch);
      return job ? [job] : [];
    };
    const jobName = jobNameOf(launchKey);
    const listed = await step('stop.list', () => transport.list(wanted, undefined, [jobName]));
    const jobs = listed.filter(({ name }) => name === jobName);
    const claim = await claimOf(records, launch, jobs);
    const found = claim?.kind === 'job' ? jobs.find(({ id }) => id === claim.id) : undefined;
    if (!found) return;
    const phase = phaseOf(found);
    const job = { ...found, account: launch.account };
    if (phase === 'ended') return;
    const sinceMs = await step('stop.mark', () => records.stoppedSinceMs(launchKey));
    if (phase === 'waiting') {
      await step('stop.withdraw', () => transport.withdraw(job));
      return;
    }
    if (sinceMs >= graceMs) {
      await step('stop.kill', () => transport.signal(job, 'KILL'));
      return;
    }
    // Once only: some programs take a second TERM for impatience. One that was not delivered before a crash is sent again.
    if (await records.isTerminated(launchKey)) return;
    await step('stop.signal', () => transport.signal(job, 'TERM'));
    await records.markTerminated(launchKey);
  }
}
