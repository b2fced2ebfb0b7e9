import type { LaunchEnd, LaunchReference, Observation, SessionAddress } from '@user-workspaces/contract';
import { AdapterError } from '@user-workspaces/contract';
import { hoursOf, isLaunchKey } from '@user-workspaces/launch';
import { Absence } from './absence.js';
import { claimOf, type JobClaim, launchedOf, wantedOf } from './claims.js';
import type { SlurmResourceParts } from './parts.js';
import type { Claim } from './records.js';
import { outputName } from './script.js';
import { findSession } from './sessions.js';
import { endOf, endOfJob, isImpossible, phaseOf, reasonInWords } from './states.js';
import { type ClusterJob, type JobReference, jobNameOf } from './transport.js';
import { openJobFile } from './workspace-files.js';

/** Launches up to which the cluster is asked about them alone. */
const few = 50;
/** How many launches are looked at together. */
const lookAtOnce = 32;

/** Finds out what has become of launches: one list of the cluster's jobs for all of them, and one look into its accounting for those that are not on it. */
export class Observing {
  private readonly absence: Absence;
  private readonly sessions = new Map<string, { readonly node: string; readonly session: SessionAddress }>();

  constructor(
    private readonly parts: Pick<SlurmResourceParts, 'records' | 'transport' | 'ports' | 'addresses' | 'step'>,
  ) {
    this.absence = new Absence(parts.transport);
  }

  async observe(launches: readonly LaunchReference[], signal?: AbortSignal): Promise<ReadonlyMap<string, Observation>> {
    signal?.throwIfAborted();
    const answers = new Map<string, Observation>();
    if (launches.length === 0) return answers;
    const { transport, step } = this.parts;
    const jobs = new Map<string, ClusterJob[]>();
    /** Why nothing is known of single jobs, by their names. */
    const unanswered = new Map<string, string>();
    const known = launches.filter(({ launchKey }) => isLaunchKey(launchKey));
    const names = known.length > few ? [] : known.map(({ launchKey }) => jobNameOf(launchKey));
    const askedAtMs = performance.now();
    try {
      const listed = await step('observe.list', () =>
        transport.list(
          () => this.wanted(known),
          signal,
          names,
          ({ name }, why) => void unanswered.set(name, why),
        ),
      );
      for (const job of listed) {
        jobs.set(job.name, [...(jobs.get(job.name) ?? []), job]);
      }
    } catch (error) {
      signal?.throwIfAborted();
      const reason = AdapterError.is(error) ? error.message : `The cluster cannot be asked: ${String(error)}`;
      return new Map(
        launches.map(({ launchKey }) => [
          launchKey,
          isLaunchKey(launchKey) ? { kind: 'unknown', reason } : { kind: 'absent' },
        ]),
      );
    }
    const readClaim = await this.parts.records.claims();
    const missing: { launch: LaunchReference; claim: JobClaim }[] = [];
    const look = async (launch: LaunchReference): Promise<void> => {
      const { launchKey } = launch;
      const why = unanswered.get(jobNameOf(launchKey));
      if (why !== undefined) return void answers.set(launchKey, { kind: 'unknown', reason: why });
      const answer = await this.observeOne(launch, jobs.get(jobNameOf(launchKey)) ?? [], readClaim).catch(
        (error: unknown): Observation => ({
          kind: 'unknown',
          reason: `The job cannot be looked at: ${error instanceof Error ? error.message : String(error)}`,
        }),
      );
      if ('missing' in answer) missing.push({ launch, claim: answer.missing });
      else answers.set(launchKey, answer);
    };
    const unique = [...new Map(launches.map((launch) => [launch.launchKey, launch])).values()];
    for (let first = 0; first < unique.length; first += lookAtOnce) {
      signal?.throwIfAborted();
      await Promise.all(unique.slice(first, first + lookAtOnce).map(look));
    }
    for (const [launchKey, answer] of await this.lookUp(missing, askedAtMs, signal)) answers.set(launchKey, answer);
    return answers;
  }

  private async wanted(launches: readonly LaunchReference[]): Promise<JobReference[]> {
    const { records } = this.parts;
    return (await Promise.all(launches.map((launch) => wantedOf(records, launch)))).filter((job) => job !== undefined);
  }

  private async observeOne(
    launch: LaunchReference,
    jobs: readonly ClusterJob[],
    readClaim: (launchKey: string) => Promise<Claim | undefined>,
  ): Promise<Observation | { readonly missing: JobClaim }> {
    const { records, transport } = this.parts;
    const { launchKey } = launch;
    if (!isLaunchKey(launchKey)) return { kind: 'absent' };
    const claim = await claimOf(records, launch, jobs, readClaim);
    for (const job of jobs) {
      const isLeftOver = claim && !(claim.kind === 'job' && claim.id === job.id) && phaseOf(job) === 'waiting';
      if (isLeftOver) await transport.withdraw({ ...job, account: launch.account });
    }
    if (claim?.kind !== 'job') return { kind: 'absent' };
    const job = jobs.find(({ id }) => id === claim.id);
    // A job that waits has no end: what is withdrawn is out of the queue before its end is written down.
    const end = job && phaseOf(job) === 'waiting' ? undefined : await records.end(launchKey);
    if (end) return { kind: 'ended', ...launchedOf(claim), ...end };
    if (!job) return { missing: claim };
    this.absence.noteListed(launchKey);
    return this.observationOf(launch, claim, job);
  }

