import assert from 'node:assert/strict';
import { type Database, type TableName, tableDefinitions } from '@user-workspaces/contract';
import { failureOf, refused } from '../../expectation.js';
import { addUser, columnsOf, newRow, newUser } from './rows.js';
import { type DatabaseGuarantee, withTables } from './world.js';

const tables = Object.keys(tableDefinitions).filter((name): name is TableName => name in tableDefinitions);

async function keepsText(database: Database, text: string): Promise<void> {
  const stored = await database.transaction((transaction) =>
    transaction.insert('workspaces', newRow('workspaces', 1, { description: text, request_details: { text } })),
  );
  const read = await database.findOne('workspaces', { id: stored.id });
  // Not by deepEqual, whose message would hold a megabyte.
  assert.ok(read?.description === text && read.request_details.text === text, `${text.slice(0, 40)} came back changed`);
}

export const valueGuarantees: readonly DatabaseGuarantee[] = [
  {
    id: 'tables.columns',
    promise:
      'Every table of the contract is there, and keeps what each column may hold, NULL where the definition allows it.',
    trial:
      'A row with a value in every column, and one with NULL wherever it may be, are stored in each table and read.',
    check: withTables(async ({ database }) => {
      for (const table of tables) {
        const full = newRow(table, 1);
        const empty: object = { ...newRow(table, 2), ...Object.fromEntries(nullableOf(table)) };
        for (const row of [full, empty]) {
          const stored = await database.transaction(async (t) => Reflect.apply(t.insert, t, [table, row]));
          assert.deepEqual(stored, { ...row, id: stored.id });
          assert.deepEqual(await database.find(table, { where: { id: stored.id } }), [stored]);
        }
      }
    }),
  },
  {
    id: 'tables.unique',
    promise: 'Each unique key of the contract is in force: `insert` throws `conflict`, with the unique key in `field`.',
    trial: 'In each table a second row is stored that differs from the first in all but one unique key.',
    check: withTables(async ({ database }) => {
      for (const table of tables) {
        const { unique }: { readonly unique: readonly (readonly string[])[] } = tableDefinitions[table];
        const first: object = newRow(table, 1);
        await database.transaction(async (t) => Reflect.apply(t.insert, t, [table, first]));
        for (const [index, key] of unique.entries()) {
          const second: Record<string, unknown> = { ...newRow(table, index + 2) };
          for (const column of key) second[column] = Reflect.get(first, column);
          const error = await refused(
            database.transaction(async (t) => Reflect.apply(t.insert, t, [table, second])),
            'conflict',
          );
          assert.equal(error.field, key.join(','), `field of the conflict in ${table}`);
          assert.equal(await database.count(table, {}), 1);
        }
      }
    }),
  },
  {
    id: 'values.text',
    promise: 'Text comes back as it was stored.',
    trial:
      'Unicode in several normal forms, emoji, quotes, escapes, blanks, line ends, nothing, and a megabyte are stored and read.',
    check: withTables(async ({ database }) => {
      for (const text of [
        'Grüße, 漢字, עברית, e\u0301 and é',
        '👩‍🔬🏳️‍🌈 𝒳',
        `'; drop table users; -- \\' " \` \\n %_ ? ?? $1 :name`,
        '  two  ',
        'a\r\nb\n\tc',
        '',
        'ä👍x'.repeat(150_000),
      ]) {
        await keepsText(database, text);
      }
    }),
  },
  {
    id: 'values.names',
    promise: '`name` is text of at most 255 characters.',
    trial: '255 characters outside of the basic plane are stored, then one character more.',
    check: withTables(async ({ database }) => {
      const { id } = await addUser(database, '👍'.repeat(255));
      assert.equal((await database.findOne('users', { id }))?.username, '👍'.repeat(255));
      assert.equal((await refused(addUser(database, 'x'.repeat(256)), 'invalid')).field, 'username');
    }),
  },
  {
    id: 'values.numbers',
    promise: 'Numbers up to 2^53 and booleans come back as they were stored.',
    trial: 'The largest whole numbers of either sign, fractions and both booleans are stored and read.',
    check: withTables(async ({ database }) => {
      const numbers = { created_at_ms: -Number.MAX_SAFE_INTEGER, version: Number.MAX_SAFE_INTEGER };
      for (const core_hours of [0, 0.1, 1 / 3, 1e-7, 123_456.789_01]) {
        for (const isSet of [true, false]) {
          const row = newRow('jobs', 1, {
            launch_key: `${core_hours} ${isSet}`,
            core_hours,
            launch_begun: isSet,
            ...numbers,
          });
          const { id } = await database.transaction((transaction) => transaction.insert('jobs', row));
          const read = await database.findOne('jobs', { id });
          assert.deepEqual(
            [read?.core_hours, read?.launch_begun, read?.created_at_ms, read?.version],
            [core_hours, isSet, numbers.created_at_ms, numbers.version],
          );
        }
      }
    }),
  },
  {
    id: 'values.json',
    promise: 'JSON comes back as it was stored.',
    trial:
      'Nested lists and objects, an empty key, null, numbers of all sizes and control characters are stored, changed and read.',
    check: withTables(async ({ database }) => {
      const json = {
        list: [1, 2.5, null, true, [], {}, { b: 'c', '': { control: '\u0000\u2028' } }],
        small: 1e-7,
        big: 1e300,
        text: '2020-01-01T00:00:00Z',
        nothing: null,
      };
      const row = newRow('workspaces', 1, { request_details: json, current_details: {} });
      const { id } = await database.transaction((transaction) => transaction.insert('workspaces', row));
      await database.transaction((transaction) => transaction.update('workspaces', { id }, { current_details: json }));
      const read = await database.findOne('workspaces', { id });
      assert.deepEqual([read?.request_details, read?.current_details], [json, json]);
    }),
  },
  {
    id: 'values.refused',
    promise: 'What would not come back as it was stored is refused, and nothing is stored.',
    trial:
      'Numbers beyond 2^53, fractions of whole numbers, missing and unknown columns, and objects in place of text are stored.',
    check: withTables(async ({ database }) => {
      const wrong: readonly object[] = [
        { created_at_ms: 2 ** 53 },
        { created_at_ms: 1.5 },
        { created_at_ms: Number.NaN },
        { first_name: undefined },
        { first_name: { toString: () => 'x' } },
        { is_active: 1 },
        { unknown: 1 },
      ];
      for (const changes of wrong) {
        const row = { ...newUser('bad'), ...changes };
        assert.ok(await failureOf(database.transaction(async (t) => Reflect.apply(t.insert, t, ['users', row]))));
      }
      assert.equal(await database.count('users', {}), 0);
      // Not every database can keep these: one that cannot says so.
      for (const text of ['a\0b', 'a\ud800b']) {
        const stored = await addUser(database, 'odd', { first_name: text }).catch((error: unknown) => error);
        if (stored instanceof Error) await refused(Promise.reject(stored), 'invalid');
        else assert.equal((await database.findOne('users', { username: 'odd' }))?.first_name, text);
        await database.transaction((transaction) => transaction.remove('users', { username: 'odd' }));
      }
    }),
  },
];

function nullableOf(table: TableName): [string, null][] {
  return columnsOf(table)
    .filter(({ nullable }) => nullable)
    .map(({ name }) => [name, null]);
}
