// Who changed which files, in the audit log.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditEntryRow } from '@user-workspaces/contract';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { serverActor } from '../../src/records/audit.js';
import { type Fixture, startFixture, until } from './fixture.js';

let server: Fixture;
/** What happens between the moment that an entry is gone and the one that its contents are. */
let duringRemoval: () => Promise<void>;
beforeEach(async () => {
  duringRemoval = async () => undefined;
  server = await startFixture({
    storage: (storage) => {
      const remove = storage.remove.bind(storage);
      storage.remove = async (directory, path, signal) => {
        await remove(directory, path);
        await duringRemoval();
        signal?.throwIfAborted();
      };
      return storage;
    },
  });
});
afterEach(() => server.close());

const call = (path: string, method: string, body?: NonNullable<RequestInit['body']>) =>
  server.call(`/workspaces/${server.workspace.id}/${path}`, { method, ...(body !== undefined && { body }) });
const entries = (): Promise<AuditEntryRow[]> =>
  server.database.find('audit_entries', { where: { subject_kind: 'workspace', subject_id: server.workspace.id } });
const told = async () => (await entries()).map(({ action, details }) => [action, details]);

it('has one entry for each request that changes them, with who and from where, and none for reading', async () => {
  const text = { path: 'd/b.txt', size_bytes: 2 };
  await call('files/content/?path=a.txt', 'PUT', 'x');
  await call('files/directory/?path=d', 'PUT');
  await call('files/rename/', 'PUT', JSON.stringify({ from: 'a.txt', to: 'd/a.txt' }));
  const begun = await (await call('uploads/', 'POST', JSON.stringify(text))).json();
  const upload = `uploads/${Object(begun).data.upload.id}/`;
  expect((await call(`${upload}?offset=0`, 'PUT', 'b')).status).toBe(200);
  expect((await call(`${upload}?offset=1`, 'PUT', 'b')).status).toBe(200);
  await call('files/content/?path=d/a.txt', 'GET');
  await call('files/', 'GET');
  await call('files/?path=d', 'DELETE');
  await call('files/?path=d', 'DELETE');
  expect(await told()).toEqual([
    ['file.write', { paths: ['a.txt'], count: 1 }],
    ['file.write', { paths: ['d'], count: 1 }],
    ['file.rename', { from: 'a.txt', to: 'd/a.txt' }],
    ['file.write', { paths: ['d/b.txt'], count: 1 }],
    ['file.delete', { path: 'd' }],
  ]);
  const alice = { actor_kind: 'user', actor_user_id: server.user.id, actor_name: 'alice', address: '192.0.2.7' };
  for (const entry of await entries()) expect(entry).toMatchObject({ ...alice, outcome: 'done' });
});

it('has one for a form of many files, which names some', async () => {
  const form = new FormData();
  for (let index = 0; index < 30; index += 1) form.append('files', new Blob(['x']), `f${index}`);
  expect((await call('upload/', 'PUT', form)).status).toBe(200);
  const names = Array.from({ length: 10 }, (_, index) => `f${index}`);
  expect(await told()).toEqual([['file.write', { paths: names, count: 30 }]]);
});

it('has one for an update with files, and none for one without', async () => {
  const update = (body: object) => call('', 'PUT', JSON.stringify(body));
  expect((await update({ workspace_details: { files: [{ name: 'n', content: 'x' }] } })).status).toBe(200);
  expect((await update({ name: 'Other' })).status).toBe(200);
  expect(await told()).toEqual([['file.write', { paths: ['n'], count: 1 }]]);
});

it('has a deletion whose caller left before all contents were gone', async () => {
  await mkdir(join(server.directory, 'd'));
  await writeFile(join(server.directory, 'd', 'x'), 'x');
  const caller = new AbortController();
  let hasLeft = (): void => undefined;
  const left = new Promise<void>((resolve) => {
    hasLeft = resolve;
  });
  duringRemoval = async () => {
    caller.abort();
    await left;
  };
  const { id } = server.workspace;
  const deleting = server.call(`/workspaces/${id}/files/?path=d`, { method: 'DELETE', signal: caller.signal });
  await expect(deleting).rejects.toThrow();
  // The server hears of it by the connection, a moment later.
  await sleep(200);
  hasLeft();
  await until(async () => (await entries()).length > 0);
  expect(await told()).toEqual([['file.delete', { path: 'd' }]]);
});

it('tells so much, however many small changes there are and however long their names', async () => {
  const { context, database } = server;
  const leftOut = vi.spyOn(context.metrics, 'auditLeftOut');
  const long = Array.from({ length: 15 }, () => 'n'.repeat(250)).join('/');
  expect((await call(`files/directory/?path=${long}`, 'PUT')).status).toBe(200);
  expect(await told()).toEqual([['file.write', { paths: [`${long.slice(0, 1_000)}…`], count: 1 }]]);
  const alice = { ...serverActor, userId: server.user.id };
  const bob = { ...serverActor, userId: server.user.id + 1 };
  const wide = { action: 'file.rename', from: '漢'.repeat(1_000), to: 'x' } as const;
  await context.journal.transaction((transaction) => context.fileAudit.tell(transaction, alice, 8, wide));
  const [entry] = await database.find('audit_entries', { where: { subject_id: 8 } });
  expect(entry?.details).toEqual({ from: `${'漢'.repeat(166)}…`, to: 'x' });
  const change = { action: 'file.delete', path: 'x' } as const;
  await context.journal.transaction(async (transaction) => {
    for (let count = 0; count < 20_010; count++) await context.fileAudit.tell(transaction, alice, 7, change);
    await context.fileAudit.tell(transaction, bob, 7, change);
  });
  const of = (userId: number) => database.count('audit_entries', { actor_user_id: userId, subject_id: 7 });
  expect(await of(alice.userId)).toBeLessThan(20_010);
  expect(await of(bob.userId)).toBe(1);
  expect(leftOut.mock.calls.length + (await of(alice.userId))).toBe(20_010);
});
