import assert from 'node:assert/strict';
import { type Database, type TableName, tableDefinitions } from '@user-workspaces/contract';
import { failureOf } from '../../expectation.js';
import { addUser, newRow, newUser } from './rows.js';
import { type DatabaseGuarantee, withTables } from './world.js';

const tables = Object.keys(tableDefinitions).filter((name): name is TableName => name in tableDefinitions);

const passOver = (database: Database, upTo: number): Promise<boolean> =>
  database.transaction((transaction) => transaction.passOverIds('users', upTo));

/** Others store rows while ids are passed over, by several at once. */
async function passOverAtOnce(replicas: readonly [Database, ...Database[]]): Promise<void> {
  const [database] = replicas;
  const replicaAt = (index: number): Database => replicas[index % replicas.length] ?? database;
  const given: number[] = [];
  const store = async (index: number, name: string): Promise<number> => {
    const { id } = await addUser(replicaAt(index), name);
    given.push(id);
    return id;
  };
  // So that connections are open, and calls come at the same moment.
  await Promise.all(Array.from({ length: 12 }, (_, index) => store(index, `before ${index}`)));
  for (let round = 1; round <= 10; round += 1) {
    const highest = round * 1000;
    // High and low ones in turn: whoever looks, and then writes what another has overtaken meanwhile, goes back.
    const numbers = [0, 500, 100, 400, 200, 300].map((less) => highest - less);
    const isAlone = round % 2 === 1;
    await Promise.all(
      numbers.flatMap((upTo, index) => [
        passOver(replicaAt(index), upTo),
        // Rows may hide that it went back.
        ...(isAlone ? [] : [store(index + 1, `${round}: meanwhile ${index}`)]),
      ]),
    );
    for (const index of replicas.keys()) {
      const id = await store(index, `${round}: afterwards ${index}`);
      assert.ok(id > highest, `${id} was given after all up to ${highest} had been passed over.`);
    }
  }
  assert.equal(new Set(given).size, given.length, 'Of the rows that were stored two got one id.');
}

export const idGuarantees: readonly DatabaseGuarantee[] = [
  {
    id: 'ids.once',
    promise: 'Ids grow and are never given twice, also after rows were removed.',
    trial: 'The newest rows are removed, the database is opened anew, and a row is stored.',
    check: withTables(async ({ database, reopen }) => {
      const first = await addUser(database, 'first');
      const last = await addUser(database, 'last');
      assert.ok(last.id > first.id);
      const remove = (id: number): Promise<number> => database.transaction((t) => t.remove('users', { id }));
      await remove(last.id);
      const next = await addUser(database, 'next');
      assert.ok(next.id > last.id, `${next.id} was given after ${last.id}`);
      await remove(next.id);
      const reopened = await reopen();
      const after = await addUser(reopened, 'after');
      assert.ok(after.id > next.id, `${after.id} was given after ${next.id}, by a database opened anew`);
    }),
  },
  {
    id: 'ids.passed-over',
    promise:
      '`passOverIds` gives no id up to this one any more, says whether one might have been given, and changes neither rows nor other tables.',
    trial:
      'In each table, empty and with a row, ids are passed over; rows are stored in the same transaction, after it, and by a database opened anew.',
    timeoutMs: 60_000,
    check: withTables(async ({ database, reopen }) => {
      for (const [index, table] of tables.entries()) {
        for (const upTo of [1000 + index, 5000 + index]) {
          // The rows of different tables differ in what they hold; here only their ids matter.
          const row = newRow(table, upTo);
          const [isNew, { id }] = await database.transaction(async (t) => [
            await t.passOverIds(table, upTo),
            await t.insert(table, row),
          ]);
          assert.equal(isNew, true, `Ids of ${table} up to ${upTo} might have been given before.`);
          assert.ok(id > upTo, `${table}: ${id} was given after all up to ${upTo} had been passed over.`);
          assert.ok(id < upTo + 1000, `${table}: ${id} was given where those from ${upTo + 1} on are free.`);
        }
        assert.equal(await database.count(table, {}), 2, `There are rows in ${table} that nobody has stored.`);
      }
      await passOver(database, 9000);
      const reopened = await reopen();
      const { id } = await addUser(reopened, 'opened anew');
      assert.ok(id > 9000, `${id} was given by a database opened anew, after all up to 9000 had been passed over.`);
      const wrong = [20_000.5, Number.NaN, 2 ** 53];
      for (const upTo of wrong) assert.ok(await failureOf(passOver(database, upTo), `To pass over ids up to ${upTo}`));
    }),
  },
  {
    id: 'ids.never-back',
    promise: '`passOverIds` never goes back: where the next id is higher anyhow it changes nothing, and says so.',
    trial: 'Lower numbers are passed over, also when the newest rows are removed and when no row was stored meanwhile.',
    check: withTables(async ({ database }) => {
      assert.equal(await passOver(database, -1), false);
      const first = await addUser(database, 'first');
      assert.equal(await passOver(database, 0), false);
      assert.equal(await passOver(database, first.id), false, 'An id that was given could be given again.');
      assert.equal(await passOver(database, first.id + 100), true);
      assert.equal(await passOver(database, first.id + 100), false, 'What was passed over could still be given.');
      assert.equal(await passOver(database, first.id + 50), false, 'What was passed over could still be given.');
      const next = await addUser(database, 'next');
      assert.ok(next.id > first.id + 100, `${next.id} was given after ${first.id + 100} had been passed over.`);
      await database.transaction((transaction) => transaction.remove('users', { id: { gte: first.id } }));
      assert.equal(await passOver(database, first.id + 1), false, 'An id that was passed over could be given again.');
      const last = await addUser(database, 'last');
      assert.ok(last.id > next.id, `${last.id} was given after ${next.id}.`);
      assert.deepEqual(await database.find('users', {}), [last]);
    }),
  },
  {
    id: 'ids.passed-over-undone',
    promise:
      'When a transaction that passes over ids is rolled back they may be passed over or not; it is said truly the next time, and no id is given twice.',
    trial: 'Ids are passed over by a work that throws, a row is stored, and they are passed over again.',
    check: withTables(async ({ database }) => {
      const before = await addUser(database, 'before');
      const upTo = before.id + 100;
      const reason = new Error('enough');
      const undone = database.transaction(async (transaction) => {
        await transaction.passOverIds('users', upTo);
        await transaction.insert('users', newUser('undone'));
        throw reason;
      });
      assert.equal(await failureOf(undone), reason);
      const between = await addUser(database, 'between');
      assert.ok(between.id > before.id, `${between.id} was given after ${before.id}.`);
      const isNew = await passOver(database, upTo);
      assert.equal(isNew, between.id < upTo, 'What became of the ids that were passed over is not what is said of it.');
      const after = await addUser(database, 'after');
      assert.ok(after.id > upTo, `${after.id} was given after all up to ${upTo} had been passed over.`);
      assert.deepEqual(await database.find('users', { orderBy: [['id', 'asc']] }), [before, between, after]);
    }),
  },
  {
    id: 'ids.passed-over-at-once',
    promise: 'Ids are passed over while others store rows and do the same: none is given twice, and none goes back.',
    trial:
      'Two replicas pass over ids up to six numbers at once, high and low in turn; ten times, with rows stored meanwhile and without.',
    timeoutMs: 60_000,
    check: withTables(async ({ database, reopen }) => passOverAtOnce([database, await reopen()])),
    without: {
      capability: 'replicas',
      trial:
        'Ids up to six numbers are passed over at once, high and low in turn; ten times, with rows stored meanwhile and without.',
      check: withTables(async ({ database }) => passOverAtOnce([database])),
    },
  },
];
