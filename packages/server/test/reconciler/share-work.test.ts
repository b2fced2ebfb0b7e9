import { access, mkdir, readdir, truncate, writeFile } from 'node:fs/promises';
import {
  AdapterError,
  type AdapterErrorKind,
  type Identity,
  type ShareRow,
  type Storage,
} from '@user-workspaces/contract';
import { pino } from 'pino';
import { afterEach, expect, it } from 'vitest';
import { workOnShare } from '../../src/reconciler/share-work.js';
import { workOnWorkspace } from '../../src/reconciler/workspace-work.js';
import { type Fixture, startFixture } from '../files/fixture.js';

let fixture: Fixture;
afterEach(() => fixture.close());

it('a share that is cancelled while it is copied is no failure, and is looked at again at once', async () => {
  const lines: string[] = [];
  fixture = await startFixture({ log: pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) }) });
  const { database, context, workspace } = fixture;
  const { user: receiver } = await fixture.addUser('bob');
  const body = JSON.stringify({ original_workspace_id: workspace.id, shared_user_ids: [receiver.id] });
  const offered = await fixture.call('/shared_workspaces/', { method: 'POST', body });
  expect(offered.status).toBe(200);
  const share = async (): Promise<ShareRow> => {
    const [row] = await database.find('shares', {});
    if (!row) throw new Error('There is no share.');
    return row;
  };
  let cancelling: Promise<Response> | undefined;
  const copyDone = new Promise<void>((resolve) => {
    fixture.onStep = (name) => {
      if (name !== 'after share.copy') return;
      cancelling = fixture.call(`/shared_workspaces/${offer.shared_workspace_id}/`, { method: 'DELETE' });
      cancelling.then(() => resolve());
    };
  });
  const offer = await share();
  const { storage } = fixture;
  // The survey after the copy waits for that.
  const surveyed = storage.survey.bind(storage);
  Object.assign(storage, {
    survey: async (...given: Parameters<typeof surveyed>) => {
      await copyDone;
      return surveyed(...given);
    },
  });
  await workOnShare(context, offer, new AbortController().signal);
  expect((await cancelling)?.status).toBe(200);
  const left = await share();
  expect([left.work, left.lease_owner, left.attempts, (left.due_at_ms ?? Infinity) <= Date.now()]).toEqual([
    'delete',
    null,
    offer.attempts,
    true,
  ]);
  expect(lines.filter((line) => line.includes('failed'))).toEqual([]);
  await workOnShare(context, left, new AbortController().signal);
  expect(await database.find('shares', {})).toEqual([]);
});

it('a workspace that is deleted while its receivers are looked up is not shared', async () => {
  fixture = await startFixture();
  const { context, database, workspace } = fixture;
  const { user: receiver } = await fixture.addUser('bob');
  Object.assign(context.accounts, {
    resolve: async ({ username }: Identity) => {
      if (username === 'bob') await fixture.call(`/workspaces/${workspace.id}/`, { method: 'DELETE' });
      return { name: username, uid: null, gid: null };
    },
  });
  const body = JSON.stringify({ original_workspace_id: workspace.id, shared_user_ids: [receiver.id] });
  const refused = await fixture.call('/shared_workspaces/', { method: 'POST', body });
  expect([refused.status, (await refused.json()).error.code]).toEqual([409, 'conflict']);
  expect(await database.find('shares', {})).toEqual([]);
  expect((await database.find('workspaces', {})).map(({ status }) => status)).toEqual(['deleting']);
});

