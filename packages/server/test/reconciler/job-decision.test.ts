import type { JobRow, Observation } from '@user-workspaces/contract';
import { describe, expect, test } from 'vitest';
import { decide, finalChanges, readyMessage, tellsItsOutput } from '../../src/reconciler/job-decision.js';
import { jobRow } from './job-row.js';

const row = jobRow;
const launched: JobRow = { ...row, resource_handle: 'h', resource_job_id: 7 };
const running: JobRow = { ...launched, status: 'running', started_at_ms: 2_000, ends_at_ms: 9_000 };
const stopping: JobRow = { ...running, status: 'stopping', stop_requested_at_ms: 3_000 };
const observedRunning: Observation = {
  kind: 'running',
  handle: 'h',
  resourceJobId: 7,
  startedAtMs: 2_000,
  endsAtMs: 9_000,
  coreHours: 0,
};
const unknown: Observation = { kind: 'unknown', reason: 'no answer' };

describe('a resource that does not answer', () => {
  test.each([row, launched, running])('changes nothing of a %s job', (job) => {
    expect(decide(job, unknown, 5_000, true)).toEqual({ do: 'nothing' });
  });

  test('is told again to stop a job that is to be stopped', () => {
    expect(decide(stopping, unknown, 5_000, true)).toEqual({ do: 'stop', changes: {} });
  });
});

describe('a launch that is absent', () => {
  test('is launched under its key when no answer to a launch was stored', () => {
    expect(decide(row, { kind: 'absent' }, 5_000, false)).toEqual({ do: 'launch' });
  });

  test('is not believed at the first reading once it was launched', () => {
    expect(decide(running, { kind: 'absent' }, 5_000, false)).toEqual({ do: 'nothing' });
  });

  test.each([launched, running, stopping])('has failed as lost at the second reading, never completed', (job) => {
    const decision = decide(job, { kind: 'absent' }, 5_000, true);
    if (decision.do !== 'finish') throw new Error(decision.do);
    expect(finalChanges(job, decision.end, [])).toMatchObject({ status: 'failed', status_reason: 'lost' });
  });

  test('was stopped in time when it is to be stopped and never ran', () => {
    const job = { ...row, status: 'stopping', stop_requested_at_ms: 3_000 } as const;
    const decision = decide(job, { kind: 'absent' }, 5_000, true);
    if (decision.do !== 'finish') throw new Error(decision.do);
    expect(finalChanges(job, decision.end, [])).toMatchObject({ status: 'complete', status_reason: 'stopped' });
  });
});

