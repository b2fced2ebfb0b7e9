import { createHash } from 'node:crypto';
import type { LaunchSpecification } from '@user-workspaces/contract';
import type Docker from 'dockerode';
import type { ContainerDetails } from './configuration.js';
import { containerName, labels } from './names.js';
import { sessionPort, startOf } from './start-script.js';
import { userOf } from './user.js';

const mebibyte = 1024 * 1024;
const cpuPeriodMicroseconds = 100_000;

/** What is the same for all containers of a resource. */
export interface ContainerSettings {
  readonly owner: string;
  readonly publishAddress: string;
  readonly sessionHost: string;
  readonly pidsLimit: number;
}

export interface ContainerPlan {
  readonly options: Docker.ContainerCreateOptions;
  readonly image: string;
  readonly hash: string;
}

/** The container of a job: nothing of it may gain a right, and it is reached on one published port alone. */
export function jobContainer(
  specification: LaunchSpecification,
  details: ContainerDetails & { readonly image: string },
  settings: ContainerSettings,
  groups: readonly string[],
): ContainerPlan {
  const { launchKey, limits, session, workspacePath, account } = specification;
  const { entrypoint, environment } = startOf(specification, settings.sessionHost);
  const port = `${sessionPort}/tcp`;
  const options: Docker.ContainerCreateOptions = {
    Image: details.image,
    Entrypoint: [...entrypoint],
    Cmd: [],
    Env: [...environment],
    User: userOf(account),
    WorkingDir: '/',
    Hostname: `job-${specification.jobId}`,
    Healthcheck: { Test: ['NONE'] },
    ...(session && { ExposedPorts: { [port]: {} } }),
    HostConfig: {
      ...confinement(details),
      CapDrop: ['ALL'],
      GroupAdd: [...groups],
      Mounts: [{ Type: 'bind', Source: workspacePath, Target: workspacePath }, ...readOnlyMounts(details)],
      ...(details.read_only_root && { Tmpfs: { '/tmp': 'rw,nosuid,nodev,mode=1777' } }),
      PidsLimit: settings.pidsLimit,
      // If the machine's memory runs out, the kernel should end jobs before anything else.
      OomScoreAdj: 300,
      ...(limits.memoryMb !== undefined && {
        Memory: Math.floor(limits.memoryMb * mebibyte),
        MemorySwap: Math.floor(limits.memoryMb * mebibyte),
      }),
      ...(limits.cpus !== undefined && {
        CpuPeriod: cpuPeriodMicroseconds,
        CpuQuota: Math.ceil(limits.cpus * cpuPeriodMicroseconds),
      }),
      ...(limits.gpus && { DeviceRequests: [{ Count: limits.gpus, Capabilities: [['gpu']] }] }),
      NetworkMode: details.network ?? 'bridge',
      ...(session && { PortBindings: { [port]: [{ HostIp: settings.publishAddress, HostPort: '' }] } }),
      LogConfig: { Type: 'json-file', Config: { 'max-size': '64m', 'max-file': '2' } },
    },
  };
  const hash = createHash('sha256').update(JSON.stringify(options)).digest('hex').slice(0, 32);
  return {
    image: details.image,
    hash,
    options: {
      ...options,
      name: containerName(launchKey),
      Labels: {
        [labels.key]: launchKey,
        [labels.role]: 'job',
        [labels.owner]: settings.owner,
        [labels.specification]: hash,
        [labels.cpus]: String(limits.cpus ?? 1),
        ...(limits.timeLimitMinutes !== undefined && { [labels.timeLimit]: String(limits.timeLimitMinutes) }),
      },
    },
  };
}

/** What holds for every container that this adapter makes. */
export function confinement(details: ContainerDetails): Docker.HostConfig {
  return {
    SecurityOpt: ['no-new-privileges'],
    ReadonlyRootfs: details.read_only_root ?? false,
    IpcMode: 'private',
    RestartPolicy: { Name: 'no' },
    AutoRemove: false,
    // The start script is process 1 itself.
    Init: false,
  };
}

export function readOnlyMounts({ read_only_mounts = [] }: ContainerDetails): Docker.MountConfig {
  return read_only_mounts.map(({ source, target }) => ({
    Type: 'bind',
    Source: source,
    Target: target ?? source,
    ReadOnly: true,
  }));
}
