import { type Account, AdapterError, type Health, type ResourceLoad } from '@user-workspaces/contract';

/** A job that was submitted: what it is told from all others by, and whose it is. */
export interface JobReference {
  readonly id: number;
  readonly name: string;
  readonly account: Account;
}

/** A job as the cluster tells of it. */
export interface ClusterJob {
  readonly id: number;
  readonly name: string;
  /** The base state, such as `RUNNING`; `COMPLETING` hides it. */
  readonly state: string;
  /** Why it waits or why it ended, in the scheduler's word; `None` for nothing. */
  readonly reason: string;
  readonly submittedAtMs: number;
  /** Of a waiting job: when the scheduler expects to start it. */
  readonly startedAtMs: number | null;
  /** Of a running job: when its limit ends it. */
  readonly endedAtMs: number | null;
  readonly cpus: number;
  /** GPUs that it has, or had; `null` where the cluster does not list any for it: it counts them only where `AccountingStorageTRES` has `gres/gpu`. */
  readonly gpus: number | null;
  /** What `wait(2)` gave for the main process. */
  readonly waitStatus: number;
  /** The node on which the main process runs. */
  readonly node: string | null;
}

/** A job to be handed to the cluster. */
export interface Submission {
  readonly name: string;
  readonly account: Account;
  readonly script: string;
  /** Long options of `sbatch` by name, without the dashes; `true` for one without a value. */
  readonly options: ReadonlyMap<string, string | true>;
}

/**
 * One way to talk to a cluster. Guarantees: an answer is the cluster's own; what is not known is an AdapterError `unavailable`; nothing is tried twice.
 */
export interface Transport {
  /**
   * Jobs, those that ended not long ago included: all whose name begins with {@link jobPrefix}, by one request, however many; or, where jobs can be asked for only one by
   * one, those that are wanted.
   *
   * @param names Where only a few are looked for: jobs of other names may be left out, and, until the next whole list, within about a minute, such as bear a name but are not wanted.
   * @param unanswered Told of each wanted job of which alone nothing is known; without it nothing is known of any.
   */
  list(
    wanted: () => Promise<readonly JobReference[]>,
    signal?: AbortSignal,
    names?: readonly string[],
    unanswered?: (job: JobReference, why: string) => void,
  ): Promise<readonly ClusterJob[]>;
  /** Jobs of this name; `null` where jobs cannot be asked for by their names. */
  named(name: string): Promise<readonly ClusterJob[] | null>;
  /**
   * Submits a job that is held: it does not start before {@link release}. Where jobs cannot be asked for by their names it starts by itself, and must not be submitted twice.
   *
   * @throws AdapterError `invalid` with the scheduler's reason, {@link NothingSubmitted} when it surely did not get as far as the cluster.
   */
  submit(submission: Submission): Promise<number>;
  /** Lets a held job go; fine for one that was let go before or has ended. */
  release(job: JobReference): Promise<void>;
  /** Sends a signal to every process of a running job; fine for one that has ended. */
  signal(job: JobReference, signal: 'TERM' | 'KILL'): Promise<void>;
  /** Takes a job that waits out of the queue; does nothing to one that runs. Where nothing is held it ends a job in any case: it has begun against our will. */
  withdraw(job: JobReference): Promise<void>;
  /** Sets the limit of a running job, counted from its start. */
  setTimeLimit(job: JobReference, minutes: number): Promise<void>;
  /** What the accounting knows of jobs that the cluster has forgotten; `null` where there is no accounting. */
  history(ids: readonly number[], signal?: AbortSignal): Promise<readonly ClusterJob[] | null>;
  /** How long the cluster lists a job after its end at least (`MinJobAge`); `null` where it does not tell. */
  listedAfterEndMs(signal?: AbortSignal): Promise<number | null>;
  /** Addresses of the nodes by their names. */
  addresses(signal?: AbortSignal): Promise<ReadonlyMap<string, string>>;
  ping(signal?: AbortSignal): Promise<Health>;
  /** Jobs of everybody, and the CPUs of nodes that take jobs. */
  load(signal?: AbortSignal): Promise<ResourceLoad>;
}

/** Begins the name of every job of ours; the launch key follows. */
export const jobPrefix = 'uws-';

export function jobNameOf(launchKey: string): string {
  return jobPrefix + launchKey;
}

/** `unavailable`, and no job was made. */
export class NothingSubmitted extends AdapterError {
  constructor(what: string, cause?: unknown) {
    super('unavailable', `The cluster cannot be asked for the job: ${what}.`, { cause });
  }
}

/** What is thrown when an answer is not the cluster's own. */
export function unavailable(what: string, cause?: unknown): AdapterError {
  return new AdapterError('unavailable', `The cluster does not answer: ${what}.`, { cause });
}
