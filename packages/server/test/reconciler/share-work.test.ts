import type { Identity, ShareRow } from '@user-workspaces/contract';
import { pino } from 'pino';
import { afterEach, expect, it } from 'vitest';
import { workOnShare } from '../../src/reconciler/share-work.js';
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
