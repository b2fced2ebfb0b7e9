import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Storage } from '@user-workspaces/contract';
import { failureOf, refused } from '../../expectation.js';
import { type Fault, faultAt, injectFaults } from '../../faults/calls.js';
import { withJumpingClock } from '../../faults/clock.js';
import { bytes, pathsOf, readText } from './content.js';
import { inWorkspace, offered, type StorageGuarantee, type StorageWorld } from './world.js';

const id = 'e'.repeat(32);

/** The calls that may be made again, each with what it needs and how to see that it is done. */
export const repeatable = {
  create: {
    prepare: async (_: StorageWorld) => undefined,
    call: (storage: Storage, { workspace }: StorageWorld) => storage.create(workspace),
    isDone: async ({ storage, workspace }: StorageWorld) => {
      await storage.write(workspace, 'a', bytes('x'));
      assert.deepEqual(await pathsOf(storage.walk(workspace, '')), ['a']);
    },
  },
  copy: {
    prepare: fill,
    call: (storage: Storage, { workspace, other }: StorageWorld) => storage.copy(workspace, other),
    isDone: async ({ storage, other }: StorageWorld) => {
      assert.deepEqual(await pathsOf(storage.walk(other, '')), ['d', 'd/e', 'd/e/a.txt', 'f.txt']);
      assert.equal(await readText(storage, other, 'd/e/a.txt'), 'content');
    },
  },
  destroy: {
    prepare: fillWithUpload,
    call: (storage: Storage, { workspace }: StorageWorld) => storage.destroy(workspace),
    isDone: async ({ storage, workspace, plain }: StorageWorld) => {
      await refused(storage.stat(workspace, ''), 'not_found');
      assert.deepEqual((await plain?.leftovers()) ?? [], []);
    },
  },
  abandonUpload: {
    prepare: fillWithUpload,
    call: (storage: Storage, { workspace }: StorageWorld) => storage.abandonUpload(workspace, id),
    isDone: async ({ storage, workspace }: StorageWorld) => {
      assert.equal(await storage.uploadedBytes(workspace, id), 0);
      assert.equal(await readText(storage, workspace, 'f.txt'), 'content');
    },
  },
} as const;

export type Repeatable = keyof typeof repeatable;
export const repeatableCalls: readonly Repeatable[] = ['create', 'copy', 'destroy', 'abandonUpload'];

async function fill({ storage, workspace }: StorageWorld): Promise<void> {
  // A copy leaves it as it is.
  if (await storage.stat(workspace, 'f.txt').catch(() => undefined)) return;
  await storage.create(workspace);
  await storage.write(workspace, 'd/e/a.txt', bytes('content'));
  await storage.write(workspace, 'f.txt', bytes('content'));
}

async function fillWithUpload(world: StorageWorld): Promise<void> {
  await fill(world);
  await world.storage.appendUpload(world.workspace, id, 0, bytes('x'));
}

/** Does each call that may be repeated on a bad line, twice, each time with fresh workspaces. */
async function eachTwice(world: StorageWorld, fault: Fault): Promise<void> {
  for (const method of repeatableCalls) {
    const { prepare, call, isDone } = repeatable[method];
    await prepare(world);
    const { adapter: faulty, calls } = injectFaults(world.storage, faultAt<Storage>(method, fault));
    if (fault.kind === 'twice') await call(faulty, world);
    else await refused(call(faulty, world), 'unavailable');
    for (const end of calls[0]?.ends ?? []) if (end.status === 'rejected') throw end.reason;
    await call(faulty, world);
    await isDone(world);
    await world.storage.destroy(world.workspace);
    await world.storage.destroy(world.other);
  }
}

