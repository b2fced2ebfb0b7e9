import { readFile } from 'node:fs/promises';
import type {
  Health,
  LaunchEnd,
  Launched,
  LaunchReference,
  LaunchSpecification,
  LogChunk,
  LogRange,
  Observation,
  Resource,
  ResourceCapabilities,
  SessionAddress,
} from '@user-workspaces/contract';
import { AdapterError } from '@user-workspaces/contract';
import { answering, isLaunchKey, requireValid } from '@user-workspaces/launch';
import { requireAccount } from './account.js';
import { checkDetails, type JobDefaults, optionsOf } from './job-options.js';
import { readOutput } from './logs.js';
import type { NodeAddresses } from './node-addresses.js';
import type { Ports } from './ports.js';
import type { Claim, Records } from './records.js';
import { outputName, startScript } from './script.js';
import { findSession } from './sessions.js';
import { coreHoursOf, endOf, endOfJob, impossible, phaseOf, reasonInWords } from './states.js';
import { type ClusterJob, jobNameOf, type Transport } from './transport.js';
import { openJobFile, removeJobFile } from './workspace-files.js';

/** Two readings that do not find a job count only when they are at least so far apart. */
const missingMs = 5_000;
/** Who follows an output reads of the end in the records, where each look of the server notes it; the cluster itself is asked only so often. */
const askEndMs = 5_000;
/** How many launches are looked at together. */
const lookAtOnce = 32;

type JobClaim = Extract<Claim, { kind: 'job' }>;

/** Runs an effect on the outside between two marks of its name. */
export type Step = <T>(name: string, effect: () => Promise<T>) => Promise<T>;

/** The parts of a Slurm resource, as `createSlurmResource` puts them together. */
export interface SlurmResourceParts {
  readonly name: string;
  readonly sessionHost: string;
  readonly transport: Transport;
  readonly records: Records;
  readonly ports: Ports;
  readonly addresses: NodeAddresses;
  readonly defaults: JobDefaults;
  readonly step: Step;
}

/**
 * Runs jobs on a Slurm cluster.
 *
 * A job is submitted held, under a name with the launch key. The first job whose number is written to the key's claim is the launch: it alone is let go, all others are
 * withdrawn and never start. So a key runs once, whatever gets lost, repeated or killed in between; and a key whose claim says "never" does not run at all.
 */
export class SlurmResource implements Resource {
  readonly name: string;
  readonly kind = 'slurm';
  readonly sessionHost: string;
  readonly capabilities: ResourceCapabilities = {
    extend: true,
    push: false,
    limits: {
      time: 'enforced by the cluster, in whole minutes',
      memory: 'enforced by the cluster as it is configured (control groups)',
      cpu: 'enforced by the cluster as it is configured',
    },
  };
  /** When a job was first not found where it should be, by `performance.now()`. */
  private readonly missingSince = new Map<string, number>();
  private readonly sessions = new Map<string, { readonly node: string; readonly session: SessionAddress }>();

  constructor(private readonly parts: SlurmResourceParts) {
    this.name = parts.name;
    this.sessionHost = parts.sessionHost;
  }

  checkDetails(details: Readonly<Record<string, unknown>>, where: string): void {
    checkDetails(this.parts.defaults, details, where);
  }

  async launch(specification: LaunchSpecification, signal?: AbortSignal): Promise<Launched> {
    signal?.throwIfAborted();
    requireValid(specification, outputName);
    requireAccount(specification.account);
    const options = optionsOf(specification, this.parts.defaults);
    const claim = await abortable(
      answering(() => this.claimJob(specification, options)),
      signal,
    );
    return launchedOf(claim);
  }

  private async claimJob(
    specification: LaunchSpecification,
    options: ReadonlyMap<string, string | true>,
  ): Promise<JobClaim> {
    const { records, transport, step } = this.parts;
    const { launchKey } = specification;
    const claim = (await records.claim(launchKey)) ?? (await this.submit(specification, options));
    if (claim.kind === 'never') {
      throw new AdapterError('conflict', 'The job was stopped before it was launched.');
    }
    if (!(await records.isReleased(launchKey))) {
      await step('launch.release', () => transport.release({ id: claim.id, name: jobNameOf(launchKey) }));
      await step('launch.released', () => records.setReleased(launchKey));
    }
    return claim;
  }

