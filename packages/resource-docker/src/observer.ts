import type { LaunchEnd, LaunchReference, Observation } from '@user-workspaces/contract';
import { AdapterError } from '@user-workspaces/contract';
import { hoursOf, isLaunchKey } from '@user-workspaces/launch';
import {
  hasEnded,
  isRunning,
  type ListedContainer,
  type ListedLaunch,
  listLaunches,
  timeLimitOf,
} from './containers.js';
import { endOf, gpusOf, highestPlainCode, timeOf } from './ending.js';
import type { Engine } from './engine.js';
import type { Listeners } from './listeners.js';
import type { Logs } from './logs.js';
import type { StopMarks } from './marks.js';
import { labels, numberOf } from './names.js';
import { isOf } from './owners.js';
import type { Sessions } from './sessions.js';
import type { TimeLimits } from './time-limit.js';

/** How many containers are asked about together: those that are seen for the first time in their state. */
const askAtOnce = 16;
/** A job that outlives its limit by so much is ended from here: what should have done it is gone. */
const overdueMs = 15_000;

/** What a container that runs keeps until its end. */
interface Start {
  readonly startedAtMs: number;
  readonly gpus: number | null;
}

/** What has become of launches. The engine is asked for all of them in one request, and about one alone only when it has started or ended. */
export class Observer {
  private readonly started = new Map<string, Start>();
  private readonly ends = new Map<string, LaunchEnd>();
  private readonly condemned = new Set<string>();

  constructor(
    private readonly engine: Engine,
    private readonly logs: Logs,
    private readonly marks: StopMarks,
    private readonly sessions: Sessions,
    private readonly limits: TimeLimits,
    private readonly owner: string,
  ) {}

  /** What is left of this container's job is ended when it is looked at, again and again until it is gone. */
  condemn(containerId: string): void {
    this.condemned.add(containerId);
  }

