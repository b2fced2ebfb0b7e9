/** Something that a suite tries an adapter in: the adapter with an empty back end, and what the tests may do to the world around it. */
export interface World {
  /** Ends everything that the test began and removes its traces. Throws when something is left that should not be. */
  close(): Promise<void>;
}

/** What a check may use besides the world. */
export interface CheckTools {
  /** Aborts when the test has run out of time, and when it is over: what a check leaves going must end with it. */
  readonly signal: AbortSignal;
}

export type Check<W extends World> = (world: W, tools: CheckTools) => Promise<void>;

/** One promise of a contract and the test that protects it. */
export interface Guarantee<W extends World, Capability extends string> {
  /** Name that stays the same, such as `launch.once`: reports refer to it. */
  readonly id: string;
  /** The promise of the contract that the test protects, as a sentence. */
  readonly promise: string;
  /** What is done to try it, as a sentence. */
  readonly trial: string;
  /** @default 30_000 */
  readonly timeoutMs?: number;
  /** Throws, as `node:assert` does, when the adapter breaks the promise. */
  readonly check: Check<W>;
  /** What an adapter that declares the lack of a capability is tried for instead: a difference is tested, too, never passed over. */
  readonly without?: Alternative<W, Capability> | readonly Alternative<W, Capability>[];
}

/** What is tried in place of a promise for adapters that lack a capability. */
export interface Alternative<W extends World, Capability extends string> {
  readonly capability: Capability;
  readonly trial: string;
  readonly check: Check<W>;
}

/** All promises of one contract. */
export interface Suite<W extends World, Capability extends string> {
  /** The contract's interface, such as `Resource`. */
  readonly contract: string;
  /** What adapters may lack, in words, by capability. */
  readonly capabilities: Readonly<Record<Capability, string>>;
  readonly guarantees: readonly Guarantee<W, Capability>[];
}

/** An adapter to be tried, as its author describes it. */
export interface AdapterUnderTest<W extends World, Capability extends string> {
  /** Name for reports. */
  readonly name: string;
  /** Makes a world of its own for one test. Several are open at the same time. */
  readonly open: () => Promise<W>;
  /** The capabilities that the adapter lacks, each with the reason in words, which reports show. */
  readonly differences?: Readonly<Partial<Record<Capability, string>>>;
}

/** A guarantee as it is tried for one adapter. */
export interface Trial<W extends World> {
  readonly id: string;
  readonly promise: string;
  readonly trial: string;
  readonly timeoutMs: number;
  readonly check: Check<W>;
  /** Why the adapter is tried for something else than the promise; absent where it is not. */
  readonly difference: string | undefined;
}

const defaultTimeoutMs = 30_000;

/** A reason has at least so many letters: what is shorter tells no reader why. */
const fewestLetters = 3;

/**
 * What a suite tries for an adapter: each promise, or what the adapter's declared difference promises instead.
 *
 * @throws TypeError for a difference that no capability of the suite has, or that gives no reason: either would pass a promise over in silence.
 */
export function trialsOf<W extends World, Capability extends string>(
  suite: Suite<W, Capability>,
  adapter: AdapterUnderTest<W, Capability>,
): Trial<W>[] {
  checkDifferences(suite, adapter);
  return suite.guarantees.map((guarantee) => {
    const { id, promise, trial, timeoutMs = defaultTimeoutMs, check, without } = guarantee;
    const alternative = [without ?? []]
      .flat()
      .find(({ capability }) => adapter.differences?.[capability] !== undefined);
    if (!alternative) return { id, promise, trial, timeoutMs, check, difference: undefined };
    const difference = adapter.differences?.[alternative.capability];
    return { id, promise, trial: alternative.trial, timeoutMs, check: alternative.check, difference };
  });
}

function checkDifferences<W extends World, Capability extends string>(
  { contract, capabilities }: Suite<W, Capability>,
  { name, differences }: AdapterUnderTest<W, Capability>,
): void {
  for (const [capability, reason] of Object.entries<unknown>(differences ?? {})) {
    const where = `The difference "${capability}" of ${name}`;
    if (!Object.hasOwn(capabilities, capability)) {
      const known = Object.keys(capabilities);
      const all = known.length === 0 ? 'none' : known.map((each) => `"${each}"`).join(', ');
      throw new TypeError(`${where} names no capability of ${contract}; there is ${all}.`);
    }
    // Left out by a condition, as in `{ links: isThere ? undefined : 'why not' }`: then the promise itself is tried.
    if (reason === undefined) continue;
    if (typeof reason !== 'string' || (reason.match(/\p{L}/gu)?.length ?? 0) < fewestLetters) {
      throw new TypeError(`${where} gives no reason; say in words why it is lacking, for whoever reads the report.`);
    }
  }
}
