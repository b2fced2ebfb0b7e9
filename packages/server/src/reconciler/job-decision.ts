import type { JobRow, LaunchEnd, NewRow, Observation } from '@user-workspaces/contract';
import type { Schema } from '@user-workspaces/schema';
import { statusOfEnd } from '../records/job-ends.js';

type JobChanges = Partial<Omit<NewRow<'jobs'>, 'version'>>;

/** What is to be done for a job, given what its resource says. Pure, so that every case can be tried. */
export type Decision =
  | { readonly do: 'nothing' }
  /** Write these changes. */
  | { readonly do: 'change'; readonly changes: JobChanges }
  /** Never launched as far as the resource knows: launch it under its key. */
  | { readonly do: 'launch' }
  /** Deliver the wish to stop. */
  | { readonly do: 'stop'; readonly changes: JobChanges }
  /** It runs and its session was reported: ask the session whether it is ready. */
  | { readonly do: 'probe'; readonly changes: JobChanges; readonly session: NonNullable<RunningObservation['session']> }
  /** It has ended: write how. */
  | { readonly do: 'finish'; readonly end: LaunchEnd; readonly changes: JobChanges };

type RunningObservation = Extract<Observation, { kind: 'running' }>;

export const waitingMessage = 'Webserver not ready.';
export const readyMessage = 'Webserver ready.';

/** True while the job's type promises a session that has not answered yet. */
export function awaitsSession(row: JobRow): boolean {
  return row.session_base_path !== null && row.session_host === null;
}

/** Where a session is that was ready before. It may move, as containers do whose engine was restarted: at the old place there may be somebody else's by now. */
function addressOf({ host, port, path }: NonNullable<RunningObservation['session']>): JobChanges {
  return { session_host: host, session_port: port, session_path: path };
}

/** Of a session that was ready before. Where somebody else has taken its place nobody is sent until it has another; that it does not answer at present changes nothing. */
function sessionChanges(row: JobRow, { session, sessionProblem, sessionTaken }: RunningObservation): JobChanges {
  if (session)
    return { ...addressOf(session), ...(row.session_port === null && { current_details: { message: readyMessage } }) };
  if (!sessionTaken) return {};
  return { session_port: null, current_details: { message: sessionProblem ?? waitingMessage } };
}

/** Leaves out what is as it was, so that nothing is written and no event sent without a change. */
function changed(row: JobRow, changes: JobChanges): JobChanges {
  return Object.fromEntries(
    Object.entries(changes).filter(([name, value]) => {
      const present: unknown = Reflect.get(row, name);
      if (value === present) return false;
      // Only what holds JSON can be the same without being identical.
      return typeof value !== 'object' || JSON.stringify(value) !== JSON.stringify(present);
    }),
  );
}

function changeOrNothing(row: JobRow, changes: JobChanges): Decision {
  const real = changed(row, changes);
  return Object.keys(real).length === 0 ? { do: 'nothing' } : { do: 'change', changes: real };
}

function decideRunning(row: JobRow, observation: RunningObservation): Decision {
  const started = observation.startedAtMs;
  const changes = changed(row, {
    ...(row.status === 'pending' && { status: 'running' as const }),
    resource_handle: observation.handle,
    resource_job_id: observation.resourceJobId,
    started_at_ms: row.started_at_ms ?? started,
    ends_at_ms: observation.endsAtMs,
    queue_reason: null,
    expected_start_at_ms: null,
    ...(row.started_at_ms === null && {
      metrics: { ...row.metrics, time_pending: Math.max(0, started - row.created_at_ms) / 1000 },
    }),
    ...(awaitsSession(row) && {
      current_details: { ...row.current_details, message: observation.sessionProblem ?? waitingMessage },
    }),
    ...(row.session_host !== null && sessionChanges(row, observation)),
  });
  if (row.status === 'stopping') return { do: 'stop', changes };
  if (awaitsSession(row) && observation.session) return { do: 'probe', changes, session: observation.session };
  return Object.keys(changes).length === 0 ? { do: 'nothing' } : { do: 'change', changes };
}

/**
 * Decides what an observation means for an active job whose launch has begun.
 *
 * @param isConfirmedAbsent The resource said `absent` before, long enough ago, when the launch had been answered or a stop had: absence needs two readings.
 */
export function decide(row: JobRow, observation: Observation, nowMs: number, isConfirmedAbsent: boolean): Decision {
  switch (observation.kind) {
    case 'unknown':
      // A resource that cannot answer changes nothing; the wish to stop is delivered all the same.
      return row.status === 'stopping' ? { do: 'stop', changes: {} } : { do: 'nothing' };
    case 'absent':
      if (row.resource_handle === null && row.status === 'pending') return { do: 'launch' };
      if (!isConfirmedAbsent) return row.status === 'stopping' ? { do: 'stop', changes: {} } : { do: 'nothing' };
      return { do: 'finish', end: absentEnd(row, nowMs), changes: {} };
    case 'pending': {
      const changes = {
        resource_handle: observation.handle,
        resource_job_id: observation.resourceJobId,
        queue_reason: observation.reason ?? null,
        expected_start_at_ms: observation.expectedStartAtMs ?? null,
      };
      if (row.status === 'stopping') return { do: 'stop', changes: changed(row, changes) };
      return changeOrNothing(row, changes);
    }
    case 'running':
      return decideRunning(row, observation);
    case 'ended':
      return {
        do: 'finish',
        end: observation,
        changes: { resource_handle: observation.handle, resource_job_id: observation.resourceJobId },
      };
  }
}

