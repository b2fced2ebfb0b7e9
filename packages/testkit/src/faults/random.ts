/** Random numbers that a seed repeats: the same seed gives the same numbers, on every machine. */
export interface Random {
  /** From 0 up to, but not including, 1. */
  next(): number;
  /** A whole number from 0 up to, but not including, `bound`. */
  below(bound: number): number;
}

/** The generator mulberry32: 32 bits of state, good enough to choose what goes wrong. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { next, below: (bound) => Math.floor(next() * bound) };
}

/** The seed to use: that of the environment's `UWS_SEED`, to repeat a failure, or a fixed one. */
export function seedOf(fallback: number): number {
  const text = process.env.UWS_SEED;
  return text === undefined ? fallback : Number.parseInt(text, 10);
}
