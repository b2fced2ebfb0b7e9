// Shares of a sparse file that nobody can copy in any time, on real files: they must hold up nobody else, and end when they are cancelled.
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ShareRow, UserRow } from '@user-workspaces/contract';
import { afterEach, expect, test, vi } from 'vitest';
import { CopyTurns } from '../../src/reconciler/copy-turns.js';
import { Reconciler } from '../../src/reconciler/reconciler.js';
import { probeSession } from '../../src/reconciler/session-probe.js';
import { serverActor } from '../../src/records/audit.js';
import { deactivateUser } from '../../src/services/administration/users.js';
import { type Fixture, startFixture } from '../files/fixture.js';

const endless = 15 * 1024 ** 4;

let fixture: Fixture;
let reconciler: Reconciler;
afterEach(async () => {
  await reconciler?.stop();
  await fixture?.close();
});

/** Copies that are being made at present. */
let copying: number;

async function startCopying(): Promise<void> {
  copying = 0;
  fixture = await startFixture({
    storage: (storage) => {
      const copy = storage.copy.bind(storage);
      return Object.assign(storage, {
        copy: async (...given: Parameters<typeof copy>) => {
          copying += 1;
          return copy(...given).finally(() => {
            copying -= 1;
          });
        },
      });
    },
  });
  await writeFile(join(fixture.directory, 'endless'), '');
  await truncate(join(fixture.directory, 'endless'), endless);
  reconciler = new Reconciler(fixture.context, fixture.context.metrics, probeSession, { heardAtMs: () => undefined });
  reconciler.start();
}

interface Person {
  readonly user: UserRow;
  ask(method: string, path: string, body?: object): Promise<void>;
}

async function person(name: string): Promise<Person> {
  const { user, token } = name === 'alice' ? fixture : await fixture.addUser(name);
  return {
    user,
    ask: async (method, path, body) => {
      const init = {
        method,
        headers: { Authorization: `Token ${token}` },
        ...(body && { body: JSON.stringify(body) }),
      };
      const answer = await fixture.call(path, init);
      expect([path, answer.status, answer.status === 200 ? '' : await answer.text()]).toEqual([path, 200, '']);
    },
  };
}

const share = (sender: Person, receiver: Person): Promise<void> =>
  sender.ask('POST', '/shared_workspaces/', {
    original_workspace_id: fixture.workspace.id,
    shared_user_ids: [receiver.user.id],
  });
const shares = (): Promise<ShareRow[]> => fixture.database.find('shares', {});
const soon = { timeout: 8_000, interval: 50 };

test('copies that never end hold up no deletion and no copy of another sender, and end when they are cancelled', async () => {
  await startCopying();
  const [alice, bob] = [await person('alice'), await person('bob')];
  for (let index = 0; index < 20; index += 1) await share(alice, bob);
  await vi.waitUntil(() => copying > 0, soon);
  const { database } = fixture;
  const make = async (name: string): Promise<number> => {
    await bob.ask('POST', '/workspaces/', { name, description: '' });
    return (await database.findOne('workspaces', { name }))?.id ?? 0;
  };
  const [goes, offered] = [await make('goes'), await make('offered')];
  await bob.ask('DELETE', `/workspaces/${goes}/`);
  await bob.ask('POST', '/shared_workspaces/', { original_workspace_id: offered, shared_user_ids: [alice.user.id] });
  await vi.waitUntil(async () => (await database.count('workspaces', { id: goes })) === 0, soon);
  await vi.waitUntil(
    async () => (await database.findOne('shares', { original_workspace_id: offered }))?.work === 'none',
    soon,
  );
  expect(copying).toBe(1);
  for (const { shared_workspace_id, work } of await shares()) {
    if (work === 'copy') await alice.ask('DELETE', `/shared_workspaces/${shared_workspace_id}/`);
  }
  await vi.waitUntil(async () => (await shares()).length === 1, soon);
  expect(copying).toBe(0);
}, 60_000);

test('a copy ends when its receiver declines it, deletes what was accepted, or when somebody who takes part is deactivated', async () => {
  await startCopying();
  const alice = await person('alice');
  const ends: Record<string, (receiver: Person, id: number) => Promise<unknown>> = {
    bob: (receiver, id) => receiver.ask('DELETE', `/shared_workspaces/${id}/`),
    carol: async (receiver, id) => {
      await receiver.ask('PUT', `/shared_workspaces/${id}/accept/`);
      await receiver.ask('DELETE', `/workspaces/${id}/`);
    },
    dora: (receiver) => deactivateUser(fixture.context, serverActor, receiver.user.id, false),
    erik: () => deactivateUser(fixture.context, serverActor, alice.user.id, false),
  };
  for (const [name, end] of Object.entries(ends)) {
    const receiver = await person(name);
    await share(alice, receiver);
    await vi.waitUntil(() => copying === 1, soon);
    const [row] = await shares();
    await end(receiver, row?.shared_workspace_id ?? 0);
    await vi.waitUntil(() => copying === 0, soon);
    await vi.waitUntil(async () => (await shares()).length === 0, soon);
    expect([name, await fixture.database.count('workspaces', {})]).toEqual([name, 1]);
  }
}, 60_000);

test('of several senders first the one has a turn whose last is longest ago, each has one at a time, and few have one at once', () => {
  const turns = new CopyTurns();
  let id = 0;
  const rowOf = (sender_user_id: number): ShareRow => ({ id: ++id, sender_user_id }) as ShareRow;
  const sendersOf = (rows: readonly ShareRow[]): number[] => rows.map((row) => row.sender_user_id);
  const [first, ...more] = [1, 1, 1, 1, 1].map(rowOf);
  if (!first) throw new Error('There is no row.');
  expect(turns.begin([first, ...more])).toEqual([first]);
  expect(turns.begin(more)).toEqual([]);
  const others = [2, 3, 4, 5, 6].map(rowOf);
  const begun = turns.begin([...more, ...others]);
  expect(sendersOf(begun)).toEqual([2, 3, 4]);
  turns.end(first);
  // Sender 1 has waited longer by its rows, but had a turn.
  expect(sendersOf(turns.begin([...more, ...others.slice(3)]))).toEqual([5]);
  for (const row of begun) turns.end(row);
  expect(sendersOf(turns.begin([...more, ...others.slice(4)]))).toEqual([6, 1]);
});
