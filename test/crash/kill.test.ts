// Kills the server at each step of each operation, starts it again, and looks whether each thing has happened once or was undone.
// In CI every step with a name, and a third of the moments that have none: transactions that write rows, and the first and last change to files of each
// kind. Which third follows from the commit, so that all are tried within some commits, and a commit has one result.
//   UWS_SEED=<number>   the third that a seed chose
//   UWS_LONG=1          all of them, and the changes to files between the first and the last
import { execFileSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until, violations } from './invariants.js';
import { Bench, type Point } from './steps/bench.js';
import { type Death, die, pointsOf, putAwayBench, record, recordRecovery, removeBench } from './steps/deaths.js';
import type { Operation } from './steps/operations.js';
import * as operations from './steps/operations.js';

const sourcesOf = (name: string): string => fileURLToPath(new URL(`../../packages/${name}/src`, import.meta.url));

/** Of the resource: steps that no request leads to, where it ends a launch whose supervisor died or that used too much. */
const ofItsOwn = /^(end|settle)\./;

const all: readonly Operation[] = [
  operations.createWorkspace,
  operations.updateWorkspace,
  operations.share,
  operations.uploadFiles,
  operations.deleteRunning,
  operations.deleteWorkspace,
  operations.startWorkspace,
  operations.cancelShare,
  operations.stopJob,
  operations.stopDeafJob,
  operations.jobEnds,
  operations.extendJob,
  operations.acceptShare,
];

const isLong = process.env.UWS_LONG === '1';

/** What others have shown already is left out: single changes of files in a removal, and of an unheard stop all but the kill. */
const chosenSteps = new Map<Operation, (step: string) => boolean>([
  [operations.deleteRunning, (step) => !step.startsWith('before files: ')],
  [operations.cancelShare, (step) => !step.startsWith('before files: ')],
  [operations.stopDeafJob, (step) => /stop\.(signal|kill)$/.test(step)],
]);

/** Where a first death leaves work to the next start, which then dies itself at each of its own steps. */
const recoveries: readonly (readonly [string, Operation, Point])[] = [
  ['undoing a workspace', operations.createWorkspace, { step: 'after files.stage', count: 1 }],
  ['finishing a workspace', operations.createWorkspace, { step: 'before files.put', count: 1 }],
  ['launching a job', operations.startWorkspace, { step: 'before resource.launch', count: 1 }],
  ['copying a share', operations.share, { step: 'before share.copy', count: 1 }],
  ['deleting a workspace', operations.deleteRunning, { step: 'after resource.stop', count: 1 }],
];

/** Servers, each with a data directory of its own; tests take turns on them. They mostly wait, so there are more than processors. */
const free: Bench[] = [];
const waiting: ((bench: Bench) => void)[] = [];

/** Which third of the moments without a name is tried. */
const seed = Number(process.env.UWS_SEED ?? seedOfCommit());

/** 0 outside a clone. */
function seedOfCommit(): number {
  try {
    const stdio = ['ignore', 'pipe', 'ignore'] as const;
    return Number.parseInt(
      execFileSync('git', ['rev-parse', '--short=8', 'HEAD'], { stdio: [...stdio] }).toString(),
      16,
    );
  } catch {
    return 0;
  }
}

const isNamed = ({ step }: Point): boolean => !/ (rows|files): /.test(step);

/**
 * The steps with a name, and a third of the others; of many changes to files of one kind, such as four `mkdir`, none between the first and the last.
 * All of them with `UWS_LONG=1`.
 */
function chosenPoints(points: readonly Point[]): Point[] {
  if (isLong) return [...points];
  const last = new Map(points.map(({ step, count }) => [step, count]));
  const others = points.filter(
    (point) => !isNamed(point) && (!point.step.includes(' files: ') || [1, last.get(point.step)].includes(point.count)),
  );
  const chosen = new Set(others.filter((_, index) => index % 3 === seed % 3));
  return points.filter((point) => isNamed(point) || chosen.has(point));
}

async function onBench<T>(work: (bench: Bench) => Promise<T>): Promise<T> {
  const bench = free.pop() ?? (await new Promise<Bench>((resolve) => waiting.push(resolve)));
  try {
    return await work(bench);
  } finally {
    const next = waiting.shift();
    if (next) next(bench);
    else free.push(bench);
  }
}

const table: { readonly operation: string; readonly deaths: readonly Death[] }[] = [];

