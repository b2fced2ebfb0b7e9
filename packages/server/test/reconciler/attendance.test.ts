import { expect, test } from 'vitest';
import { Attendance } from '../../src/reconciler/attendance.js';
import { systemClock } from '../../src/system-clock.js';

/** A process that is at work for a while. */
function begin() {
  const time = { wallMs: 1_000_000, elapsedMs: 0 };
  const attendance = new Attendance({ ...systemClock, now: () => time.wallMs, elapsed: () => time.elapsedMs });
  const pass = (ms: number): void => {
    for (let left = ms; left > 0; left -= 2_000) {
      time.wallMs += 2_000;
      time.elapsedMs += 2_000;
      attendance.mark();
    }
  };
  pass(100_000);
  return { time, attendance, pass };
}

test('a process is at work since its start, and anew after it was halted', () => {
  const { time, attendance, pass } = begin();
  expect(attendance.sinceMs).toBe(1_000_000);
  time.wallMs += 40_000;
  time.elapsedMs += 40_000;
  expect(attendance.sinceMs).toBe(time.wallMs);
  pass(10_000);
  expect(attendance.sinceMs).toBe(1_140_000 + 2_000);
});

// The time that has passed does not count the sleep of a machine, so that only its clock tells of it.
test('a clock that is set forward, or a machine that slept, is a break', () => {
  const { time, attendance, pass } = begin();
  time.wallMs += 3_600_000;
  expect(attendance.sinceMs).toBe(time.wallMs);
  pass(10_000);
  expect(attendance.sinceMs).toBe(1_100_000 + 3_600_000 + 2_000);
});

test('a clock that is set back, or a little wrong, is none', () => {
  const { time, attendance, pass } = begin();
  time.wallMs += 5_000;
  pass(10_000);
  expect(attendance.sinceMs).toBe(1_005_000);
  time.wallMs -= 3_600_000;
  pass(10_000);
  expect(attendance.sinceMs).toBe(1_005_000 - 3_600_000);
});
