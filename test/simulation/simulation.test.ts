// The reconciler and the services that ship, in simulated time over models of all that is outside; see README.md.
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bugs } from './bugs.js';
import { regressions } from './regressions.js';
import { shrink } from './shrink.js';
import { type Options, type Outcome, optionsOf, simulate } from './simulation.js';

const stepsOfRun = process.env.UWS_LONG ? 3_000_000 : 200_000;
const givenSeed = process.env.UWS_SEED;
const timeout = process.env.UWS_LONG ? 3_600_000 : 600_000;

/** What to do with a run that failed. */
async function report(failed: Outcome): Promise<string> {
  const smallest = await shrink(failed);
  return [
    `Seed ${failed.options.seed}: ${failed.violations.join('\n')}`,
    `Shrunk: ${smallest.violations.join('\n')}`,
    `Add to regressions.ts, once mended: ${JSON.stringify(smallest.options)}`,
    `See it step by step: UWS_SEED=${failed.options.seed} npx vitest run --project e2e test/simulation`,
  ].join('\n');
}

describe('a run', () => {
  test.each([1, 2, 3])('goes the same way each time: seed %i', { timeout }, async (seed) => {
    const lines: string[] = [];
    const first = await simulate(optionsOf(seed), (line) => lines.push(line));
    const again: string[] = [];
    const second = await simulate(optionsOf(seed), (line) => again.push(line));
    expect(second).toEqual(first);
    expect(again).toEqual(lines);
    expect(lines.length).toBeGreaterThan(first.steps);
    expect((await simulate(optionsOf(seed + 1))).hash).not.toBe(first.hash);
  });
});

describe('whatever goes wrong', () => {
  test(`no promise is broken in ${stepsOfRun} steps`, { timeout }, async () => {
    const sum = { steps: 0, runs: 0, faults: 0, answers: 0, launches: 0, simulatedMs: 0 };
    for (let seed = 1; sum.steps < stepsOfRun; seed++) {
      const outcome = await simulate(optionsOf(seed));
      if (outcome.violations.length > 0) expect.fail(await report(outcome));
      sum.steps += outcome.steps;
      sum.runs += 1;
      sum.faults += outcome.struck.length;
      sum.answers += outcome.answers;
      sum.launches += outcome.launches;
      sum.simulatedMs += outcome.simulatedMs;
    }
    console.log(
      `${sum.steps} steps in ${sum.runs} runs, ${Math.round(sum.simulatedMs / 60_000)} simulated minutes: ${sum.faults} faults, ${sum.answers} requests answered, ${sum.launches} launches.`,
    );
    // Runs in which nothing happens would prove nothing.
    expect(sum.faults).toBeGreaterThan(sum.runs * 5);
    expect(sum.answers).toBeGreaterThan(sum.runs * 5);
    expect(sum.launches).toBeGreaterThan(sum.runs);
  });

  if (givenSeed !== undefined)
    test(`seed ${givenSeed}, step by step`, { timeout }, async () => {
      const lines: string[] = [];
      const outcome = await simulate(optionsOf(Number(givenSeed)), (line) => lines.push(line));
      const path = join(tmpdir(), `simulation-${givenSeed}.txt`);
      writeFileSync(path, `${lines.join('\n')}\n`);
      console.log(`${outcome.steps} steps are written to ${path}.`);
      if (outcome.violations.length > 0) expect.fail(await report(outcome));
    });

  test.each(regressions)('$found', { timeout }, async ({ options }) => {
    const { violations } = await simulate(options);
    expect(violations).toEqual([]);
  });
});

describe('a known bug that is put back is found', () => {
  test.each(bugs)('%s', { timeout }, async (bug) => {
    let steps = 0;
    // One of them needs a visitor in the last second before a stop, which few runs have.
    for (let seed = 1; steps < 4 * stepsOfRun; seed++) {
      const outcome = await simulate(optionsOf(seed, { bug }));
      steps += outcome.steps;
      if (outcome.violations.length === 0) continue;
      console.log(`${bug}: found by seed ${seed}, after ${steps} steps: ${outcome.violations[0]}`);
      const options: Options = outcome.options;
      // It is the bug that was found, and nothing else.
      expect((await simulate({ ...options, bug: undefined })).violations).toEqual([]);
      return;
    }
    expect.fail(`${bug} was not found in ${steps} steps.`);
  });

  test('and its run is made smaller', { timeout }, async () => {
    let seed = 1;
    let failed = await simulate(optionsOf(seed, { bug: 'launch-before-key' }));
    while (failed.violations.length === 0) failed = await simulate(optionsOf(++seed, { bug: 'launch-before-key' }));
    const smallest = await shrink(failed);
    expect(smallest.violations).not.toEqual([]);
    expect(smallest.struck.length).toBeLessThanOrEqual(failed.struck.length);
    expect(smallest.options.steps).toBeLessThan(failed.options.steps);
    expect((await simulate(smallest.options)).hash).toBe(smallest.hash);
  });
});
