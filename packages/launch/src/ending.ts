import { constants } from 'node:os';
import type { LaunchEnd } from '@user-workspaces/contract';

const hourMs = 3_600_000;

/** Wall hours times processors and, where it is known how many there are, times GPUs. A job that never started has used none. */
export function hoursOf(
  {
    startedAtMs,
    cpus,
    gpus,
  }: { readonly startedAtMs: number | null; readonly cpus: number; readonly gpus: number | null },
  untilMs: number,
): Pick<LaunchEnd, 'coreHours' | 'gpuHours'> {
  if (startedAtMs === null) return { coreHours: 0, gpuHours: 0 };
  const hours = Math.max(0, untilMs - startedAtMs) / hourMs;
  return { coreHours: hours * cpus, ...(gpus !== null && { gpuHours: hours * gpus }) };
}

/** Such as `SIGTERM`; real-time signals, which Node does not name, are counted from `SIGRTMIN`. */
export function signalName(number: number): string {
  const name = Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
  return name ?? (number >= 34 ? `SIGRTMIN+${number - 34}` : `signal ${number}`);
}
