import type { Clock } from '../../packages/server/src/clock.js';
import { type FaultKind, Faults } from './faults.js';
import { mixed, type Random, seededRandom } from './random.js';

/** Something whose steps can be held up or lost: a server process. The world itself neither sleeps nor dies. */
export interface Actor {
  readonly name: string;
  isAlive: boolean;
  isPaused: boolean;
  /** How far its clock is ahead of the world's. */
  skewMs: number;
}

interface Task {
  readonly actor: Actor;
  readonly dueMs: number;
  readonly label: string;
  readonly run: () => void;
}

const startMs = Date.UTC(2026, 0, 1);

/**
 * Simulated time and the one queue of everything that is to happen. Each step releases exactly one task, chosen by the seed among those that
 * are due, and then lets all that follows from it without waiting (microtasks) run to its end.
 */
export class World {
  readonly random: Random;
  readonly faults: Faults;
  readonly outside: Actor = { name: 'world', isAlive: true, isPaused: false, skewMs: 0 };
  nowMs = startMs;
  steps = 0;
  /** The database is embedded: what is wrong with a clock is no difference between clocks for long. Otherwise it tells its own time, which is right. */
  readonly isOneMachine: boolean;
  /** Until then a clock may have been wrong. */
  clocksWrongUntilMs = 0;
  /** Calls on their way to another machine, which arrive whatever becomes of their sender. */
  lateEffects = 0;
  readonly #ids: Random;
  readonly #trace: ((line: string) => void) | undefined;
  #tasks: Task[] = [];
  #hash = 0;

  constructor(
    seed: number,
    faults: { readonly kinds: ReadonlySet<FaultKind>; readonly only?: ReadonlySet<number> | undefined },
    trace?: (line: string) => void,
  ) {
    this.isOneMachine = seed % 2 === 1;
    this.random = seededRandom(mixed(seed, 1));
    this.#ids = seededRandom(mixed(seed, 2));
    this.faults = new Faults(mixed(seed, 3), faults.kinds, faults.only, (line) => this.note(line));
    this.#trace = trace;
  }

  /** Summary of every step so far: two runs with one value took the same way. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  get elapsedMs(): number {
    return this.nowMs - startMs;
  }

  after(delayMs: number, actor: Actor, label: string, run: () => void): Task {
    const task: Task = { actor, dueMs: this.nowMs + Math.max(0, Math.round(delayMs)), label, run };
    if (actor.isAlive) this.#tasks.push(task);
    return task;
  }

  cancel(task: Task): void {
    const index = this.#tasks.indexOf(task);
    if (index >= 0) this.#tasks.splice(index, 1);
  }

  /** What a dead process was about to do never happens. */
  forget(actor: Actor): void {
    this.#tasks = this.#tasks.filter((task) => task.actor !== actor);
  }

  /** A moment of waiting for somebody, for work that goes on in steps. */
  pause(delayMs: number, actor: Actor, label: string): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, actor, label, resolve));
  }

  /** Releases one task. */
  async step(): Promise<void> {
    const task = this.#next();
    this.steps += 1;
    this.note(`${task.actor.name}: ${task.label}`);
    task.run();
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Adds a line to the trace and to the hash. */
  note(line: string): void {
    let hash = this.#hash ^ this.elapsedMs;
    for (let index = 0; index < line.length; index++) hash = Math.imul(hash ^ line.charCodeAt(index), 0x01000193);
    this.#hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    this.#trace?.(`${String(this.steps).padStart(6)} ${(this.elapsedMs / 1000).toFixed(3).padStart(9)}s ${line}`);
  }

  /** Adds a line to the trace alone. */
  remark(line: string): void {
    this.#trace?.(`${' '.repeat(18)} ${line}`);
  }

  /** The clock of one process: its hands may be wrong, its timers are not. */
  clockOf(actor: Actor): Clock {
    return {
      now: () => this.nowMs + actor.skewMs,
      elapsed: () => this.elapsedMs,
      random: (byteCount) => Uint8Array.from({ length: byteCount }, () => this.#ids.below(256)),
      sleep: (delayMs, signal) => this.#sleep(actor, delayMs, signal),
    };
  }

  #sleep(actor: Actor, delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const end = (): void => {
        this.cancel(task);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const task = this.after(delayMs, actor, `wakes after ${Math.round(delayMs)} ms`, end);
      signal?.addEventListener('abort', end, { once: true });
    });
  }

  #next(): Task {
    let chosen = -1;
    let dueCount = 0;
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const { actor, dueMs } of this.#tasks) {
      if (actor.isPaused) continue;
      if (dueMs <= this.nowMs) dueCount += 1;
      else if (dueMs < earliestMs) earliestMs = dueMs;
    }
    if (dueCount === 0) {
      if (earliestMs === Number.POSITIVE_INFINITY) throw new Error('The simulation has come to a standstill.');
      this.nowMs = earliestMs;
      return this.#next();
    }
    let skip = this.random.below(dueCount);
    for (let index = 0; index < this.#tasks.length; index++) {
      const task = this.#tasks[index];
      if (!task || task.actor.isPaused || task.dueMs > this.nowMs) continue;
      if (skip === 0) {
        chosen = index;
        break;
      }
      skip -= 1;
    }
    const [task] = this.#tasks.splice(chosen, 1);
    if (!task) throw new Error('No task was found where one was counted.');
    return task;
  }
}
