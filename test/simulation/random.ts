import { type Random as Numbers, seededRandom as seededNumbers } from '@user-workspaces/testkit';

/** Random numbers that a seed repeats. */
export interface Random extends Numbers {
  /** One of them. */
  pick<T>(choices: readonly [T, ...T[]]): T;
}

/** Two numbers made one, so that neighbours have nothing in common. */
export function mixed(seed: number, salt: number): number {
  let hash = Math.imul(seed ^ Math.imul(salt, 0x9e3779b1), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

export function seededRandom(seed: number): Random {
  const numbers = seededNumbers(seed);
  return { ...numbers, pick: (choices) => choices[numbers.below(choices.length)] ?? choices[0] };
}
