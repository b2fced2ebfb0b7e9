import { type AdapterUnderTest, type Suite, trialsOf, type World } from '../guarantee.js';
import { type Report, tryAdapter } from '../results.js';

/** What of a suite is tried, and how. */
export interface TryOptions {
  /** How many guarantees side by side. */
  readonly atOnce: number;
  /** Ends what is under way, and begins nothing more. */
  readonly signal: AbortSignal;
  /** Whether a guarantee is to be tried, by its id. */
  chosen(id: string): boolean;
}

/** An adapter with the suite of its contract, as `uws-testkit` takes it. */
export interface DefinedAdapter {
  readonly contract: string;
  readonly name: string;
  /** The guarantees of its suite. */
  readonly guarantees: readonly string[];
  /** Tries the adapter. */
  tryIt(options: TryOptions): Promise<Report>;
}

/**
 * Ties adapters to the suite of their contract, so that several contracts fit into one list.
 *
 * @throws TypeError for a difference without a reason or of an unknown capability.
 */
export function defineAdapters<W extends World, Capability extends string>(
  suite: Suite<W, Capability>,
  ...adapters: readonly AdapterUnderTest<W, Capability>[]
): DefinedAdapter[] {
  return adapters.map((adapter) => ({
    contract: suite.contract,
    name: adapter.name,
    guarantees: trialsOf(suite, adapter).map(({ id }) => id),
    tryIt: ({ atOnce, signal, chosen }) => {
      const guarantees = suite.guarantees.filter(({ id }) => chosen(id));
      return tryAdapter({ ...suite, guarantees }, adapter, atOnce, signal);
    },
  }));
}

/** The adapters of a module's default export. @throws a sentence for whoever wrote the module. */
export function adaptersOf(module: unknown): readonly DefinedAdapter[] {
  const list: unknown =
    typeof module === 'object' && module !== null && 'default' in module ? module.default : undefined;
  const adapters: unknown[] = Array.isArray(list) ? list.flat() : [];
  if (adapters.length === 0 || !adapters.every(isDefined)) {
    throw new Error(
      'The module must export a list as its default: `export default [...defineAdapters(suite, adapter)]`.',
    );
  }
  return adapters;
}

function isDefined(value: unknown): value is DefinedAdapter {
  return typeof value === 'object' && value !== null && 'tryIt' in value && 'contract' in value && 'name' in value;
}
