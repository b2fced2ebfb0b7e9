import type { Resource } from '@user-workspaces/contract';
import { describe, expect, test } from 'vitest';
import { SweepTimes } from '../../src/reconciler/sweep-times.js';

const entry = (push: boolean) => ({ resource: { capabilities: { push } } as Resource, parameterMapping: {} });
const always = () => true;
const both = () =>
  new SweepTimes(
    new Map([
      ['cluster', entry(false)],
      ['here', entry(true)],
    ]),
  );

/** When the cluster is looked at within a time, if each look takes so long. */
function looks(sweeps: SweepTimes, tookMs: number, untilMs: number): number[] {
  const at: number[] = [];
  for (let nowMs = 0; nowMs <= untilMs; nowMs = Math.max(nowMs + 1, sweeps.earliestMs(always))) {
    if (!sweeps.begin(nowMs, always).includes('cluster')) continue;
    at.push(nowMs);
    sweeps.took('cluster', tookMs);
  }
  return at;
}

describe('all that runs is looked at', () => {
  test('every two seconds where it must be asked for, every fifteen where changes are told', () => {
    const sweeps = both();
    expect(sweeps.begin(0, always)).toEqual(['cluster', 'here']);
    expect(sweeps.begin(1_999, always)).toEqual([]);
    expect(sweeps.begin(2_000, always)).toEqual(['cluster']);
    expect(sweeps.begin(15_000, always)).toEqual(['cluster', 'here']);
  });

  test('for no more than a fortieth of the time while nothing moves, and at least twice a minute', () => {
    expect(looks(both(), 50, 10_000)).toEqual([0, 2_000, 4_000, 6_000, 8_000, 10_000]);
    expect(looks(both(), 400, 60_000)).toEqual([0, 2_000, 18_000, 34_000, 50_000]);
    expect(looks(both(), 10_000, 90_000)).toEqual([0, 2_000, 32_000, 62_000]);
  });

  test('soon after a change, and for a twentieth of the time while there are more', () => {
    const sweeps = new SweepTimes(new Map([['cluster', entry(false)]]));
    expect(looks(sweeps, 400, 20_000)).toEqual([0, 2_000, 18_000]);
    sweeps.moved('cluster', 20_000);
    expect(sweeps.earliestMs(always)).toBe(26_000);
    expect(sweeps.begin(26_000, always)).toEqual(['cluster']);
    expect(sweeps.earliestMs(always)).toBe(34_000);
    expect(sweeps.begin(34_000, always)).toEqual(['cluster']);
    expect(sweeps.earliestMs(always)).toBe(50_000);
  });

  test('that is not being worked on: what is due is swept as soon as it is free', () => {
    const sweeps = both();
    sweeps.begin(0, always);
    const isFree = (name: string) => name !== 'cluster';
    expect(sweeps.begin(15_000, isFree)).toEqual(['here']);
    expect(sweeps.earliestMs(isFree)).toBe(30_000);
    expect(sweeps.earliestMs(always)).toBe(2_000);
    expect(sweeps.begin(16_000, always)).toEqual(['cluster']);
  });

  test('for no more than a twentieth of the time however often something changes', () => {
    const sweeps = new SweepTimes(new Map([['cluster', entry(false)]]));
    const at: number[] = [];
    for (let nowMs = 0; nowMs <= 60_000; nowMs += 500) {
      if (sweeps.begin(nowMs, always).length > 0) at.push(nowMs);
      sweeps.took('cluster', 1_200);
      sweeps.moved('cluster', nowMs);
    }
    // What a look takes is known after the first.
    expect(at).toEqual([0, 2_000, 26_000, 50_000]);
  });
});
