import { randomUUID } from 'node:crypto';
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { Resource } from '@user-workspaces/contract';
import type { AdapterUnderTest, ResourceCapability, ResourceWorld } from '@user-workspaces/testkit';
import { DockerEngine, hostImage, hostMounts } from '../../../test/backends/docker-engine.js';
import { EngineLink } from '../../../test/backends/engine-link.js';
import { createDockerResource, type DockerResourceOptions } from '../src/index.js';

export const account = { name: 'alice', uid: 12345, gid: 12346 } as const;

let engine: Promise<DockerEngine> | undefined;

/** The engine of this test file. */
export function sharedEngine(): Promise<DockerEngine> {
  engine ??= DockerEngine.start();
  return engine;
}

export async function stopSharedEngine(): Promise<void> {
  await (await engine)?.stop();
  engine = undefined;
}

export interface DockerWorld extends ResourceWorld {
  readonly link: EngineLink;
  readonly engine: DockerEngine;
  readonly owner: string;
  make(options?: Partial<DockerResourceOptions>): Resource;
}

/** A directory of the account's, anywhere if not below this one. */
export async function makeWorkspace(parent = tmpdir()): Promise<string> {
  const path = await mkdtemp(`${parent}/uws-workspace-`);
  await chown(path, account.uid, account.gid);
  return path;
}

/** A workspace, and resources on the shared engine behind a link of their own. Its end removes the containers, and fails when one cannot be. */
export async function openDockerWorld(options: Partial<DockerResourceOptions> = {}): Promise<DockerWorld> {
  const daemon = await sharedEngine();
  const root = await mkdtemp(`${tmpdir()}/uws-docker-`);
  await chmod(root, 0o755);
  const workspacePath = await makeWorkspace(root);
  const link = await EngineLink.open(`${root}/engine.sock`, daemon.socket);
  const owner = randomUUID();
  const made: Resource[] = [];
  const make = (more: Partial<DockerResourceOptions> = {}) => {
    const resource = createDockerResource({
      name: 'docker',
      address: { url: link.url },
      defaults: { image: hostImage, read_only_mounts: [...hostMounts] },
      owner,
      ...options,
      ...more,
    });
    made.push(resource);
    return resource;
  };
  return {
    link,
    engine: daemon,
    owner,
    make,
    resource: make(),
    reopen: async () => make(),
    openStepping: async (steps) => make({ steps }),
    account,
    workspacePath,
    node: process.execPath,
    // Bounds what waits for an engine on a busy machine; nothing is measured by it.
    patienceMs: 60_000,
    requests: () => link.requests,
    async cutOff() {
      link.cut();
      return async () => link.restore();
    },
    async close() {
      link.restore();
      for (const resource of made) await resource.close();
      await link.close();
      const filters = encodeURIComponent(JSON.stringify({ label: [`user-workspaces.owner=${owner}`] }));
      const left: { Id: string }[] = JSON.parse(await daemon.ask('GET', `/containers/json?all=1&filters=${filters}`));
      await Promise.all(left.map(({ Id }) => daemon.ask('DELETE', `/containers/${Id}?force=1&v=1`)));
      await rm(root, { recursive: true });
    },
  };
}

/** Runs a test in a world of its own. */
export async function inWorld(
  run: (world: DockerWorld) => Promise<void>,
  options: Partial<DockerResourceOptions> = {},
): Promise<void> {
  const world = await openDockerWorld(options);
  try {
    await run(world);
  } finally {
    await world.close();
  }
}

export const dockerResource: AdapterUnderTest<ResourceWorld, ResourceCapability> = {
  name: 'resource-docker',
  open: () => openDockerWorld(),
  differences: {
    taken_ports:
      'The engine holds the port of a session as long as it is there; listeners.test.ts has a stranger at one.',
  },
};
