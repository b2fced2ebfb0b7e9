import { constants } from 'node:os';
import type { LaunchEnd } from '@user-workspaces/contract';
import { hoursOf } from '@user-workspaces/launch';
import type Docker from 'dockerode';
import { words } from './start-script.js';

/** What is known about a container that has ended. */
export interface Ending {
  readonly state: Docker.ContainerInspectInfo['State'];
  readonly cpus: number;
  /** `null`: not known. */
  readonly gpus: number | null;
  /** When its time limit was to end it. */
  readonly endsAtMs: number | null;
  /** It was asked to end before it had. */
  readonly isStopped: boolean;
  /** What the start script said, where the exit code leaves something open. */
  readonly ownWords: string;
}

/** Of a code above, the start script tells whether it is the job's own. */
export const highestPlainCode = 124;

/** Why and how a job ended. */
export function endOf({ state, cpus, gpus, endsAtMs, isStopped, ownWords }: Ending): LaunchEnd {
  const startedAtMs = timeOf(state.StartedAt);
  const endedAtMs = timeOf(state.FinishedAt) ?? startedAtMs ?? Date.now();
  const { ExitCode: code } = state;
  const signal = signalOf(code, ownWords);
  const common = {
    endedAtMs,
    startedAtMs,
    exitCode: signal === null ? code : null,
    signal,
    ...hoursOf({ startedAtMs, cpus, gpus }, endedAtMs),
  };
  const failure = code === 125 ? failureOf(ownWords) : undefined;
  if (failure !== undefined) return { ...common, cause: 'launch_failed', reason: failure };
  if (isStopped) return { ...common, cause: 'stopped' };
  if (endsAtMs !== null && endedAtMs >= endsAtMs) return { ...common, cause: 'time_limit' };
  if (state.OOMKilled) {
    // A shell that went on without what was killed has not ended well.
    return { ...common, cause: 'memory_limit', ...(code === 0 && { exitCode: null, signal: 'SIGKILL' }) };
  }
  if (code === 255 && ownWords === '') {
    const reason = 'The container engine does not know how it ended: engine or machine were restarted.';
    return { ...common, exitCode: null, cause: 'lost', reason };
  }
  return { ...common, cause: 'exited' };
}

/** GPUs that a container was given. `null` where the engine does not say how many: one may ask for all that there are, or for some by their names. */
export function gpusOf({ DeviceRequests }: Docker.HostConfig): number | null {
  const requests = (DeviceRequests ?? []).filter(({ Capabilities }) => Capabilities?.flat().includes('gpu'));
  const counts = requests.map(({ Count = 0 }) => Count);
  return counts.every((count) => count > 0) ? counts.reduce((sum, count) => sum + count, 0) : null;
}

/** Milliseconds since 1970, or `null` for the engine's way of saying never. */
export function timeOf(text: string): number | null {
  const ms = Date.parse(text);
  return Number.isFinite(ms) && ms > 0 ? ms : null;
}

function failureOf(ownWords: string): string | undefined {
  const line = ownWords.split('\n').find((text) => text.startsWith(words.failed));
  return line?.slice(words.failed.length);
}

/** A shell says something when a signal has ended what it ran; with nothing said at all process 1 itself was killed. */
function signalOf(code: number, ownWords: string): string | null {
  if (code <= 128 || code === 255) return null;
  const isByItself = ownWords.trim() === words.ended;
  return isByItself ? null : nameOf(code - 128);
}

function nameOf(number: number): string | null {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return found?.[0] ?? null;
}
