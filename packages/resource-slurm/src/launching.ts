import type { LaunchSpecification } from '@user-workspaces/contract';
import { AdapterError } from '@user-workspaces/contract';
import type { JobClaim } from './claims.js';
import type { SlurmResourceParts } from './parts.js';
import type { Claim } from './records.js';
import { startScript } from './script.js';
import { phaseOf } from './states.js';
import { type JobReference, jobNameOf, NothingSubmitted, type Submission } from './transport.js';

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
    const { records, ports, step } = this.parts;
    const { launchKey, account } = specification;
    const known = await records.claim(launchKey);
    const { claim, isOurs } = known ? { claim: known, isOurs: false } : await this.submit(specification, options);
    if (claim.kind === 'never') {
      await ports.free(launchKey);
      throw new AdapterError('conflict', 'The job was stopped before it was launched.');
    }
    if (await records.isReleased(launchKey)) return claim;
    const job = { id: claim.id, name: jobNameOf(launchKey), account };
    const phase = isOurs ? 'waiting' : await this.phaseOfClaimed(job);
    // It is not submitted again, since nobody knows whether it ran: who looks for it finds it absent, and the server calls it lost.
    if (phase === undefined) return claim;
    if (phase === 'waiting') await step('launch.release', () => this.parts.transport.release(job));
    await step('launch.released', () => records.setReleased(launchKey));
    return claim;
  }

  /** How far a job is of which only the claim tells. Nothing where it is not there: a scheduler that crashed may have lost it, and have given its number to somebody else's. */
  private async phaseOfClaimed({ id, name }: JobReference): Promise<ReturnType<typeof phaseOf> | undefined> {
    const { transport, step } = this.parts;
    const jobs = await step('launch.look', () => transport.named(name));
    // Where jobs cannot be asked for by their names nothing is held.
    if (jobs === null) return 'running';
    const found = jobs.find((job) => job.id === id && job.name === name);
    return found && phaseOf(found);
  }

  /** Finds or makes a job for the key, and claims the key with it. */
  private async submit(
    specification: LaunchSpecification,
    options: Submission['options'],
  ): Promise<{ readonly claim: Claim; readonly isOurs: boolean }> {
    const { records, transport, ports, addresses, step } = this.parts;
    const { launchKey, account } = specification;
    const name = jobNameOf(launchKey);
    const port = specification.session ? await step('launch.port', () => ports.assign(launchKey)) : null;
    const isFirst = await step('launch.intend', () => records.intend(launchKey));
    // In doubt the cluster is asked before anything is submitted again.
    const found = isFirst ? [] : await step('launch.find', () => transport.named(name));
    if (found === null) return { claim: await this.claimOfAnother(launchKey), isOurs: false };
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
    const isOurs = claim.kind === 'job' && claim.id === id;
    // Somebody else was faster: this job was never let go.
    if (!isOurs) await step('launch.withdraw', () => transport.withdraw({ id, name, account }));
    return { claim, isOurs };
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
