import type { LaunchEnd } from '@user-workspaces/contract';
import { hoursOf, signalName, workspaceProblems } from '@user-workspaces/launch';
import type { ClusterJob } from './transport.js';

/** Where limits are enforced a job without one gets a year. */
const noLimitMs = 365 * 24 * 3_600_000;

const waiting = new Set([
  'PENDING',
  'CONFIGURING',
  'REQUEUED',
  'REQUEUE_HOLD',
  'REQUEUE_FED',
  'RESV_DEL_HOLD',
  'SPECIAL_EXIT',
]);
const ended = new Set([
  'COMPLETED',
  'FAILED',
  'CANCELLED',
  'TIMEOUT',
  'DEADLINE',
  'OUT_OF_MEMORY',
  'NODE_FAIL',
  'BOOT_FAIL',
  'PREEMPTED',
  'REVOKED',
]);

/** How far a job is. A state that no one knows counts as running: it is neither waiting nor over. */
export function phaseOf({ state, startedAtMs }: ClusterJob): 'waiting' | 'running' | 'ended' {
  if (ended.has(state)) return 'ended';
  return waiting.has(state) || startedAtMs === null ? 'waiting' : 'running';
}

/** When the cluster will end a running job; `null` without a limit, and once it is ending. */
export function endOf({ state, startedAtMs, endedAtMs }: ClusterJob): number | null {
  // From then on the cluster tells when it ended instead.
  if (state === 'COMPLETING') return null;
  if (startedAtMs === null || endedAtMs === null || endedAtMs - startedAtMs >= noLimitMs) return null;
  return endedAtMs;
}

/**
 * How an ended job ended.
 *
 * @param wasStopped It was asked to stop by us.
 * @param hasOutput Its output was begun: before that the job directory could not be made.
 */
export function endOfJob(job: ClusterJob, wasStopped: boolean, hasOutput: boolean): LaunchEnd {
  const { state, waitStatus } = job;
  // A job that never had a node has a time of start all the same: that of its end.
  const startedAtMs = job.node === null ? null : job.startedAtMs;
  const endedAtMs = job.endedAtMs ?? job.submittedAtMs;
  const [cause, reason] = causeOf(job, wasStopped, hasOutput);
  const signalNumber = waitStatus & 0x7f;
  const isKnown =
    cause !== 'memory_limit' && cause !== 'launch_failed' && startedAtMs !== null && state !== 'NODE_FAIL';
  return {
    endedAtMs,
    startedAtMs,
    exitCode: isKnown && signalNumber === 0 ? (waitStatus >> 8) & 0xff : null,
    signal: isKnown && signalNumber !== 0 ? signalName(signalNumber) : null,
    cause,
    ...(reason !== undefined && { reason }),
    ...hoursOf({ ...job, startedAtMs }, endedAtMs),
  };
}

function causeOf(job: ClusterJob, wasStopped: boolean, hasOutput: boolean): [LaunchEnd['cause'], reason?: string] {
  const node = job.node ?? 'its node';
  switch (job.state) {
    case 'TIMEOUT':
      return ['time_limit'];
    case 'DEADLINE':
      return ['time_limit', 'The job could not end before its deadline, so the cluster ended it.'];
    case 'OUT_OF_MEMORY':
      return ['memory_limit', 'The job used more memory than it asked for, so the cluster ended it or a part of it.'];
    case 'NODE_FAIL':
      return ['node_failure', `The cluster lost ${node}, on which the job ran.`];
    case 'BOOT_FAIL':
      return ['node_failure', `The cluster could not start ${node} for the job.`];
    case 'PREEMPTED':
      return ['node_failure', `The cluster ended the job because another of a higher priority needed ${node}.`];
    case 'REVOKED':
      return ['node_failure', 'The job was taken over by another cluster.'];
    case 'CANCELLED':
      return wasStopped
        ? ['stopped']
        : ['stopped', 'The job was cancelled in the cluster, by its user or an operator.'];
    default:
      if (wasStopped) return ['stopped'];
      if (job.node === null || job.reason === 'BadConstraints') {
        return ['launch_failed', `The cluster could not start the job: ${reasonInWords(job.reason)}`];
      }
      // The node's own failure, such as of its prolog or of a user that it does not know: the script was never begun.
      if (job.reason === 'JobLaunchFailure' && !hasOutput) {
        return ['launch_failed', `The job could not begin on ${node}: ${reasonInWords(job.reason)}`];
      }
      if (job.state !== 'COMPLETED' && !hasOutput) {
        return ['launch_failed', `The job could not begin on ${node}: ${workspaceProblemOf(job)}`];
      }
      return ['exited'];
  }
}

/** The words of the start script reach nobody: its output begins in the workspace. */
function workspaceProblemOf({ waitStatus }: ClusterJob): string {
  const { missing, closed } = workspaceProblems;
  const isShared = 'Is it shared with the nodes of the cluster?';
  switch (waitStatus >> 8) {
    case missing.code:
      return `${missing.message} ${isShared}`;
    case closed.code:
      return closed.message;
    default:
      return `its workspace cannot be entered or written there. ${isShared}`;
  }
}

const impossible = new Set(['PartitionTimeLimit', 'PartitionNodeLimit', 'BadConstraints']);

/** Limits of a single job, such as `QOSMaxCpuPerJobLimit` and `AssocMaxMemPerJob`: no waiting brings a job below them. */
const perJob = /^(Assoc|QOS)Max\w*PerJob(Limit)?$/;

/** Whether a waiting job can never start, for a reason of the scheduler. */
export function isImpossible(reason: string): boolean {
  return impossible.has(reason) || perJob.test(reason);
}

const reasons: Readonly<Record<string, string>> = {
  None: 'It waits for the scheduler.',
  Priority: 'Other jobs of a higher priority come first.',
  Resources: 'It waits until enough processors and memory are free.',
  Dependency: 'It waits for another job.',
  BeginTime: 'Its time has not come yet; it may have been put back into the queue.',
  JobHeldUser: 'It is held: its user has to release it.',
  JobHeldAdmin: 'It is held by an operator of the cluster.',
  ReqNodeNotAvail: 'Nodes that it needs are down, drained or reserved.',
  Reservation: 'It waits for its reservation to begin.',
  PartitionDown: 'Its partition is closed at the moment.',
  PartitionInactive: 'Its partition is closed at the moment.',
  PartitionTimeLimit: 'It asks for more time than its partition allows.',
  PartitionNodeLimit: 'It asks for more than its partition has.',
  PartitionConfig: 'Its partition does not allow what it asks for, or its nodes are down.',
  BadConstraints: 'No node of the cluster has what it asks for.',
  Licenses: 'It waits for a licence.',
  NodeDown: 'A node that it needs is down.',
  JobLaunchFailure: 'The node could not launch it; the log of its slurmd says why.',
};

/** A reason of the scheduler as a sentence for the user, with the scheduler's own word. */
export function reasonInWords(reason: string): string {
  if (/^Nodes required for job are DOWN/i.test(reason)) return reasonInWords('ReqNodeNotAvail');
  const words = reasons[reason.split(',')[0] ?? ''];
  if (words !== undefined) return `${words} (${reason})`;
  if (perJob.test(reason)) {
    return `It asks for more than a single job of its user, account or quality of service may have. (${reason})`;
  }
  if (/Limit/.test(reason))
    return `A limit of the cluster for its user, account or quality of service is reached. (${reason})`;
  return `The scheduler's reason: ${reason}.`;
}
