import { access } from 'node:fs/promises';
import type { Storage, WorkspaceRow } from '@user-workspaces/contract';
import { afterEach, expect, it } from 'vitest';
import { workOnWorkspace } from '../../src/reconciler/workspace-work.js';
import { type Fixture, startFixture } from '../files/fixture.js';

let fixture: Fixture;
afterEach(() => fixture.close());

it.each([
  'undone',
  'deleted',
])('a directory that is made late, while its workspace is %s, does not stay', async (end) => {
  let nowMs = Date.now();
  let begun = (): void => undefined;
  let goOn = (): void => undefined;
  const isBegun = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const mayGoOn = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  let answer: Promise<Response> | undefined;
  // A process that was halted before it made the directory, and wakes when the files have been removed and the row has not.
  const slow = (storage: Storage): Storage => {
    const [create, destroy] = [storage.create.bind(storage), storage.destroy.bind(storage)];
    return Object.assign(storage, {
      create: async (...given: Parameters<typeof create>) => {
        if (answer) {
          begun();
          await mayGoOn;
        }
        return create(...given);
      },
      destroy: async (...given: Parameters<typeof destroy>) => {
        await destroy(...given);
        goOn();
        await answer;
      },
    });
  };
  fixture = await startFixture({ storage: slow, clock: { now: () => nowMs } });
  const { context, database } = fixture;
  answer = fixture.call('/workspaces/', { method: 'POST', body: JSON.stringify({ name: 'late', description: '' }) });
  await isBegun;
  const row = async (): Promise<WorkspaceRow> => {
    const found = await database.findOne('workspaces', { name: 'late' });
    if (!found) throw new Error('There is no workspace.');
    return found;
  };
  const made = await row();
  if (end === 'deleted') expect((await fixture.call(`/workspaces/${made.id}/`, { method: 'DELETE' })).status).toBe(200);
  nowMs += 61_000;
  await workOnWorkspace(context, await row(), new AbortController().signal);
  expect((await answer).status).toBeGreaterThanOrEqual(400);
  expect(await database.findOne('workspaces', { name: 'late' })).toBeUndefined();
  await expect(access(made.location)).rejects.toMatchObject({ code: 'ENOENT' });
});
