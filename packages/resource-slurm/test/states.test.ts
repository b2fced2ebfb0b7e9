import { expect, test } from 'vitest';
import { endOf, endOfJob } from '../src/states.js';
import type { ClusterJob } from '../src/transport.js';

const failed: ClusterJob = {
  ...{ id: 1, name: 'uws-1', state: 'FAILED', reason: 'NonZeroExitCode', waitStatus: 256, node: 'node1' },
  ...{ submittedAtMs: 1000, startedAtMs: 2000, endedAtMs: 3000, cpus: 1, gpus: null },
};

test('a job whose processes are being cleared away has no end to come: its time is that of the end that was', () => {
  const running = { ...failed, state: 'RUNNING', endedAtMs: 600_000 };
  expect(endOf(running)).toBe(600_000);
  expect(endOf({ ...running, state: 'COMPLETING', endedAtMs: 3000 })).toBeNull();
});

test('a job that its node could not launch says so, in the words of the scheduler', () => {
  expect(endOfJob({ ...failed, reason: 'JobLaunchFailure' }, false, false)).toMatchObject({
    cause: 'launch_failed',
    exitCode: null,
    reason:
      'The job could not begin on node1: The node could not launch it; the log of its slurmd says why. (JobLaunchFailure)',
  });
  expect(endOfJob(failed, false, false)).toMatchObject({
    cause: 'launch_failed',
    reason: expect.stringContaining('Is it shared with the nodes of the cluster?'),
  });
  expect(endOfJob(failed, false, true)).toMatchObject({ cause: 'exited', exitCode: 1 });
});

test.each([
  [
    123,
    'The job could not begin on node1: The directory of the workspace is not there: it was moved or removed, or is not mounted. Is it shared with the nodes of the cluster?',
  ],
  [124, 'The job could not begin on node1: The account of the job may not enter the workspace.'],
])('a job whose start script ended with %i before any output tells what is wrong with its workspace', (code, reason) => {
  expect(endOfJob({ ...failed, waitStatus: code * 256 }, false, false)).toMatchObject({
    cause: 'launch_failed',
    exitCode: null,
    reason,
  });
  expect(endOfJob({ ...failed, waitStatus: code * 256 }, false, true)).toMatchObject({
    cause: 'exited',
    exitCode: code,
  });
});
