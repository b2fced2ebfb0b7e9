import type Docker from 'dockerode';
import type { Engine } from './engine.js';
import { labels } from './names.js';

/** A container as the engine's list tells of it. */
export interface ListedContainer {
  readonly id: string;
  /** `created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`. */
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
  /** Port outside the container, by the port inside. */
  readonly ports: ReadonlyMap<number, number>;
}

/** All containers of one launch. */
export interface ListedLaunch {
  job?: ListedContainer;
  /** What ends it at its time limit; of several the last one holds. */
  readonly limits: ListedContainer[];
}

export const isRunning = ({ state }: ListedContainer): boolean =>
  state === 'running' || state === 'paused' || state === 'restarting';

export const hasEnded = ({ state }: ListedContainer): boolean => state === 'exited' || state === 'dead';

/** Every launch that the engine knows, by launch key: in one request. */
export async function listLaunches(
  engine: Engine,
  filter: readonly string[] = [],
  signal?: AbortSignal,
): Promise<Map<string, ListedLaunch>> {
  const found = await engine.ask(
    (docker) => docker.listContainers({ all: true, filters: { label: [labels.key, ...filter] } }),
    signal,
  );
  const launches = new Map<string, ListedLaunch>();
  for (const container of found.map(listed)) {
    const key = container.labels[labels.key] ?? '';
    const launch = launches.get(key) ?? { limits: [] };
    launches.set(key, launch);
    if (container.labels[labels.role] === 'job') launch.job = container;
    else launch.limits.push(container);
  }
  for (const { limits } of launches.values()) limits.sort((one, other) => numberOfLimit(one) - numberOfLimit(other));
  return launches;
}

/** How many containers run, other people's included; what only ends a job in time is none of them. */
export async function countRunning(engine: Engine, signal?: AbortSignal): Promise<number> {
  const found = await engine.ask((docker) => docker.listContainers({ filters: { status: ['running'] } }), signal);
  return found.filter(({ Labels }) => Labels[labels.role] !== 'limit').length;
}

export function numberOfLimit(container: ListedContainer): number {
  return Number(container.labels[labels.number] ?? 0);
}

/** Minutes from the job's start. */
export function timeLimitOf({ job, limits }: ListedLaunch): number | undefined {
  const minutes = (limits.at(-1) ?? job)?.labels[labels.timeLimit];
  return minutes === undefined ? undefined : Number(minutes);
}

function listed(info: Docker.ContainerInfo): ListedContainer {
  const ports = info.Ports.filter(({ PublicPort }) => PublicPort).map(
    ({ PrivatePort, PublicPort }): [number, number] => [PrivatePort, PublicPort],
  );
  return {
    id: info.Id,
    state: info.State,
    labels: info.Labels,
    createdAtMs: info.Created * 1000,
    ports: new Map(ports),
  };
}
