import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { newWorkspace } from '../../../database-sql/test/support/rows.js';
import { type Fixture, startFixture } from '../files/fixture.js';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture({ limits: { list_bytes: 30_000 } });
});
afterEach(() => fixture.close());

const rowCount = 450;

/** A user with much of everything: each of the lists has far more bytes than a list may have. */
async function fill(): Promise<void> {
  const { database, user, addJob } = fixture;
  const bob = await fixture.addUser('bob');
  const details = { files: ['x'.repeat(500)], symlinks: [] };
  await addJob();
  const job = await database.findOne('jobs', {});
  if (!job) throw new Error('There is no job.');
  await database.transaction(async (rows) => {
    for (let count = 1; count < rowCount; count += 1) {
      const changes = { user_id: user.id, storage: 'local', current_details: details };
      const { id } = await rows.insert('workspaces', newWorkspace(`of ${count}`, changes));
      const { id: _id, version: _version, ...columns } = job;
      await rows.insert('jobs', {
        ...columns,
        version: 0,
        status: 'complete',
        launch_key: `key-${count}`,
        status_reason: 'x'.repeat(200),
      });
      const original = await rows.insert('workspaces', newWorkspace(`shared ${count}`, { user_id: bob.user.id }));
      await rows.insert('shares', {
        original_workspace_id: original.id,
        shared_workspace_id: id,
        sender_user_id: count % 2 ? user.id : bob.user.id,
        receiver_user_id: count % 2 ? bob.user.id : user.id,
        last_resource_options: {},
        last_job_type: null,
        is_accepted: false,
        accepted_offer: null,
        work: 'none',
        mail_due: false,
        created_at_ms: 0,
        lease_owner: null,
        lease_until_ms: 0,
        lease_fence: 0,
        due_at_ms: null,
        attempts: 0,
      });
    }
  });
}

const idOf = (item: { id: number; shared_workspace_id?: { id: number } }): number =>
  item.shared_workspace_id?.id ?? item.id;

it('lists that nobody has room for are answered in pages alone, however many rows are asked for', async () => {
  await fill();
  for (const [path, lists, count] of [
    ['/workspaces/', ['workspaces'], rowCount],
    ['/workspaces/0/', ['workspaces'], 0],
    ['/jobs/', ['jobs'], rowCount],
    ['/shared_workspaces/', ['original_workspaces', 'shared_workspaces'], rowCount - 1],
  ] as const) {
    const refused = await fixture.call(path);
    expect(refused.status, path).toBe(413);
    const { error, message } = await refused.json();
    expect(error).toMatchObject({ code: 'too_large', details: { name: 'list_bytes', limit: 30_000 } });
    expect(message).toContain('in pages with `limit`');
    if (count === 0) continue;

    const ids: number[] = [];
    let cursor: string | undefined;
    do {
      const query = new URLSearchParams({ limit: '1000', ...(cursor !== undefined && { cursor }) });
      const answer = await fixture.call(`${path}?${query}`);
      expect(answer.status).toBe(200);
      const { data } = await answer.json();
      ids.push(...lists.flatMap((list) => data[list].map(idOf)));
      cursor = data.next_cursor;
    } while (cursor !== undefined);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBe(count);
  }
});

it('a page of administration that many large rows are on ends early', async () => {
  await fill();
  await fixture.database.transaction((rows) =>
    rows.update('users', { id: fixture.user.id }, { role: 'administrator' }),
  );
  for (const list of ['workspaces', 'jobs']) {
    const { data } = await (await fixture.call(`/admin/${list}/?limit=1000`)).json();
    expect(data[list].length).toBeLessThan(rowCount);
    expect(data.next_cursor).toBeDefined();
  }
});

it('of a list of shares no more workspaces are in memory at once than of a list of workspaces', async () => {
  await fill();
  const find = vi.spyOn(fixture.database, 'find');
  const most = async (path: string): Promise<number> => {
    find.mockClear();
    await fixture.call(path);
    const read = find.mock.calls.map(async ([table], call) => {
      const rows = await find.mock.results[call]?.value;
      return table === 'workspaces' && rows ? rows.length : 0;
    });
    return Math.max(...(await Promise.all(read)));
  };
  expect(await most('/shared_workspaces/')).toBeLessThanOrEqual(await most('/workspaces/'));
});