function report(operation: string, deaths: readonly Death[]): void {
  table.push({ operation, deaths });
  const problems = deaths.flatMap(({ point, problems: found }) =>
    found.map((problem) => `${operation}, at ${point.step} #${point.count}, with UWS_SEED=${seed}: ${problem}`),
  );
  expect(problems).toEqual([]);
}

let benches: readonly Bench[] = [];
beforeAll(async () => {
  benches = await Promise.all([Bench.open(), Bench.open(), Bench.open()]);
  free.push(...benches);
});

afterAll(async () => {
  printTable();
  for (const bench of benches) await removeBench(bench);
});

describe('after a death at each step, each thing has happened once or was undone:', () => {
  for (const operation of all) {
    test.concurrent(operation.name, { timeout: 1_200_000 }, () =>
      onBench(async (bench) => {
        const steps = await record(bench, operation);
        const chosen = steps.filter(chosenSteps.get(operation) ?? (() => true));
        const deaths: Death[] = [];
        for (const point of chosenPoints(pointsOf(chosen))) deaths.push(await die(bench, operation, point));
        report(operation.name, deaths);
      }),
    );
  }

  for (const [name, operation, first] of recoveries) {
    test.concurrent(`${name}, after a second death`, { timeout: 1_200_000 }, () =>
      onBench(async (bench) => {
        const recovery = pointsOf(await recordRecovery(bench, operation, first)).filter(isNamed);
        const deaths: Death[] = [];
        for (const point of recovery) deaths.push(await die(bench, operation, first, point));
        report(`${name} (second death)`, deaths);
      }),
    );
  }
});

test('every step that the server and its resource name was hit', async () => {
  const hit = new Set(
    table.flatMap(({ deaths }) => deaths.filter(({ wasHit }) => wasHit).map(({ point }) => point.step)),
  );
  const ofServer = await namedSteps('server');
  const ofResource = (await namedSteps('resource-local')).filter((name) => !ofItsOwn.test(name));
  const named = [...ofServer, ...ofResource.flatMap((name) => [`before ${name}`, `after ${name}`])];
  expect(named.length).toBeGreaterThan(30);
  expect(named.filter((name) => !hit.has(name))).toEqual([]);
});

test('what was staged for requests that died is given up after a week', async () => {
  const counts = await Promise.all(
    free.map(async (bench) => {
      const staged = await bench.database.count('uploads', {});
      await bench.database.transaction((rows) => rows.update('uploads', { id: { gt: 0 } }, { created_at_ms: 1 }));
      await bench.server.stop();
      await bench.start();
      await until('the uploads are given up', async () =>
        (await bench.database.count('uploads', {})) === 0 ? true : undefined,
      );
      // Without its row each one that is still there is a violation.
      expect(await violations(bench)).toEqual([]);
      return staged;
    }),
  );
  expect(Math.max(...counts)).toBeGreaterThan(0);
});

test('and nothing is left once all is deleted', { timeout: 60_000 }, async () => {
  const problems = await Promise.all(free.map(putAwayBench));
  expect(problems.flat()).toEqual([]);
});

/** The names of steps in the sources of a package. */
async function namedSteps(name: string): Promise<string[]> {
  const directory = sourcesOf(name);
  const files = (await readdir(directory, { recursive: true })).filter((file) => file.endsWith('.ts'));
  const texts = await Promise.all(files.map((file) => readFile(join(directory, file), 'utf8')));
  return [
    ...new Set(texts.flatMap((text) => [...text.matchAll(/\bstep\('([^']+)'[,)]/g)].map(([, step = '']) => step))),
  ].sort();
}

function printTable(): void {
  const lines = table.flatMap(({ operation, deaths }) => {
    const steps = new Map<string, { hit: number; missed: number }>();
    for (const { point, wasHit } of deaths) {
      const counts = steps.get(point.step) ?? { hit: 0, missed: 0 };
      steps.set(point.step, wasHit ? { ...counts, hit: counts.hit + 1 } : { ...counts, missed: counts.missed + 1 });
    }
    return [
      operation,
      ...[...steps].map(
        ([step, { hit, missed }]) => `  ${step} ×${hit}${missed > 0 ? ` (${missed} times not reached)` : ''}`,
      ),
    ];
  });
  const deaths = table.flatMap((entry) => entry.deaths).filter(({ wasHit }) => wasHit).length;
  console.log([`With UWS_SEED=${seed} the server was killed ${deaths} times, at these steps:`, ...lines].join('\n'));
}
