import { type AdapterUnderTest, type Suite, trialsOf, type World } from '../guarantee.js';
import { type Report, tryAdapter } from '../results.js';

/** An adapter with the suite of its contract, as `uws-testkit` takes it. */
export interface DefinedAdapter {
  readonly contract: string;
  readonly name: string;
  /** Guarantees that are tried. */
  readonly count: number;
  /** Tries the adapter. `atOnce`: how many guarantees side by side. */
  tryIt(atOnce: number): Promise<Report>;
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
    count: trialsOf(suite, adapter).length,
    tryIt: (atOnce) => tryAdapter(suite, adapter, atOnce),
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