/** A fixture whose storage copies everything and then fails, by a clock of its own, with an offer from alice to bob. */
async function startFailing(kind: AdapterErrorKind) {
  let nowMs = Date.now();
  const failing = (storage: Storage): Storage => {
    const copy = storage.copy.bind(storage);
    return Object.assign(storage, {
      copy: async (...given: Parameters<typeof copy>) => {
        await copy(...given);
        throw new AdapterError(kind, 'The copy is refused.');
      },
    });
  };
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  fixture = await startFixture({ storage: failing, clock: { now: () => nowMs }, quotas: { workspaces: 1 }, log });
  const { database, context, directory, workspace, call } = fixture;
  await writeFile(`${directory}/notes.txt`, 'notes');
  const bob = await fixture.addUser('bob');
  const asBob = (path: string, init?: RequestInit): Promise<Response> =>
    call(path, { ...init, headers: { Authorization: `Token ${bob.token}` } });
  const body = JSON.stringify({ original_workspace_id: workspace.id, shared_user_ids: [bob.user.id] });
  expect((await call('/shared_workspaces/', { method: 'POST', body })).status).toBe(200);
  const share = async (): Promise<ShareRow | undefined> => (await database.find('shares', {}))[0];
  const found = await share();
  const copy = found && (await database.findOne('workspaces', { id: found.shared_workspace_id }));
  if (!copy) throw new Error('There is no copy.');
  /** Lets it be tried as often as it is wanted, but no more than so many times. */
  const tryFor = async (most: number): Promise<number> => {
    for (let tries = 0; tries < most; tries++) {
      const row = await share();
      if (!row || row.due_at_ms === null) return tries;
      nowMs = Math.max(nowMs, row.due_at_ms);
      await workOnShare(context, row, new AbortController().signal);
    }
    return most;
  };
  return {
    copy,
    share,
    asBob,
    tryFor,
    /** What the operator's log has of failures. */
    failures: () => lines.filter((line) => line.includes('failed')),
    pass: (ms: number) => {
      nowMs += ms;
    },
    shown: async (ask: typeof call) => {
      const { data } = await (await ask(`/shared_workspaces/${copy.id}/`)).json();
      const [only] = [...data.original_workspaces, ...data.shared_workspaces];
      return only;
    },
    lastEventOf: async (userId: number): Promise<unknown> => {
      const events = await database.find('events', {
        where: { user_id: userId },
        orderBy: [['seq', 'desc']],
        limit: 1,
      });
      return JSON.parse(events[0]?.payload ?? 'null');
    },
  };
}

const refusals: AdapterErrorKind[] = ['invalid', 'denied', 'not_found', 'unsupported'];

it.each(
  refusals,
)('a copy that the storage refuses (%s) ends in error, for both sides to see and to delete', async (kind) => {
  const { copy, share, asBob, tryFor, shown, lastEventOf } = await startFailing(kind);
  const { call, context, database, user, workspace } = fixture;
  expect(await tryFor(20)).toBe(4);
  expect(await share()).toMatchObject({ work: 'none', mail_due: false, due_at_ms: null, lease_owner: null });
  expect(await database.findOne('workspaces', { id: copy.id })).toMatchObject({ status: 'error', disk_space_bytes: 0 });
  await expect(access(copy.location)).rejects.toMatchObject({ code: 'ENOENT' });
  const failed = { status: 'error', status_reason: 'The copy is refused.', is_accepted: false };
  for (const ask of [call, asBob]) expect(await shown(ask)).toMatchObject(failed);
  for (const id of [user.id, copy.user_id])
    expect(await lastEventOf(id)).toMatchObject({ type: 'share.changed', share: failed });
  const accepting = await asBob(`/shared_workspaces/${copy.id}/accept/`, { method: 'PUT' });
  expect([accepting.status, (await accepting.json()).message]).toEqual([409, expect.stringContaining('refused')]);
  expect((await call(`/workspaces/${workspace.id}/`, { method: 'DELETE' })).status).toBe(400);
  for (const ask of [asBob, call]) {
    expect((await ask(`/shared_workspaces/${copy.id}/`, { method: 'DELETE' })).status).toBe(200);
  }
  const cancelled = await share();
  if (cancelled) await workOnShare(context, cancelled, new AbortController().signal);
  expect(await database.find('shares', {})).toEqual([]);
  expect(await database.count('workspaces', {})).toBe(1);
});