describe('a running launch', () => {
  test('makes a pending job running, with the time that it waited', () => {
    expect(decide(launched, observedRunning, 5_000, false)).toEqual({
      do: 'change',
      changes: { status: 'running', started_at_ms: 2_000, ends_at_ms: 9_000, metrics: { time_pending: 1 } },
    });
  });

  test('that is as the row says changes nothing, so that no event is sent', () => {
    expect(decide(running, observedRunning, 5_000, false)).toEqual({ do: 'nothing' });
  });

  test('of a job that is to be stopped is stopped, never made running again', () => {
    expect(decide(stopping, observedRunning, 5_000, false)).toEqual({ do: 'stop', changes: {} });
  });

  test('whose session has moved takes its traffic along', () => {
    const ready: JobRow = { ...running, session_base_path: 'strip', session_host: '127.0.0.1', session_port: 4000 };
    const at = (port: number): Observation => ({ ...observedRunning, session: { host: '127.0.0.1', port, path: '/' } });
    const known = { ...ready, session_path: '/' };
    expect(decide(known, at(4000), 5_000, false)).toEqual({ do: 'nothing' });
    expect(decide(known, at(4001), 5_000, false)).toEqual({ do: 'change', changes: { session_port: 4001 } });
    // Why it does not answer at present is no address.
    const silent: Observation = { ...observedRunning, sessionProblem: 'Nobody listens.' };
    expect(decide(known, silent, 5_000, false)).toEqual({ do: 'nothing' });
  });

  test('whose session somebody else has taken the place of sends nobody there until it has another', () => {
    const session = { host: '127.0.0.1', port: 4000, path: '/' };
    const ready: JobRow = {
      ...running,
      ...{ session_base_path: 'strip', session_host: '127.0.0.1', session_port: 4000, session_path: '/' },
      current_details: { message: readyMessage },
    };
    const taken: Observation = { ...observedRunning, sessionProblem: 'Port 4000 is taken.', sessionTaken: true };
    const closed = { session_port: null, current_details: { message: 'Port 4000 is taken.' } };
    expect(decide(ready, taken, 5_000, false)).toEqual({ do: 'change', changes: closed });
    expect(decide({ ...ready, ...closed }, taken, 5_000, false)).toEqual({ do: 'nothing' });
    const opened = { session_port: 4000, current_details: { message: readyMessage } };
    const back: Observation = { ...observedRunning, session };
    expect(decide({ ...ready, ...closed }, back, 5_000, false)).toEqual({ do: 'change', changes: opened });
  });

  test('with a reported session is probed until the session answers', () => {
    const session = { host: '127.0.0.1', port: 4000, path: '/' };
    const awaiting: JobRow = {
      ...running,
      session_base_path: 'strip',
      current_details: { message: 'Webserver not ready.' },
    };
    expect(decide(awaiting, { ...observedRunning, session }, 5_000, false)).toEqual({
      do: 'probe',
      changes: {},
      session,
    });
    const ready: JobRow = { ...awaiting, session_host: '127.0.0.1', session_port: 4000, session_path: '/' };
    expect(decide(ready, { ...observedRunning, session }, 5_000, false)).toEqual({ do: 'nothing' });
  });

  test('whose session has a problem says so', () => {
    const awaiting: JobRow = { ...running, session_base_path: 'strip' };
    expect(decide(awaiting, { ...observedRunning, sessionProblem: 'Foreign port.' }, 5_000, false)).toMatchObject({
      do: 'change',
      changes: { current_details: { message: 'Foreign port.' } },
    });
  });
});

describe('how a launch ended', () => {
  const base = { endedAtMs: 5_000, startedAtMs: 2_000, exitCode: null, signal: null, coreHours: 0.5 } as const;
  test.each([
    [running, { ...base, cause: 'exited', exitCode: 0 }, 'complete', 'finished'],
    [running, { ...base, cause: 'exited', exitCode: 3 }, 'failed', 'exit_code'],
    [running, { ...base, cause: 'exited', signal: 'SIGSEGV' }, 'failed', 'signal'],
    [stopping, { ...base, cause: 'exited', exitCode: 143 }, 'complete', 'stopped'],
    [stopping, { ...base, cause: 'stopped', signal: 'SIGKILL' }, 'complete', 'stopped'],
    [running, { ...base, cause: 'time_limit' }, 'complete', 'time_limit'],
    [running, { ...base, cause: 'memory_limit' }, 'failed', 'memory_limit'],
    [running, { ...base, cause: 'node_failure' }, 'failed', 'node_failure'],
    [launched, { ...base, cause: 'launch_failed' }, 'failed', 'launch_failed'],
    [running, { ...base, cause: 'lost' }, 'failed', 'lost'],
  ] as const)('%#: %j', (job, end, status, status_reason) => {
    const changes = finalChanges(job, end, ['last words']);
    expect(changes).toMatchObject({ status, status_reason, ended_at_ms: 5_000, core_hours: 0.5, session_host: null });
    expect(changes.last_log_lines).toEqual(status === 'failed' ? ['last words'] : []);
    if (status === 'failed') {
      expect(changes.current_details).toEqual({
        message: expect.stringMatching(
          /^This job has failed\. Support team has been notified and will investigate the error\. ./,
        ),
      });
    }
  });
});

