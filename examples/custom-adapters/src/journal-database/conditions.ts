import type { Query, TableName, Where } from '@user-workspaces/contract';
import { type Column, checkedValue, columnOf, type StoredRow } from './rows.js';

type Test = (value: unknown) => boolean;

/** Whether a row meets all conditions. Columns and operators that do not exist are refused: they would reach rows that nobody meant. */
export function matching<T extends TableName>(table: T, where: Where<T>): (row: StoredRow) => boolean {
  const tests = entriesOf(where).map(([name, condition]): [string, Test] => [
    name,
    testOf(columnOf(table, name), condition),
  ]);
  return (row) => tests.every(([name, test]) => test(row[name]));
}

/** As {@link matching}, for what changes rows: conditions that were forgotten must not reach every row. */
export function matchingSome<T extends TableName>(table: T, where: Where<T>): (row: StoredRow) => boolean {
  if (entriesOf(where).length === 0) throw new TypeError(`A change of ${table} without a condition is refused.`);
  return matching(table, where);
}

function testOf(column: Column, condition: unknown): Test {
  if (column.type === 'json') throw new TypeError(`${column.table}.${column.name} holds JSON and cannot be asked for.`);
  if (typeof condition !== 'object' || condition === null) {
    const expected = checkedValue(column, condition);
    return (value) => value === expected;
  }
  const tests = entriesOf(condition).map(([operator, operand]) => operatorTest(column, operator, operand));
  if (tests.length === 0) throw new TypeError(`The condition on ${column.table}.${column.name} is empty.`);
  return (value) => tests.every((test) => test(value));
}

function operatorTest(column: Column, operator: string, operand: unknown): Test {
  const wrong = new TypeError(`The condition ${operator} does not apply to ${column.table}.${column.name}.`);
  if (operator === 'in') {
    if (!Array.isArray(operand)) throw wrong;
    const expected = new Set(operand.map((each: unknown) => checkedValue(column, each)));
    return (value) => expected.has(value);
  }
  const expected = checkedValue(column, operand);
  if (operator === 'not') return (value) => value !== expected;
  if (operator === 'contains') {
    if (typeof expected !== 'string') throw wrong;
    return (value) => typeof value === 'string' && value.includes(expected);
  }
  const accepts = comparisons.get(operator);
  if (!accepts || (typeof expected !== 'string' && typeof expected !== 'number')) throw wrong;
  return (value) => value !== null && accepts(compare(value, expected));
}

const comparisons: ReadonlyMap<string, (order: number) => boolean> = new Map([
  ['lt', (order) => order < 0],
  ['lte', (order) => order <= 0],
  ['gt', (order) => order > 0],
  ['gte', (order) => order >= 0],
]);

/** Sorts as the query says, then by id, and cuts. */
export function sorted<T extends TableName>(
  table: T,
  rows: StoredRow[],
  { orderBy = [], limit }: Query<T>,
): StoredRow[] {
  const order: readonly (readonly [string, 'asc' | 'desc'])[] = [...orderBy, ['id', 'asc']];
  for (const [name] of order) {
    if (columnOf(table, name).type === 'json')
      throw new TypeError(`${table}.${name} holds JSON and cannot be sorted by.`);
  }
  rows.sort((one, two) => {
    for (const [name, direction] of order) {
      const difference = compare(one[name], two[name]);
      if (difference !== 0) return direction === 'asc' ? difference : -difference;
    }
    return 0;
  });
  return limit === undefined ? rows : rows.slice(0, limit);
}

/** NULL comes first, text is compared byte by byte. */
function compare(one: unknown, two: unknown): number {
  if (one === two) return 0;
  if (one === null) return -1;
  if (two === null) return 1;
  if (typeof one === 'string' && typeof two === 'string') return Buffer.compare(Buffer.from(one), Buffer.from(two));
  return Number(one) - Number(two);
}

function entriesOf(value: object): [string, unknown][] {
  return Object.entries(value);
}