it('a copy that was accepted before it failed is in error too, counts for nothing, and ends the job that waits in it', async () => {
  const { copy, share, asBob, tryFor } = await startFailing('denied');
  const { context, database } = fixture;
  expect((await asBob(`/shared_workspaces/${copy.id}/accept/`, { method: 'PUT' })).status).toBe(200);
  await tryFor(4);
  const { data } = await (await asBob(`/workspaces/${copy.id}/`)).json();
  expect(data.workspaces[0]).toMatchObject({ status: 'error', status_reason: 'The copy is refused.', disk_space: 0 });
  // The only workspace that he may have.
  const body = JSON.stringify({ name: 'mine', description: '' });
  expect((await asBob('/workspaces/', { method: 'POST', body })).status).toBe(200);
  const files = JSON.stringify({ workspace_details: { files: [{ name: 'a', content: 'b' }] } });
  for (const [path, init] of [
    [`/workspaces/${copy.id}/`, { method: 'PUT', body: files }],
    [`/workspaces/${copy.id}/files/`, {}],
  ] as const) {
    const answer = await asBob(path, init);
    expect([path, answer.status, (await answer.json()).message]).toEqual([
      path,
      409,
      expect.stringContaining('refused'),
    ]);
  }
  // Its sender may remove it as well; it goes as the workspace that it has become.
  expect((await fixture.call(`/shared_workspaces/${copy.id}/`, { method: 'DELETE' })).status).toBe(200);
  const deleting = await database.findOne('workspaces', { id: copy.id });
  expect(deleting?.status).toBe('deleting');
  if (deleting) await workOnWorkspace(context, deleting, new AbortController().signal);
  expect(await share()).toBeUndefined();
  expect(await database.findOne('workspaces', { id: copy.id })).toBeUndefined();
});

it.each<[AdapterErrorKind, boolean]>([
  ['unavailable', false],
  ['no_space', true],
  ['conflict', true],
  ['misconfigured', true],
])('a copy that may still succeed (%s) is tried again, and given up after a day: %s', async (kind, isGivenUp) => {
  const { copy, tryFor, pass, shown } = await startFailing(kind);
  expect(await tryFor(10)).toBe(10);
  expect(await shown(fixture.call)).toMatchObject({ status: 'copying', status_reason: 'The copy is refused.' });
  pass(25 * 60 * 60 * 1000);
  await tryFor(1);
  expect((await fixture.database.findOne('workspaces', { id: copy.id }))?.status).toBe(
    isGivenUp ? 'error' : 'initializing',
  );
});

it('a copy of what has gone, or never came to be, ends at once; of what is still being made it waits, which is no failure', async () => {
  const { copy, share, tryFor, shown, failures } = await startFailing('denied');
  const { database, workspace } = fixture;
  const set = async (status: 'initializing' | 'error'): Promise<void> => {
    await database.transaction((rows) =>
      rows.update('workspaces', { id: workspace.id }, { status, status_reason: 'It was so.' }),
    );
  };
  await set('initializing');
  expect(await tryFor(10)).toBe(10);
  expect(await shown(fixture.call)).toMatchObject({
    status: 'copying',
    status_reason: 'The workspace that is to be copied is still being made.',
  });
  expect(failures()).toEqual([]);
  await set('error');
  await tryFor(1);
  expect(await shown(fixture.call)).toMatchObject({
    status: 'error',
    status_reason: expect.stringContaining('It was so.'),
  });
  const again = { status: 'initializing', status_reason: null } as const;
  await database.transaction(async (rows) => {
    await rows.update('workspaces', { id: copy.id }, again);
    await rows.update('shares', { shared_workspace_id: copy.id }, { work: 'copy', due_at_ms: 1 });
    await rows.remove('workspaces', { id: workspace.id });
  });
  await tryFor(1);
  expect(await share()).toMatchObject({ work: 'none' });
  expect(await database.findOne('workspaces', { id: copy.id })).toMatchObject({ status: 'error' });
});

it('a copy of files that have grown until they do not fit into a quota is given up before any of them is written', async () => {
  fixture = await startFixture({ quotas: { diskSpaceBytes: 1_000 } });
  const { context, database, directory, workspace, call } = fixture;
  const bob = await fixture.addUser('bob');
  const offer = async (): Promise<ShareRow> => {
    const body = JSON.stringify({ original_workspace_id: workspace.id, shared_user_ids: [bob.user.id] });
    expect((await call('/shared_workspaces/', { method: 'POST', body })).status).toBe(200);
    const [row] = await database.find('shares', { orderBy: [['id', 'desc']], limit: 1 });
    if (!row) throw new Error('There is no share.');
    return row;
  };
  const copyOf = (share: ShareRow) => database.findOne('workspaces', { id: share.shared_workspace_id });
  const setUsed = (id: number, used_disk_space_bytes: number) =>
    database.transaction((rows) => rows.update('users', { id }, { used_disk_space_bytes }));
  const grow = async (bytes: number): Promise<void> => {
    await writeFile(`${directory}/sparse`, '');
    await truncate(`${directory}/sparse`, bytes);
  };
  await grow(600);
  const fits = await offer();
  await workOnShare(context, fits, new AbortController().signal);
  expect(await copyOf(fits)).toMatchObject({ status: 'idle', disk_space_bytes: 600 });
  // With the copy that waits it would be more than its sender has; and however large it is, that is known at once.
  for (const bytes of [401, 15 * 1024 ** 4]) {
    const grown = await offer();
    await grow(bytes);
    await workOnShare(context, grown, new AbortController().signal);
    expect(await copyOf(grown)).toMatchObject({
      status: 'error',
      status_reason: expect.stringContaining(String(bytes)),
    });
  }
  await grow(400);
  const accepted = await offer();
  await setUsed(bob.user.id, 601);
  const headers = { Authorization: `Token ${bob.token}` };
  const accept = `/shared_workspaces/${accepted.shared_workspace_id}/accept/`;
  expect((await call(accept, { method: 'PUT', headers })).status).toBe(200);
  await workOnShare(context, accepted, new AbortController().signal);
  expect(await copyOf(accepted)).toMatchObject({
    status: 'error',
    status_reason: expect.stringContaining('receiver'),
    disk_space_bytes: 0,
  });
});