  /** Finds or makes a job for the key, and claims the key with it. */
  private async submit(
    specification: LaunchSpecification,
    options: ReadonlyMap<string, string | true>,
  ): Promise<Claim> {
    const { records, transport, ports, addresses, step } = this.parts;
    const { launchKey, account } = specification;
    const name = jobNameOf(launchKey);
    const port = specification.session ? await ports.assign(launchKey) : null;
    const isFirst = await step('launch.intend', () => records.intend(launchKey));
    // In doubt the cluster is asked before anything is submitted again.
    const found = isFirst ? [] : (await step('launch.find', () => transport.list())).filter((job) => job.name === name);
    const [earliest] = found.sort((one, other) => one.id - other.id);
    const id =
      earliest?.id ??
      (await step('launch.submit', async () => {
        const script = startScript(specification, port, specification.session ? await addresses.table() : new Map());
        try {
          return await transport.submit({ name, account, script, options });
        } catch (error) {
          // Slurm keeps some of what it refuses in its queue.
          if (AdapterError.is(error, 'invalid')) await this.withdrawAll(name);
          throw error;
        }
      }));
    const claim = await step('launch.claim', () => records.claimOnce(launchKey, { kind: 'job', id, port }));
    // Somebody else was faster: this job was never let go.
    if (claim.kind === 'never' || claim.id !== id)
      await step('launch.withdraw', () => transport.withdraw({ id, name }));
    return claim;
  }

  /** Takes what waits under a name, and shall not run, out of the queue. */
  private async withdrawAll(name: string): Promise<void> {
    const { transport } = this.parts;
    const jobs = (await transport.list()).filter((job) => job.name === name && phaseOf(job) === 'waiting');
    for (const job of jobs) await transport.withdraw(job);
  }

