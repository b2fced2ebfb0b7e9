import { type AdapterUnderTest, type Suite, tryAdapter, type World } from '@user-workspaces/testkit';
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

/** Tries each mutant with its whole suite: exactly the named guarantees must be broken. */
export function testMutants<W extends World, Capability extends string>(
  suite: Suite<W, Capability>,
  differences: AdapterUnderTest<W, Capability>['differences'],
  mutants: readonly Mutant<W>[],
  atOnce: number,
): void {
  describe(`${suite.contract}: an adapter that`, () => {
    const tried = mutants.filter(({ isLong }) => !isLong || process.env.UWS_LONG === '1');
    it.each(tried)('$fault', { timeout: 600_000 }, async ({ fault, open, breaks }) => {
      const { results } = await tryAdapter(suite, { name: fault, open, ...(differences && { differences }) }, atOnce);
      const broken = results.filter(({ outcome }) => outcome === 'broken');
      const told = broken.map(({ id, error }) => `${id}: ${String(error)}`).join('\n');
      expect(broken.map(({ id }) => id).sort(), told).toEqual([...breaks].sort());
    });
  });
}
