import { describe, expect, it } from 'vitest';
import { completeLimits, defaultLimits } from '../../src/limits/limits.js';
import { networkOf } from '../../src/limits/network.js';
import { TokenBuckets } from '../../src/limits/token-buckets.js';

describe('a count per minute', () => {
  it('gives a minute at once, then evenly, and tells how long to wait', () => {
    let nowMs = 0;
    const buckets = new TokenBuckets(60, () => nowMs);
    for (let index = 0; index < 60; index += 1) expect(buckets.take('a')).toBe(0);
    expect(buckets.take('a')).toBe(1_000);
    expect(buckets.take('b')).toBe(0);
    nowMs += 999;
    expect(buckets.take('a')).toBeGreaterThan(0);
    nowMs += 2;
    expect(buckets.take('a')).toBe(0);
    expect(buckets.take('a')).toBeGreaterThan(990);
    buckets.giveBack('a');
    expect(buckets.take('a')).toBe(0);
    nowMs += 3_600_000;
    for (let index = 0; index < 60; index += 1) expect(buckets.take('a')).toBe(0);
    expect(buckets.take('a')).toBeGreaterThan(0);
  });

  it('neither gives nor takes anything when the clock is set back', () => {
    let nowMs = 1_000_000;
    const buckets = new TokenBuckets(2, () => nowMs);
    buckets.take('a');
    nowMs = 0;
    expect(buckets.take('a')).toBe(0);
    expect(buckets.take('a')).toBe(30_000);
    nowMs = 30_000;
    expect(buckets.take('a')).toBe(0);
  });

  it('may be owed for what counts only afterwards, a minute of it at most', () => {
    let nowMs = 0;
    const buckets = new TokenBuckets(60, () => nowMs);
    expect(buckets.waitMs('a')).toBe(0);
    expect(buckets.size).toBe(0);
    for (let index = 0; index < 61; index += 1) buckets.owe('a');
    expect(buckets.waitMs('a')).toBe(2_000);
    for (let index = 0; index < 1_000; index += 1) buckets.owe('a');
    expect(buckets.waitMs('a')).toBe(61_000);
    nowMs += 61_000;
    expect([buckets.waitMs('a'), buckets.take('a')]).toEqual([0, 0]);
    expect(buckets.waitMs('a')).toBe(1_000);
  });

  it('remembers only so many keys, and forgets those first that were quiet for the longest time', () => {
    const buckets = new TokenBuckets(1, () => 0, 100);
    buckets.take('loud');
    for (let index = 0; index < 10_000; index += 1) {
      buckets.take(`quiet ${index}`);
      expect(buckets.take('loud')).toBeGreaterThan(0);
    }
    expect(buckets.size).toBe(100);
  });

  it('is never met by twenty tabs of a portal that ask every second', () => {
    let nowMs = 0;
    const buckets = new TokenBuckets(defaultLimits.requests_per_minute, () => nowMs);
    for (let second = 0; second < 3_600; second += 1) {
      nowMs += 1_000;
      // Each asks for its jobs; every minute all read their four lists at the same moment.
      const requests = second % 60 === 0 ? 20 * 5 : 20;
      for (let index = 0; index < requests; index += 1) expect(buckets.take('ada')).toBe(0);
    }
  });
});

describe('an address is counted', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
    ['2001:DB8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
  ])('%s as %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});

describe('limits', () => {
  it.each<[Record<string, number>, string]>([
    [{ open_requests: 0 }, 'limits.open_requests is 0; a whole number from 1 to 1000000000 is needed.'],
    [{ idle_seconds: 1.5 }, 'limits.idle_seconds is 1.5; a whole number from 1 to 86400 is needed.'],
    [{ open_doors: 3 }, 'limits.open_doors is 3; there is no such limit.'],
  ])('%j stops the start', (given, message) => {
    expect(() => completeLimits(given)).toThrow(message);
  });
});
