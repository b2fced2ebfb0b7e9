import type { Clock } from '../clock.js';

const firstMs = 500;
const longestMs = 60_000;

/** When to try again after so many failures in a row: doubling, bounded, spread by a fifth so that rows do not march in step. */
export function retryAtMs(clock: Clock, attempts: number): number {
  const delayMs = Math.min(longestMs, firstMs * 2 ** Math.min(attempts, 10));
  const [random = 0] = clock.random(1);
  return clock.now() + Math.round(delayMs * (0.9 + random / 1275));
}
