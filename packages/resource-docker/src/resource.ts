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
import { isLaunchKey } from '@user-workspaces/launch';
import { type ContainerDetails, checkDetails } from './configuration.js';
import { countRunning, isRunning, type ListedLaunch, listLaunches, numberOfLimit, timeLimitOf } from './containers.js';
import { timeOf } from './ending.js';
import { type Engine, Refusal } from './engine.js';
import type { EngineEvents } from './events.js';
import type { Launcher, Step } from './launcher.js';
import type { Logs } from './logs.js';
import type { StopMarks } from './marks.js';
import { labels } from './names.js';
import type { Observer } from './observer.js';
import { isOf, requireOwn } from './owners.js';
import type { Remains } from './remains.js';
import type { Stopper } from './stopper.js';
import type { TimeLimits } from './time-limit.js';
import type { Watch } from './watch.js';

/** The parts of a Docker resource, as `createDockerResource` puts them together. */
export interface DockerResourceParts {
  readonly name: string;
  readonly sessionHost: string;
  readonly defaults: ContainerDetails | undefined;
  readonly gpus: boolean;
  readonly owner: string;
  readonly engine: Engine;
  readonly launcher: Launcher;
  readonly observer: Observer;
  readonly stopper: Stopper;
  readonly limits: TimeLimits;
  readonly logs: Logs;
  readonly marks: StopMarks;
  readonly watch: Watch;
  readonly events: EngineEvents;
  readonly remains: Remains;
  readonly step: Step;
}

/** Runs jobs as containers of one engine. */
export class DockerResource implements Resource {
  readonly name: string;
  readonly kind = 'docker';
  readonly sessionHost: string;
  readonly capabilities: ResourceCapabilities;

  constructor(private readonly parts: DockerResourceParts) {
    this.name = parts.name;
    this.sessionHost = parts.sessionHost;
    this.capabilities = {
      extend: true,
      push: true,
      limits: {
        time: 'a container beside the job ends its processes, also while no server runs',
        memory:
          'kernel, by control group, swap included; one process too many ends the whole job while the server runs',
        cpu: 'kernel, by control group, in fractions',
      },
      gpus: parts.gpus,
    };
  }

  checkDetails(details: Readonly<Record<string, unknown>>, where: string): void {
    checkDetails(this.parts.defaults, details, where);
  }

  async launch(specification: LaunchSpecification, signal?: AbortSignal): Promise<Launched> {
    signal?.throwIfAborted();
    return answering(() => this.parts.launcher.launch(specification, signal));
  }

  async observe(launches: readonly LaunchReference[], signal?: AbortSignal): Promise<ReadonlyMap<string, Observation>> {
    const answers = await this.parts.observer.observe(launches, signal);
    if ([...answers.values()].some(({ kind }) => kind !== 'unknown')) this.parts.remains.endsAreTold();
    for (const { launchKey, session } of launches) {
      const answer = answers.get(launchKey);
      const isAwaited = answer?.kind === 'running' && session && !answer.session;
      if (isAwaited) this.parts.watch.await(launchKey);
      else this.parts.watch.settle(launchKey);
    }
    return answers;
  }

  watch(changed: (launchKeys: readonly string[]) => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    const unsubscribe = this.parts.watch.subscribe(changed);
    signal.addEventListener('abort', unsubscribe, { once: true });
  }

  async stop(reference: LaunchReference, graceMs: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (isLaunchKey(reference.launchKey)) await answering(() => this.parts.stopper.stop(reference, graceMs, signal));
  }

  async extend(reference: LaunchReference, timeLimitMinutes: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (!Number.isFinite(timeLimitMinutes) || timeLimitMinutes <= 0) {
      const message = 'A time limit is a number of minutes above zero.';
      throw new AdapterError('invalid', message, { field: 'timeLimitMinutes' });
    }
    await answering(() => this.moveLimit(reference.launchKey, timeLimitMinutes, signal));
  }

