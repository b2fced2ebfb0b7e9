import { AsyncLocalStorage } from 'node:async_hooks';

/** What a process that dies throws in its place: the work breaks off, and nothing that it does afterwards has an effect. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

/** Where an adapter's steps are seen: the moments between which it can be ended. */
export interface StepSource {
  /** Runs work and calls `onStep` before (or after) each of its steps that changes something outside. What `onStep` throws ends the step. */
  run<R>(onStep: (name: string) => void, work: () => Promise<R>): Promise<R>;
}

/** Steps that an adapter itself reports. */
export interface ReportedSteps extends StepSource {
  /** For the adapter's option: to be called with the name of each step, and allowed to throw. */
  readonly report: (name: string) => void;
}

/**
 * For adapters with an option that is called at each step.
 *
 * @example
 * const steps = reportedSteps();
 * const resource = await createLocalResource({ ..., steps: steps.report });
 */
export function reportedSteps(): ReportedSteps {
  const observers = new AsyncLocalStorage<(name: string) => void>();
  return {
    report: (name) => observers.getStore()?.(name),
    run: (onStep, work) => observers.run(onStep, work),
  };
}

/** Runs work that dies at the chosen step. */
export type CrashingRun = (work: () => Promise<unknown>) => Promise<void>;

/**
 * Repeats a round with a crash at the first step, then at the second, and so on, until the work has no more steps.
 * Each round prepares, runs its work once through `crash`, and looks at what is left, as a new process would.
 *
 * A crash in this process still runs the adapter's `finally` blocks, in vain: every step that they try breaks off, too. What must hold
 * against KILL itself is tried with {@link startProgram}.
 *
 * @returns the names of the steps that there were.
 * @throws Error when there is no step at all, since then nothing was tried.
 */
export async function crashAtEachStep(
  source: StepSource,
  round: (crash: CrashingRun, step: number) => Promise<void>,
): Promise<string[]> {
  for (let step = 1; ; step += 1) {
    let names: string[] | undefined;
    await round(async (work) => {
      names = await crashAt(source, step, work);
    }, step);
    if (!names) throw new Error('The round did not run its work, so no crash was tried.');
    if (names.length >= step) continue;
    if (step === 1) throw new Error('The adapter took no step that was seen, so no crash was tried.');
    return names;
  }
}

/**
 * Runs work that dies at its nth step. Returns the names of the steps that were reached, the fatal one included; fewer than `step`
 * mean that the work came to its end.
 */
async function crashAt(source: StepSource, step: number, work: () => Promise<unknown>): Promise<string[]> {
  const names: string[] = [];
  const onStep = (name: string): void => {
    if (names.length < step) names.push(name);
    if (names.length >= step) throw new Crash(`The process ended at step ${step}, ${name}.`);
  };
  try {
    await source.run(onStep, work);
  } catch (error) {
    // An adapter may report what broke off in its own words.
    if (names.length < step) throw error;
  }
  return names;
}
