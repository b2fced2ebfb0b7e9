import type Docker from 'dockerode';
import type { ContainerDetails } from './configuration.js';
import { confinement } from './container.js';
import { isRunning, type ListedContainer, type ListedLaunch, numberOfLimit, timeLimitOf } from './containers.js';
import { type Engine, Refusal } from './engine.js';
import { labels, limitName } from './names.js';
import { isOf } from './owners.js';

/** Between TERM and KILL. */
const graceSeconds = 10;

/**
 * Waits by the engine's clock, then ends every process of the job. It runs in a container of its own that shares nothing with the job but its process namespace: as root without any right but
 * that to send signals, where the job's account cannot reach it. It goes away with the job's process 1.
 */
const script = `trap : TERM
while left=$(($1 - $(date +%s))); [ "$left" -gt 0 ]; do
  [ "$left" -le 60 ] || left=60
  sleep "$left"
done
kill -s TERM -- -1
sleep ${graceSeconds}
kill -s KILL -- -1
`;

/** A job that is to be ended in time. */
export interface LimitedJob {
  readonly launchKey: string;
  readonly containerId: string;
  readonly startedAtMs: number;
}

/** Ends jobs at their time limit, whether a server runs or not. */
export class TimeLimits {
  private readonly busy = new Map<string, Promise<void>>();

  constructor(
    private readonly engine: Engine,
    private readonly owner: string,
  ) {}

  /** Sets a limit; of several the one with the highest number holds, once the others are removed. */
  async set(job: LimitedJob, minutes: number, number: number, signal?: AbortSignal): Promise<void> {
    const { launchKey, containerId } = job;
    const name = limitName(launchKey, number);
    const ofJob = await this.engine.ask((docker) => docker.getContainer(containerId).inspect(), signal);
    const options = this.container(ofJob, job, minutes, number);
    try {
      await this.engine.ask((docker) => docker.createContainer({ ...options, name }), signal);
    } catch (error) {
      // 409: it is there already; starting it again changes nothing while it runs.
      if (!(error instanceof Refusal && error.status === 409)) throw error;
    }
    try {
      await this.engine.ask((docker) => docker.getContainer(name).start(), signal);
    } catch (error) {
      if (!(error instanceof Refusal && error.status === 304)) throw error;
    }
  }

  /** Brings what ends the job into order: after a crash it may be missing, or an older one may be left. Done in the background; what fails is tried at the next look. */
  keep(job: LimitedJob, launch: ListedLaunch): void {
    const minutes = timeLimitOf(launch);
    if (minutes === undefined || this.busy.has(job.launchKey)) return;
    const last = launch.limits.at(-1);
    if (last && isRunning(last) && launch.limits.length === 1) return;
    const work = async () => {
      const number = last ? numberOfLimit(last) : 0;
      if (!last || !isRunning(last)) await this.set(job, minutes, number);
      await this.removeAll(launch.limits.slice(0, -1));
    };
    this.inBackground(job.launchKey, work);
  }

  /** Of these, those of this owner. */
  async removeAll(limits: readonly ListedContainer[], signal?: AbortSignal): Promise<void> {
    for (const { id } of limits.filter((limit) => isOf(this.owner, limit))) {
      await this.engine.find((docker) => docker.getContainer(id).remove({ force: true, v: true }), signal);
    }
  }

  /** Waits for what goes on in the background. */
  async settle(): Promise<void> {
    await Promise.all(this.busy.values());
  }

  private inBackground(launchKey: string, work: () => Promise<void>): void {
    if (this.busy.has(launchKey)) return;
    const done = work()
      .catch(() => undefined)
      .finally(() => this.busy.delete(launchKey));
    this.busy.set(launchKey, done);
  }

  private container(
    ofJob: Docker.ContainerInspectInfo,
    { launchKey, containerId, startedAtMs }: LimitedJob,
    minutes: number,
    number: number,
  ): Docker.ContainerCreateOptions {
    const endsAt = Math.ceil((startedAtMs + minutes * 60_000) / 1000);
    const details: ContainerDetails = { read_only_root: true };
    // The shell may come from a directory that is mounted, never from one that jobs write to.
    const mounts = (ofJob.HostConfig.Mounts ?? []).filter(({ ReadOnly }) => ReadOnly);
    return {
      Image: ofJob.Image,
      Entrypoint: ['/bin/sh', '-c', script, 'time-limit', String(endsAt)],
      Cmd: [],
      User: '0:0',
      WorkingDir: '/',
      Healthcheck: { Test: ['NONE'] },
      Labels: {
        [labels.key]: launchKey,
        [labels.role]: 'limit',
        [labels.owner]: this.owner,
        [labels.timeLimit]: String(minutes),
        [labels.number]: String(number),
      },
      HostConfig: {
        ...confinement(details),
        CapDrop: ['ALL'],
        CapAdd: ['KILL'],
        PidMode: `container:${containerId}`,
        NetworkMode: 'none',
        Mounts: mounts,
        PidsLimit: 16,
        Memory: 32 * 1024 * 1024,
        MemorySwap: 32 * 1024 * 1024,
        LogConfig: { Type: 'none', Config: {} },
      },
    };
  }
}
