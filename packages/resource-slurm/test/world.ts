import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Account, Resource } from '@user-workspaces/contract';
import type { ResourceWorld } from '@user-workspaces/testkit';
import {
  openControllerLink,
  openRestLink,
  type SlurmCluster,
  type SlurmLink,
} from '../../../test/backends/slurm/cluster.js';
import { createSlurmResource, type SlurmResourceOptions } from '../src/index.js';

export const jobUser = 'uwsslurm1';
/** Another account of the cluster. */
export const stranger = 'uwsslurm2';

export function accountOf(name: string): Account {
  const id = (option: string) => Number(execFileSync('id', [option, name], { encoding: 'utf8' }));
  return { name, uid: id('-u'), gid: id('-g') };
}

/** A world of the kit on a cluster, and its own way there. */
export interface SlurmWorld extends ResourceWorld {
  readonly link: SlurmLink;
  readonly recordsDirectory: string;
  make(options?: Partial<SlurmResourceOptions>): Promise<Resource>;
}

type Way = { readonly link: SlurmLink; readonly way: Pick<SlurmResourceOptions, 'commandLine' | 'rest'> };

async function byCommands(cluster: SlurmCluster, directory: string): Promise<Way> {
  const link = await openControllerLink(cluster, directory);
  return { link, way: { commandLine: { slurmConf: link.slurmConf } } };
}

async function byRest(cluster: SlurmCluster, port: number): Promise<Way> {
  const link = await openRestLink(port);
  const rest = { url: `http://127.0.0.1:${link.port}`, keyFile: `${cluster.directory}/keys/jwt.key` };
  return { link, way: { commandLine: { slurmConf: cluster.slurmConf }, rest } };
}

/**
 * A workspace, a records directory and resources on a cluster that other tests use at the same time.
 *
 * @param restPort Of the slurmrestd by which resources talk to the cluster; without one it is by Slurm's commands.
 */
export async function openSlurmWorld(cluster: SlurmCluster, restPort?: number): Promise<SlurmWorld> {
  const root = await mkdtemp(`${cluster.directory}/world-`);
  await chmod(root, 0o755);
  const account = accountOf(jobUser);
  const workspacePath = `${root}/workspace`;
  await mkdir(workspacePath);
  await chown(workspacePath, account.uid ?? 0, account.gid ?? 0);
  const recordsDirectory = `${root}/records`;
  const { link, way } = restPort === undefined ? await byCommands(cluster, root) : await byRest(cluster, restPort);
  const made: Resource[] = [];
  let requests = 0;
  const make = async (more: Partial<SlurmResourceOptions> = {}) => {
    const resource = await createSlurmResource({
      name: 'cluster',
      recordsDirectory,
      ...way,
      steps: (name) => {
        if (/^observe\..*:before$/.test(name)) requests += 1;
      },
      ...more,
    });
    made.push(resource);
    return resource;
  };
  return {
    resource: await make(),
    reopen: () => make(),
    openStepping: (steps) => make({ steps }),
    make,
    link,
    recordsDirectory,
    account,
    workspacePath,
    node: process.execPath,
    patienceMs: 90_000,
    shortTimeLimitMinutes: 1,
    requests: () => requests,
    cutOff: () => link.cut(),
    async close() {
      const resource = await make();
      const keys = (await readdir(recordsDirectory)).filter((name) => /^[0-9a-f]{32}$/.test(name));
      const launches = keys.map((launchKey) => ({ launchKey, handle: null, account, workspacePath, jobId: 0 }));
      for (let tries = 0; ; tries++) {
        for (const launch of launches) await resource.stop(launch, 0);
        const left = [...(await resource.observe(launches))].filter(
          ([, { kind }]) => kind !== 'ended' && kind !== 'absent',
        );
        if (left.length === 0) break;
        if (tries > 100) throw new Error(`Still there: ${JSON.stringify(left)}`);
        await sleep(200);
      }
      for (const each of made) await each.close();
      await link.close();
      await rm(root, { recursive: true });
    },
  };
}
