import assert from 'node:assert/strict';
import type { Storage, WorkspaceDirectory } from '@user-workspaces/contract';
import { failureOf } from '../../expectation.js';
import { heldBytes } from '../../faults/memory.js';
import { breaking, bytes, collect, pathsOf, readText } from './content.js';
import { inWorkspace, offered, type StorageGuarantee } from './world.js';

const id = 'd'.repeat(32);
const mebibyte = 1024 * 1024;
const fileMebibytes = 48;
const allowedBytes = 24 * mebibyte;

export const boundGuarantees: readonly StorageGuarantee[] = [
  {
    id: 'memory.constant',
    promise: 'Memory use does not depend on the size of a file.',
    trial: `What the process holds is measured while files of ${fileMebibytes} MiB are written, uploaded, copied and read.`,
    timeoutMs: 120_000,
    check: inWorkspace(async ({ storage, workspace, other }) => {
      const before = heldBytes();
      const measure = (doing: string): void => {
        const more = heldBytes() - before;
        assert.ok(more < allowedBytes, `${Math.round(more / mebibyte)} MiB are held while ${doing}`);
      };
      const large = async function* (doing: string): AsyncGenerator<Uint8Array> {
        for (let piece = 0; piece < fileMebibytes; piece += 1) {
          yield Buffer.alloc(mebibyte, piece);
          if (piece % 8 === 7) measure(doing);
        }
      };
      await storage.write(workspace, 'file', large('writing'));
      await storage.appendUpload(workspace, id, 0, large('uploading'));
      await storage.finishUpload(workspace, id, 'uploaded');
      await storage.copy(workspace, other);
      measure('copying');
      let read = 0;
      for await (const piece of (await storage.read(other, 'uploaded')).content) {
        const mebibytesBefore = Math.floor(read / mebibyte);
        read += piece.byteLength;
        if (mebibytesBefore % 8 === 7 && Math.floor(read / mebibyte) !== mebibytesBefore) measure('reading');
      }
      assert.equal(read, fileMebibytes * mebibyte);
    }),
  },
  {
    id: 'handles.closed',
    promise:
      'Every file is closed: when it was read, when its content was cancelled, aborted or never asked for, and when a call was refused.',
    trial: 'Files that the storage holds open are counted after each.',
    check: inWorkspace(async ({ storage, workspace, plain }) => {
      const { openFiles } = offered(plain, 'plainPaths');
      await storage.write(workspace, 'a/file', bytes(Buffer.alloc(600_000, 1)));
      const before = await openFiles();
      await readText(storage, workspace, 'a/file');
      for await (const _ of (await storage.read(workspace, 'a/file')).content) break;
      await (await storage.read(workspace, 'a/file')).content[Symbol.asyncIterator]().return?.();
      const controller = new AbortController();
      const { content } = await storage.read(workspace, 'a/file', undefined, controller.signal);
      const iterator = content[Symbol.asyncIterator]();
      await iterator.next();
      const reason = new Error('enough');
      controller.abort(reason);
      assert.equal(await failureOf(iterator.next()), reason);
      for await (const _ of storage.walk(workspace, '')) break;
      await collect(storage.walk(workspace, ''));
      for (const call of [
        () => storage.read(workspace, 'a/file', { start: 9, end: 1 }),
        () => storage.stat(workspace, 'a/file/x'),
        () => storage.read(workspace, 'a'),
        () => storage.write(workspace, 'a', bytes('x')),
        () => storage.write(workspace, 'broken', breaking(new Error('lost'), 'x')),
        () => storage.write(workspace, 'a/file', bytes('x'), { ifMatch: 'another' }),
        () => storage.appendUpload(workspace, id, 0, breaking(new Error('lost'), 'x')),
        () => storage.finishUpload(workspace, id, 'a'),
      ]) {
        await failureOf(call());
      }
      await storage.abandonUpload(workspace, id);
      await storage.survey(workspace);
      assert.equal(await openFiles(), before);
    }),
    without: {
      capability: 'plainPaths',
      trial: 'A file is opened and cancelled so often that open ones would be too many.',
      check: inWorkspace(async ({ storage, workspace }) => {
        await storage.write(workspace, 'file', bytes('x'));
        for (let round = 0; round < 2_000; round += 1) {
          await (await storage.read(workspace, 'file')).content[Symbol.asyncIterator]().return?.();
        }
        assert.equal(await readText(storage, workspace, 'file'), 'x');
      }),
    },
  },
  {
    id: 'signal.before',
    promise: 'A signal that came already ends every call with its reason, and nothing is done.',
    trial: 'Each method is called with one.',
    check: inWorkspace(async ({ storage, workspace, other, links }) => {
      await storage.write(workspace, 'file', bytes('old'));
      await storage.appendUpload(workspace, id, 0, bytes('x'));
      const reason = new Error('enough');
      const signal = AbortSignal.abort(reason);
      const calls: Promise<unknown>[] = [
        ...(storage.highestId ? [storage.highestId(signal)] : []),
        storage.create(other, signal),
        storage.destroy(workspace, signal),
        storage.copy(workspace, other, signal),
        storage.stat(workspace, 'file', signal),
        collect(storage.list(workspace, '', signal)),
        collect(storage.walk(workspace, '', signal)),
        ...(storage.listChosen ? [collect(storage.listChosen(workspace, '', async () => ['file'], signal))] : []),
        storage.read(workspace, 'file', undefined, signal),
        storage.write(workspace, 'file', bytes('new'), {}, signal),
        storage.uploadedBytes(workspace, id, signal),
        storage.appendUpload(workspace, id, 1, bytes('y'), signal),
        storage.finishUpload(workspace, id, 'finished', {}, signal),
        storage.abandonUpload(workspace, id, signal),
        storage.makeDirectory(workspace, 'made', signal),
        storage.rename(workspace, 'file', 'renamed', signal),
        storage.remove(workspace, 'file', signal),
        storage.survey(workspace, signal),
        storage.check(signal),
      ];
      if (links) {
        calls.push(storage.link(workspace, 'link', links.allowed, signal));
        calls.push(storage.checkLinkTarget(links.allowed, signal));
      }
      for (const [index, error] of (await Promise.all(calls.map((call) => failureOf(call)))).entries()) {
        assert.equal(error, reason, `call ${index}`);
      }
      assert.deepEqual(await pathsOf(storage.list(workspace, '')), ['file']);
      assert.equal(await readText(storage, workspace, 'file'), 'old');
      assert.equal(await storage.uploadedBytes(workspace, id), 1);
    }),
  },
  {
    id: 'signal.midway',
    promise: 'A signal that comes while entries are read ends the reading with its reason.',
    trial: 'A long list, a long walk and a list of picked entries are aborted after their first entry.',
    timeoutMs: 60_000,
    check: inWorkspace(async ({ storage, workspace }) => {
      for (let file = 0; file < 300; file += 1) await storage.makeDirectory(workspace, `a/${file}`);
      const picked: Storage['list'] = (directory, path, signal) =>
        storage.listChosen?.(directory, path, allOf, signal) ?? storage.list(directory, path, signal);
      for (const read of [storage.list, storage.walk, picked]) {
        const reason = new Error('enough');
        const controller = new AbortController();
        const reading = async (): Promise<void> => {
          for await (const _ of read.call(storage, workspace, 'a', controller.signal)) controller.abort(reason);
        };
        assert.equal(await failureOf(reading, 'A reading that was aborted midway'), reason);
      }
    }),
  },
  {
    id: 'signal.silent-source',
    promise:
      'The signal ends a write and an upload also while their source is silent; what arrived of an upload stays, and the old file too.',
    trial: 'A source gives one piece and then nothing.',
    check: inWorkspace(async ({ storage, workspace, plain }) => {
      await storage.write(workspace, 'file', bytes('old'));
      const reason = new Error('enough');
      const ended = async (start: (source: AsyncIterable<Uint8Array>, signal: AbortSignal) => Promise<unknown>) => {
        const controller = new AbortController();
        assert.equal(
          await failureOf(
            start(
              silentAfter('new', () => controller.abort(reason)),
              controller.signal,
            ),
          ),
          reason,
        );
      };
      await ended((source, signal) => storage.write(workspace, 'file', source, {}, signal));
      assert.equal(await readText(storage, workspace, 'file'), 'old');
      assert.deepEqual((await plain?.leftovers()) ?? [], []);
      await ended((source, signal) => storage.appendUpload(workspace, id, 0, source, signal));
      assert.equal(await storage.uploadedBytes(workspace, id), 3);
      await goesOn(storage, workspace);
    }),
  },
];

async function allOf(names: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const name of names) all.push(name);
  return all;
}

/** Gives one piece; when the next is asked for, calls `fallsSilent` and never answers. */
function silentAfter(piece: string, fallsSilent: () => void): AsyncIterable<Uint8Array> {
  let asked = 0;
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        asked += 1;
        if (asked === 1) return Promise.resolve({ done: false, value: Buffer.from(piece) });
        fallsSilent();
        return new Promise<never>(() => undefined);
      },
    }),
  };
}

async function goesOn(storage: Storage, workspace: WorkspaceDirectory): Promise<void> {
  await storage.appendUpload(workspace, id, 3, bytes('er'));
  await storage.finishUpload(workspace, id, 'file');
  assert.equal(await readText(storage, workspace, 'file'), 'newer');
}
