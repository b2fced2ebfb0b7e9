import assert from 'node:assert/strict';
import type { Database, Query, Where } from '@user-workspaces/contract';
import { failureOf } from '../../expectation.js';
import { newRow } from './rows.js';
import { type DatabaseGuarantee, withTables } from './world.js';

const rows = [
  { name: 'a', description: '100% sure', due_at_ms: null, is_listed: true },
  { name: 'A', description: '100 sure', due_at_ms: 1, is_listed: true },
  { name: 'b', description: 'under_score', due_at_ms: 2, is_listed: false },
  { name: 'b ', description: 'underscore', due_at_ms: 3, is_listed: false },
  { name: 'ä', description: 'back\\slash', due_at_ms: Number.MAX_SAFE_INTEGER, is_listed: true },
] as const;

/** Stores the rows, and finds names by conditions. */
async function stored(database: Database): Promise<{
  names(where: Where<'workspaces'>): Promise<string[]>;
  query(query: Query<'workspaces'>): Promise<string[]>;
}> {
  await database.transaction(async (transaction) => {
    for (const [index, row] of rows.entries()) {
      await transaction.insert('workspaces', newRow('workspaces', index + 1, row));
    }
  });
  const query = async (asked: Query<'workspaces'>): Promise<string[]> =>
    (await database.find('workspaces', asked)).map(({ name }) => name);
  return { query, names: (where) => query({ where }) };
}