  async observe(
    references: readonly LaunchReference[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, Observation>> {
    signal?.throwIfAborted();
    const answers = new Map<string, Observation>();
    for (const { launchKey } of references) if (!isLaunchKey(launchKey)) answers.set(launchKey, { kind: 'absent' });
    const asked = new Map(
      references.filter(({ launchKey }) => isLaunchKey(launchKey)).map((each) => [each.launchKey, each]),
    );
    if (asked.size === 0) return answers;
    const launches = await listLaunches(this.engine, [], signal).catch((error: unknown) => {
      signal?.throwIfAborted();
      return sentenceOf(error);
    });
    if (typeof launches === 'string') {
      for (const key of asked.keys()) answers.set(key, { kind: 'unknown', reason: launches });
      return answers;
    }
    this.forgetAllBut(launches);
    const all = [...asked.values()];
    const listeners = this.sessions.listeners();
    for (let first = 0; first < all.length; first += askAtOnce) {
      signal?.throwIfAborted();
      const batch = all.slice(first, first + askAtOnce);
      const found = await Promise.all(
        batch.map((each) => this.one(each, launches.get(each.launchKey), listeners, signal)),
      );
      batch.forEach(({ launchKey }, index) => {
        answers.set(launchKey, found[index] ?? { kind: 'unknown', reason: 'It was not looked at.' });
      });
    }
    return answers;
  }

  private async one(
    reference: LaunchReference,
    launch: ListedLaunch | undefined,
    listeners: Listeners,
    signal?: AbortSignal,
  ): Promise<Observation> {
    const job = launch?.job;
    // A container that was made and not started is a launch that has not happened: to launch the key again starts it.
    if (!launch || !job || job.state === 'created') return { kind: 'absent' };
    try {
      if (hasEnded(job)) return await this.ended(reference.launchKey, launch, job, signal);
      if (isRunning(job)) return await this.running(reference, launch, job, listeners, signal);
      return { kind: 'unknown', reason: `The container engine is busy with the job: it is ${job.state}.` };
    } catch (error) {
      signal?.throwIfAborted();
      return { kind: 'unknown', reason: sentenceOf(error) };
    }
  }

  private async running(
    reference: LaunchReference,
    launch: ListedLaunch,
    job: ListedContainer,
    listeners: Listeners,
    signal?: AbortSignal,
  ): Promise<Observation> {
    const { launchKey } = reference;
    const { startedAtMs, gpus } = await this.startOf(job, signal);
    const minutes = timeLimitOf(launch);
    const endsAtMs = minutes === undefined ? null : startedAtMs + minutes * 60_000;
    // Of another owner's job it is told what becomes of it, and no more.
    if (isOf(this.owner, job)) {
      this.limits.keep({ launchKey, containerId: job.id, startedAtMs }, launch);
      if (this.condemned.has(job.id) || (endsAtMs !== null && (await this.isOverdue(endsAtMs, signal)))) {
        await this.engine.find((docker) => docker.getContainer(job.id).kill({ signal: 'SIGKILL' }), signal);
      }
    }
    const session = reference.session && (await this.sessions.find(job, reference, listeners));
    return {
      kind: 'running',
      handle: job.id,
      resourceJobId: numberOf(job.id),
      startedAtMs,
      endsAtMs,
      ...hoursOf({ startedAtMs, cpus: cpusOf(job), gpus }, Date.now()),
      ...session,
    };
  }

  /** By the engine's clock, which alone counts; it is asked only once this machine's says so. */
  private async isOverdue(endsAtMs: number, signal?: AbortSignal): Promise<boolean> {
    const latestMs = endsAtMs + overdueMs;
    return Date.now() > latestMs && (await this.engine.nowMs(signal)) > latestMs;
  }

  private async startOf(job: ListedContainer, signal?: AbortSignal): Promise<Start> {
    const known = this.started.get(job.id);
    if (known) return known;
    const { State, HostConfig } = await this.engine.ask((docker) => docker.getContainer(job.id).inspect(), signal);
    const startedAtMs = timeOf(State.StartedAt);
    if (startedAtMs === null)
      throw new AdapterError('unavailable', 'The container engine does not say when it started.');
    const start = { startedAtMs, gpus: gpusOf(HostConfig) };
    this.started.set(job.id, start);
    return start;
  }

  private async ended(
    launchKey: string,
    launch: ListedLaunch,
    job: ListedContainer,
    signal?: AbortSignal,
  ): Promise<Observation> {
    const name = { handle: job.id, resourceJobId: numberOf(job.id) };
    const known = this.ends.get(job.id);
    if (known) return { kind: 'ended', ...name, ...known };
    const { State, HostConfig } = await this.engine.ask((docker) => docker.getContainer(job.id).inspect(), signal);
    if (State.Running) return { kind: 'unknown', reason: 'The container engine told two things at once.' };
    const startedAtMs = timeOf(State.StartedAt);
    const minutes = timeLimitOf(launch);
    const end = endOf({
      state: State,
      cpus: cpusOf(job),
      gpus: gpusOf(HostConfig),
      endsAtMs: minutes === undefined || startedAtMs === null ? null : startedAtMs + minutes * 60_000,
      isStopped: await this.marks.has(launchKey, signal),
      ownWords: State.ExitCode > highestPlainCode ? await this.logs.ownWords(launchKey, signal) : '',
    });
    this.ends.set(job.id, end);
    this.sessions.forget(job.id);
    return { kind: 'ended', ...name, ...end };
  }

  /** Keeps memory bounded by what the engine has. */
  private forgetAllBut(launches: ReadonlyMap<string, ListedLaunch>): void {
    const ids = new Set([...launches.values()].map(({ job }) => job?.id));
    for (const known of [this.started, this.ends, this.condemned])
      for (const id of known.keys()) if (!ids.has(id)) known.delete(id);
  }
}

function cpusOf(job: ListedContainer): number {
  return Number(job.labels[labels.cpus] ?? 1);
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
