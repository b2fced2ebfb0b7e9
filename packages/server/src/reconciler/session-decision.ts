import type { JobRow } from '@user-workspaces/contract';
import type { JobTypeEntry } from '../options.js';

/** What is to be done for the session of a job that its resource says is running. Pure, so that every case can be tried. */
export type SessionDecision =
  /** Nothing before this time; `null`: nothing to wait for. */
  | { readonly do: 'wait'; readonly untilMs: number | null }
  /** It was not ready in time: the job fails, and its compute is released. */
  | { readonly do: 'give up' }
  /** By its traffic nobody uses it: ask itself, and where it says the same, warn its user or stop it. */
  | { readonly do: 'ask'; readonly before: 'warning' | 'stop' }
  /** Used again since the warning, or warned about in error: the warning no longer holds. */
  | { readonly do: 'keep' };

/** Installing an environment at the first start takes its time. */
export const defaultReadyTimeoutMs = 30 * 60_000;

/** Clocks of several servers never agree to the millisecond. */
const disagreementMs = 5_000;

/** @param attendedSinceMs Since when this process has been at work without a break. */
export function decideSession(
  row: JobRow,
  { idle, readyTimeoutMs = defaultReadyTimeoutMs }: Pick<JobTypeEntry, 'idle' | 'readyTimeoutMs'>,
  nowMs: number,
  attendedSinceMs: number,
): SessionDecision {
  if (row.status !== 'running' || row.started_at_ms === null || row.session_base_path === null) {
    return { do: 'wait', untilMs: null };
  }
  if (row.session_host === null) {
    // While no server was there, nobody could find it ready; and while the machine slept, it slept as well.
    const untilMs = Math.max(row.started_at_ms, attendedSinceMs) + readyTimeoutMs;
    return nowMs >= untilMs ? { do: 'give up' } : { do: 'wait', untilMs };
  }
  if (!idle) return row.idle_stop_at_ms === null ? { do: 'wait', untilMs: null } : { do: 'keep' };
  const lastUsedMs = Math.max(row.last_activity_at_ms ?? 0, row.started_at_ms);
  if (row.idle_stop_at_ms === null) {
    const untilMs = lastUsedMs + idle.timeoutMs - idle.warningMs;
    return nowMs >= untilMs ? { do: 'ask', before: 'warning' } : { do: 'wait', untilMs };
  }
  const warnedAtMs = row.idle_stop_at_ms - idle.warningMs;
  if (lastUsedMs > warnedAtMs) return { do: 'keep' };
  // By a clock that was ahead: nothing that happens from now on would count as later than that.
  if (warnedAtMs > nowMs + disagreementMs) return { do: 'keep' };
  if (nowMs < row.idle_stop_at_ms) return { do: 'wait', untilMs: row.idle_stop_at_ms };
  // While no server was there, its user could not follow the warning: then it is given anew.
  return { do: 'ask', before: attendedSinceMs <= warnedAtMs ? 'stop' : 'warning' };
}
