import assert from 'node:assert/strict';
import { refused } from '../../expectation.js';
import { breaking, bytes, readText } from './content.js';
import { inWorkspace, type StorageGuarantee } from './world.js';

const id = '0123456789abcdef0123456789abcdef';

export const uploadGuarantees: readonly StorageGuarantee[] = [
  {
    id: 'upload.resume',
    promise:
      'What arrived before the source broke off stays, so that the caller can go on from `uploadedBytes`, 0 for an upload that has not begun.',
    trial: 'An upload breaks off, is asked for by a storage opened anew, and goes on.',
    check: inWorkspace(async ({ storage, workspace, reopen }) => {
      assert.equal(await storage.uploadedBytes(workspace, id), 0);
      assert.equal(await storage.appendUpload(workspace, id, 0, bytes('one ')), 4);
      await assert.rejects(storage.appendUpload(workspace, id, 4, breaking(new Error('lost'), 'two ')), {
        message: 'lost',
      });
      const reopened = await reopen();
      assert.equal(await reopened.uploadedBytes(workspace, id), 8);
      assert.equal(await reopened.appendUpload(workspace, id, 8, bytes('three')), 13);
      await reopened.finishUpload(workspace, id, 'file');
      assert.equal(await readText(storage, workspace, 'file'), 'one two three');
    }),
  },
  {
    id: 'upload.offset',
    promise: '`appendUpload` is `conflict` when `offset` is not the present length; then nothing is stored.',
    trial: 'Pieces are sent twice, with a gap, and at once.',
    check: inWorkspace(async ({ storage, workspace }) => {
      await refused(storage.appendUpload(workspace, id, 1, bytes('x')), 'conflict');
      await storage.appendUpload(workspace, id, 0, bytes('1234'));
      for (const offset of [0, 3, 5])
        await refused(storage.appendUpload(workspace, id, offset, bytes('x')), 'conflict');
      assert.equal(await storage.uploadedBytes(workspace, id), 4);
      const both = await Promise.allSettled(
        ['aa', 'bb'].map((text) => storage.appendUpload(workspace, id, 4, bytes(text))),
      );
      assert.equal(both.filter(({ status }) => status === 'fulfilled').length, 1);
      assert.equal(await storage.uploadedBytes(workspace, id), 6);
    }),
  },
  {
    id: 'upload.finish',
    promise: '`finishUpload` puts an upload in place, as `write` does; afterwards the upload is gone.',
    trial: 'An upload is finished in a directory that is not there, and then once more.',
    check: inWorkspace(async ({ storage, workspace, plain }) => {
      await storage.appendUpload(workspace, id, 0, bytes('whole'));
      await refused(storage.stat(workspace, 'up'), 'not_found');
      const entry = await storage.finishUpload(workspace, id, 'up/file');
      assert.deepEqual(entry, await storage.stat(workspace, 'up/file'));
      assert.equal(await readText(storage, workspace, 'up/file'), 'whole');
      assert.equal(await storage.uploadedBytes(workspace, id), 0);
      await refused(storage.finishUpload(workspace, id, 'again'), 'not_found');
      assert.deepEqual((await plain?.leftovers()) ?? [], []);
    }),
  },
  {
    id: 'upload.condition',
    promise: 'The conditions of `finishUpload` are those of `write`, and a failed one keeps the upload.',
    trial: 'An upload is finished where a file is, with null, with a wrong etag, and with the right one.',
    check: inWorkspace(async ({ storage, workspace }) => {
      const old = await storage.write(workspace, 'file', bytes('old'));
      await storage.appendUpload(workspace, id, 0, bytes('new'));
      for (const ifMatch of [null, 'another']) {
        await refused(storage.finishUpload(workspace, id, 'file', { ifMatch }), 'conflict');
        assert.equal(await readText(storage, workspace, 'file'), 'old');
        assert.equal(await storage.uploadedBytes(workspace, id), 3);
      }
      await storage.finishUpload(workspace, id, 'file', { ifMatch: old.etag });
      assert.equal(await readText(storage, workspace, 'file'), 'new');
    }),
  },
  {
    id: 'upload.one-winner',
    promise: 'Of many uploads that end at once with the same condition one takes the place.',
    trial: 'Four uploads of two server processes replace one version of a file, then four make a new one.',
    check: inWorkspace(async ({ storage, workspace, reopen }) => {
      const instances = [storage, await reopen()];
      const { etag } = await storage.write(workspace, 'old', bytes('before'));
      for (const [path, ifMatch] of [
        ['old', etag],
        ['new', null],
      ] as const) {
        const uploads = ['a', 'b', 'c', 'd'].map((digit) => digit.repeat(32));
        for (const upload of uploads) await storage.appendUpload(workspace, upload, 0, bytes(upload));
        const ends = await Promise.allSettled(
          uploads.map(async (upload, index) =>
            instances[index % 2]?.finishUpload(workspace, upload, path, { ifMatch }),
          ),
        );
        const winners = uploads.filter((_, index) => ends[index]?.status === 'fulfilled');
        assert.deepEqual(winners, [await readText(storage, workspace, path)]);
        for (const end of ends) if (end.status === 'rejected') await refused(Promise.reject(end.reason), 'conflict');
        for (const upload of uploads) await storage.abandonUpload(workspace, upload);
      }
    }),
  },
  {
    id: 'upload.abandon',
    promise: '`abandonUpload` removes what an upload has stored; an absent one is fine.',
    trial: 'An upload is abandoned twice; another one stays.',
    check: inWorkspace(async ({ storage, workspace }) => {
      const other = 'f'.repeat(32);
      for (const upload of [id, other]) await storage.appendUpload(workspace, upload, 0, bytes('x'));
      await storage.abandonUpload(workspace, id);
      await storage.abandonUpload(workspace, id);
      assert.deepEqual(
        [await storage.uploadedBytes(workspace, id), await storage.uploadedBytes(workspace, other)],
        [0, 1],
      );
      await storage.abandonUpload(workspace, other);
    }),
  },
  {
    id: 'upload.id',
    promise: 'An upload’s id is 32 lower-case hexadecimal digits, and nothing else is taken for one.',
    trial: 'Paths, capitals and other lengths are given as ids.',
    check: inWorkspace(async ({ storage, workspace }) => {
      for (const hostile of ['../../../victim', '..', '', 'A'.repeat(32), `${id}0`, 'write-1']) {
        await refused(storage.uploadedBytes(workspace, hostile), 'invalid');
        await refused(storage.appendUpload(workspace, hostile, 0, bytes('x')), 'invalid');
        await refused(storage.finishUpload(workspace, hostile, 'x'), 'invalid');
        await refused(storage.abandonUpload(workspace, hostile), 'invalid');
      }
    }),
  },
];