/** A job that is nowhere: stopped before it was ever launched, or lost. */
function absentEnd(row: JobRow, nowMs: number): LaunchEnd {
  const neverRan = row.resource_handle === null;
  return {
    endedAtMs: nowMs,
    startedAtMs: row.started_at_ms,
    exitCode: null,
    signal: null,
    cause: neverRan && row.status === 'stopping' ? 'stopped' : 'lost',
    ...(!neverRan && {
      reason: `The resource ${row.resource} no longer knows this job, so how it ended is not known.`,
    }),
    coreHours: row.core_hours,
  };
}

type End = Pick<JobRow, 'status' | 'status_reason' | 'status_message'>;

function endedBy(status_reason: Schema<'JobStatusReason'>, status_message: string): End {
  return { status: statusOfEnd[status_reason], status_reason, status_message };
}

/** What is known of why a job's session is not ready, as a part of a sentence. */
function whyNotReady({ current_details: { message, answered_status: status } }: JobRow): string | undefined {
  if (typeof message === 'string' && message !== waitingMessage) return message.replace(/\.$/, '');
  return typeof status === 'number' ? `it answered with status ${status}` : undefined;
}

/** By its end all was well with a job, which nobody stopped; but it was to have a session, and that was never ready. */
function endedUnready(row: JobRow, { cause, exitCode }: LaunchEnd): boolean {
  if (!awaitsSession(row) || row.stop_requested_at_ms !== null) return false;
  return cause === 'time_limit' || (cause === 'exited' && exitCode === 0);
}

/** How a job ends that the server itself has stopped. */
function ownStop(row: JobRow, stop_reason: NonNullable<JobRow['stop_reason']>): End {
  switch (stop_reason) {
    case 'idle':
      return endedBy('idle', 'It was stopped because nobody used its session. Its files are kept.');
    case 'start_timeout': {
      const why = whyNotReady(row) ?? waitingMessage.replace(/\.$/, '');
      const words = `It was stopped because its session was not ready in time (${why}). Its files are kept.`;
      return endedBy('start_timeout', words);
    }
    case 'session_lost':
      return endedBy(
        'session_lost',
        'It was stopped because its session had gone while the job ran on. Its files are kept.',
      );
  }
}

/** True for an end whose reason the job's output may tell. */
export function tellsItsOutput(row: JobRow, end: LaunchEnd): boolean {
  return endedUnready(row, end) || ending(row, end).status === 'failed';
}

function ending(row: JobRow, end: LaunchEnd): End {
  const reason = (words: string): string => {
    if (!endedUnready(row, end)) return end.reason ?? words;
    // Of one that ended by itself its output tells why; one that was ended had come so far.
    const known = end.cause === 'exited' ? undefined : whyNotReady(row);
    const why = known === undefined ? '' : ` (${known})`;
    return end.reason === undefined
      ? `${words.replace(/\.$/, '')} before its session was ready${why}.`
      : `${end.reason} Its session was never ready${why}.`;
  };
  const wasAsked = row.stop_requested_at_ms !== null;
  if (row.stop_reason !== null && (end.cause === 'exited' || end.cause === 'stopped'))
    return ownStop(row, row.stop_reason);
  switch (end.cause) {
    case 'exited':
      if (end.exitCode === 0) return endedBy('finished', reason('It finished.'));
      if (wasAsked) return endedBy('stopped', reason('It was stopped.'));
      return end.signal === null
        ? endedBy('exit_code', reason(`It ended with exit code ${end.exitCode}.`))
        : endedBy('signal', reason(`It was ended by ${end.signal}.`));
    case 'stopped':
      return endedBy('stopped', reason('It was stopped.'));
    case 'time_limit':
      return endedBy('time_limit', reason('Its time limit was reached.'));
    case 'memory_limit':
      return endedBy('memory_limit', reason('It used more memory than its limit.'));
    case 'node_failure':
      return endedBy('node_failure', reason('The machine it ran on failed.'));
    case 'launch_failed':
      return endedBy('launch_failed', reason('It could not be launched.'));
    case 'lost':
      return endedBy('lost', reason('It was lost: how it ended is not known.'));
  }
}

/** The row's last state: how it ended, in codes and in words. */
export function finalChanges(row: JobRow, end: LaunchEnd, lastLogLines: readonly string[]): JobChanges {
  const state = ending(row, end);
  return {
    ...state,
    exit_code: end.exitCode,
    signal: end.signal,
    started_at_ms: row.started_at_ms ?? end.startedAtMs,
    ended_at_ms: end.endedAtMs,
    core_hours: end.coreHours,
    gpu_hours: end.gpuHours ?? null,
    queue_reason: null,
    expected_start_at_ms: null,
    ...(row.started_at_ms === null &&
      end.startedAtMs !== null && {
        metrics: { ...row.metrics, time_pending: Math.max(0, end.startedAtMs - row.created_at_ms) / 1000 },
      }),
    current_details:
      state.status === 'failed'
        ? {
            message: `This job has failed. Support team has been notified and will investigate the error. ${state.status_message}`,
          }
        : {},
    last_log_lines: tellsItsOutput(row, end) ? lastLogLines : [],
    session_host: null,
    session_port: null,
    session_path: null,
    idle_stop_at_ms: null,
    due_at_ms: null,
    attempts: 0,
  };
}
