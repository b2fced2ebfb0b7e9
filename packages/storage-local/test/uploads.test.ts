import { link, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { stagingName } from '../src/paths.js';
import { breaking, bytes, type Fixture, fixture, isRoot, readText, refusal, staged, uid } from './fixture.js';

const id = '0123456789abcdef0123456789abcdef';
let f: Fixture;
beforeAll(async () => {
  f = await fixture();
});

it('resumes after a broken source, and puts the whole in place', async () => {
  const { storage, workspace } = f;
  expect(await storage.uploadedBytes(workspace, id)).toBe(0);
  expect(await storage.appendUpload(workspace, id, 0, bytes('one '))).toBe(4);
  await expect(storage.appendUpload(workspace, id, 4, breaking('two '))).rejects.toThrow('connection lost');
  expect(await storage.uploadedBytes(workspace, id)).toBe(8);
  const error = await refusal(storage.appendUpload(workspace, id, 4, bytes('two ')));
  expect(error).toMatchObject({ kind: 'conflict', field: 'offset', details: { length: 8 } });
  expect(await storage.appendUpload(workspace, id, 8, bytes('three'))).toBe(13);
  const entry = await storage.finishUpload(workspace, id, 'up/file.txt');
  expect(entry).toEqual(await storage.stat(workspace, 'up/file.txt'));
  expect(await readText(f.at('up/file.txt'))).toBe('one two three');
  expect((await stat(f.at('up/file.txt'))).uid).toBe(isRoot ? uid : process.geteuid?.());
  expect(await storage.uploadedBytes(workspace, id)).toBe(0);
  expect(await refusal(storage.finishUpload(workspace, id, 'again.txt'))).toMatchObject({ kind: 'not_found' });
});

it('keeps the upload when the condition fails', async () => {
  const { storage, workspace } = f;
  await storage.write(workspace, 'there.txt', bytes('old'));
  await storage.appendUpload(workspace, id, 0, bytes('new'));
  expect(await refusal(storage.finishUpload(workspace, id, 'there.txt', { ifMatch: null }))).toMatchObject({
    kind: 'conflict',
  });
  expect(await storage.uploadedBytes(workspace, id)).toBe(3);
  await storage.finishUpload(workspace, id, 'there.txt');
  expect(await readText(f.at('there.txt'))).toBe('new');
});

it('abandons, also what is absent', async () => {
  const { storage, workspace } = f;
  await storage.appendUpload(workspace, id, 0, bytes('x'));
  await storage.abandonUpload(workspace, id);
  await storage.abandonUpload(workspace, id);
  expect(await storage.uploadedBytes(workspace, id)).toBe(0);
  expect(await staged(f.root)).toEqual([]);
});

it('lets one request at a time work on an upload', async () => {
  const { storage, workspace } = f;
  const both = [
    storage.appendUpload(workspace, id, 0, bytes('aaaa')),
    storage.appendUpload(workspace, id, 0, bytes('bbbb')),
  ];
  const results = await Promise.allSettled(both);
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(await storage.uploadedBytes(workspace, id)).toBe(4);
  await storage.abandonUpload(workspace, id);
});

it('goes on where a crash came between taking the name and giving up the staged one', async () => {
  const { storage, workspace } = f;
  await storage.appendUpload(workspace, id, 0, bytes('whole'));
  await link(join(f.root, '.staging', stagingName(workspace.location), id), f.at('crashed.txt'));
  expect(await refusal(storage.appendUpload(workspace, id, 5, bytes('more')))).toMatchObject({ kind: 'conflict' });
  await storage.finishUpload(workspace, id, 'crashed.txt', { ifMatch: null });
  expect(await readText(f.at('crashed.txt'))).toBe('whole');
  expect(await storage.uploadedBytes(workspace, id)).toBe(0);
  await storage.appendUpload(workspace, id, 0, bytes('again'));
  await storage.abandonUpload(workspace, id);
  expect(await readText(f.at('crashed.txt'))).toBe('whole');
});

it('takes ids of its own form only', async () => {
  await writeFile(join(f.base, 'victim'), 'v');
  for (const hostile of ['../../../victim', '..', '', 'A'.repeat(32), `${id}0`, 'write-1']) {
    const calls = [
      f.storage.uploadedBytes(f.workspace, hostile),
      f.storage.appendUpload(f.workspace, hostile, 0, bytes('x')),
      f.storage.finishUpload(f.workspace, hostile, 'x'),
      f.storage.abandonUpload(f.workspace, hostile),
    ];
    for (const error of await Promise.all(calls.map(refusal)))
      expect(error).toMatchObject({ kind: 'invalid', field: 'upload_id' });
  }
  expect(await readFile(join(f.base, 'victim'), 'utf8')).toBe('v');
});
