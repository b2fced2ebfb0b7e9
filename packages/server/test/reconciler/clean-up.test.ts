import { afterEach, expect, it } from 'vitest';
import { cleanUp } from '../../src/reconciler/clean-up.js';
import { type Fixture, startFixture } from '../files/fixture.js';

let fixture: Fixture;
afterEach(() => fixture.close());

it('an old upload that cannot be removed keeps its row, and holds up no other', async () => {
  fixture = await startFixture();
  const { context, database, user, workspace } = fixture;
  const { id: _, ...copy } = workspace;
  await database.transaction(async (rows) => {
    const elsewhere = await rows.insert('workspaces', { ...copy, storage: 'not configured any more' });
    for (const workspace_id of [workspace.id, elsewhere.id, workspace.id]) {
      await rows.insert('uploads', {
        upload_id: Buffer.from(context.clock.random(16)).toString('hex'),
        user_id: user.id,
        workspace_id,
        path: 'a',
        size_bytes: 1,
        if_match: null,
        finished_etag: null,
        created_at_ms: 1,
      });
    }
  });
  await cleanUp(context, new AbortController().signal);
  const left = await database.find('uploads', {});
  expect(left.map(({ workspace_id }) => workspace_id)).toEqual([workspace.id + 1]);
});
