import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import type { Resource } from '@user-workspaces/contract';
import type { AdapterUnderTest, ResourceCapability, ResourceWorld } from '@user-workspaces/testkit';
import { createLocalResource, type LocalResourceOptions } from '../src/index.js';
import { account, allProcesses, cgroupsOf, isRoot, until } from './support.js';

/**
 * A records directory, a workspace and resources on both. Its end is the end of every launch, and fails when anything of one is left.
 *
 * @param alter Makes something else of each resource, for tests of the tests.
 */
export async function openLocalWorld(
  options: Partial<LocalResourceOptions> = {},
  alter: (resource: Resource) => Resource = (resource) => resource,
): Promise<ResourceWorld> {
  const root = await mkdtemp(`${tmpdir()}/uws-kit-`);
  await chmod(root, 0o755);
  const workspacePath = `${root}/workspace`;
  await mkdir(workspacePath);
  if (isRoot) await chown(workspacePath, account.uid ?? 0, account.gid ?? 0);
  const recordsDirectory = `${root}/records`;
  const made: Resource[] = [];
  const make = async (more: Partial<LocalResourceOptions> = {}) => {
    const resource = await createLocalResource({ name: 'local', recordsDirectory, ...options, ...more });
    made.push(resource);
    return resource;
  };
  return {
    resource: alter(await make()),
    reopen: async () => alter(await make()),
    openStepping: async (steps) => alter(await make({ steps })),
    account,
    workspacePath,
    node: process.execPath,
    async takePort({ host, port }) {
      const server = createServer().listen(port, host);
      await once(server, 'listening');
      return async () => {
        server.close();
        await once(server, 'close');
      };
    },
    async cutOff() {
      await rename(recordsDirectory, `${recordsDirectory}.away`);
      return () => rename(`${recordsDirectory}.away`, recordsDirectory);
    },
    async close() {
      if (existsSync(`${recordsDirectory}.away`)) await rename(`${recordsDirectory}.away`, recordsDirectory);
      const resource = await make();
      const launches = readdirSync(recordsDirectory)
        .filter((name) => /^[0-9a-f]{32}$/.test(name))
        .map((launchKey) => ({ launchKey, handle: null, account, workspacePath, jobId: 0 }));
      await until(async () => {
        for (const launch of launches) await resource.stop(launch, 0);
        const left = [...(await resource.observe(launches)).values()];
        return left.every(({ kind }) => kind === 'ended' || kind === 'absent');
      });
      for (const each of made) await each.close();
      // A supervisor ends just after it has written the result.
      let left: string[] = [];
      await until(() => {
        left = commandsNaming(launches.map(({ launchKey }) => launchKey));
        return left.length === 0;
      }).catch(() => {
        throw new Error(`Still there: ${left.join('; ')}`);
      });
      const groups = launches.flatMap(({ launchKey }) => cgroupsOf(launchKey));
      await rm(root, { recursive: true });
      if (groups.length > 0) throw new Error(`Left behind: ${groups.join(', ')}`);
    },
  };
}

/** Command lines of the processes that have one of these texts among their arguments or in their environment. */
function commandsNaming(texts: readonly string[]): string[] {
  return allProcesses().flatMap((pid) => {
    try {
      const [command = '', environment] = ['cmdline', 'environ'].map((file) =>
        readFileSync(`/proc/${pid}/${file}`, 'utf8'),
      );
      const names = texts.some((text) => command.includes(text) || environment?.includes(text));
      return names ? [`${pid} ${command.replaceAll('\0', ' ')}`] : [];
    } catch {
      return []; // It has ended meanwhile.
    }
  });
}

type Adapter = AdapterUnderTest<ResourceWorld, ResourceCapability>;

const differences: Adapter['differences'] = {
  request_count: 'The back end is the machine itself: no requests are made to it.',
};

/** The resource with each of its means. */
export const localResources: readonly Adapter[] = [
  { name: 'resource-local', open: () => openLocalWorld(), differences },
  {
    name: 'resource-local without namespaces and control groups',
    open: () => openLocalWorld({ isolation: 'marker', cgroups: false }),
    differences,
  },
];
