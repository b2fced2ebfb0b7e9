import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Storage } from '@user-workspaces/contract';
import { refused } from '../../expectation.js';
import { bytes, collect, pathsOf, readText } from './content.js';
import { inWorkspace, offered, type StorageGuarantee, type StorageWorld } from './world.js';

const id = 'f'.repeat(32);
/** As long as a storage that looks at its files every second needs to see that they are away. */
const watchedMs = 1_500;

/** Every call that concerns files. */
function callsOf(storage: Storage, { workspace, other, links }: StorageWorld): Record<string, () => Promise<unknown>> {
  return {
    ...(storage.highestId && { highestId: async () => storage.highestId?.() }),
    create: () => storage.create(other),
    'create of what is there': () => storage.create(workspace),
    copy: () => storage.copy(workspace, other),
    stat: () => storage.stat(workspace, 'd/file'),
    'stat of what is not there': () => storage.stat(workspace, 'nothing'),
    list: () => collect(storage.list(workspace, '')),
    ...(storage.listChosen && {
      listChosen: () => collect(storage.listChosen?.(workspace, '', async () => ['d']) ?? none()),
    }),
    walk: () => collect(storage.walk(workspace, '')),
    read: () => storage.read(workspace, 'd/file'),
    write: () => storage.write(workspace, 'new', bytes('new')),
    'write if there is none': () => storage.write(workspace, 'd/file', bytes('new'), { ifMatch: null }),
    uploadedBytes: () => storage.uploadedBytes(workspace, id),
    appendUpload: () => storage.appendUpload(workspace, id, 4, bytes('two')),
    'appendUpload of a new one': () => storage.appendUpload(workspace, '0'.repeat(32), 0, bytes('x')),
    finishUpload: () => storage.finishUpload(workspace, id, 'uploaded'),
    abandonUpload: () => storage.abandonUpload(workspace, id),
    makeDirectory: () => storage.makeDirectory(workspace, 'made'),
    ...(links && { link: () => storage.link(workspace, 'link', links.allowed) }),
    rename: () => storage.rename(workspace, 'd/file', 'renamed'),
    remove: () => storage.remove(workspace, 'd'),
    survey: () => storage.survey(workspace),
    destroy: () => storage.destroy(workspace),
  };
}

async function* none(): AsyncGenerator<never> {}

export const cutOffGuarantees: readonly StorageGuarantee[] = [
  {
    id: 'cut-off.unavailable',
    promise:
      'While the files cannot be reached every call is `unavailable`: nothing is said to be gone, empty or done, and nothing is made in their place. Then all is as before.',
    trial:
      'A workspace with a file and an upload is cut off; each method is called, by two storages, while it is watched; then it is back.',
    timeoutMs: 60_000,
    check: inWorkspace(async (world, { signal }) => {
      const { storage, workspace, reopen, cutOff } = world;
      await storage.write(workspace, 'd/file', bytes('kept'));
      await storage.appendUpload(workspace, id, 0, bytes('one '));
      const survey = await storage.survey(workspace);
      const instances = [storage, await reopen()];
      const watching = new AbortController();
      const told: unknown[] = [];
      storage.watch(workspace, (each) => told.push(each), AbortSignal.any([signal, watching.signal]));
      const bringBack = await offered(cutOff, 'cutOff')();
      try {
        for (const instance of instances) {
          for (const [what, call] of Object.entries(callsOf(instance, world))) {
            await refused(call, 'unavailable', `${what}, while the files could not be reached,`);
          }
        }
        await sleep(watchedMs);
      } finally {
        watching.abort();
        await bringBack();
      }
      for (const each of told) assert.deepEqual(each, survey, 'A watch told what cannot have been seen.');
      for (const instance of instances) {
        assert.deepEqual(await pathsOf(instance.walk(workspace, '')), ['d', 'd/file']);
        assert.equal(await readText(instance, workspace, 'd/file'), 'kept');
        assert.equal(await instance.uploadedBytes(workspace, id), 4);
        await refused(instance.stat(world.other, ''), 'not_found');
      }
      await storage.finishUpload(workspace, id, 'uploaded');
    }),
    without: {
      capability: 'cutOff',
      trial: 'A workspace that is not there is `not_found`, and neither empty nor made by what is done in it.',
      check: async ({ storage, workspace }) => {
        for (const call of [
          () => storage.stat(workspace, ''),
          () => collect(storage.list(workspace, '')),
          () => collect(storage.walk(workspace, '')),
          () => storage.read(workspace, 'file'),
          () => storage.write(workspace, 'file', bytes('x')),
          () => storage.makeDirectory(workspace, 'made'),
          () => storage.rename(workspace, 'a', 'b'),
          () => storage.remove(workspace, 'file'),
          () => storage.survey(workspace),
          () => storage.stat(workspace, ''),
        ]) {
          await refused(call, 'not_found', 'A call in a workspace that is not there');
        }
      },
    },
  },
  {
    id: 'check.cut-off',
    promise: '`check` says so, and does not throw, while the files cannot be reached, without telling where they are.',
    trial: 'The health while the files are cut off, and when they are back.',
    check: async (world) => {
      const { storage, workspace, cutOff } = world;
      const bringBack = await offered(cutOff, 'cutOff')();
      try {
        const { connected, message } = await storage.check();
        assert.equal(connected, false, 'It is said to be connected while its files cannot be reached.');
        assert.ok(message.trim() !== '' && !message.includes(workspace.location));
        assert.doesNotMatch(message, /\/[^\s/]+\/[^\s/]+/, 'The message tells a path.');
      } finally {
        await bringBack();
      }
      assert.equal((await storage.check()).connected, true, 'It is not connected any more.');
    },
    without: {
      capability: 'cutOff',
      trial: 'The health is asked for twenty times at once.',
      check: async ({ storage }) => {
        const all = await Promise.all(Array.from({ length: 20 }, () => storage.check()));
        assert.ok(all.every(({ connected }) => connected));
      },
    },
  },
];
