import { chmod, mkdir, mkdtemp, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
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
import { openLocalStorage } from '../src/create-local-storage.js';
import type { Setup } from './setups.js';

/** What the conformance suite needs of the storage in one of its set-ups; `adapt` may change what is tried. */
export async function storageUnderTest(
  { ownership, confinement }: Setup,
  adapt: (storage: Storage) => Storage = (storage) => storage,
): Promise<AdapterUnderTest<StorageWorld, StorageCapability>> {
  const noDisk = await smallDiskObstacle();
  const reasons = {
    ...(ownership === 'none' ? { owners: 'with ownership "none" everything stays the server’s' } : {}),
    ...(confinement === 'resolved-paths'
      ? { races: 'this system keeps no directory handles, so that a moment lies between proving a path and using it' }
      : {}),
    ...(noDisk === undefined ? {} : { fullDisk: noDisk }),
  };
  const openAt = async (root: string, data: string): Promise<Storage> =>
    adapt(
      await openLocalStorage({ name: 'test', rootDirectory: root, allowedLinkRoots: [data], ownership }, confinement),
    );
  return {
    name: `local files, ownership ${ownership}, ${confinement}`,
    differences: reasons,
    async open() {
      const base = await mkdtemp(join(tmpdir(), 'uws-storage-'));
      // Programs of other accounts must get to their workspaces.
      await chmod(base, 0o711);
      const [root, data, outside] = [join(base, 'storage'), join(base, 'data'), join(base, 'outside')];
      await mkdir(join(data, 'set'), { recursive: true });
      await mkdir(outside);
      await writeFile(join(base, 'file'), '');
      const closing: (() => Promise<void>)[] = [() => rm(base, { recursive: true })];
      const reopen = async (): Promise<Storage> => {
        const storage = await openAt(root, data);
        closing.unshift(() => storage.close());
        return storage;
      };
      const storage = await reopen();
      return {
        storage,
        workspace: place(storage, 'alice', 7, 12_345),
        other: place(storage, 'bob', 8, 12_445),
        reopen,
        links: {
          allowed: join(data, 'set'),
          missing: join(data, 'nothing/here'),
          forbidden: ['/', '/etc/passwd', '/etc/no-such-file', join(base, 'file'), `${data}-other`, root],
        },
        plain: {
          at: (workspace, path) => join(workspace.location, path),
          outside,
          leftovers: () => stagedBelow(root),
          openFiles: () => openFilesBelow(root),
        },
        steps: fileSystemSteps,
        async cutOff() {
          // What is at the root while its disk is not mounted: an empty directory.
          await rename(root, `${root}.away`);
          await mkdir(root);
          return async () => {
            await rmdir(root);
            await rename(`${root}.away`, root);
          };
        },
        async openOnSmallDisk() {
          const disk = await makeSmallDisk(1024 * 1024);
          const small = await openAt(join(disk.directory, 'storage'), data);
          closing.unshift(async () => {
            try {
              await small.close();
            } finally {
              await disk.remove();
            }
          });
          return { storage: small, workspace: place(small, 'alice', 7, 12_345), fill: disk.fill, free: disk.free };
        },
        async close() {
          for (const close of closing) await close();
        },
      };
    },
  };
}

function place(storage: Storage, name: string, workspaceId: number, id: number): WorkspaceDirectory {
  const account = { name, uid: id, gid: id + 1 };
  return { account, location: storage.locate(account, workspaceId) };
}

async function stagedBelow(root: string): Promise<string[]> {
  const names: string[] = [];
  for (const location of await readdir(join(root, '.staging'))) {
    names.push(...(await readdir(join(root, '.staging', location))));
  }
  return names;
}