it('copies that were accepted before they are made count with what they will hold', async () => {
  fixture = await startFixture({ quotas: { diskSpaceBytes: 1_000 } });
  const { database, workspace, call } = fixture;
  const bob = await fixture.addUser('bob');
  const headers = { Authorization: `Token ${bob.token}` };
  await database.transaction((rows) => rows.update('workspaces', { id: workspace.id }, { disk_space_bytes: 500 }));
  await database.transaction((rows) => rows.update('users', { id: bob.user.id }, { used_disk_space_bytes: 300 }));
  const statuses: number[] = [];
  for (let index = 0; index < 2; index += 1) {
    const body = JSON.stringify({ original_workspace_id: workspace.id, shared_user_ids: [bob.user.id] });
    expect((await call('/shared_workspaces/', { method: 'POST', body })).status).toBe(200);
    const [row] = await database.find('shares', { orderBy: [['id', 'desc']], limit: 1 });
    const accept = `/shared_workspaces/${row?.shared_workspace_id}/accept/`;
    statuses.push((await call(accept, { method: 'PUT', headers })).status);
  }
  expect(statuses).toEqual([200, 429]);
});

it('a crash after a copy has failed leaves none of its files', async () => {
  const { copy, share, tryFor } = await startFailing('denied');
  await tryFor(3);
  fixture.onStep = (name) => {
    if (name === 'before share.destroy') throw new Error('The server died.');
  };
  await tryFor(1);
  await access(copy.location);
  fixture.onStep = () => undefined;
  await tryFor(2);
  await expect(access(copy.location)).rejects.toMatchObject({ code: 'ENOENT' });
  expect(await share()).toMatchObject({ work: 'none', due_at_ms: null });
});

it('a copy whose place is taken, as after a backup was restored, is given up or cancelled without touching what is there', async () => {
  const lines: string[] = [];
  fixture = await startFixture({ log: pino({}, { write: (line: string) => void lines.push(line) }) });
  const { database, context, workspace, directory } = fixture;
  await writeFile(`${directory}/new.txt`, 'new');
  const { user: receiver } = await fixture.addUser('bob');
  const body = JSON.stringify({ original_workspace_id: workspace.id, shared_user_ids: [receiver.id] });
  for (const isCancelled of [false, true]) {
    expect((await fixture.call('/shared_workspaces/', { method: 'POST', body })).status).toBe(200);
    const copy = await database.findOne('workspaces', { is_listed: false });
    if (!copy) throw new Error('There is no copy.');
    await mkdir(copy.location, { recursive: true });
    await writeFile(`${copy.location}/old.txt`, 'old');
    if (isCancelled) {
      expect((await fixture.call(`/shared_workspaces/${copy.id}/`, { method: 'DELETE' })).status).toBe(200);
    }
    const [share] = await database.find('shares', {});
    if (share) await workOnShare(context, share, new AbortController().signal);
    expect(await readdir(copy.location)).toEqual(['old.txt']);
    expect(await database.find('shares', {})).toEqual([]);
    expect((await database.find('workspaces', {})).map(({ id }) => id)).toEqual([workspace.id]);
  }
  expect(lines.filter((line) => line.includes('is taken')).length).toBe(1);
});
