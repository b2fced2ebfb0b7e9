import { availableParallelism, loadavg, totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
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
import { answering, isLaunchKey } from '@user-workspaces/launch';
import type { Launcher } from './launcher.js';
import type { Launch, Launches, Step } from './launches.js';
import { readLog } from './logs.js';
import type { Monitor } from './monitor.js';
import { nameOf, observationOf } from './observation.js';
import { type Records, uptimeSeconds } from './records.js';
import { MachineView, type Sessions } from './sessions.js';

/** How long the watch of a time limit may take to decide about a job that was extended at its last moment. */
const decideTimeoutMs = 10_000;

/** How many launches are looked at together: each takes a few file descriptors for a moment. */
const lookAtOnce = 32;

/** The parts of a local resource, as `createLocalResource` puts them together. */
export interface LocalResourceParts {
  readonly name: string;
  readonly sessionHost: string;
  readonly capabilities: ResourceCapabilities;
  readonly isolation: string;
  readonly records: Records;
  readonly launches: Launches;
  readonly launcher: Launcher;
  readonly sessions: Sessions;
  readonly monitor: Monitor;
  readonly step: Step;
}

/** Runs jobs as processes of this machine. */
export class LocalResource implements Resource {
  readonly name: string;
  readonly kind = 'local';
  readonly sessionHost: string;
  readonly capabilities: ResourceCapabilities;

  constructor(private readonly parts: LocalResourceParts) {
    this.name = parts.name;
    this.sessionHost = parts.sessionHost;
    this.capabilities = parts.capabilities;
  }

  async launch(specification: LaunchSpecification, signal?: AbortSignal): Promise<Launched> {
    signal?.throwIfAborted();
    const state = await answering(() => this.parts.launcher.launch(specification));
    if (state.result) this.parts.monitor.remove(state.launchKey);
    else {
      this.parts.monitor.add(state);
      if (specification.session) this.parts.monitor.awaitReport(state);
    }
    return nameOf(state);
  }

  async observe(launches: readonly LaunchReference[], signal?: AbortSignal): Promise<ReadonlyMap<string, Observation>> {
    const machine = new MachineView();
    const answers = new Map<string, Observation>();
    for (let first = 0; first < launches.length; first += lookAtOnce) {
      signal?.throwIfAborted();
      const batch = launches.slice(first, first + lookAtOnce);
      const observations = await Promise.all(batch.map((launch) => this.observeOne(launch, machine)));
      batch.forEach(({ launchKey }, index) => {
        const observation = observations[index];
        if (observation) answers.set(launchKey, observation);
      });
    }
    return answers;
  }

  private async observeOne(reference: LaunchReference, machine: MachineView): Promise<Observation> {
    const { records, launches, sessions, monitor } = this.parts;
    if (!isLaunchKey(reference.launchKey)) return { kind: 'absent' };
    try {
      const launch = await launches.look(reference.launchKey);
      const observation = await observationOf(launch, records);
      if (launch.phase === 'ended' || launch.phase === 'absent') monitor.remove(reference.launchKey);
      if (launch.phase !== 'running' && launch.phase !== 'pending') return observation;
      monitor.add(launch.state);
      if (observation.kind !== 'running' || !reference.session) return observation;
      const session = await sessions.find(launch.state, launch.record, reference.session.secret, machine);
      if ('session' in session) monitor.reportFound(reference.launchKey);
      else monitor.awaitReport(launch.state);
      return { ...observation, ...session };
    } catch (error) {
      return {
        kind: 'unknown',
        reason: `The job's records cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      };
    }
  }

  watch(changed: (launchKeys: readonly string[]) => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    const unsubscribe = this.parts.monitor.subscribe(changed);
    signal.addEventListener('abort', unsubscribe, { once: true });
  }

  async stop(reference: LaunchReference, graceMs: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (isLaunchKey(reference.launchKey)) await answering(() => this.stopKnown(reference.launchKey, graceMs));
  }

  private async stopKnown(launchKey: string, graceMs: number): Promise<void> {
    const { records, launches, launcher, step } = this.parts;
    const before = await launches.look(launchKey);
    if (before.phase === 'ended') return;
    const now = String(uptimeSeconds());
    // The mark first, then the look for a claim: a supervisor does it the other way round, so one of the two sees the other.
    const marked = await step('stop.mark', async () =>
      before.phase === 'absent'
        ? (await records.create(launchKey, { stop: `${now}\n` })) || (await records.writeOnce(launchKey, 'stop', now))
        : await records.writeOnce(launchKey, 'stop', now),
    );
    // A launch that is claimed and not started yet has nobody to hear a signal: it gets a moment.
    const launch = await launcher.waitUntil(launchKey, marked ? 2000 : 0, ({ phase }) => phase !== 'pending');
    if (launch.phase !== 'running') return;
    const { state } = launch;
    await records.writeOnce(launchKey, 'cause', 'stopped');
    const stoppedAt = state.stoppedAtUptimeSeconds ?? uptimeSeconds();
    if ((uptimeSeconds() - stoppedAt) * 1000 >= graceMs) {
      await step('stop.kill', () => launches.kill(state));
      return;
    }
    // Once only: some programs take a second TERM for impatience. One that was not delivered before a crash is sent again.
    if (await records.line(launchKey, 'terminated')) return;
    await step('stop.signal', () => launches.terminate(state));
    await records.writeOnce(launchKey, 'terminated', now);
  }

  async extend(reference: LaunchReference, timeLimitMinutes: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { launchKey } = reference;
    if (!Number.isFinite(timeLimitMinutes) || timeLimitMinutes <= 0) {
      throw new AdapterError('invalid', 'A time limit is a number of minutes above zero.', {
        field: 'timeLimitMinutes',
      });
    }
    await answering(() => this.moveDeadline(launchKey, timeLimitMinutes));
  }

  private async moveDeadline(launchKey: string, timeLimitMinutes: number): Promise<void> {
    const { records, step } = this.parts;
    const launch = await this.notEnding(launchKey);
    const deadline = launch.started.uptimeSeconds + Math.max(1, Math.ceil(timeLimitMinutes * 60));
    await step('extend.deadline', () => records.replace(launchKey, 'deadline', String(deadline)));
    // The watch of the time limit makes its mark before its last look at the deadline: without the mark it has seen this one, or will.
    const patienceMs = performance.now() + decideTimeoutMs;
    while (await records.has(launchKey, 'due')) {
      await this.notEnding(launchKey);
      if (performance.now() >= patienceMs) {
        throw new AdapterError(
          'unavailable',
          'The job is at its time limit, and it is not known yet whether it goes on.',
        );
      }
      await sleep(10);
    }
  }

  /** @throws AdapterError `not_found` */
  private async notEnding(launchKey: string): Promise<Launch & { readonly phase: 'running' }> {
    const { records, launches } = this.parts;
    const launch: Launch = isLaunchKey(launchKey) ? await launches.look(launchKey) : { phase: 'absent' };
    if (launch.phase === 'running' && !(await records.line(launchKey, 'cause'))) return launch;
    throw new AdapterError('not_found', 'The job is not running any more, so its time limit cannot be changed.');
  }

  async *logs(reference: LaunchReference, range: LogRange, signal?: AbortSignal): AsyncGenerator<LogChunk> {
    const { launchKey } = reference;
    if (!isLaunchKey(launchKey)) return;
    const hasEnded = async () => {
      const { phase } = await this.parts.launches.look(launchKey);
      return phase === 'ended' || phase === 'absent';
    };
    yield* readLog(this.parts.records, launchKey, range, hasEnded, signal);
  }

  async forget(reference: LaunchReference, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (isLaunchKey(reference.launchKey)) await answering(() => this.forgetKnown(reference.launchKey));
  }

  private async forgetKnown(launchKey: string): Promise<void> {
    const { records, launches, monitor, step } = this.parts;
    const launch = await launches.look(launchKey);
    if (launch.phase === 'absent') return records.remove(launchKey);
    // A supervisor on its way must find the launch claimed, or it would start a job that nobody remembers.
    const removable =
      launch.phase === 'ended' ||
      (launch.phase === 'unclaimed' &&
        (!launch.state.record || (await records.writeOnce(launchKey, 'supervisor', '0 0 none'))));
    if (!removable) {
      throw new AdapterError('conflict', 'The job has not ended: stop it before its records are removed.');
    }
    await step('forget.remove', () => records.remove(launchKey));
    monitor.remove(launchKey);
  }

  async check(signal?: AbortSignal): Promise<Health> {
    signal?.throwIfAborted();
    const { records, monitor, isolation, capabilities } = this.parts;
    try {
      await records.keys();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { connected: false, message: `The records of jobs cannot be read: ${why}` };
    }
    const { time, memory, cpu } = capabilities.limits;
    const message = `Jobs run as processes of this machine, ${isolation}. Limits: time ${time}; memory ${memory}; CPU ${cpu}.`;
    return { connected: true, message: monitor.problem === undefined ? message : `${message} ${monitor.problem}` };
  }

  async launchKeys(signal?: AbortSignal): Promise<readonly string[]> {
    signal?.throwIfAborted();
    return answering(() => this.parts.records.keys());
  }

  async load(): Promise<ResourceLoad> {
    const cpus = availableParallelism();
    // Zero or more than there is: no limit is set on the server itself.
    const limitBytes = process.constrainedMemory();
    const memoryBytes = limitBytes > 0 && limitBytes < totalmem() ? limitBytes : totalmem();
    const inMb = (bytes: number) => Math.floor(bytes / 2 ** 20);
    return {
      cpus: { total: cpus, free: Math.max(0, Math.round((cpus - (loadavg()[0] ?? 0)) * 10) / 10) },
      memoryMb: { total: inMb(memoryBytes), free: inMb(Math.min(memoryBytes, process.availableMemory())) },
    };
  }

  async close(): Promise<void> {
    this.parts.monitor.close();
  }
}
