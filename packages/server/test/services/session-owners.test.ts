import type { DatabaseReader, Query, Row, TableName } from '@user-workspaces/contract';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SessionOwners } from '../../src/services/session-owners.js';
import { newUserRow } from '../../src/services/users.js';
import { type Fixture, startFixture } from '../files/fixture.js';

let fixture: Fixture;
let owners: SessionOwners;
let shutOut: number[];
/** Answers that are held back, in the order of their questions; `undefined`: none is. */
let held: (() => void)[] | undefined;
let id: number;

beforeEach(async () => {
  fixture = await startFixture();
  id = fixture.user.id;
  shutOut = [];
  held = undefined;
  const database: Pick<DatabaseReader, 'find'> = {
    async find<T extends TableName>(table: T, query: Query<T>): Promise<Row<T>[]> {
      const rows = await fixture.database.find(table, query);
      await new Promise<void>((resolve) => (held ? held.push(resolve) : resolve()));
      return rows;
    },
  };
  owners = new SessionOwners(database, (userId) => shutOut.push(userId));
});
afterEach(() => fixture.close());

const change = (changes: { is_active?: boolean; session_epoch?: number }): Promise<unknown> =>
  fixture.database.transaction((rows) => rows.update('users', { id }, changes));

/** Until the question of a reading was answered by the database, its answer being held back. */
async function begin(): Promise<{ arrive: () => Promise<void> }> {
  held ??= [];
  const before = held.length;
  const reading = owners.read([id]);
  while (held.length === before) await new Promise((resolve) => setImmediate(resolve));
  const release = held[before];
  return {
    arrive: async () => {
      release?.();
      await reading;
    },
  };
}

test('the epoch of a new user is not that of whoever had the same id before a backup was restored', () => {
  const identity = { username: 'bob', email: 'bob@example.org', firstName: '', lastName: '' };
  const [before, after] = [1_000, 2_000].map((nowMs) => newUserRow(identity, nowMs));
  expect(after?.session_epoch).not.toBe(before?.session_epoch);
});

test('the epoch is that of the last reading; another one, or none, ends what is open', async () => {
  expect(owners.epochOf(id)).toBeUndefined();
  await owners.read([id, 4711]);
  expect([owners.epochOf(id), owners.epochOf(4711)]).toEqual([0, undefined]);
  expect(shutOut).toEqual([]);
  await change({ session_epoch: 1 });
  await owners.read([id]);
  expect(owners.epochOf(id)).toBe(1);
  expect(shutOut).toEqual([id]);
  await change({ is_active: false, session_epoch: 2 });
  await owners.read([id]);
  await owners.read([id]);
  expect(owners.epochOf(id)).toBeUndefined();
  expect(shutOut).toEqual([id, id]);
});

test('an answer from before the user was deactivated here lets nobody in, one from after does', async () => {
  await owners.read([id]);
  const early = await begin();
  owners.forget(id);
  const late = await begin();
  await early.arrive();
  expect(owners.epochOf(id)).toBeUndefined();
  await late.arrive();
  expect(owners.epochOf(id)).toBe(0);
  expect(shutOut).toEqual([id]);
});

test('an answer that comes after a later one changes nothing', async () => {
  const early = await begin();
  await change({ is_active: false });
  await (await begin()).arrive();
  await early.arrive();
  expect(owners.epochOf(id)).toBeUndefined();
});
