import type { Schema } from '@user-workspaces/schema';

/** Why a job has ended, and whether it has failed by that. */
export const statusOfEnd: Readonly<Record<Schema<'JobStatusReason'>, 'complete' | 'failed'>> = {
  finished: 'complete',
  stopped: 'complete',
  idle: 'complete',
  time_limit: 'complete',
  exit_code: 'failed',
  signal: 'failed',
  memory_limit: 'failed',
  node_failure: 'failed',
  launch_failed: 'failed',
  lost: 'failed',
  start_timeout: 'failed',
  session_lost: 'failed',
};
