import { chmod, mkdir, mkdtemp, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Storage, WorkspaceDirectory } from '@user-workspaces/contract';
import {
  type AdapterUnderTest,
  fileSystemSteps,
  makeSmallDisk,
  openFilesBelow,
  type StorageCapability,
  type StorageWorld,
  smallDiskObstacle,
} from '@user-workspaces/testkit';
import { createVolumesStorage } from './storage.js';

const isRoot = process.getuid?.() === 0;
const noSmallDisk = await smallDiskObstacle();

/** Opens three volumes, and two workspaces that are on different ones. */
async function open(): Promise<StorageWorld> {
  const base = await mkdtemp(join(tmpdir(), 'uws-volumes-'));
  await chmod(base, 0o711);
  const below = (...names: string[]) => join(base, ...names);
  for (const name of ['data', 'data/set', 'outside']) await mkdir(below(name));
  const volumes = [below('one'), below('two'), below('three')] as const;
  const closing: (() => Promise<void>)[] = [() => rm(base, { recursive: true })];
  const openAt = async (directories: readonly [string, ...string[]]): Promise<Storage> => {
    const storage = await createVolumesStorage({
      name: 'volumes',
      volumes: directories,
      allowedLinkRoots: [below('data')],
      ownership: isRoot ? 'chown' : 'none',
    });
    closing.unshift(() => storage.close());
    return storage;
  };
  const storage = await openAt(volumes);
  return {
    storage,
    workspace: workspaceOf(storage, 'ada', 12_345),
    other: workspaceOf(storage, 'bob', 12_445),
    reopen: () => openAt(volumes),
    links: {
      allowed: below('data', 'set'),
      missing: below('data', 'nothing'),
      forbidden: ['/', '/etc/passwd', below('data-other'), ...volumes],
    },
    plain: {
      at: (workspace, path) => join(workspace.location, path),
      outside: below('outside'),
      // What a volume has not finished is in a directory of its own, one for each workspace.
      async leftovers() {
        const left = volumes.map(async (volume) => {
          const staging = join(volume, '.staging');
          const places = await readdir(staging).catch(() => []);
          return (await Promise.all(places.map((place) => readdir(join(staging, place))))).flat();
        });
        return (await Promise.all(left)).flat();
      },
      openFiles: async () => {
        const counts = await Promise.all(volumes.map(openFilesBelow));
        return counts.reduce((sum, count) => sum + count, 0);
      },
    },
    steps: fileSystemSteps,
    // As when none of the volumes is mounted: there is an empty directory in the place of each.
    async cutOff() {
      for (const volume of volumes) {
        await rename(volume, `${volume}.away`);
        await mkdir(volume);
      }
      return async () => {
        for (const volume of volumes) {
          await rmdir(volume);
          await rename(`${volume}.away`, volume);
        }
      };
    },
    async openOnSmallDisk() {
      const { directory, fill, free, remove } = await makeSmallDisk(1024 * 1024);
      closing.unshift(remove);
      const small = await openAt([join(directory, 'volume')]);
      return { storage: small, workspace: workspaceOf(small, 'ada', 12_345), fill, free };
    },
    async close() {
      for (const close of closing) await close();
    },
  };
}

function workspaceOf(storage: Storage, name: string, uid: number): WorkspaceDirectory {
  const account = { name, uid, gid: uid };
  return { account, location: storage.locate(account, 7) };
}

export const volumes: AdapterUnderTest<StorageWorld, StorageCapability> = {
  name: 'users spread over volumes',
  open,
  differences: {
    ...(!isRoot && { owners: 'Only root can give files away.' }),
    ...(process.platform !== 'linux' && { races: 'Only Linux lets a directory be held and worked in.' }),
    ...(noSmallDisk !== undefined && { fullDisk: noSmallDisk }),
  },
};
