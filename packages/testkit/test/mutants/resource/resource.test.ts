import { resourceSuite, seededRandom, seedOf } from '@user-workspaces/testkit';
import { describe } from 'vitest';
import { localResources } from '../../../../resource-local/test/world.js';
import { testMutants } from '../mutants.js';
import { resourceMutants } from './mutants.js';

/** How many guarantees CI tries of each besides those that it breaks: every one takes real jobs. */
const others = 3;

// Those that are broken are often waited for in vain, so that several go side by side; whole suites are enough for a machine one by one.
const isWhole = process.env.UWS_LONG === '1';
(isWhole ? describe : describe.concurrent)('side by side', () => {
  const random = seededRandom(seedOf(1));
  for (const mutant of resourceMutants) {
    const rest = resourceSuite.guarantees.map(({ id }) => id).filter((id) => !mutant.breaks.includes(id));
    const sample = new Set(Array.from({ length: others }, () => rest[random.below(rest.length)]));
    // The time that a guarantee is given is for clusters; the resource of this machine needs seconds, so that those of the sample count as quick.
    const guarantees = resourceSuite.guarantees.map((one) =>
      sample.has(one.id) ? { ...one, timeoutMs: 60_000 } : one,
    );
    testMutants({ ...resourceSuite, guarantees }, localResources[0]?.differences, [mutant], 8);
  }
});
