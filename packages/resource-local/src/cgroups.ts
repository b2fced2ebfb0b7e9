import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import type { LaunchLimits } from '@user-workspaces/contract';

/** Control groups of one launch: what the supervisor makes, writes, joins and removes. */
export interface CgroupPlan {
  readonly directories: readonly string[];
  readonly settings: readonly (readonly [file: string, value: string])[];
  /** The kernel counts here, in the line `oom_kill`, the processes it ended for lack of memory. */
  readonly oomFile: string | null;
}

const quotaPeriodUs = 100_000;

/**
 * Limits by control groups, of either version, in a group of our own at the root of the hierarchy: there jobs outlive the service
 * that started them.
 */
export class Cgroups {
  private constructor(
    private readonly version: 1 | 2,
    /** Directory that holds the launches' groups, where the controller can be used. */
    private readonly memory: string | undefined,
    private readonly cpu: string | undefined,
  ) {}

  /** Finds out, by making the groups, which limits can be set. Needs root. */
  static detect(root = '/sys/fs/cgroup'): Cgroups {
    if (existsSync(`${root}/cgroup.controllers`)) {
      const base = `${root}/user-workspaces`;
      const has = (controller: string) =>
        attempt(() => {
          mkdirSync(base, { recursive: true });
          writeFileSync(`${root}/cgroup.subtree_control`, `+${controller}`);
          writeFileSync(`${base}/cgroup.subtree_control`, `+${controller}`);
          return readFileSync(`${base}/cgroup.subtree_control`, 'utf8').includes(controller);
        });
      return new Cgroups(2, has('memory') ? base : undefined, has('cpu') ? base : undefined);
    }
    const hierarchy = (controller: string, probe: string) => {
      const base = `${root}/${controller}/user-workspaces`;
      const usable =
        existsSync(`${root}/${controller}/${probe}`) &&
        attempt(() => {
          mkdirSync(base, { recursive: true });
          return existsSync(`${base}/${probe}`);
        });
      return usable ? base : undefined;
    };
    return new Cgroups(1, hierarchy('memory', 'memory.limit_in_bytes'), hierarchy('cpu', 'cpu.cfs_quota_us'));
  }

  static readonly none = new Cgroups(2, undefined, undefined);

  get limitsMemory(): boolean {
    return this.memory !== undefined;
  }

  get limitsCpu(): boolean {
    return this.cpu !== undefined;
  }

  plan(launchKey: string, limits: LaunchLimits): CgroupPlan {
    const directories = new Set<string>();
    const settings: [string, string][] = [];
    let oomFile: string | null = null;
    if (this.memory !== undefined && limits.memoryMb !== undefined) {
      const directory = `${this.memory}/${launchKey}`;
      const bytes = String(Math.ceil(limits.memoryMb * 1024 * 1024));
      directories.add(directory);
      if (this.version === 2) {
        settings.push([`${directory}/memory.max`, bytes], [`${directory}/memory.oom.group`, '1']);
        // Without this a job would go on in swap far beyond its limit.
        if (existsSync(`${this.memory}/memory.swap.max`)) settings.push([`${directory}/memory.swap.max`, '0']);
        oomFile = `${directory}/memory.events`;
      } else {
        settings.push([`${directory}/memory.limit_in_bytes`, bytes]);
        if (existsSync(`${this.memory}/memory.memsw.limit_in_bytes`)) {
          settings.push([`${directory}/memory.memsw.limit_in_bytes`, bytes]);
        }
        oomFile = `${directory}/memory.oom_control`;
      }
    }
    if (this.cpu !== undefined && limits.cpus !== undefined) {
      const directory = `${this.cpu}/${launchKey}`;
      // The kernel refuses a quota below 1 ms.
      const quotaUs = Math.max(1000, Math.round(limits.cpus * quotaPeriodUs));
      directories.add(directory);
      if (this.version === 2) settings.push([`${directory}/cpu.max`, `${quotaUs} ${quotaPeriodUs}`]);
      else {
        settings.push([`${directory}/cpu.cfs_period_us`, String(quotaPeriodUs)]);
        settings.push([`${directory}/cpu.cfs_quota_us`, String(quotaUs)]);
      }
    }
    return { directories: [...directories], settings, oomFile };
  }
}

/** How many processes the kernel has ended for lack of memory; `undefined` when the group is gone. */
export function readOomKills(oomFile: string): number | undefined {
  try {
    const match = /^oom_kill (\d+)$/m.exec(readFileSync(oomFile, 'utf8'));
    return match ? Number(match[1]) : 0;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Removes the groups of a launch whose processes are gone; an absent one is fine. */
export function removeCgroups(directories: readonly string[]): void {
  for (const directory of directories) {
    try {
      rmdirSync(directory);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENODEV');
}

function attempt(probe: () => boolean): boolean {
  try {
    return probe();
  } catch (error) {
    // Read-only, forbidden, or busy because this is itself a group inside a container: this means is not to be had here.
    if (error instanceof Error && 'code' in error) return false;
    throw error;
  }
}
