import assert from 'node:assert/strict';
import { mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Account, AdapterError, type Storage, type WorkspaceDirectory } from '@user-workspaces/contract';
import { crashAtEachStep } from '../../faults/crash.js';
import { bytes } from './content.js';
import { offered, type StorageGuarantee, type StorageWorld } from './world.js';

function numbered(storage: Storage, account: Account, workspaceId: number): WorkspaceDirectory {
  return { account, location: storage.locate(account, workspaceId) };
}

async function highestOf(storage: Storage): Promise<number> {
  const { highestId } = storage;
  assert.ok(highestId, 'The storage has no `highestId`; declare the difference `highestId` if it cannot tell.');
  return highestId.call(storage);
}

async function assertHighest(storages: readonly Storage[], expected: number, what: string): Promise<void> {
  for (const storage of storages) {
    const told = await highestOf(storage);
    assert.equal(told, expected, `${what} It tells ${told} instead of ${expected}.`);
  }
}

async function isThere(storage: Storage, directory: WorkspaceDirectory): Promise<boolean> {
  try {
    await storage.stat(directory, '');
    return true;
  } catch (error) {
    if (AdapterError.is(error, 'not_found')) return false;
    throw error;
  }
}

const tellsNone: StorageGuarantee['check'] = async ({ storage }) =>
  assert.equal(storage.highestId, undefined, 'There is a `highestId`, though the difference is declared.');
const without = { capability: 'highestId', trial: 'There is no `highestId`.', check: tellsNone } as const;

/** Destroys a workspace as `crash` has it, and looks whether its number counts for as long as its directory is there. */
async function breakOff(
  { storage, workspace, reopen }: StorageWorld,
  crash: (work: () => Promise<unknown>) => Promise<unknown>,
): Promise<void> {
  const half = numbered(storage, workspace.account, 20);
  const next = await reopen();
  await storage.create(half);
  await storage.write(half, 'a/file', bytes('x'));
  await crash(() => storage.destroy(half));
  const highest = [await highestOf(storage), await highestOf(next)];
  if (await isThere(next, half)) {
    assert.deepEqual(highest, [20, 20], 'A directory that is still there does not count.');
  }
  await storage.destroy(half);
  await assertHighest([storage, next], 0, 'A workspace counts that is destroyed.');
}

export const numberGuarantees: readonly StorageGuarantee[] = [
  {
    id: 'highest-id.counts',
    promise:
      '`highestId` tells the highest number of a workspace that has a directory here, whoever’s, an empty one too; 0 when there is none.',
    trial:
      'Workspaces of two accounts are made with numbers in no order, copied and destroyed, the highest last of all; two storages are asked.',
    check: async ({ storage, workspace, other, reopen }) => {
      const instances = [storage, await reopen()];
      const [one, two] = [workspace.account, other.account];
      await assertHighest(instances, 0, 'There is no workspace yet.');
      for (const [account, number, highest] of [
        [one, 9, 9],
        [two, 10, 10],
        [two, 3, 10],
        [one, 100, 100],
        [one, 99, 100],
      ] as const) {
        await storage.create(numbered(storage, account, number));
        await assertHighest(instances, highest, `A workspace ${number} was made.`);
      }
      const copy = numbered(storage, two, 123_456_789);
      await storage.copy(numbered(storage, one, 9), copy);
      await assertHighest(instances, 123_456_789, 'A workspace was copied to a high number.');
      await storage.destroy(copy);
      await assertHighest(instances, 100, 'The copy was destroyed.');
      const largest = numbered(storage, one, Number.MAX_SAFE_INTEGER);
      await storage.create(largest);
      await assertHighest(instances, Number.MAX_SAFE_INTEGER, 'A workspace with the largest number was made.');
      for (const [account, number] of [
        [one, Number.MAX_SAFE_INTEGER],
        [one, 99],
        [one, 100],
        [two, 3],
        [two, 10],
        [one, 9],
      ] as const) {
        await storage.destroy(numbered(storage, account, number));
      }
      await assertHighest(instances, 0, 'All workspaces are destroyed.');
    },
    without,
  },
  {
    id: 'highest-id.only-workspaces',
    promise: '`highestId` counts the directories of workspaces and nothing else.',
    trial:
      'There are directories and files in a workspace whose names are numbers, an upload, and, in the place of workspaces, a file, a link, and directories of other names.',
    check: async ({ storage, workspace, plain }) => {
      const own = numbered(storage, workspace.account, 5);
      await storage.create(own);
      await storage.makeDirectory(own, '60/70');
      await storage.write(own, '80', bytes('x'));
      await storage.appendUpload(own, '9'.repeat(32), 0, bytes('x'));
      const placeOf = (number: number): string | undefined =>
        plain?.at(numbered(storage, workspace.account, number), '');
      const [file, link] = [placeOf(40), placeOf(50)];
      // Where each workspace is in a directory of its own, nothing but it is there.
      if (file !== undefined && link !== undefined && (await isDirectory(dirname(file)))) {
        await writeFile(file, 'x');
        await symlink(plain?.outside ?? '/', link);
        for (const name of ['30.old', '0031', '3e1', ' 32', '-33', 'notes']) await mkdir(`${dirname(file)}/${name}`);
      }
      await assertHighest([storage], 5, 'Something counts that is no directory of a workspace.');
    },
    without,
  },
  {
    id: 'highest-id.half-destroyed',
    promise: 'A workspace counts for as long as its directory is there, also where a crash has broken off its end.',
    trial: 'The end of a workspace is ended at each of its steps; two storages are asked.',
    timeoutMs: 60_000,
    check: async (world) => {
      await crashAtEachStep(offered(world.steps, 'steps'), (crash) => breakOff(world, crash));
    },
    without: [
      without,
      {
        capability: 'steps',
        trial: 'A workspace is destroyed twice at once.',
        check: (world) =>
          breakOff(world, async (work) => {
            await Promise.allSettled([work(), work()]);
          }),
      },
    ],
  },
];

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}
