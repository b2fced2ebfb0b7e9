import { mixed, type Random, seededRandom } from '../../simulation/random.js';
import { between, oneOf, weighted } from './chance.js';

/** One thing that a person is to do. Its own seed says how, so that what became of earlier ones changes no later one's choices. */
export interface Step {
  readonly deed: string;
  readonly seed: number;
}

/** One fault that is to be caused. */
export interface Strike {
  readonly fault: string;
  /** How many operations all persons together have done by then: so there are as many faults on a slow machine as on a fast one. */
  readonly after: number;
  readonly seed: number;
}

/** All that a run does. What the system makes of it (who comes first, where a connection breaks) is not part of it. */
export interface Plan {
  /** Of each person. */
  readonly steps: readonly (readonly Step[])[];
  /** Faults of one lane follow each other; lanes go on at the same time. */
  readonly lanes: readonly (readonly Strike[])[];
}

/** The faults of one lane. */
export interface Choice {
  readonly fault: string;
  /** It ends a server: not in the last part of a run, so that what the last servers keep open tells of all that went before. */
  readonly isDeath: boolean;
}

/** What a plan is made of. */
export interface Ingredients {
  readonly seed: number;
  readonly persons: number;
  /** Of each person. */
  readonly steps: number;
  readonly deeds: readonly (readonly [name: string, weight: number])[];
  readonly lanes: readonly (readonly Choice[])[];
}

const deathsEnd = 0.7;

/** The same plan for the same seed. */
export function planOf({ seed, persons, steps, deeds, lanes }: Ingredients): Plan {
  const operations = persons * steps;
  return {
    steps: Array.from({ length: persons }, (_, person) => {
      const random = seededRandom(mixed(seed, person));
      return Array.from({ length: steps }, () => ({ deed: weighted(random, deeds), seed: random.below(2 ** 32) }));
    }),
    lanes: lanes.map((choices, lane) => {
      const random = seededRandom(mixed(seed, 1_000_000 + lane));
      const strikes: Strike[] = [];
      const deal = dealer(random, choices);
      for (let after = between(random, 10, 40); after < operations; after += between(random, 10, 60)) {
        const choice = deal(({ isDeath }) => !isDeath || after < operations * deathsEnd);
        if (choice) strikes.push({ fault: choice.fault, after, seed: random.below(2 ** 32) });
      }
      return strikes;
    }),
  };
}

/** Gives one after the other by chance, each of them before any comes again: so a short run has all kinds too. */
function dealer<T>(random: Random, items: readonly T[]): (isAllowed: (item: T) => boolean) => T | undefined {
  const left: T[] = [];
  return (isAllowed) => {
    if (!left.some(isAllowed)) left.push(...items);
    const item = oneOf(random, left.filter(isAllowed));
    if (item !== undefined) left.splice(left.indexOf(item), 1);
    return item;
  };
}
