import type { ShareRow } from '@user-workspaces/contract';
import { afterEach, expect, it } from 'vitest';
import { type Fixture, startFixture } from '../files/fixture.js';

let fixture: Fixture;
afterEach(() => fixture.close());

const offered = { name: 'First', description: 'offered', current: '/offered.txt' };

/** A workspace of alice's, offered to bob. */
async function startOffer() {
  fixture = await startFixture();
  const { call, database, user, workspace } = fixture;
  const bob = await fixture.addUser('bob');
  const asBob = (path: string, init?: RequestInit): Promise<Response> =>
    call(path, { ...init, headers: { Authorization: `Token ${bob.token}` } });
  const write = (id: number, name: string, description: string, file: string) =>
    database.transaction((rows) =>
      rows.update('workspaces', { id }, { name, description, current_details: { files: [file], symlinks: [] } }),
    );
  await write(workspace.id, offered.name, offered.description, offered.current);
  const body = JSON.stringify({ original_workspace_id: workspace.id, shared_user_ids: [bob.user.id] });
  expect((await call('/shared_workspaces/', { method: 'POST', body })).status).toBe(200);
  const share = await database.findOne('shares', {});
  if (!share) throw new Error('There is no share.');
  return {
    share,
    bob: bob.user,
    accept: async () =>
      expect((await asBob(`/shared_workspaces/${share.shared_workspace_id}/accept/`, { method: 'PUT' })).status).toBe(
        200,
      ),
    /** Both go on with what is theirs. */
    goOn: async () => {
      await write(workspace.id, 'hers', 'her secret', '/hers.txt');
      await write(share.shared_workspace_id, 'his', 'his secret', '/his.txt');
    },
    shown: async (ask: typeof call) => {
      const { data } = await (await ask('/shared_workspaces/')).json();
      const [only] = [...data.original_workspaces, ...data.shared_workspaces];
      const side = (given: { name: string; description: string; workspace_details: Details } | null) =>
        given && {
          name: given.name,
          description: given.description,
          current: given.workspace_details.current_workspace_details.files.map((file) => file.name).join(),
        };
      return { original: side(only.original_workspace_id), copy: side(only.shared_workspace_id) };
    },
    asBob,
    eventsOf: async (userId: number) =>
      (await database.find('events', { where: { user_id: userId } })).map(({ payload }) => payload).join(),
    alice: user,
  };
}

interface Details {
  current_workspace_details: { files: { name: string }[] };
}

const hers = { name: 'hers', description: 'her secret', current: '/hers.txt' };
const his = { name: 'his', description: 'his secret', current: '/his.txt' };

it('after acceptance each side sees of the other what was offered, whatever becomes of it, in answers and in events', async () => {
  const { share, bob, alice, accept, goOn, shown, asBob, eventsOf } = await startOffer();
  for (const ask of [fixture.call, asBob]) expect(await shown(ask)).toEqual({ original: offered, copy: offered });
  await accept();
  await goOn();
  expect(await shown(fixture.call)).toEqual({ original: hers, copy: offered });
  expect(await shown(asBob)).toEqual({ original: offered, copy: his });
  await fixture.context.journal.transaction(async (transaction) => {
    const present = await transaction.rows.findOne('shares', { id: share.id });
    await transaction.changeShare(present as ShareRow, { mail_due: false });
  });
  expect(await eventsOf(bob.id)).not.toContain('her secret');
  expect(await eventsOf(alice.id)).not.toContain('his secret');
  expect([await eventsOf(alice.id), await eventsOf(bob.id)]).toEqual([
    expect.stringContaining('her secret'),
    expect.stringContaining('his secret'),
  ]);
});

it('before acceptance a receiver sees nothing of what the sender has changed since', async () => {
  const { goOn, shown, asBob, share } = await startOffer();
  await goOn();
  // The copy is nobody's yet: it changes with its files alone.
  await fixture.database.transaction((rows) =>
    rows.update('workspaces', { id: share.shared_workspace_id }, { name: 'First', description: 'offered' }),
  );
  expect((await shown(asBob)).original).toMatchObject({ name: 'First', description: 'offered' });
  expect((await shown(fixture.call)).original).toEqual(hers);
});

it('of a share that was accepted when nobody kept what was offered, each side sees only what it has itself', async () => {
  const { accept, goOn, shown, asBob, share } = await startOffer();
  await accept();
  await goOn();
  await fixture.database.transaction((rows) => rows.update('shares', { id: share.id }, { accepted_offer: null }));
  expect(await shown(fixture.call)).toEqual({ original: hers, copy: hers });
  expect(await shown(asBob)).toEqual({ original: his, copy: his });
  await fixture.database.transaction((rows) =>
    rows.update('shares', { id: share.id }, { original_workspace_id: null }),
  );
  expect(await shown(fixture.call)).toEqual({ original: null, copy: { name: '', description: '', current: '' } });
});
