import { readFile } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import type { Resource } from '@user-workspaces/contract';
import { AdapterError } from '@user-workspaces/contract';
import { Cgroups } from './cgroups.js';
import { Launcher } from './launcher.js';
import { Launches, type Step } from './launches.js';
import { Monitor } from './monitor.js';
import { Records } from './records.js';
import { LocalResource } from './resource.js';
import { Sessions } from './sessions.js';
import { findIsolation, findTool, type Isolation, inheritedDescriptors, requireSystem } from './system.js';

/** How to make a local resource. */
export interface LocalResourceOptions {
  /** Name of the resource, as configured. */
  readonly name: string;
  /**
   * Absolute path of the directory that keeps the launches; made if it is missing. It must be on a local disk, belong to the server alone,
   * and stay the same over restarts: what is not in it was never launched.
   */
  readonly recordsDirectory: string;
  /** Under which the server reaches the sessions. @default '127.0.0.1' */
  readonly sessionHost?: string;
  /** A weaker isolation than the machine offers. @default the strongest that works */
  readonly isolation?: Isolation;
  /** False to do without control groups. @default true */
  readonly cgroups?: boolean;
  /**
   * Called with `<name>:before` and `<name>:after` around each outside effect, such as `launch.spawn`, and awaited: there a crash test ends the process, or
   * lets the call stand still for ever.
   */
  readonly steps?: (name: string) => void | Promise<void>;
}

const isolationWords: Readonly<Record<Isolation, string>> = {
  namespace: 'each in a process namespace that ends with it',
  'user-namespace': 'each in a process namespace that ends with it, all under the account of the server',
  marker:
    'found by a mark in their environment because this machine allows no process namespaces: a program that clears its environment may outlive its job',
};

/**
 * Makes the resource that runs jobs as processes of this machine.
 *
 * @throws AdapterError `unsupported` on anything but Linux, `misconfigured` when a system tool is missing (the message names the package)
 *   or the records directory is open to others.
 *
 * @example
 * const resource = await createLocalResource({ name: 'local', recordsDirectory: '/var/lib/user-workspaces/launches' });
 */
export async function createLocalResource(options: LocalResourceOptions): Promise<Resource> {
  const { name, recordsDirectory, sessionHost = '127.0.0.1' } = options;
  const { sh } = await requireSystem();
  if (!isAbsolute(recordsDirectory)) {
    throw new AdapterError('misconfigured', `The records directory "${recordsDirectory}" is not an absolute path.`, {
      field: 'recordsDirectory',
    });
  }
  const serverUid = process.geteuid?.() ?? -1;
  const records = await Records.open(recordsDirectory);
  await records.sweep();

  const isolation = options.isolation ?? (await findIsolation(serverUid === 0));
  const cgroups = serverUid === 0 && options.cgroups !== false ? Cgroups.detect() : Cgroups.none;
  const pinnable = (await findTool('taskset')) ? await allowedCpus() : [];

  const step: Step = async (stepName, effect) => {
    await options.steps?.(`${stepName}:before`);
    const answer = await effect();
    await options.steps?.(`${stepName}:after`);
    return answer;
  };
  const launches = new Launches(records, step);
  const sessions = new Sessions(sessionHost);
  const machine = {
    serverUid,
    sh,
    host: sessionHost,
    isolation,
    cgroups,
    pinnable,
    inherited: await inheritedDescriptors(),
  };
  const launcher = new Launcher(records, launches, sessions, step, machine);
  const monitor = new Monitor(records, launches, (launchKey) => sessions.release(launchKey));

  for (const launchKey of await records.keys()) {
    // One damaged record must not keep the others' jobs from being served; its observation says what is wrong with it.
    const state = await records.read(launchKey).catch(() => undefined);
    if (!state?.record || state.result) continue;
    if (state.record.port !== null) sessions.reserve(state.record.port, launchKey);
    monitor.add(state);
  }

  return new LocalResource({
    name,
    sessionHost,
    isolation: isolationWords[isolation],
    records,
    launches,
    launcher,
    sessions,
    monitor,
    step,
    capabilities: {
      extend: true,
      push: true,
      limits: {
        time: "enforced by the job's supervisor, with the server or without",
        memory: cgroups.limitsMemory
          ? 'enforced by the kernel (control group)'
          : 'watched each second while the server runs',
        cpu: cgroups.limitsCpu
          ? 'enforced by the kernel (control group)'
          : pinnable.length > 0
            ? 'whole processors, by affinity, which a program may change'
            : 'not enforced on this machine',
      },
    },
  });
}

/** Processors that this process may use, from a list such as `0-3,8`. */
async function allowedCpus(): Promise<number[]> {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(await readFile('/proc/self/status', 'utf8'))?.[1] ?? '';
  return list.split(',').flatMap((range) => {
    const [from, to = from] = range.split('-').map(Number);
    if (from === undefined || to === undefined || Number.isNaN(from)) return [];
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}