  async observe(launches: readonly LaunchReference[], signal?: AbortSignal): Promise<ReadonlyMap<string, Observation>> {
    signal?.throwIfAborted();
    const answers = new Map<string, Observation>();
    if (launches.length === 0) return answers;
    const { transport, step } = this.parts;
    const jobs = new Map<string, ClusterJob[]>();
    try {
      for (const job of await step('observe.list', () => transport.list(signal))) {
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
    const missing: { launch: LaunchReference; claim: JobClaim }[] = [];
    const look = async (launch: LaunchReference): Promise<void> => {
      const { launchKey } = launch;
      const answer = await this.observeOne(launch, jobs.get(jobNameOf(launchKey)) ?? []).catch(
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
    for (const [launchKey, answer] of await this.lookUp(missing, signal)) answers.set(launchKey, answer);
    return answers;
  }

  private async observeOne(
    launch: LaunchReference,
    jobs: readonly ClusterJob[],
  ): Promise<Observation | { readonly missing: JobClaim }> {
    const { records, transport } = this.parts;
    const { launchKey } = launch;
    if (!isLaunchKey(launchKey)) return { kind: 'absent' };
    const claim = (await records.claim(launchKey)) ?? (await this.adopt(launch, jobs));
    for (const job of jobs) {
      const isLeftOver = claim && !(claim.kind === 'job' && claim.id === job.id) && phaseOf(job) === 'waiting';
      if (isLeftOver) await transport.withdraw(job);
    }
    if (claim?.kind !== 'job') return { kind: 'absent' };
    const end = await records.end(launchKey);
    if (end) return { kind: 'ended', ...launchedOf(claim), ...end };
    const job = jobs.find(({ id }) => id === claim.id);
    if (!job) return { missing: claim };
    this.missingSince.delete(launchKey);
    return this.observationOf(launch, claim, job);
  }

  /** Takes up a job whose records are gone though it was launched: the cluster still has it. */
  private async adopt({ launchKey, handle }: LaunchReference, jobs: readonly ClusterJob[]): Promise<Claim | undefined> {
    const job = handle === null ? undefined : jobs.find(({ id }) => String(id) === handle);
    if (!job) return undefined;
    return this.parts.records.claimOnce(launchKey, { kind: 'job', id: job.id, port: null });
  }

  private async observationOf(launch: LaunchReference, claim: JobClaim, job: ClusterJob): Promise<Observation> {
    const { records, transport } = this.parts;
    const { launchKey } = launch;
    const named = launchedOf(claim);
    const phase = phaseOf(job);
    if (phase === 'ended') return { kind: 'ended', ...named, ...(await this.finish(launch, claim, job)) };
    if (phase === 'waiting') {
      const reason = reasonInWords(job.reason);
      if (impossible.has(job.reason)) {
        await transport.withdraw(job);
        const end: LaunchEnd = {
          endedAtMs: Date.now(),
          startedAtMs: null,
          exitCode: null,
          signal: null,
          cause: 'launch_failed',
          reason: `The cluster can never start the job. ${reason}`,
          coreHours: 0,
        };
        return { kind: 'ended', ...named, ...(await records.endOnce(launchKey, end)) };
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
      coreHours: coreHoursOf(job, Date.now()),
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
  private async finish(launch: LaunchReference, claim: JobClaim, job: ClusterJob): Promise<LaunchEnd> {
    const { records, ports } = this.parts;
    const { launchKey } = launch;
    const [stop, output] = await Promise.all([
      records.stopMark(launchKey),
      openJobFile(launch, outputName).catch(() => undefined),
    ]);
    // What cannot be looked at is no proof that nothing was begun.
    const hasOutput = output !== 'is not there yet';
    if (typeof output === 'object') await output.close();
    const end = await records.endOnce(launchKey, endOfJob(job, stop !== undefined, hasOutput));
    if (claim.port !== null) await ports.free(claim.port, launchKey);
    this.sessions.delete(launchKey);
    this.missingSince.delete(launchKey);
    return end;
  }

  /** What has become of jobs that the cluster does not list any more: the accounting knows, or two readings say that they are gone. */
  private async lookUp(
    missing: readonly { launch: LaunchReference; claim: JobClaim }[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, Observation>> {
    const answers = new Map<string, Observation>();
    if (missing.length === 0) return answers;
    const { transport, step } = this.parts;
    let past: readonly ClusterJob[];
    try {
      const ids = missing.map(({ claim }) => claim.id);
      past = (await step('observe.history', () => transport.history(ids, signal))) ?? [];
    } catch (error) {
      signal?.throwIfAborted();
      const reason = AdapterError.is(error) ? error.message : `The accounting cannot be asked: ${String(error)}`;
      return new Map(missing.map(({ launch }) => [launch.launchKey, { kind: 'unknown', reason }]));
    }
    for (const { launch, claim } of missing) {
      const { launchKey } = launch;
      const job = past.find(({ id, name }) => id === claim.id && name === jobNameOf(launchKey));
      if (job && phaseOf(job) === 'ended') {
        answers.set(launchKey, { kind: 'ended', ...launchedOf(claim), ...(await this.finish(launch, claim, job)) });
        continue;
      }
      const since = this.missingSince.get(launchKey) ?? performance.now();
      this.missingSince.set(launchKey, since);
      const reason = 'The cluster does not list the job, and its accounting has no end of it; it is asked once more.';
      answers.set(launchKey, performance.now() - since >= missingMs ? { kind: 'absent' } : { kind: 'unknown', reason });
    }
    return answers;
  }

  /** Never called: `capabilities.push` says so. */
  watch(): void {}

  async stop(launch: LaunchReference, graceMs: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (isLaunchKey(launch.launchKey))
      await abortable(
        answering(() => this.stopKnown(launch, graceMs)),
        signal,
      );
  }

  private async stopKnown(launch: LaunchReference, graceMs: number): Promise<void> {
    const { records, transport, step } = this.parts;
    const { launchKey } = launch;
    const known = await records.claim(launchKey);
    if (!known && launch.handle === null) {
      const claim = await step('stop.never', () => records.claimOnce(launchKey, { kind: 'never' }));
      if (claim.kind === 'never') return;
    }
    if (known?.kind === 'never' || (await records.end(launchKey))) return;
    const jobs = (await step('stop.list', () => transport.list())).filter(({ name }) => name === jobNameOf(launchKey));
    const claim = (await records.claim(launchKey)) ?? (await this.adopt(launch, jobs));
    const job = claim?.kind === 'job' ? jobs.find(({ id }) => id === claim.id) : undefined;
    if (!job) return;
    const phase = phaseOf(job);
    if (phase === 'ended') return;
    const mark = await step('stop.mark', () => records.markStopped(launchKey));
    if (phase === 'waiting') {
      await step('stop.withdraw', () => transport.withdraw(job));
      return;
    }
    const uptimeMs = Number((await readFile('/proc/uptime', 'utf8')).split(' ')[0]) * 1000;
    if (uptimeMs - mark.uptimeMs >= graceMs) {
      await step('stop.kill', () => transport.signal(job, 'KILL'));
      return;
    }
    // Once only: some programs take a second TERM for impatience. One that was not delivered before a crash is sent again.
    if (await records.isTerminated(launchKey)) return;
    await step('stop.signal', () => transport.signal(job, 'TERM'));
    await records.markTerminated(launchKey);
  }

  async extend(launch: LaunchReference, timeLimitMinutes: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (!Number.isFinite(timeLimitMinutes) || timeLimitMinutes <= 0) {
      throw new AdapterError('invalid', 'A time limit is a number of minutes above zero.', {
        field: 'timeLimitMinutes',
      });
    }
    const { records, transport, step } = this.parts;
    await answering(async () => {
      const claim = isLaunchKey(launch.launchKey) ? await records.claim(launch.launchKey) : undefined;
      const observation = (await this.observe([launch], signal)).get(launch.launchKey);
      if (observation?.kind === 'unknown') throw new AdapterError('unavailable', observation.reason);
      if (observation?.kind !== 'running' || claim?.kind !== 'job') {
        throw new AdapterError('not_found', 'The job is not running, so its time limit cannot be changed.');
      }
      const job = { id: claim.id, name: jobNameOf(launch.launchKey) };
      await step('extend.limit', () => transport.setTimeLimit(job, timeLimitMinutes));
    });
  }

  async *logs(launch: LaunchReference, range: LogRange, signal?: AbortSignal): AsyncGenerator<LogChunk> {
    const { launchKey } = launch;
    if (!isLaunchKey(launchKey) || (await this.parts.records.claim(launchKey))?.kind !== 'job') return;
    let askedAtMs = Number.NEGATIVE_INFINITY;
    const hasEnded = async () => {
      if (await this.parts.records.end(launchKey)) return true;
      if (performance.now() - askedAtMs < askEndMs) return false;
      askedAtMs = performance.now();
      const seen = (await this.observe([launch], signal)).get(launchKey);
      return seen?.kind === 'ended' || seen?.kind === 'absent';
    };
    yield* readOutput(launch, range, hasEnded, signal);
  }

  async forget(launch: LaunchReference, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (isLaunchKey(launch.launchKey)) await answering(() => this.forgetKnown(launch, signal));
  }

  private async forgetKnown(launch: LaunchReference, signal?: AbortSignal): Promise<void> {
    const { records, ports, step } = this.parts;
    const { launchKey } = launch;
    const claim = await records.claim(launchKey);
    if (!claim) return;
    if (claim.kind === 'job' && !(await records.end(launchKey))) {
      const seen = (await this.observe([launch], signal)).get(launchKey);
      if (seen?.kind === 'unknown') throw new AdapterError('unavailable', seen.reason);
      if (seen?.kind === 'pending' || seen?.kind === 'running') {
        throw new AdapterError('conflict', 'The job has not ended: stop it before its records are removed.');
      }
    }
    await step('forget.output', () => removeJobFile(launch, outputName));
    if (claim.kind === 'job' && claim.port !== null) await ports.free(claim.port, launchKey);
    await step('forget.records', () => records.remove(launchKey));
    this.missingSince.delete(launchKey);
    this.sessions.delete(launchKey);
  }

  async check(signal?: AbortSignal): Promise<Health> {
    signal?.throwIfAborted();
    try {
      return await this.parts.transport.ping(signal);
    } catch (error) {
      signal?.throwIfAborted();
      return {
        connected: false,
        message: AdapterError.is(error) ? error.message : `The cluster cannot be asked: ${String(error)}`,
      };
    }
  }

  async close(): Promise<void> {}
}

function launchedOf({ id }: JobClaim): Launched {
  return { handle: String(id), resourceJobId: id };
}

/** Gives up waiting when the signal comes; what was begun goes on, so that nothing is left half done. */
async function abortable<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return work;
  work.catch(() => {}); // Nobody may be left to hear of it.
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