export const conditionGuarantees: readonly DatabaseGuarantee[] = [
  {
    id: 'where.equality',
    promise: 'A plain value means equality, and text is compared case-sensitively, byte by byte.',
    trial: 'Names that differ in a capital, an accent or a trailing blank only are asked for one by one.',
    check: withTables(async ({ database }) => {
      const { names } = await stored(database);
      for (const { name } of rows) assert.deepEqual(await names({ name }), [name]);
      assert.deepEqual(await names({ name: 'B' }), []);
      assert.deepEqual(await names({ due_at_ms: Number.MAX_SAFE_INTEGER }), ['ä']);
      assert.deepEqual(await names({ is_listed: false }), ['b', 'b ']);
    }),
  },
  {
    id: 'where.null',
    promise: '`null` matches NULL.',
    trial: 'Rows with and without a value are asked for by null.',
    check: withTables(async ({ database }) => {
      const { names } = await stored(database);
      assert.deepEqual(await names({ due_at_ms: null }), ['a']);
      assert.deepEqual(await names({ due_at_ms: { not: null } }), ['A', 'b', 'b ', 'ä']);
      assert.deepEqual(await names({ due_at_ms: { in: [1, null] } }), ['a', 'A']);
    }),
  },
  {
    id: 'where.operators',
    promise:
      '`in`, `not`, `lt`, `lte`, `gt` and `gte` mean what they say; `not` is the opposite of equality, so it includes NULL.',
    trial: 'Each operator is asked at a border.',
    check: withTables(async ({ database }) => {
      const { names } = await stored(database);
      assert.deepEqual(await names({ due_at_ms: { in: [2, 3] } }), ['b', 'b ']);
      assert.deepEqual(await names({ name: { in: [] } }), []);
      assert.deepEqual(await names({ due_at_ms: { not: 1 } }), ['a', 'b', 'b ', 'ä']);
      assert.deepEqual(await names({ due_at_ms: { lt: 2 } }), ['A']);
      assert.deepEqual(await names({ due_at_ms: { lte: 2 } }), ['A', 'b']);
      assert.deepEqual(await names({ due_at_ms: { gt: 3 } }), ['ä']);
      assert.deepEqual(await names({ due_at_ms: { gte: 3 } }), ['b ', 'ä']);
      assert.deepEqual(await names({ name: { gte: 'b' } }), ['b', 'b ', 'ä']);
      assert.deepEqual(await names({ name: { lt: 'a' } }), ['A']);
    }),
  },
  {
    id: 'where.contains',
    promise: '`contains` is compared byte by byte; `%` and `_` have no meaning.',
    trial: 'Texts with the wildcards and escapes of SQL are searched for.',
    check: withTables(async ({ database }) => {
      const { names } = await stored(database);
      assert.deepEqual(await names({ description: { contains: '%' } }), ['a']);
      assert.deepEqual(await names({ description: { contains: 'r_s' } }), ['b']);
      assert.deepEqual(await names({ description: { contains: '\\' } }), ['ä']);
      assert.deepEqual(await names({ description: { contains: 'SURE' } }), []);
      assert.equal((await names({ description: { contains: '' } })).length, rows.length);
    }),
  },
  {
    id: 'where.all',
    promise: 'Conditions must all hold.',
    trial: 'Two columns, and two operators on one column, are asked at once.',
    check: withTables(async ({ database }) => {
      const { names } = await stored(database);
      assert.deepEqual(await names({ is_listed: { not: false }, due_at_ms: { lt: 9 } }), ['A']);
      const between = { gt: 1, lt: 3 };
      assert.deepEqual(await names({ due_at_ms: between }), ['b']);
      assert.equal((await names({})).length, rows.length);
    }),
  },
  {
    id: 'where.unknown-refused',
    promise:
      'Columns that hold JSON cannot be asked for; nor can unknown columns, operators and values, which would reach rows that nobody meant.',
    trial: 'Each is asked for, by code that no compiler checked.',
    check: withTables(async ({ database }) => {
      const wrong: readonly object[] = [
        { account: '{}' },
        { nothing: 1 },
        { name: undefined },
        { name: { like: 'x' } },
        { name: {} },
        { name: { in: 'abc' } },
      ];
      for (const where of wrong) {
        assert.ok(await failureOf(Reflect.apply(database.find, database, ['workspaces', { where }])));
      }
    }),
  },
  {
    id: 'query.order',
    promise: 'Rows come in the order asked for, by default by id, ascending.',
    trial: 'Rows are ordered by text, by numbers, by several columns, and by nothing.',
    check: withTables(async ({ database }) => {
      const { query } = await stored(database);
      const where = { due_at_ms: { not: null } };
      assert.deepEqual(await query({}), ['a', 'A', 'b', 'b ', 'ä']);
      assert.deepEqual(await query({ orderBy: [['name', 'asc']] }), ['A', 'a', 'b', 'b ', 'ä']);
      assert.deepEqual(await query({ where, orderBy: [['due_at_ms', 'desc']] }), ['ä', 'b ', 'b', 'A']);
      const both = [
        ['is_listed', 'asc'],
        ['id', 'desc'],
      ] as const;
      assert.deepEqual(await query({ orderBy: both }), ['b ', 'b', 'ä', 'A', 'a']);
    }),
  },
  {
    id: 'query.limit',
    promise: 'At most `limit` rows come, the first ones; `findOne` gives the first row, or `undefined`.',
    trial: 'Two of five rows, none, and one are asked for.',
    check: withTables(async ({ database }) => {
      const { query } = await stored(database);
      assert.deepEqual(await query({ limit: 2 }), ['a', 'A']);
      assert.deepEqual(await query({ limit: 0 }), []);
      assert.equal((await database.findOne('workspaces', { is_listed: false }))?.name, 'b');
      assert.equal(await database.findOne('workspaces', { name: 'c' }), undefined);
    }),
  },
  {
    id: 'query.count',
    promise: '`count` says how many rows match.',
    trial: 'All rows, some, and none are counted, in a transaction and outside.',
    check: withTables(async ({ database }) => {
      await stored(database);
      assert.equal(await database.count('workspaces', {}), 5);
      assert.equal(await database.count('workspaces', { is_listed: true }), 3);
      assert.equal(await database.transaction((t) => t.count('workspaces', { name: 'c' })), 0);
    }),
  },
];
