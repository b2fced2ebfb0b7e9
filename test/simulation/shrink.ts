import { type Options, type Outcome, simulate } from './simulation.js';

/**
 * Makes a failing run smaller while it fails: fewer steps, users, replicas, kinds of faults, and in the end single faults.
 *
 * @param budget Runs that may be spent on it.
 */
export async function shrink(failing: Outcome, budget = 150): Promise<Outcome> {
  let smallest = failing;
  let runs = 0;
  const fails = async (changes: Partial<Options>): Promise<boolean> => {
    if (runs >= budget) return false;
    runs += 1;
    const outcome = await simulate({ ...smallest.options, ...changes });
    if (outcome.violations.length === 0) return false;
    smallest = outcome;
    return true;
  };
  if (failing.steps < failing.options.steps) await fails({ steps: failing.steps });
  while (smallest.options.steps > 10 && (await fails({ steps: Math.floor(smallest.options.steps / 2) })));
  while (smallest.options.users > 1 && (await fails({ users: smallest.options.users - 1 })));
  while (smallest.options.replicas > 1 && (await fails({ replicas: smallest.options.replicas - 1 })));
  for (const kind of smallest.options.kinds) {
    await fails({ kinds: smallest.options.kinds.filter((other) => other !== kind) });
  }
  // Halves of the faults that struck, then quarters, and so on, are left out.
  for (let size = Math.ceil(smallest.struck.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < smallest.struck.length; ) {
      const { struck } = smallest;
      const rest = [...struck.slice(0, from), ...struck.slice(from + size)];
      if (!(await fails({ only: rest }))) from += size;
    }
  }
  return smallest;
}