export const faultGuarantees: readonly StorageGuarantee[] = [
  {
    id: 'faults.lost-answer',
    promise:
      '`create`, `copy`, `destroy` and `abandonUpload` can be called again after an answer or a request that was lost.',
    trial: 'Each loses its answer, then its request, and is called again.',
    check: async (world) => {
      await eachTwice(world, { kind: 'lost-answer' });
      await eachTwice(world, { kind: 'lost-request' });
    },
  },
  {
    id: 'faults.twice',
    promise: '`create`, `copy`, `destroy` and `abandonUpload` may arrive twice, one after the other.',
    trial: 'Each call is doubled.',
    check: (world) => eachTwice(world, { kind: 'twice', how: 'in-sequence' }),
  },
  {
    id: 'faults.twice-at-once',
    promise: 'A call that arrives twice at once leaves what one leaves.',
    trial: 'Making a workspace, a directory and a file are doubled.',
    check: async ({ storage, workspace }) => {
      const twice: Fault = { kind: 'twice', how: 'at-once' };
      const doubled = (method: 'create' | 'makeDirectory' | 'write') =>
        injectFaults(storage, faultAt<Storage>(method, twice));
      const creating = doubled('create');
      await creating.adapter.create(workspace);
      const making = doubled('makeDirectory');
      await making.adapter.makeDirectory(workspace, 'a/b/c');
      for (const { ends } of [...creating.calls, ...making.calls]) {
        for (const end of ends) if (end.status === 'rejected') throw end.reason;
      }
      await Promise.all([1, 2].map(() => storage.write(workspace, 'a/file', bytes('con', 'tent'))));
      assert.deepEqual(await pathsOf(storage.walk(workspace, '')), ['a', 'a/b', 'a/b/c', 'a/file']);
      assert.equal(await readText(storage, workspace, 'a/file'), 'content');
    },
  },
  {
    id: 'faults.upload-lost-answer',
    promise: 'After the lost answer to a piece of an upload, or to its end, asking tells how to go on.',
    trial: 'Both answers are lost; the piece is sent again where `uploadedBytes` says.',
    check: inWorkspace(async ({ storage, workspace }) => {
      const { adapter: faulty } = injectFaults<Storage>(storage, ({ method, number }) =>
        number === 1 && (method === 'appendUpload' || method === 'finishUpload') ? { kind: 'lost-answer' } : undefined,
      );
      await refused(faulty.appendUpload(workspace, id, 0, bytes('one ')), 'unavailable');
      await refused(faulty.appendUpload(workspace, id, 0, bytes('one ')), 'conflict');
      assert.equal(await faulty.uploadedBytes(workspace, id), 4);
      await faulty.appendUpload(workspace, id, 4, bytes('two'));
      await refused(faulty.finishUpload(workspace, id, 'file'), 'unavailable');
      await refused(faulty.finishUpload(workspace, id, 'file'), 'not_found');
      assert.equal(await readText(storage, workspace, 'file'), 'one two');
    }),
  },
  {
    id: 'faults.abort-anywhere',
    promise: '`copy` and `destroy` that are aborted in the middle can be called again and then finish the work.',
    trial: 'The signal comes after nothing, 1 ms, 2 ms and so on.',
    timeoutMs: 60_000,
    check: async (world) => {
      const reason = new Error('enough');
      for (const method of ['copy', 'destroy'] as const) {
        for (let afterMs = 0; afterMs < 8; afterMs += 1) {
          await repeatable[method].prepare(world);
          // A copy leaves them as they are.
          for (let file = 0; file < 10 && (method === 'destroy' || afterMs === 0); file += 1) {
            await world.storage.write(world.workspace, `.many/${file}`, bytes('x'));
          }
          const controller = new AbortController();
          const { storage, workspace, other } = world;
          const call =
            method === 'copy'
              ? storage.copy(workspace, other, controller.signal)
              : storage.destroy(workspace, controller.signal);
          const ended = call.then(
            () => undefined,
            (error: unknown) => error,
          );
          await sleep(afterMs);
          controller.abort(reason);
          const error = await ended;
          assert.ok(error === undefined || error === reason, `${method} ended with ${String(error)}`);
          await repeatable[method].call(storage, world);
          await repeatable[method].isDone(world);
          await storage.destroy(other);
        }
      }
    },
  },
  {
    id: 'faults.clock',
    promise: 'Files and uploads stay what they are when the clock jumps.',
    trial: 'The clock jumps by a day, forward and back, between and during writes, and a storage is opened anew.',
    check: inWorkspace(async ({ storage, workspace, reopen }) => {
      await withJumpingClock(async (clock) => {
        const first = await storage.write(workspace, 'file', bytes('1'));
        await storage.appendUpload(workspace, id, 0, bytes('one '));
        clock.jump(86_400_000);
        const jumping = async function* (): AsyncGenerator<Uint8Array> {
          yield Buffer.from('t');
          clock.jump(-2 * 86_400_000);
          yield Buffer.from('wo');
        };
        assert.equal(await storage.appendUpload(workspace, id, 4, jumping()), 7);
        const second = await storage.write(workspace, 'file', bytes('2'), { ifMatch: first.etag });
        assert.notEqual(second.etag, first.etag);
        clock.jump(2 * 86_400_000);
        const reopened = await reopen();
        assert.equal(await reopened.uploadedBytes(workspace, id), 7);
        await reopened.finishUpload(workspace, id, 'file', { ifMatch: second.etag });
      });
      assert.equal(await readText(storage, workspace, 'file'), 'one two');
    }),
  },
  {
    id: 'faults.full-disk',
    promise:
      'A full disk is `no_space` and leaves the old file; what arrived of an upload stays, and there is nothing left of a write.',
    trial: 'The disk is filled while a file is written and uploaded; then room is made.',
    timeoutMs: 60_000,
    check: async ({ openOnSmallDisk }) => {
      const { storage, workspace, fill: fillDisk, free } = await offered(openOnSmallDisk, 'fullDisk')();
      await storage.create(workspace);
      await storage.write(workspace, 'file', bytes('old'));
      await storage.appendUpload(workspace, id, 0, bytes('begun'));
      const much = async function* (): AsyncGenerator<Uint8Array> {
        for (let piece = 0; piece < 64; piece += 1) yield Buffer.alloc(64 * 1024, 1);
      };
      await fillDisk();
      await refused(storage.write(workspace, 'file', much()), 'no_space');
      assert.equal(await readText(storage, workspace, 'file'), 'old');
      await refused(storage.appendUpload(workspace, id, 5, much()), 'no_space');
      const arrived = await storage.uploadedBytes(workspace, id);
      assert.ok(arrived >= 5);
      await free();
      assert.equal(await storage.appendUpload(workspace, id, arrived, bytes('end')), arrived + 3);
      await storage.abandonUpload(workspace, id);
      await storage.write(workspace, 'file', bytes('new'));
      assert.deepEqual(await pathsOf(storage.walk(workspace, '')), ['file']);
    },
    without: {
      capability: 'fullDisk',
      trial: 'The source itself runs out of space; the old file stays.',
      check: inWorkspace(async ({ storage, workspace }) => {
        await storage.write(workspace, 'file', bytes('old'));
        const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
        const source = async function* (): AsyncGenerator<Uint8Array> {
          yield Buffer.from('new');
          throw full;
        };
        assert.equal(await failureOf(storage.write(workspace, 'file', source())), full);
        assert.equal(await readText(storage, workspace, 'file'), 'old');
      }),
    },
  },
];
