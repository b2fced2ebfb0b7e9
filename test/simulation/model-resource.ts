// A model of a place that runs jobs: it keeps the contract's promises, and its line to the server does not.
import {
  AdapterError,
  type LaunchReference,
  type LaunchSpecification,
  type LogChunk,
  type Observation,
  type Resource,
} from '@user-workspaces/contract';
import { call, type Line } from './calls.js';
import type { Actor, World } from './world.js';

/** What a simulated job does; given in the job's details. */
export interface JobPlan {
  readonly queuedMs: number;
  readonly runsMs: number;
  readonly exitCode: number;
  /** The resource refuses it for good. */
  readonly isRefused: boolean;
}

/** A launch as the world has it. */
export interface Launch {
  readonly key: string;
  readonly jobId: number;
  readonly number: number;
  state: 'queued' | 'running' | 'ended' | 'stopped before its launch';
  readonly acceptedAtMs: number;
  startedAtMs: number | null;
  endedAtMs: number | null;
  exitCode: number | null;
  cause: 'exited' | 'stopped';
  isForgotten: boolean;
  /** Until then the resource does not see it. */
  hiddenUntilMs: number;
}

/** What the invariants want to know at once. */
export interface ResourceEvents {
  /** A program begins to run. */
  started(launch: Launch): void;
  /** The server asks for a launch. */
  launchAsked(key: string, by: Actor): void;
  /** The resource has said what it knows of a launch. */
  observed(key: string, observation: Observation): void;
}

export class ModelResource {
  readonly launches = new Map<string, Launch>();
  readonly name: string;
  readonly #world: World;
  readonly #events: ResourceEvents;
  readonly #isPushing: boolean;
  readonly #line: Line;
  readonly #watchers = new Set<{ readonly actor: Actor; readonly changed: (keys: readonly string[]) => void }>();
  #lastNumber = 0;
  /** Until then it does not know what has become of its launches. */
  #lostUntilMs = 0;

  constructor(
    world: World,
    name: string,
    kind: { readonly isPushing: boolean; readonly isRemote: boolean },
    events: ResourceEvents,
  ) {
    this.#world = world;
    this.name = name;
    this.#events = events;
    this.#isPushing = kind.isPushing;
    this.#line = { world, rate: 0.03, isRemote: kind.isRemote };
  }

