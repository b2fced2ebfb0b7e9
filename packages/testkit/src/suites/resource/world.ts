import type { Account, Resource, SessionAddress } from '@user-workspaces/contract';
import type { Check, CheckTools, Guarantee, World } from '../../guarantee.js';
import { Jobs } from './jobs.js';

/** What a resource may lack. */
export type ResourceCapability =
  | 'cut_off'
  | 'extend'
  | 'launch_keys'
  | 'memory_limit'
  | 'push'
  | 'request_count'
  | 'sessions'
  | 'steps'
  | 'taken_ports'
  | 'time_limit';

/**
 * A resource and a back end that has run nothing for it yet. Jobs are programs of the resource's hosts: they need `/bin/sh` and the usual
 * small tools (`cat`, `sleep`, `id`, `env`, `head`), and a Node.js for sessions. Tests learn what jobs did from the files in their workspace alone.
 *
 * @example
 * async function open(): Promise<ResourceWorld> {
 *   const directory = await mkdtemp('/shared/kit-');
 *   const made: Resource[] = [];
 *   const reopen = async () => {
 *     const resource = createMyResource({ name: 'mine', address });
 *     made.push(resource);
 *     return resource;
 *   };
 *   return {
 *     resource: await reopen(),
 *     reopen,
 *     account: { name: 'alice', uid: 12345, gid: 12345 },
 *     workspacePath: directory,
 *     node: '/usr/bin/node',
 *     async close() {
 *       for (const resource of made) await resource.close();
 *       await rm(directory, { recursive: true });
 *     },
 *   };
 * }
 */
export interface ResourceWorld extends World {
  readonly resource: Resource;
  /** Another instance on the same back end, as after a restart of the server or in another replica. The world closes it. */
  reopen(): Promise<Resource>;
  /** Whom jobs run as. */
  readonly account: Account;
  /** Absolute path of an empty workspace that belongs to the account, as jobs see it. */
  readonly workspacePath: string;
  /** The same directory as this process sees it: it must be able to read and write there. @default workspacePath */
  readonly localWorkspacePath?: string;
  /** Path of a Node.js on the resource's hosts. */
  readonly node: string;
  /** Passed on as the options of every launch, such as a queue. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** How long an effect may take to be seen at most: a job's start in a queue, the notice of an end. @default 20_000 */
  readonly patienceMs?: number;
  /** The shortest time limit that is worth trying, in minutes. @default 0.05 */
  readonly shortTimeLimitMinutes?: number;
  /** Capability `cut_off`: makes the back end unreachable for all instances; what it returns brings it back. */
  cutOff?(): Promise<() => Promise<void>>;
  /** Capability `steps`: an instance that awaits `step` before and after each of its effects on the back end. A crash is played by a step that never ends. */
  openStepping?(step: (name: string) => Promise<void>): Promise<Resource>;
  /**
   * Capability `taken_ports`: has somebody else, who is none of the resource's jobs, listen where a session did that listens there no more; what it returns
   * ends that.
   *
   * @example
   * // Jobs run on this machine, and share its ports.
   * async takePort({ host, port }) {
   *   const server = createServer().listen(port, host);
   *   await once(server, 'listening');
   *   return async () => {
   *     server.close();
   *     await once(server, 'close');
   *   };
   * }
   */
  takePort?(address: SessionAddress): Promise<() => Promise<void>>;
  /** Capability `request_count`: how many requests the back end has had. */
  requests?(): number;
}

export type ResourceGuarantee = Guarantee<ResourceWorld, ResourceCapability>;

/** A check that starts jobs, and asks for their end when it is over. */
export function withJobs(
  run: (jobs: Jobs, world: ResourceWorld, tools: CheckTools) => Promise<void>,
): Check<ResourceWorld> {
  return async (world, tools) => {
    const jobs = new Jobs(world, tools.signal);
    try {
      await run(jobs, world, tools);
    } finally {
      await jobs.end();
    }
  };
}

/** Room for jobs that wait in a queue. */
export const timeoutMs = 180_000;
