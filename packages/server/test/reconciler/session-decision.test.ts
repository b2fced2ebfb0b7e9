import type { JobRow } from '@user-workspaces/contract';
import { describe, expect, test } from 'vitest';
import type { JobTypeEntry } from '../../src/options.js';
import { decideSession, type SessionDecision } from '../../src/reconciler/session-decision.js';
import { jobRow } from './job-row.js';

const minute = 60_000;
const idle = { timeoutMs: 60 * minute, warningMs: 10 * minute };
/** Runs since 0; its session has answered. */
const ready: JobRow = {
  ...jobRow,
  status: 'running',
  started_at_ms: 0,
  session_base_path: 'strip',
  session_host: '127.0.0.1',
  session_port: 1,
  last_activity_at_ms: 5 * minute,
};
const warned: JobRow = { ...ready, idle_stop_at_ms: 65 * minute };

/** As a process decides that has been there all the time. */
const decide = (row: JobRow, entry: Pick<JobTypeEntry, 'idle' | 'readyTimeoutMs'>, nowMs: number): SessionDecision =>
  decideSession(row, entry, nowMs, 0);

describe('a session that is not ready', () => {
  const starting: JobRow = { ...ready, session_host: null, last_activity_at_ms: null };

  test('is awaited for half an hour unless its job type says otherwise', () => {
    expect(decide(starting, {}, 29 * minute)).toEqual({ do: 'wait', untilMs: 30 * minute });
    expect(decide(starting, {}, 30 * minute)).toEqual({ do: 'give up' });
    expect(decide(starting, { readyTimeoutMs: minute }, minute)).toEqual({ do: 'give up' });
  });

  test('is awaited as long by a process that came later, or slept', () => {
    expect(decideSession(starting, {}, 90 * minute, 80 * minute)).toEqual({ do: 'wait', untilMs: 110 * minute });
    expect(decideSession(starting, {}, 110 * minute, 80 * minute)).toEqual({ do: 'give up' });
  });

  test('is nobody idle about', () => {
    expect(decide(starting, { idle, readyTimeoutMs: 90 * minute }, 80 * minute)).toMatchObject({ do: 'wait' });
  });

  test.each([
    ['a job that waits', { status: 'pending', started_at_ms: null }],
    ['a job that is being stopped', { status: 'stopping' }],
    ['a job without a session', { session_base_path: null }],
  ] as const)('is not given up for %s', (_, changes) => {
    expect(decide({ ...starting, ...changes }, {}, 90 * minute)).toEqual({ do: 'wait', untilMs: null });
  });
});

describe('an unused session', () => {
  test('is left alone where the operator did not ask for it', () => {
    expect(decide(ready, {}, 10_000 * minute)).toEqual({ do: 'wait', untilMs: null });
  });

  test('is asked, to be warned about, so long before its stop', () => {
    expect(decide(ready, { idle }, 55 * minute - 1)).toEqual({ do: 'wait', untilMs: 55 * minute });
    expect(decide(ready, { idle }, 55 * minute)).toEqual({ do: 'ask', before: 'warning' });
  });

  test('counts from its start where it was never used', () => {
    const unused = { ...ready, started_at_ms: 20 * minute, last_activity_at_ms: null };
    expect(decide(unused, { idle }, 69 * minute)).toEqual({ do: 'wait', untilMs: 70 * minute });
  });

  test('is asked once more when its time has come', () => {
    expect(decide(warned, { idle }, 65 * minute - 1)).toEqual({ do: 'wait', untilMs: 65 * minute });
    expect(decide(warned, { idle }, 65 * minute)).toEqual({ do: 'ask', before: 'stop' });
  });

  test('is warned about anew by a process that was not there all the time since the warning', () => {
    expect(decideSession(warned, { idle }, 65 * minute, 55 * minute)).toEqual({ do: 'ask', before: 'stop' });
    expect(decideSession(warned, { idle }, 65 * minute, 55 * minute + 1)).toEqual({ do: 'ask', before: 'warning' });
  });

  test('was not warned about by a clock that was ahead', () => {
    const early = { ...warned, idle_stop_at_ms: 200 * minute };
    expect(decide(early, { idle }, 66 * minute)).toEqual({ do: 'keep' });
    // Two clocks never agree to the millisecond.
    expect(decide(warned, { idle }, 55 * minute - 500)).toEqual({ do: 'wait', untilMs: 65 * minute });
  });

  test('is kept when it was used since the warning', () => {
    const used = { ...warned, last_activity_at_ms: 56 * minute };
    expect(decide(used, { idle }, 66 * minute)).toEqual({ do: 'keep' });
  });

  test('is kept when the operator no longer asks for its stop', () => {
    expect(decide(warned, {}, 65 * minute)).toEqual({ do: 'keep' });
  });
});
