import { type AdapterUnderTest, type Suite, trialsOf, type World } from './guarantee.js';
import { runTrial } from './trial.js';

/** How one guarantee fared. */
export interface Result {
  readonly id: string;
  readonly promise: string;
  readonly trial: string;
  /** `differs`: the adapter lacks the capability, says why, and behaves as such an adapter must. */
  readonly outcome: 'kept' | 'differs' | 'broken';
  /** The declared reason of a difference. */
  readonly difference: string | undefined;
  /** What was thrown where it is broken. */
  readonly error: unknown;
  readonly durationMs: number;
}

/** The results of a suite for one adapter, in the suite's order. */
export interface Report {
  readonly contract: string;
  readonly adapter: string;
  readonly results: readonly Result[];
}

/**
 * Tries an adapter without a test runner: for reports, and for tests of tests.
 *
 * @param atOnce How many guarantees are tried side by side, each in a world of its own.
 * @param signal Ends the trials that are under way, which count as broken, closes their worlds, and begins no more: the report is of those that began.
 */
export async function tryAdapter<W extends World, Capability extends string>(
  suite: Suite<W, Capability>,
  adapter: AdapterUnderTest<W, Capability>,
  atOnce = 4,
  signal?: AbortSignal,
): Promise<Report> {
  const trials = trialsOf(suite, adapter);
  const results: Result[] = [];
  const waiting = [...trials.entries()];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next && !signal?.aborted; next = waiting.shift()) {
      const [index, trial] = next;
      const { id, promise, difference } = trial;
      const startedAt = performance.now();
      const broken = await runTrial(adapter.open, trial, signal).then(
        () => undefined,
        (error: unknown) => ({ error }),
      );
      results[index] = {
        id,
        promise,
        trial: trial.trial,
        outcome: broken ? 'broken' : difference === undefined ? 'kept' : 'differs',
        difference,
        error: broken?.error,
        durationMs: performance.now() - startedAt,
      };
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return { contract: suite.contract, adapter: adapter.name, results: results.filter(Boolean) };
}
