import { type AdapterUnderTest, type Suite, trialsOf, type World } from './guarantee.js';
import { runTrial } from './trial.js';

/**
 * The functions of a test runner that a suite is registered with.
 *
 * @example
 * import { describe, test } from 'vitest'; // or from 'node:test'
 * testAdapter({ describe, test }, resourceSuite, adapter);
 */
export interface TestRunner {
  readonly describe: (name: string, define: () => void) => unknown;
  /** `timeout` in milliseconds. */
  readonly test: (name: string, options: { readonly timeout: number }, run: () => Promise<void>) => unknown;
}

/** Time that opening and closing a world may take on top of a test's own. */
const aroundMs = 120_000;

/**
 * Registers one test for each guarantee of a suite. The name of each test states the promise that it protects, and for a difference also why it
 * differs and what is tried instead.
 *
 * @throws TypeError for a difference without a reason or of an unknown capability.
 */
export function testAdapter<W extends World, Capability extends string>(
  { describe, test }: TestRunner,
  suite: Suite<W, Capability>,
  adapter: AdapterUnderTest<W, Capability>,
): void {
  // Before `describe`: some runners report what is thrown in it as a test that failed, among hundreds that passed.
  const trials = trialsOf(suite, adapter);
  describe(`${suite.contract}: ${adapter.name}`, () => {
    for (const trial of trials) {
      const { id, promise, difference } = trial;
      const instead = difference === undefined ? '' : ` Differs (${difference}), tried instead: ${trial.trial}`;
      const name = `${id}: ${promise}${instead}`;
      test(name, { timeout: trial.timeoutMs + aroundMs }, () => runTrial(adapter.open, trial));
    }
  });
}
