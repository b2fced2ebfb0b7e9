import assert from 'node:assert/strict';
import { failureOf } from '../../expectation.js';
import { crashAtEachStep } from '../../faults/crash.js';
import { breaking, bytes, pathsOf, readText } from './content.js';
import { type Repeatable, repeatable, repeatableCalls } from './faults.js';
import { offered, type StorageGuarantee, type StorageWorld } from './world.js';

const id = 'e'.repeat(32);

export const crashGuarantees: readonly StorageGuarantee[] = [
  {
    id: 'crash.write',
    promise:
      'A file appears at its name whole or not at all, also when the server crashes: the old one or the new one is there.',
    trial:
      'A write that replaces a file, and one that makes a file in a new directory, are ended at each of their steps.',
    timeoutMs: 60_000,
    check: async (world) => {
      const { storage, workspace, plain } = world;
      await crashAtEachStep(offered(world.steps, 'steps'), async (crash) => {
        await storage.create(workspace);
        await storage.write(workspace, 'file', bytes('old'));
        await crash(() => storage.write(workspace, 'file', bytes('n', 'ew')));
        assert.ok(['old', 'new'].includes(await readText(storage, workspace, 'file')));
        assert.deepEqual(await pathsOf(storage.walk(workspace, '')), ['file']);
        await storage.destroy(workspace);
        assert.deepEqual((await plain?.leftovers()) ?? [], []);
      });
      await crashAtEachStep(offered(world.steps, 'steps'), async (crash) => {
        await storage.create(workspace);
        await crash(() => storage.write(workspace, 'd/file', bytes('new'), { ifMatch: null }));
        const paths = await pathsOf(storage.walk(workspace, ''));
        assert.ok(['', 'd', 'd d/file'].includes(paths.join(' ')), paths.join(' '));
        if (paths.length === 2) assert.equal(await readText(storage, workspace, 'd/file'), 'new');
        await storage.destroy(workspace);
        assert.deepEqual((await plain?.leftovers()) ?? [], []);
      });
    },
    without: {
      capability: 'steps',
      trial: 'A write is ended by its source at each of its pieces.',
      check: async ({ storage, workspace }) => {
        await storage.create(workspace);
        await storage.write(workspace, 'file', bytes('old'));
        for (const pieces of [[], ['n'], ['n', 'ew']]) {
          await failureOf(storage.write(workspace, 'file', breaking(new Error('lost'), ...pieces)));
          assert.equal(await readText(storage, workspace, 'file'), 'old');
        }
      },
    },
  },
  {
    id: 'crash.finish-upload',
    promise: 'A crash while an upload is put in place leaves something to finish, or a finished file.',
    trial: 'The end of an upload is ended at each of its steps, then called again unless the upload is gone.',
    timeoutMs: 60_000,
    check: async ({ storage, workspace, reopen, steps }) => {
      for (const conditions of [{}, { ifMatch: null }]) {
        const again = await reopen();
        await crashAtEachStep(offered(steps, 'steps'), async (crash) => {
          await storage.create(workspace);
          await storage.appendUpload(workspace, id, 0, bytes('whole'));
          await crash(() => storage.finishUpload(workspace, id, 'file', conditions));
          if ((await again.uploadedBytes(workspace, id)) > 0) {
            await again.finishUpload(workspace, id, 'file', conditions);
          }
          assert.equal(await readText(storage, workspace, 'file'), 'whole');
          await storage.destroy(workspace);
        });
      }
    },
    without: {
      capability: 'steps',
      trial: 'An upload is finished by a storage opened anew.',
      check: async ({ storage, workspace, reopen }) => {
        await storage.create(workspace);
        await storage.appendUpload(workspace, id, 0, bytes('whole'));
        await (await reopen()).finishUpload(workspace, id, 'file');
        assert.equal(await readText(storage, workspace, 'file'), 'whole');
      },
    },
  },
  ...repeatableCalls.map(crashOf),
];

function crashOf(method: Repeatable): StorageGuarantee {
  const { prepare, call, isDone } = repeatable[method];
  const round = async (
    world: StorageWorld,
    crash: (work: () => Promise<unknown>) => Promise<unknown>,
  ): Promise<void> => {
    const { storage, workspace, other } = world;
    await prepare(world);
    await crash(() => call(storage, world));
    await call(storage, world);
    await isDone(world);
    if (method === 'create') await storage.destroy(workspace);
    else if (method === 'copy') await storage.destroy(other);
    assert.deepEqual((await world.plain?.leftovers()) ?? [], []);
  };
  return {
    id: `crash.${method}`,
    promise: `\`${method}\` can be called again after a crash at any point and then finishes the work.`,
    trial: 'It is ended at each of its steps, called again, and its work looked at.',
    timeoutMs: 60_000,
    check: async (world) => {
      await crashAtEachStep(offered(world.steps, 'steps'), (crash) => round(world, crash));
    },
    without: {
      capability: 'steps',
      trial: 'It is called twice at once, so that each call finds the other’s work unfinished, and then again.',
      check: (world) =>
        round(world, async (work) => {
          await Promise.allSettled([work(), work()]);
        }),
    },
  };
}
