import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { processesBelow, removeDirectory } from '../../support/server.js';
import { endLeftProcesses, namesIn, settled, violations } from '../invariants.js';
import type { Bench, Point } from './bench.js';
import type { Operation, Prepared } from './operations.js';

/** How long after a request its server may live before it counts as not hit. */
const patienceMs = 3_000;

/** What a death, and what came after it, has shown to be wrong; nothing, if all is well. */
export interface Death {
  readonly point: Point;
  readonly wasHit: boolean;
  readonly problems: readonly string[];
}

/** Lets an operation come to its end, and gives the steps on the way. */
export async function record(bench: Bench, operation: Operation): Promise<string[]> {
  const prepared = await operation.prepare(bench);
  await bench.arm();
  const answer = await prepared.act();
  if (answer?.status !== 200) throw new Error(`${operation.name}: ${JSON.stringify(answer)}`);
  const steps = await stepsUntilRest(bench);
  const effect = await prepared.look();
  const problems = await violations(bench);
  if (effect !== 'done' || problems.length > 0) throw new Error(`${operation.name}: ${effect}; ${problems.join('; ')}`);
  await stopAll(bench);
  return steps;
}

/** Lets the server die at a point of an operation, and gives the steps of the start after it, until all has come to rest. */
export async function recordRecovery(bench: Bench, operation: Operation, first: Point): Promise<string[]> {
  const prepared = await operation.prepare(bench);
  await bench.arm(first);
  const answer = await prepared.act();
  if (!(await bench.hasDied(patienceMs))) throw new Error(`${operation.name}: ${first.step} was not reached`);
  await bench.start();
  const steps = await stepsUntilRest(bench);
  const problems = await problemsAfter(bench, prepared, answer?.status);
  if (problems.length > 0) throw new Error(`${operation.name}, at ${first.step}: ${problems.join('; ')}`);
  await stopAll(bench);
  return steps;
}

async function stepsUntilRest(bench: Bench): Promise<string[]> {
  await settled(bench);
  // What rows tell of comes before the step that follows it.
  await delay(300);
  return bench.steps();
}

/**
 * Every occurrence of every step, but for rows that are written at a step with a name of its own: before a named step and before the first row
 * after it are one moment, and so are after a row and after the step that it ends.
 */
export function pointsOf(steps: readonly string[]): Point[] {
  const counts = new Map<string, number>();
  const points = steps.map((step) => {
    const count = (counts.get(step) ?? 0) + 1;
    counts.set(step, count);
    return { step, count };
  });
  const isRow = (step: string | undefined): boolean => step?.includes(' rows: ') ?? false;
  return points.filter(({ step }, index) => {
    const neighbour = steps[step.startsWith('before ') ? index - 1 : index + 1];
    const isSameMoment =
      neighbour?.startsWith(step.slice(0, 6)) && !isRow(neighbour) && !neighbour.includes(' files: ');
    return !(isRow(step) && isSameMoment);
  });
}

/**
 * Lets the server die at a point of an operation, starts it again, and looks what has become of the operation.
 *
 * @param again Where it is to die once more, while it recovers.
 */
export async function die(bench: Bench, operation: Operation, point: Point, again?: Point): Promise<Death> {
  const prepared = await operation.prepare(bench);
  await bench.arm(point);
  const answer = await prepared.act();
  let wasHit = await bench.hasDied(patienceMs);
  if (wasHit && again) {
    wasHit = await diesAgain(bench, again);
  }
  if (!bench.isAlive) await bench.start();
  else await bench.arm();
  const problems: string[] = [];
  try {
    await settled(bench);
    problems.push(...(await problemsAfter(bench, prepared, answer?.status)));
    await stopAll(bench);
  } catch (error) {
    problems.push(String(error));
  }
  return { point: again ?? point, wasHit, problems };
}

async function diesAgain(bench: Bench, point: Point): Promise<boolean> {
  // Dead before it was ready is dead as well.
  await bench.start(point).catch(() => undefined);
  return bench.hasDied(patienceMs);
}

async function problemsAfter(bench: Bench, prepared: Prepared, status: number | undefined): Promise<string[]> {
  const problems: string[] = [];
  const effect = await prepared.look();
  if (status !== undefined && status !== 200) problems.push(`it was answered with ${status}`);
  if (status === 200 && effect === 'undone') problems.push('it was answered with success and did not happen');
  if (status === undefined && (effect === 'undone' || prepared.repeatable)) {
    const answer = await prepared.act();
    if (answer?.status !== 200) problems.push(`repeated, it was answered ${JSON.stringify(answer)}`);
    await settled(bench);
    if ((await prepared.look()) !== 'done') problems.push('repeated, it did not happen');
  }
  return [...problems, ...(await violations(bench))];
}

async function stopAll(bench: Bench): Promise<void> {
  const running = await bench.database.find('jobs', { where: { status: 'running' } });
  for (const { id } of running) await bench.send('ada', 'PUT', `/jobs/${id}/stop/`);
  if (running.length > 0) await settled(bench);
}

/** Deletes all there is, ends the server, and tells what is left although nothing should be. */
export async function putAwayBench(bench: Bench): Promise<string[]> {
  if (!bench.isAlive) await bench.start();
  const problems: string[] = [];
  for (const { shared_workspace_id } of await bench.database.find('shares', { where: { is_accepted: false } })) {
    await bench.send('ben', 'DELETE', `/shared_workspaces/${shared_workspace_id}/`);
  }
  await settled(bench);
  const ada = await bench.user('ada');
  for (const { id, user_id } of await bench.database.find('workspaces', {})) {
    const person = user_id === ada.id ? 'ada' : 'ben';
    const answer = await bench.send(person, 'DELETE', `/workspaces/${id}/?force=true`);
    if (answer?.status !== 200) problems.push(`workspace ${id} was not deleted: ${JSON.stringify(answer)}`);
  }
  await settled(bench);
  problems.push(...(await violations(bench)));
  await bench.close();
  for (const place of ['workspaces/.staging', 'workspaces/ada', 'workspaces/ben', 'launches']) {
    const names = (await namesIn(join(bench.data, place))).filter((name) => !name.startsWith('.'));
    if (names.length > 0) problems.push(`left in ${place}: ${names.join(', ')}`);
  }
  const left = await processesBelow(bench.data);
  for (const pid of left) {
    problems.push(`left running: ${pid} ${await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')}`);
  }
  await removeDirectory(dirname(bench.data));
  return problems;
}

/** Ends and removes whatever a test that failed has left of a bench. */
export async function removeBench(bench: Bench): Promise<void> {
  if (bench.isAlive) await bench.server.stop('SIGKILL');
  await endLeftProcesses(bench);
  await removeDirectory(dirname(bench.data));
}
