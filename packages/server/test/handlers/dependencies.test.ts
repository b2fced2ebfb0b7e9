import { expect, test } from 'vitest';
import { askedSeldom } from '../../src/handlers/dependencies.js';
import { systemClock } from '../../src/system-clock.js';

test('what is asked seldom is asked once by many, anew when its answer is old, and anew after a failure', async () => {
  let nowMs = 0;
  const asked: number[] = [];
  const ask = askedSeldom({ ...systemClock, elapsed: () => nowMs }, async () => {
    asked.push(nowMs);
    if (nowMs === 6_000) throw new Error('no database');
    return nowMs;
  });
  expect(await Promise.all([ask(), ask()])).toEqual([0, 0]);
  nowMs = 5_000;
  expect(await ask()).toBe(0);
  nowMs = 6_000;
  await expect(ask()).rejects.toThrow('no database');
  nowMs = 6_001;
  expect(await ask()).toBe(6_001);
  expect(asked).toEqual([0, 6_000, 6_001]);
});
