import assert from 'node:assert/strict';
import { failureOf, refused } from '../../expectation.js';
import { addUser, newUser } from './rows.js';
import { type DatabaseGuarantee, withTables } from './world.js';

export const writingGuarantees: readonly DatabaseGuarantee[] = [
  {
    id: 'insert.conflict',
    promise: '`insert` throws `conflict`, with the unique key in `field`, when a unique key exists already.',
    trial: 'A row is stored twice, in two transactions and in one.',
    check: withTables(async ({ database }) => {
      const first = await addUser(database, 'taken', { first_name: 'First' });
      assert.equal((await refused(addUser(database, 'taken'), 'conflict')).field, 'username');
      const both = database.transaction(async (transaction) => {
        await transaction.insert('users', newUser('new'));
        await transaction.insert('users', newUser('new'));
      });
      assert.equal((await refused(both, 'conflict')).field, 'username');
      assert.deepEqual(await database.find('users', {}), [first]);
    }),
  },
  {
    id: 'insert.row',
    promise: '`insert` returns the row as it is stored, with its id.',
    trial: 'The answer is compared with what is read inside the transaction and after it.',
    check: withTables(async ({ database }) => {
      const stored = await database.transaction(async (transaction) => {
        const row = await transaction.insert('users', newUser('new'));
        assert.deepEqual(await transaction.findOne('users', { id: row.id }), row);
        return row;
      });
      assert.deepEqual(await database.find('users', {}), [{ ...newUser('new'), id: stored.id }]);
    }),
  },
  {
    id: 'update.count',
    promise: '`update` changes all rows that match and returns how many did.',
    trial: 'Two of three rows are changed, then set to the values that they have, then none match.',
    check: withTables(async ({ database }) => {
      for (const name of ['a', 'b']) await addUser(database, name, { last_name: 'Both' });
      const other = await addUser(database, 'c', { last_name: 'Other' });
      const update = (first_name: string, last_name: string): Promise<number> =>
        database.transaction((transaction) => transaction.update('users', { last_name }, { first_name }));
      assert.equal(await update('New', 'Both'), 2);
      assert.equal(await update('New', 'Both'), 2, 'rows that match count, also if they are what they were');
      assert.equal(await update('New', 'Nobody'), 0);
      const names = (await database.find('users', {})).map(({ first_name }) => first_name);
      assert.deepEqual(names, ['New', 'New', other.first_name]);
    }),
  },
  {
    id: 'update.compare-and-set',
    promise: '`update` changes the rows that match at the moment of writing: the ground for compare-and-set.',
    trial: '30 transactions at once change a row from the value that it has to one of their own.',
    timeoutMs: 60_000,
    check: withTables(async ({ database }) => {
      const { id } = await addUser(database, 'contended', { first_name: 'First' });
      const counts = await Promise.all(
        Array.from({ length: 30 }, (_, index) =>
          database.transaction((transaction) =>
            transaction.update('users', { id, first_name: 'First' }, { first_name: `winner ${index}` }),
          ),
        ),
      );
      assert.deepEqual(
        counts.filter((count) => count !== 0),
        [1],
      );
      const winner = `winner ${counts.indexOf(1)}`;
      assert.equal((await database.findOne('users', { id }))?.first_name, winner);
    }),
  },
  {
    id: 'update.where-required',
    promise: 'An empty `where` of `update` is refused.',
    trial: 'All rows are changed by forgetting the condition.',
    check: withTables(async ({ database }) => {
      const before = [await addUser(database, 'a'), await addUser(database, 'b')];
      assert.ok(await failureOf(database.transaction((t) => t.update('users', {}, { event_seq: 9 }))));
      assert.deepEqual(await database.find('users', {}), before);
    }),
  },
  {
    id: 'remove.where-required',
    promise: 'An empty `where` of `remove` is refused.',
    trial: 'All rows are removed by forgetting the condition.',
    check: withTables(async ({ database }) => {
      const before = [await addUser(database, 'a'), await addUser(database, 'b')];
      assert.ok(await failureOf(database.transaction((t) => t.remove('users', {}))));
      assert.deepEqual(await database.find('users', {}), before);
    }),
  },
  {
    id: 'remove.count',
    promise: '`remove` removes all rows that match and returns how many did.',
    trial: 'Two of three rows are removed, then none match.',
    check: withTables(async ({ database }) => {
      for (const name of ['a', 'b']) await addUser(database, name, { last_name: 'Both' });
      const kept = await addUser(database, 'c', { last_name: 'Other' });
      const remove = (): Promise<number> => database.transaction((t) => t.remove('users', { last_name: 'Both' }));
      assert.equal(await remove(), 2);
      assert.equal(await remove(), 0);
      assert.deepEqual(await database.find('users', {}), [kept]);
    }),
  },
  {
    id: 'increment.value',
    promise:
      '`increment` adds to a number in one row and returns the new value; `undefined` when the row does not exist.',
    trial: 'A number is raised to 2^53 - 1, lowered, and raised in a row that does not exist.',
    check: withTables(async ({ database }) => {
      const { id } = await addUser(database, 'counter', { event_seq: 2 ** 52 });
      const other = await addUser(database, 'other');
      const add = (row: number, by: number): Promise<number | undefined> =>
        database.transaction((transaction) => transaction.increment('users', row, 'event_seq', by));
      assert.equal(await add(id, 2 ** 52 - 1), Number.MAX_SAFE_INTEGER);
      assert.equal(await add(id, -5), Number.MAX_SAFE_INTEGER - 5);
      assert.equal(await add(other.id + 1000, 1), undefined);
      assert.equal((await database.findOne('users', { id }))?.event_seq, Number.MAX_SAFE_INTEGER - 5);
      assert.deepEqual(await database.findOne('users', { id: other.id }), other);
    }),
  },
  {
    id: 'increment.atomic',
    promise: '`increment` is atomic.',
    trial: 'A number is raised 100 times at once, each time by 1; every value is returned once.',
    timeoutMs: 60_000,
    check: withTables(async ({ database }) => {
      const { id } = await addUser(database, 'counter');
      const values = await Promise.all(
        Array.from({ length: 100 }, () => database.transaction((t) => t.increment('users', id, 'event_seq', 1))),
      );
      const expected = Array.from({ length: 100 }, (_, index) => index + 1);
      assert.deepEqual(
        values.toSorted((a, b) => Number(a) - Number(b)),
        expected,
      );
      assert.equal((await database.findOne('users', { id }))?.event_seq, 100);
    }),
  },
];
