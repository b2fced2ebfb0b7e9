import { describe, expect, test } from 'vitest';
import { hoursOf, signalName } from '../src/index.js';

describe('hours of a job', () => {
  const used = { startedAtMs: 1_000, cpus: 4, gpus: 2 };

  test('are those of the wall times processors and GPUs', () => {
    expect(hoursOf(used, 1_801_000)).toEqual({ coreHours: 2, gpuHours: 1 });
  });

  test('of GPUs are left out where nobody knows how many there were', () => {
    expect(hoursOf({ ...used, gpus: null }, 1_801_000)).toEqual({ coreHours: 2 });
  });

  test('are none before a start, and never less', () => {
    expect(hoursOf({ ...used, startedAtMs: null }, 1_801_000)).toEqual({ coreHours: 0, gpuHours: 0 });
    expect(hoursOf(used, 500)).toEqual({ coreHours: 0, gpuHours: 0 });
  });
});

test('signals have the names of the system, those for real-time are counted', () => {
  expect([15, 34, 50, 33].map(signalName)).toEqual(['SIGTERM', 'SIGRTMIN+0', 'SIGRTMIN+16', 'signal 33']);
});
