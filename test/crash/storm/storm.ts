import { seededRandom } from '../../simulation/random.js';
import { settled, until, violations } from '../invariants.js';
import { eventProblems, leftovers, mailProblems, promiseProblems, sessionProblems } from './checks.js';
import { Cluster, type ClusterOptions } from './cluster.js';
import { deeds } from './deeds/index.js';
import { end, open, reach } from './deeds/sessions.js';
import { create } from './deeds/workspaces.js';
import { type Disturbed, disturb, faultsOf, type Progress } from './faults.js';
import { leftOpen, openFilesOf } from './open-files.js';
import { Person } from './person.js';
import { type Plan, planOf } from './plan.js';

const clientToken = 'c0ffee0000000000000000000000000000000000';

/** What each person does before anything goes wrong. */
const calmSteps = 5;

/** How many times as many steps the long form has. */
const longer = 8;

export const seedOfCi = 20_261_125;

/** `UWS_SEED` repeats a plan; the long form makes a new one each time, the short one always the same. */
export const seed = Number(process.env.UWS_SEED ?? (process.env.UWS_LONG ? Date.now() % 1_000_000_007 : seedOfCi));

export interface StormReport {
  /** Empty if all is well. */
  readonly problems: string[];
  /** One line with what happened. */
  readonly figures: string;
}

export interface StormOptions extends ClusterOptions {
  readonly persons: number;
  /** Of each person; the long form has more. */
  readonly steps: number;
}

/** What a run with these options does. */
export function stormPlan(options: StormOptions): Plan {
  const isLong = Boolean(process.env.UWS_LONG);
  const weights = Object.entries(deeds).map(([name, { weight }]) => [name, weight] as const);
  const steps = isLong ? options.steps * longer : options.steps;
  return planOf({ ...options, steps, deeds: weights, lanes: faultsOf(options, isLong) });
}

/** Many users at work while faults come and go; then everything is looked at. */
export async function storm(options: StormOptions): Promise<StormReport> {
  const plan = stormPlan(options);
  const cluster = await Cluster.open(options);
  try {
    await cluster.start();
    const persons = plan.steps.map((_, index) => new Person(`person${index}`, cluster));
    for (const person of persons) person.others = persons.filter((other) => other !== person);
    await Promise.all(persons.map((person) => person.signIn(clientToken)));
    const work = (from: number, to?: number): Promise<unknown> =>
      Promise.all(persons.map((person, index) => person.work(plan.steps[index]?.slice(from, to) ?? [])));
    await work(0, calmSteps);
    const atRest = await Promise.all(cluster.replicas.map(({ pid }) => openFilesOf(pid)));

    const standing = await openStanding(persons[0], options.seed);
    let isOver = false;
    const progress: Progress = {
      get operations() {
        return persons.reduce((sum, { operations }) => sum + operations, 0);
      },
      get isOver() {
        return isOver;
      },
    };
    const disturbing = disturb(cluster, plan.lanes, progress);
    await work(calmSteps);
    isOver = true;
    const disturbed = await disturbing;
    const problems = [...disturbed.problems, ...(await standing(cluster)), ...(await look(cluster, persons, atRest))];
    if (problems.length > 0) problems.push(`Replay with UWS_SEED=${options.seed}.`, cluster.complaints());
    return { problems, figures: figuresOf(persons, cluster, disturbed) };
  } finally {
    await cluster.remove();
  }
}

/** Opens a session before anything goes wrong; the returned function tells whether every server still leads into it, and ends it. */
async function openStanding(
  person: Person | undefined,
  seed: number,
): Promise<(cluster: Cluster) => Promise<string[]>> {
  if (!person) throw new Error('There is nobody.');
  const turn = { person, random: seededRandom(seed), name: `${person.name}-standing` };
  const workspace = await create(turn);
  // It is not to be deleted.
  workspace.isShared = true;
  const session = await open({ ...turn, name: `${turn.name}-session` }, workspace);
  if (!session) throw new Error('The session that was to stand was not launched.');
  return async ({ replicas }) => {
    const problems: string[] = [];
    for (const { port } of replicas) {
      await reach(session, `http://127.0.0.1:${port}`).catch((error: unknown) => problems.push(String(error)));
    }
    await end(person, session).catch((error: unknown) => problems.push(String(error)));
    return problems;
  };
}

async function look(
  cluster: Cluster,
  persons: readonly Person[],
  atRest: readonly ReadonlyMap<string, number>[],
): Promise<string[]> {
  const problems = persons.flatMap((person) => person.problems);
  const tell = async (asked: Promise<string[]>): Promise<void> => {
    problems.push(...(await asked.catch((error: unknown) => [String(error)])));
  };
  await tell(
    until(
      'the last job ends',
      async () => ((await cluster.database.count('jobs', { status: 'running' })) === 0 ? true : undefined),
      30_000,
    ).then(() => []),
  );
  await tell(settled(cluster, 90_000).then(() => []));
  for (const person of persons) {
    await tell(promiseProblems(cluster, person));
    await tell(eventProblems(cluster, person));
  }
  await tell(violations(cluster));
  problems.push(...mailProblems(cluster, persons));
  await tell(sessionProblems(cluster, persons));
  await tell(leftovers(cluster, persons));
  await Promise.all(persons.map((person) => person.stopReading()));
  cluster.link.cut();
  for (const [index, replica] of cluster.replicas.entries()) {
    const left = (): Promise<string[]> => leftOpen(replica, atRest[index] ?? new Map(), cluster.postgresPort);
    await until('nothing is left open', async () => ((await left()).length === 0 ? true : undefined)).catch(
      async () => {
        problems.push(...(await left()).map((what) => `server ${index} holds open: ${what}`));
      },
    );
  }
  return problems;
}

function figuresOf(persons: readonly Person[], cluster: Cluster, { counts }: Disturbed): string {
  const sum = (of: (person: Person) => number): number => persons.reduce((total, person) => total + of(person), 0);
  const faults = [...counts].sort(([a], [b]) => a.localeCompare(b));
  const total = (some: typeof faults): number => some.reduce((found, [, count]) => found + count, 0);
  const requests = sum((person) => person.requests);
  return [
    `${requests + total(faults)} steps: ${requests} requests in ${sum(({ operations }) => operations)} operations of ${persons.length} users`,
    `${total(faults)} faults, of them ${total(faults.filter(([name]) => /^(kill|restart)/.test(name)))} kills and restarts (${faults.map(([name, count]) => `${name} ×${count}`).join(', ')})`,
    `${sum(({ promises }) => promises.jobs.size)} jobs`,
    `${sum(({ promises }) => promises.endedSessions.length)} sessions`,
    `${sum(({ promises }) => promises.keys.size)} keys`,
    `${sum(({ events }) => events.length)} events`,
    `${cluster.mail.mails.length} mails`,
    `${cluster.link.connections} connections`,
  ].join('; ');
}
