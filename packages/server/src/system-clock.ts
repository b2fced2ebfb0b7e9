import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from './clock.js';

/** The machine's clock and random numbers. */
export const systemClock: Clock = {
  now: Date.now,
  elapsed: () => performance.now(),
  random: (byteCount) => randomBytes(byteCount),
  async sleep(delayMs, signal) {
    try {
      await delay(delayMs, undefined, signal ? { signal } : {});
    } catch (error) {
      if (!signal?.aborted) throw error;
    }
  },
};