describe('a job that ended well before its session was ready', () => {
  const base = { endedAtMs: 5_000, startedAtMs: 2_000, exitCode: 0, signal: null, coreHours: 0.5 } as const;
  const limit = { ...base, exitCode: null, cause: 'time_limit' } as const;
  const starting: JobRow = {
    ...running,
    session_base_path: 'strip',
    current_details: { message: 'Webserver not ready.' },
  };
  const answering: JobRow = { ...starting, current_details: { ...starting.current_details, answered_status: 500 } };

  test.each([
    [starting, { ...base, cause: 'exited' }, 'It finished before its session was ready.'],
    [answering, { ...base, cause: 'exited' }, 'It finished before its session was ready.'],
    [starting, limit, 'Its time limit was reached before its session was ready.'],
    [
      { ...starting, current_details: { message: 'No url found.' } },
      limit,
      'Its time limit was reached before its session was ready (No url found).',
    ],
    [answering, limit, 'Its time limit was reached before its session was ready (it answered with status 500).'],
    [
      answering,
      { ...limit, reason: 'It took an hour.' },
      'It took an hour. Its session was never ready (it answered with status 500).',
    ],
  ] as const)('%#: is complete, and says so with its last output', (job, end, status_message) => {
    expect(tellsItsOutput(job, end)).toBe(true);
    const status_reason = end.cause === 'exited' ? 'finished' : 'time_limit';
    expect(finalChanges(job, end, ['last words'])).toMatchObject({
      status: 'complete',
      status_reason,
      status_message,
      last_log_lines: ['last words'],
      current_details: {},
    });
  });

  test.each([
    ['had a session', { ...starting, session_host: '127.0.0.1' }],
    ['was to have none', { ...starting, session_base_path: null }],
    ['somebody stopped', { ...starting, status: 'stopping', stop_requested_at_ms: 4_000 }],
  ] as const)('is not one that %s', (_, job) => {
    const end = { ...base, cause: 'exited' } as const;
    expect(tellsItsOutput(job, end)).toBe(false);
    expect(finalChanges(job, end, ['last words'])).toMatchObject({
      status_message: 'It finished.',
      last_log_lines: [],
    });
  });
});

test('GPU hours are those that the resource tells, and unknown where it tells none', () => {
  const end = {
    endedAtMs: 5_000,
    startedAtMs: 2_000,
    exitCode: 0,
    signal: null,
    cause: 'exited',
    coreHours: 0.5,
  } as const;
  expect(finalChanges(running, { ...end, gpuHours: 0.25 }, []).gpu_hours).toBe(0.25);
  expect(finalChanges(running, { ...end, gpuHours: 0 }, []).gpu_hours).toBe(0);
  expect(finalChanges(running, end, []).gpu_hours).toBeNull();
});

describe('a job that the server itself has stopped', () => {
  const end = {
    ...observedRunning,
    kind: 'ended',
    endedAtMs: 8_000,
    startedAtMs: 2_000,
    exitCode: null,
    signal: 'SIGTERM',
  } as const;

  test('is complete when nobody used it', () => {
    const changes = finalChanges({ ...stopping, stop_reason: 'idle' }, { ...end, cause: 'stopped' }, []);
    expect(changes).toMatchObject({ status: 'complete', status_reason: 'idle', idle_stop_at_ms: null });
  });

  test('has failed when its session was never ready, and says what kept it', () => {
    const job: JobRow = { ...stopping, stop_reason: 'start_timeout', current_details: { message: 'No url found.' } };
    const changes = finalChanges(job, { ...end, exitCode: 0, cause: 'exited' }, ['the last line']);
    expect(changes).toMatchObject({
      status: 'failed',
      status_reason: 'start_timeout',
      last_log_lines: ['the last line'],
    });
    expect(changes.status_message).toContain('No url found');
  });

  test('has failed when its session was never ready, and says with which status it answered', () => {
    const current_details = { message: 'Webserver not ready.', answered_status: 500 };
    const job: JobRow = { ...stopping, stop_reason: 'start_timeout', current_details };
    expect(finalChanges(job, { ...end, cause: 'stopped' }, [])).toMatchObject({
      status_message:
        'It was stopped because its session was not ready in time (it answered with status 500). Its files are kept.',
    });
  });

  test('has failed when its session had gone', () => {
    const changes = finalChanges({ ...stopping, stop_reason: 'session_lost' }, { ...end, cause: 'stopped' }, []);
    expect(changes).toMatchObject({ status: 'failed', status_reason: 'session_lost' });
  });

  test('keeps the truer reason when something else ended it first', () => {
    const changes = finalChanges({ ...stopping, stop_reason: 'idle' }, { ...end, cause: 'memory_limit' }, []);
    expect(changes).toMatchObject({ status: 'failed', status_reason: 'memory_limit' });
  });
});
