import {
  type AdapterUnderTest,
  type Random,
  type Suite,
  seededRandom,
  seedOf,
  tryAdapter,
  type World,
} from '@user-workspaces/testkit';
import { describe, expect, it } from 'vitest';

/** A shipped adapter with one behaviour broken, and what of its contract that breaks: all else must be kept. */
export interface Mutant<W extends World> {
  /** What it does wrong, as the rest of the sentence "An adapter that …". */
  readonly fault: string;
  readonly open: () => Promise<W>;
  /** Tried in the long form of the tests only. */
  readonly isLong?: boolean;
  /** The guarantees that it breaks. */
  readonly breaks: readonly string[];
}

/** Whole suites for all mutants would take CI too long: it tries each with what it breaks and with so many other guarantees, chosen by the seed; the long form tries it whole. */
const othersInCi = 4;

/** Tries each mutant with its suite: exactly the named guarantees must be broken. */
export function testMutants<W extends World, Capability extends string>(
  suite: Suite<W, Capability>,
  differences: AdapterUnderTest<W, Capability>['differences'],
  mutants: readonly Mutant<W>[],
  atOnce: number,
): void {
  const isWhole = process.env.UWS_LONG === '1';
  const seed = seedOf(1);
  const tried = mutants.map((mutant, index) => ({ ...mutant, index })).filter(({ isLong }) => isWhole || !isLong);
  // A group without tests would count as broken.
  if (tried.length === 0) return;
  describe(`${suite.contract}: an adapter that`, () => {
    it.each(tried)('$fault', { timeout: 600_000 }, async ({ index, fault, open, breaks }) => {
      const part = isWhole ? suite : partOf(suite, breaks, seededRandom(seed + index));
      const { results } = await tryAdapter(part, { name: fault, open, ...(differences && { differences }) }, atOnce);
      const broken = results.filter(({ outcome }) => outcome === 'broken');
      const told = broken.map(({ id, error }) => `${id}: ${String(error)}`).join('\n');
      expect(broken.map(({ id }) => id).sort(), `${told}\nwith the seed ${seed}`).toEqual([...breaks].sort());
    });
  });
}

/** Those guarantees, and some of the others that are done within a minute. */
function partOf<W extends World, Capability extends string>(
  suite: Suite<W, Capability>,
  ids: readonly string[],
  random: Random,
): Suite<W, Capability> {
  const others = suite.guarantees.filter(({ id, timeoutMs = 0 }) => !ids.includes(id) && timeoutMs <= 60_000);
  const chosen = new Set(ids);
  for (let count = 0; count < othersInCi && others.length > 0; count += 1) {
    for (const { id } of others.splice(random.below(others.length), 1)) chosen.add(id);
  }
  return { ...suite, guarantees: suite.guarantees.filter(({ id }) => chosen.has(id)) };
}
