import type { LaunchSpecification } from '@user-workspaces/contract';
import { AdapterError } from '@user-workspaces/contract';
import type { JobClaim } from './claims.js';
import type { SlurmResourceParts } from './parts.js';
import type { Claim } from './records.js';
import { startScript } from './script.js';
import { phaseOf } from './states.js';
import { jobNameOf, NothingSubmitted, type Submission } from './transport.js';

/** How long a submission may be under way: well over the time that an answer may take. */
const doubtMs = 120_000;

/**
 * Starts jobs. A job is submitted held, under a name with the launch key. The first job whose number is written to the key's claim is the launch: it alone is let go, all
 * others are withdrawn and never start. So a key runs once, whatever gets lost, repeated or killed in between; and a key whose claim says "never" does not run at all.
 */
export class Launching {
  constructor(
    private readonly parts: Pick<SlurmResourceParts, 'records' | 'transport' | 'ports' | 'addresses' | 'step'>,
  ) {}

  /** @throws AdapterError `conflict` when the key was stopped before. */
  async launch(specification: LaunchSpecification, options: Submission['options']): Promise<JobClaim> {
    const { records, transport, ports, step } = this.parts;
    const { launchKey } = specification;
    const claim = (await records.claim(launchKey)) ?? (await this.submit(specification, options));
    if (claim.kind === 'never') {
      await ports.free(launchKey);
      throw new AdapterError('conflict', 'The job was stopped before it was launched.');
    }
    if (!(await records.isReleased(launchKey))) {
      await step('launch.release', () =>
        transport.release({ id: claim.id, name: jobNameOf(launchKey), account: specification.account }),
      );
      await step('launch.released', () => records.setReleased(launchKey));
    }
    return claim;
  }

  /** Finds or makes a job for the key, and claims the key with it. */
  private async submit(specification: LaunchSpecification, options: Submission['options']): Promise<Claim> {
    const { records, transport, ports, addresses, step } = this.parts;
    const { launchKey, account } = specification;
    const name = jobNameOf(launchKey);
    const port = specification.session ? await step('launch.port', () => ports.assign(launchKey)) : null;
    const isFirst = await step('launch.intend', () => records.intend(launchKey));
    // In doubt the cluster is asked before anything is submitted again.
    const found = isFirst ? [] : await step('launch.find', () => transport.named(name));
    if (found === null) return this.claimOfAnother(launchKey);
    const [earliest] = [...found].sort((one, other) => one.id - other.id);
    const id =
      earliest?.id ??
      (await step('launch.submit', async () => {
        const script = startScript(specification, port, specification.session ? await addresses.table() : new Map());
        try {
          return await transport.submit({ name, account, script, options });
        } catch (error) {
          if (AdapterError.is(error, 'invalid')) await this.giveUp(specification);
          if (error instanceof NothingSubmitted) await records.unintend(launchKey);
          throw error;
        }
      }));
    const claim = await step('launch.claim', () => records.claimOnce(launchKey, { kind: 'job', id, port }));
    // Somebody else was faster: this job was never let go.
    if (claim.kind === 'never' || claim.id !== id)
      await step('launch.withdraw', () => transport.withdraw({ id, name, account }));
    return claim;
  }

  /** Of a key that somebody has begun to submit where jobs cannot be asked for by their names: it is never submitted again. */
  private async claimOfAnother(launchKey: string): Promise<Claim> {
    const { records } = this.parts;
    const claim = await records.claim(launchKey);
    if (claim) return claim;
    const sinceMs = await records.intendedSinceMs(launchKey);
    if (sinceMs === undefined || sinceMs < doubtMs)
      throw new AdapterError('unavailable', 'The job is being submitted; its answer is awaited.');
    const message =
      'The answer to the submission of the job was lost, and the cluster cannot be asked for it: it is not submitted again. Should it run all the same, it ends at its time limit.';
    throw new AdapterError('invalid', message);
  }

  /** Whether a launch of this key, in whatever process, may yet claim it. */
  async isUnderWay(launchKey: string): Promise<boolean> {
    const sinceMs = await this.parts.records.intendedSinceMs(launchKey);
    return sinceMs !== undefined && sinceMs < doubtMs;
  }

  /** After a refusal: nothing waits under the name, and nothing is kept for it. */
  private async giveUp({ launchKey, account }: LaunchSpecification): Promise<void> {
    const { records, transport, ports } = this.parts;
    // Slurm keeps some of what it refuses in its queue.
    const jobs = (await transport.named(jobNameOf(launchKey))) ?? [];
    for (const job of jobs.filter((each) => phaseOf(each) === 'waiting')) await transport.withdraw({ ...job, account });
    // Unless another call has got further meanwhile.
    if ((await records.claim(launchKey))?.kind === 'job') return;
    await ports.free(launchKey);
    await records.unintend(launchKey);
  }
}