  private async moveLimit(launchKey: string, minutes: number, signal?: AbortSignal): Promise<void> {
    const { owner, engine, limits, step } = this.parts;
    const launch = await this.listed(launchKey, signal);
    const job = launch?.job;
    if (job) requireOwn(owner, job);
    const found = job && (await engine.find((docker) => docker.getContainer(job.id).inspect(), signal));
    const startedAtMs = timeOf(found?.State.Running ? found.State.StartedAt : '');
    const before = launch && timeLimitOf(launch);
    const isEnding =
      startedAtMs !== null && before !== undefined && (await engine.nowMs(signal)) >= startedAtMs + before * 60_000;
    if (!launch || !job || startedAtMs === null || isEnding) {
      throw new AdapterError('not_found', 'The job is not running any more, so its time limit cannot be changed.');
    }
    const last = launch.limits.at(-1);
    const number = last ? numberOfLimit(last) + 1 : 1;
    // The new one first: a job without any would go on for ever if this were the end of the server.
    await step('extend.set', () =>
      limits.set({ launchKey, containerId: job.id, startedAtMs }, minutes, number, signal),
    );
    await step('extend.remove', () => limits.removeAll(launch.limits, signal));
  }

  async *logs(reference: LaunchReference, range: LogRange, signal?: AbortSignal): AsyncGenerator<LogChunk> {
    if (isLaunchKey(reference.launchKey)) yield* this.parts.logs.read(reference.launchKey, range, signal);
  }

  async forget(reference: LaunchReference, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (isLaunchKey(reference.launchKey)) await answering(() => this.forgetKnown(reference.launchKey, signal));
  }

  /** What another owner keeps under this key stays: of this one there is nothing. */
  private async forgetKnown(launchKey: string, signal?: AbortSignal): Promise<void> {
    const { owner, engine, limits, marks, stopper, watch, step } = this.parts;
    const launch = await this.listed(launchKey, signal);
    const job = launch?.job && isOf(owner, launch.job) ? launch.job : undefined;
    if (job && isRunning(job)) {
      throw new AdapterError('conflict', 'The job has not ended: stop it before what is kept of it is removed.');
    }
    await limits.removeAll(launch?.limits ?? [], signal);
    await step('forget.remove', async () => {
      if (job) await engine.find((docker) => docker.getContainer(job.id).remove({ v: true }), signal);
    });
    await step('forget.mark', () => marks.remove(launchKey, signal));
    stopper.forget(job?.id);
    watch.settle(launchKey);
  }

  private async listed(launchKey: string, signal?: AbortSignal): Promise<ListedLaunch | undefined> {
    const launches = await listLaunches(this.parts.engine, [`${labels.key}=${launchKey}`], signal);
    return launches.get(launchKey);
  }

  async launchKeys(signal?: AbortSignal): Promise<readonly string[]> {
    signal?.throwIfAborted();
    const { engine, owner } = this.parts;
    const launches = await answering(() => listLaunches(engine, [`${labels.owner}=${owner}`], signal));
    return [...launches.keys()];
  }

  async check(signal?: AbortSignal): Promise<Health> {
    signal?.throwIfAborted();
    try {
      const { Version, ApiVersion } = await this.parts.engine.ask((docker) => docker.version(), signal);
      const { time, memory, cpu } = this.capabilities.limits;
      const message = `Jobs run as containers of Docker ${Version} (API ${ApiVersion}). Limits: time ${time}; memory ${memory}; CPU ${cpu}.`;
      return { connected: true, message };
    } catch (error) {
      signal?.throwIfAborted();
      return { connected: false, message: error instanceof Error ? error.message : String(error) };
    }
  }

  /** The engine knows what runs, and not what that takes. */
  async load(signal?: AbortSignal): Promise<ResourceLoad> {
    return { runningJobs: await countRunning(this.parts.engine, signal) };
  }

  async close(): Promise<void> {
    const { engine, events, watch, remains, limits } = this.parts;
    events.close();
    watch.close();
    remains.close();
    await limits.settle();
    await engine.close();
  }
}

/** A refusal that no part foresaw is the engine's way of saying that the order made no sense to it. */
async function answering<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const kind = error.status === 409 ? 'conflict' : 'unavailable';
    throw new AdapterError(kind, `The container engine refused: ${error.message}`, { cause: error });
  }
}