  private async observationOf(launch: LaunchReference, claim: JobClaim, job: ClusterJob): Promise<Observation> {
    const { records, transport, ports } = this.parts;
    const { launchKey } = launch;
    const named = launchedOf(claim);
    const phase = phaseOf(job);
    if (phase === 'ended') return { kind: 'ended', ...named, ...(await this.finish(launch, job)) };
    if (phase === 'waiting') {
      const reason = reasonInWords(job.reason);
      if (isImpossible(job.reason)) {
        await transport.withdraw({ ...job, account: launch.account });
        const end: LaunchEnd = {
          endedAtMs: Date.now(),
          startedAtMs: null,
          exitCode: null,
          signal: null,
          cause: 'launch_failed',
          reason: `The cluster can never start the job. ${reason}`,
          coreHours: 0,
          gpuHours: 0,
        };
        const first = await records.endOnce(launchKey, end);
        await ports.free(launchKey);
        return { kind: 'ended', ...named, ...first };
      }
      return {
        kind: 'pending',
        ...named,
        reason,
        ...(job.startedAtMs !== null && { expectedStartAtMs: job.startedAtMs }),
      };
    }
    return {
      kind: 'running',
      ...named,
      startedAtMs: job.startedAtMs ?? job.submittedAtMs,
      endsAtMs: endOf(job),
      ...hoursOf(job, Date.now()),
      ...(launch.session && (await this.sessionOf(launch, launch.session.secret, claim, job))),
    };
  }

  private async sessionOf(launch: LaunchReference, secret: string, { port }: JobClaim, job: ClusterJob) {
    const { launchKey } = launch;
    const node = job.node ?? '';
    if (node === '') return { sessionProblem: 'The cluster has not said yet on which node the job runs.' };
    const known = this.sessions.get(launchKey);
    if (known?.node === node) return { session: known.session };
    const found = await findSession(launch, secret, await this.parts.addresses.hostOf(node), port);
    if ('session' in found) this.sessions.set(launchKey, { node, session: found.session });
    return found;
  }

  /** Writes down for ever how a job ended. */
  private async finish(launch: LaunchReference, job: ClusterJob): Promise<LaunchEnd> {
    const { records, ports } = this.parts;
    const { launchKey } = launch;
    const [wasStopped, output] = await Promise.all([
      records.isStopped(launchKey),
      openJobFile(launch, outputName).catch(() => undefined),
    ]);
    // What cannot be looked at is no proof that nothing was begun.
    const hasOutput = output !== 'is not there yet';
    if (typeof output === 'object') await output.close();
    const end = await records.endOnce(launchKey, endOfJob(job, wasStopped, hasOutput));
    await ports.free(launchKey);
    this.forget(launchKey);
    return end;
  }

  /** What has become of jobs that the cluster does not list any more: the accounting knows, or {@link Absence} says that they are gone. */
  private async lookUp(
    missing: readonly { launch: LaunchReference; claim: JobClaim }[],
    askedAtMs: number,
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, Observation>> {
    const answers = new Map<string, Observation>();
    if (missing.length === 0) return answers;
    const { transport, ports, step } = this.parts;
    let past: readonly ClusterJob[] | null;
    let listedMs: number;
    try {
      const ids = missing.map(({ claim }) => claim.id);
      past = await step('observe.history', () => transport.history(ids, signal));
      listedMs = await this.absence.listedMs(signal);
    } catch (error) {
      signal?.throwIfAborted();
      const reason = AdapterError.is(error) ? error.message : `The accounting cannot be asked: ${String(error)}`;
      return new Map(missing.map(({ launch }) => [launch.launchKey, { kind: 'unknown', reason }]));
    }
    const reason =
      'The cluster does not list the job, and no accounting has its end; it is gone when it is still missing later.';
    for (const { launch, claim } of missing) {
      const { launchKey } = launch;
      const job = past?.find(({ id, name }) => id === claim.id && name === jobNameOf(launchKey));
      if (job && phaseOf(job) === 'ended') {
        answers.set(launchKey, { kind: 'ended', ...launchedOf(claim), ...(await this.finish(launch, job)) });
        continue;
      }
      if (this.absence.isProved({ launchKey, askedAtMs, isUnheardOf: past !== null && !job }, listedMs)) {
        await ports.free(launchKey);
        answers.set(launchKey, { kind: 'absent' });
      } else answers.set(launchKey, { kind: 'unknown', reason });
    }
    return answers;
  }

  /** Forgets what was remembered of a launch. */
  forget(launchKey: string): void {
    this.sessions.delete(launchKey);
    this.absence.forget(launchKey);
  }
}
