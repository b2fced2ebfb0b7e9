import type {
  Health,
  Launched,
  LaunchReference,
  LaunchSpecification,
  LogChunk,
  LogRange,
  Observation,
  Resource,
  ResourceCapabilities,
  ResourceLoad,
} from '@user-workspaces/contract';
import { AdapterError } from '@user-workspaces/contract';
import { answering, isLaunchKey, requireValid } from '@user-workspaces/launch';
import { requireAccount } from './account.js';
import { launchedOf } from './claims.js';
import { checkDetails, optionsOf } from './job-options.js';
import { Launching } from './launching.js';
import { listeningName } from './listening.js';
import { readOutput } from './logs.js';
import { Observing } from './observing.js';
import type { SlurmResourceParts } from './parts.js';
import { outputName } from './script.js';
import { Stopping } from './stopping.js';
import { jobNameOf } from './transport.js';
import { removeJobFile } from './workspace-files.js';

/** Who follows an output reads of the end in the records, where each look of the server notes it; the cluster itself is asked only so often. */
const askEndMs = 5_000;

/** Runs jobs on a Slurm cluster. */
export class SlurmResource implements Resource {
  readonly name: string;
  readonly kind = 'slurm';
  readonly sessionHost: string;
  readonly capabilities: ResourceCapabilities;
  private readonly launching: Launching;
  private readonly observing: Observing;
  private readonly stopping: Stopping;

  constructor(private readonly parts: SlurmResourceParts) {
    this.name = parts.name;
    this.sessionHost = parts.sessionHost;
    this.capabilities = {
      extend: parts.extend,
      push: false,
      limits: {
        time: 'enforced by the cluster, in whole minutes',
        memory: 'enforced by the cluster as it is configured (control groups)',
        cpu: 'enforced by the cluster as it is configured',
      },
      gpus: parts.defaults.gpuPartition !== undefined,
    };
    this.launching = new Launching(parts);
    this.observing = new Observing(parts);
    this.stopping = new Stopping(parts);
  }

  checkDetails(details: Readonly<Record<string, unknown>>, where: string): void {
    checkDetails(this.parts.defaults, details, where);
  }

  async launch(specification: LaunchSpecification, signal?: AbortSignal): Promise<Launched> {
    signal?.throwIfAborted();
    requireValid(specification, outputName, listeningName);
    requireAccount(specification.account);
    const options = optionsOf(specification, this.parts.defaults);
    const claim = await abortable(
      answering(() => this.launching.launch(specification, options)),
      signal,
    );
    return launchedOf(claim);
  }

  async observe(launches: readonly LaunchReference[], signal?: AbortSignal): Promise<ReadonlyMap<string, Observation>> {
    return this.observing.observe(launches, signal);
  }

  /** Never called: `capabilities.push` says so. */
  watch(): void {}

  async stop(launch: LaunchReference, graceMs: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (isLaunchKey(launch.launchKey))
      await abortable(
        answering(() => this.stopping.stop(launch, graceMs)),
        signal,
      );
  }

  async extend(launch: LaunchReference, timeLimitMinutes: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (!Number.isFinite(timeLimitMinutes) || timeLimitMinutes <= 0) {
      throw new AdapterError('invalid', 'A time limit is a number of minutes above zero.', {
        field: 'timeLimitMinutes',
      });
    }
    const { records, transport, step } = this.parts;
    if (!this.capabilities.extend) {
      throw new AdapterError('unsupported', 'The cluster cannot be asked to change time limits.');
    }
    await answering(async () => {
      const claim = isLaunchKey(launch.launchKey) ? await records.claim(launch.launchKey) : undefined;
      const observation = (await this.observe([launch], signal)).get(launch.launchKey);
      if (observation?.kind === 'unknown') throw new AdapterError('unavailable', observation.reason);
      if (observation?.kind !== 'running' || claim?.kind !== 'job') {
        throw new AdapterError('not_found', 'The job is not running, so its time limit cannot be changed.');
      }
      const job = { id: claim.id, name: jobNameOf(launch.launchKey), account: launch.account };
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
    if (!(await records.knows(launchKey))) return;
    // What is kept of it keeps that launch from starting a job that nobody follows.
    if (claim?.kind !== 'job' && (await this.launching.isUnderWay(launchKey))) {
      throw new AdapterError('unavailable', 'The job may still be on its way to the cluster; its answer is awaited.');
    }
    if (claim?.kind === 'job' && !(await records.end(launchKey))) {
      const seen = (await this.observe([launch], signal)).get(launchKey);
      if (seen?.kind === 'unknown') throw new AdapterError('unavailable', seen.reason);
      if (seen?.kind === 'pending' || seen?.kind === 'running') {
        throw new AdapterError('conflict', 'The job has not ended: stop it before its records are removed.');
      }
    }
    await step('forget.output', () => removeJobFile(launch, outputName));
    await ports.free(launchKey);
    await step('forget.records', () => records.remove(launchKey));
    this.observing.forget(launchKey);
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

  async load(signal?: AbortSignal): Promise<ResourceLoad> {
    signal?.throwIfAborted();
    return this.parts.transport.load(signal);
  }

  async close(): Promise<void> {}
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
