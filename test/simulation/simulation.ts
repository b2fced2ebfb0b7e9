import type { JobRow } from '@user-workspaces/contract';
import { newUser } from '../../packages/database-sql/test/support/rows.js';
import type { Bug } from './bugs.js';
import { type FaultKind, faultKinds } from './faults.js';
import { emptyLedger } from './ledger.js';
import { Models } from './models.js';
import { idle, Replica } from './replica.js';
import { disagreements, underWay } from './settled.js';
import { User } from './users.js';
import { type Actor, World } from './world.js';

/** One run. Everything in it follows from these values. */
export interface Options {
  readonly seed: number;
  /** Steps before the faults end. */
  readonly steps: number;
  readonly users: number;
  readonly replicas: number;
  readonly kinds: readonly FaultKind[];
  /** Only the faults at these places strike. */
  readonly only?: readonly number[] | undefined;
  /** A known bug that is put back. */
  readonly bug?: Bug | undefined;
}

export interface Outcome {
  readonly options: Options;
  /** What was found to be wrong; nothing in a good run. */
  readonly violations: readonly string[];
  readonly steps: number;
  readonly hash: string;
  /** Where faults struck. */
  readonly struck: readonly number[];
  readonly simulatedMs: number;
  readonly answers: number;
  readonly launches: number;
}

/** How long all that was accepted may take once the faults are over: what clocks were wrong by is corrected within minutes, attempts are a minute apart. */
const patienceMs = 10 * 60_000;
const skewMs = 5 * 60_000;
/** A process is looked upon again within this time. */
const lookMs = 8_000;

export function optionsOf(seed: number, changes: Partial<Options> = {}): Options {
  return { seed, steps: 3_000, users: 1 + (seed % 3), replicas: 2 + (seed % 2), kinds: faultKinds, ...changes };
}

/**
 * Lets users work with replicas while everything goes wrong, then lets it go right, and looks at what was promised.
 *
 * @param trace Called with a line for each step.
 */
export async function simulate(options: Options, trace?: (line: string) => void): Promise<Outcome> {
  const { seed, steps, kinds, only } = options;
  const world = new World(seed, { kinds: new Set(kinds), only: only && new Set(only) }, trace);
  const replicas: Replica[] = [];
  const leased = (owner: string): void => {
    const replica = replicas.find(({ name }) => name === owner);
    // Where it hurts most: with a lease, that others take over meanwhile.
    if (replica && world.faults.strikes('pause', 0.04)) {
      world.after(world.random.below(15), world.outside, `${owner} is stopped`, () => {
        sleep(world, replica.actor, 60_000 + world.random.below(90_000));
      });
    }
  };
  const models = new Models(world, { leased, warned: (row) => comeBack(world, replicas, row, idle.warningMs) });
  const { violations } = models;
  const ledger = emptyLedger();
  const ids = Array.from({ length: options.users }, (_, index) => index + 1);
  for (const id of ids) {
    models.database.rows.users.set(id, { id, ...newUser(`user${id}`, { created_at_ms: world.nowMs }) });
  }
  for (let number = 1; number <= options.replicas; number++) {
    replicas.push(new Replica(world, models, `replica ${number}`, options.bug));
  }
  for (const replica of replicas) replica.start();
  const users = ids.map((id) => new User(world, id, ids, replicas, ledger));
  const lives = users.map((user) => user.live());
  for (const replica of replicas) trouble(world, replica);

  while (world.steps < steps && violations.found.length === 0) await world.step();

  world.faults.isOn = false;
  world.note('the faults are over');
  for (const user of users) user.rest();
  for (const { actor } of replicas) {
    actor.isPaused = false;
    // Where the database tells the time, clocks may stay wrong for ever.
    if (world.isOneMachine) actor.skewMs = 0;
  }
  let isAtRest = false;
  void Promise.all(lives).then(() => {
    isAtRest = true;
  });
  const deadlineMs = world.nowMs + patienceMs;
  // Two looks, some time apart: what rests between two attempts is not over.
  let quietSinceMs: number | undefined;
  while (violations.found.length === 0) {
    await world.step();
    const left = isAtRest ? underWay(models, world.nowMs) : ['users are at work'];
    if (world.lateEffects > 0) left.push('a call has not arrived yet');
    if (left.length > 0) quietSinceMs = undefined;
    else quietSinceMs ??= world.nowMs;
    if (quietSinceMs !== undefined && world.nowMs - quietSinceMs > 5_000) break;
    if (world.nowMs > deadlineMs)
      for (const sentence of left) violations.add(`still, long after the last fault: ${sentence}`);
  }
  if (violations.found.length === 0) for (const sentence of disagreements(models, ledger)) violations.add(sentence);
  return {
    options,
    violations: violations.found,
    steps: world.steps,
    hash: world.hash,
    struck: world.faults.struck,
    simulatedMs: world.elapsedMs,
    answers: ledger.answers,
    launches: models.resources.reduce((sum, { launches }) => sum + launches.size, 0),
  };
}

/** Whoever is warned that a session is about to be stopped comes back to it, or not, and some in the last moments or too late. */
function comeBack(world: World, replicas: readonly Replica[], row: JobRow, inMs: number): void {
  const { random, outside, faults } = world;
  if (!faults.isOn || row.id % 3 === 0 || random.next() < 0.3) return;
  world.after(inMs + random.below(6_000) - 3_000, outside, `somebody comes back to job ${row.id}`, () => {
    replicas[random.below(replicas.length)]?.visit(row);
  });
}

/** What befalls a process from outside. */
function trouble(world: World, replica: Replica): void {
  const { random, outside, faults } = world;
  if (world.isOneMachine && replica.actor.skewMs !== 0) world.clocksWrongUntilMs = world.nowMs + lookMs;
  world.after(random.below(lookMs), outside, `${replica.name} is looked upon`, () => {
    const { actor } = replica;
    if (actor.isAlive && faults.strikes('crash', 0.15))
      replica.crash(random.next() < 0.7 ? random.below(3_000) : random.below(120_000));
    else if (actor.isAlive && !actor.isPaused && faults.strikes('pause', 0.1)) {
      sleep(world, actor, random.next() < 0.5 ? random.below(5_000) : random.below(150_000));
    } else if (faults.strikes('clock', 0.05)) {
      actor.skewMs = random.next() < 0.3 ? 0 : random.below(2 * skewMs) - skewMs;
      if (world.isOneMachine) world.clocksWrongUntilMs = Math.max(world.clocksWrongUntilMs, world.nowMs + lookMs);
      world.note(`the clock of ${replica.name} is ${actor.skewMs} ms ahead`);
    }
    if (faults.isOn) trouble(world, replica);
  });
}

/** Stops a process for a while, as SIGSTOP does. */
function sleep(world: World, actor: Actor, forMs: number): void {
  if (!world.faults.isOn || actor.isPaused) return;
  actor.isPaused = true;
  world.after(forMs, world.outside, `${actor.name} goes on`, () => {
    actor.isPaused = false;
  });
}
