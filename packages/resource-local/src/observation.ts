import type { LaunchEnd, Observation } from '@user-workspaces/contract';
import { hoursOf, signalName } from '@user-workspaces/launch';
import type { Launch } from './launches.js';
import type { Records } from './records.js';
import type { LaunchState } from './state.js';

/** The resource's own name and number of a launch: its supervisor's process. */
export function nameOf(state: LaunchState): { readonly handle: string; readonly resourceJobId: number } {
  const { supervisor } = state;
  return supervisor && supervisor.pid > 0
    ? { handle: `${supervisor.pid}@${supervisor.startTime}`, resourceJobId: supervisor.pid }
    : { handle: state.launchKey, resourceJobId: -1 };
}

/** A launch as the contract wants it told, without its session. */
export async function observationOf(launch: Launch, records: Records): Promise<Observation> {
  if (launch.phase === 'absent' || launch.phase === 'unclaimed') return { kind: 'absent' };
  const { state, record } = launch;
  if (launch.phase === 'pending') return { kind: 'pending', ...nameOf(state) };
  const limitSeconds = await limitSecondsOf(state, records);
  const startedAtMs = state.started?.startedAtMs ?? null;
  const coreHoursUntil = (untilMs: number) =>
    hoursOf({ startedAtMs, cpus: record.cpus ?? 1, gpus: null }, untilMs).coreHours;
  if (launch.phase === 'running') {
    const { startedAtMs } = launch.started;
    return {
      kind: 'running',
      ...nameOf(state),
      startedAtMs,
      endsAtMs: limitSeconds === null ? null : startedAtMs + limitSeconds * 1000,
      coreHours: coreHoursUntil(Date.now()),
    };
  }
  const { code, bySignal, cause, endedAtMs } = launch.result;
  const reason = await reasonOf(launch, limitSeconds, records);
  return {
    kind: 'ended',
    ...nameOf(state),
    endedAtMs,
    startedAtMs,
    exitCode: bySignal || cause === 'launch_failed' ? null : code,
    signal: bySignal && code !== null ? signalName(code - 128) : null,
    cause,
    ...(reason !== undefined && { reason }),
    coreHours: coreHoursUntil(endedAtMs),
  };
}

/** The time limit counted from the start, as it is now; `null` without one. */
async function limitSecondsOf(state: LaunchState, records: Records): Promise<number | null> {
  const deadline = (await records.line(state.launchKey, 'deadline'))?.words[0];
  return deadline === undefined || !state.started ? null : Number(deadline) - state.started.uptimeSeconds;
}

async function reasonOf(
  launch: Extract<Launch, { phase: 'ended' }>,
  limitSeconds: number | null,
  records: Records,
): Promise<LaunchEnd['reason']> {
  const { state, record, result } = launch;
  switch (result.cause) {
    case 'memory_limit':
      return `The job used more than its memory limit of ${record.memoryMb ?? 0} MB.`;
    case 'time_limit':
      return `The job reached its time limit of ${minutesText((limitSeconds ?? 0) / 60)}.`;
    case 'lost':
      return (state.supervisor?.bootId ?? record.bootId) === records.bootId && state.supervisor?.bootId !== 'none'
        ? 'The job was killed from outside, and with it what would have recorded its end.'
        : 'The machine was restarted, which ended the job.';
    case 'launch_failed': {
      const told = (await records.line(state.launchKey, 'preparation'))?.words.join(' ');
      if (told && told !== 'ok') return told;
      return state.started
        ? 'The rights of the account could not be taken on; the log says more.'
        : 'The supervisor of the job was killed before the job started.';
    }
    default:
      return undefined;
  }
}

function minutesText(minutes: number): string {
  const count = Number(minutes.toFixed(2));
  return `${count} minute${count === 1 ? '' : 's'}`;
}