  /** The resource as one server process reaches it. */
  connect(actor: Actor): Resource {
    const send = <R>(label: string, effect: () => R, signal?: AbortSignal): Promise<R> =>
      call(this.#line, actor, `${this.name}.${label}`, effect, signal);
    return {
      name: this.name,
      kind: 'model',
      capabilities: { extend: false, push: this.#isPushing, limits: { time: '', memory: '', cpu: '' } },
      sessionHost: this.name,
      launch: (specification, signal) => {
        this.#events.launchAsked(specification.launchKey, actor);
        return send(`launch job ${specification.jobId}`, () => this.#launch(specification), signal);
      },
      observe: async (launches, signal) => {
        const all = (): Map<string, Observation> => new Map(launches.map((launch) => this.#observe(launch)));
        try {
          return await send(`observe jobs ${launches.map(({ jobId }) => jobId).join(',')}`, all, signal);
        } catch (error) {
          if (!AdapterError.is(error, 'unavailable')) throw error;
          return new Map(launches.map(({ launchKey }) => [launchKey, unknown(error.message)] as const));
        }
      },
      watch: (changed, signal) => {
        const watcher = { actor, changed };
        this.#watchers.add(watcher);
        signal.addEventListener('abort', () => this.#watchers.delete(watcher), { once: true });
      },
      stop: (launch, graceMs, signal) => send(`stop job ${launch.jobId}`, () => this.#stop(launch, graceMs), signal),
      extend: async () => {
        throw new AdapterError('unsupported', 'The model extends nothing.');
      },
      logs: (launch, _range, signal) => logs(send(`logs of job ${launch.jobId}`, () => undefined, signal)),
      forget: (launch, signal) => send(`forget job ${launch.jobId}`, () => this.#forget(launch), signal),
      check: async () => ({ connected: true, message: 'The model answers.' }),
      close: async () => undefined,
    };
  }

  /** A process has died, and hears of nothing any more. */
  disconnect(actor: Actor): void {
    for (const watcher of this.#watchers) if (watcher.actor === actor) this.#watchers.delete(watcher);
  }

  #launch(specification: LaunchSpecification): { handle: string; resourceJobId: number } {
    const { launchKey, jobId } = specification;
    const known = this.launches.get(launchKey);
    if (known?.state === 'stopped before its launch') {
      throw new AdapterError('conflict', 'The job was stopped before it was launched.');
    }
    if (known) return named(known);
    const plan = planOf(specification.command);
    if (plan.isRefused) throw new AdapterError('invalid', 'The model refuses this job.');
    const { nowMs, faults, random, outside } = this.#world;
    const launch: Launch = {
      key: launchKey,
      jobId,
      number: ++this.#lastNumber,
      state: 'queued',
      acceptedAtMs: nowMs,
      startedAtMs: null,
      endedAtMs: null,
      exitCode: null,
      cause: 'exited',
      isForgotten: false,
      hiddenUntilMs: faults.strikes('blind', 0.05) ? nowMs + random.below(2_000) : 0,
    };
    this.launches.set(launchKey, launch);
    this.#world.after(plan.queuedMs, outside, `job ${jobId} begins to run`, () => {
      if (launch.state !== 'queued') return;
      launch.state = 'running';
      launch.startedAtMs = this.#world.nowMs;
      this.#events.started(launch);
      this.#push(launch);
      this.#world.after(plan.runsMs, outside, `job ${jobId} exits`, () => this.#exit(launch, 'exited', plan.exitCode));
    });
    return named(launch);
  }

  #exit(launch: Launch, cause: Launch['cause'], exitCode: number | null): void {
    if (launch.state !== 'running' && launch.state !== 'queued') return;
    launch.state = 'ended';
    launch.cause = cause;
    launch.exitCode = exitCode;
    launch.endedAtMs = this.#world.nowMs;
    this.#push(launch);
  }

  #push(launch: Launch): void {
    if (!this.#isPushing) return;
    for (const { actor, changed } of this.#watchers) {
      if (this.#world.faults.strikes('lost-push', 0.05)) continue;
      this.#world.after(this.#world.random.below(100), actor, `is told of job ${launch.jobId}`, () =>
        changed([launch.key]),
      );
    }
  }

  #observe({ launchKey }: LaunchReference): readonly [string, Observation] {
    const { faults, nowMs, random } = this.#world;
    if (faults.strikes('unknown', 0.01)) this.#lostUntilMs = nowMs + random.below(20_000);
    const observation =
      nowMs < this.#lostUntilMs ? unknown('The model was asked at a bad moment.') : this.#see(launchKey);
    this.#events.observed(launchKey, observation);
    return [launchKey, observation];
  }

  #see(key: string): Observation {
    const launch = this.launches.get(key);
    if (!launch || launch.isForgotten || launch.hiddenUntilMs > this.#world.nowMs) return { kind: 'absent' };
    switch (launch.state) {
      case 'stopped before its launch':
        return { kind: 'absent' };
      case 'queued':
        return { kind: 'pending', ...named(launch), reason: 'It waits in the queue.' };
      case 'running': {
        const startedAtMs = launch.startedAtMs ?? launch.acceptedAtMs;
        const isUp = this.#world.nowMs - startedAtMs > 1_000;
        return {
          kind: 'running',
          ...named(launch),
          startedAtMs,
          endsAtMs: null,
          coreHours: 0,
          ...(isUp && { session: { host: this.name, port: 10_000 + launch.number, path: '/' } }),
        };
      }
      case 'ended':
        return {
          kind: 'ended',
          ...named(launch),
          endedAtMs: launch.endedAtMs ?? launch.acceptedAtMs,
          startedAtMs: launch.startedAtMs,
          exitCode: launch.exitCode,
          signal: launch.cause === 'stopped' ? 'SIGTERM' : null,
          cause: launch.cause,
          coreHours: ((launch.endedAtMs ?? 0) - (launch.startedAtMs ?? launch.endedAtMs ?? 0)) / 3_600_000,
        };
    }
  }

  #stop({ launchKey, jobId }: LaunchReference, graceMs: number): void {
    const launch = this.launches.get(launchKey);
    if (!launch) {
      this.launches.set(launchKey, {
        key: launchKey,
        jobId,
        number: 0,
        state: 'stopped before its launch',
        acceptedAtMs: this.#world.nowMs,
        startedAtMs: null,
        endedAtMs: null,
        exitCode: null,
        cause: 'stopped',
        isForgotten: false,
        hiddenUntilMs: 0,
      });
      return;
    }
    const delayMs = launch.state === 'queued' ? 0 : this.#world.random.below(graceMs);
    this.#world.after(delayMs, this.#world.outside, `job ${jobId} ends because it was stopped`, () =>
      this.#exit(launch, 'stopped', null),
    );
  }

  #forget({ launchKey }: LaunchReference): void {
    const launch = this.launches.get(launchKey);
    if (!launch) return;
    if (launch.state === 'running' || launch.state === 'queued') {
      throw new AdapterError('conflict', 'The job has not ended: stop it before its records are removed.');
    }
    launch.isForgotten = true;
  }
}

function named({ number }: Launch): { handle: string; resourceJobId: number } {
  return { handle: `launch-${number}`, resourceJobId: number };
}

function unknown(reason: string): Observation {
  return { kind: 'unknown', reason };
}

async function* logs(answer: Promise<void>): AsyncGenerator<LogChunk> {
  await answer;
  yield { offsetBytes: 0, content: Buffer.from('the last line\n') };
}

/** What a job's command says that it will do. */
function planOf([, text = '{}']: readonly string[]): JobPlan {
  const plan: unknown = JSON.parse(text);
  const number = (name: string): number => {
    const value: unknown = typeof plan === 'object' && plan !== null ? Reflect.get(plan, name) : undefined;
    return typeof value === 'number' ? value : 0;
  };
  return {
    queuedMs: number('queuedMs'),
    runsMs: number('runsMs'),
    exitCode: number('exitCode'),
    isRefused: number('isRefused') === 1,
  };
}
