import type { Query, TableName, Where } from '@user-workspaces/contract';
import type { Knex } from 'knex';
import { encodeValue, type StoredValue } from './codec.js';
import type { Dialect } from './dialect.js';
import { type Column, columnOf } from './schema.js';

const COMPARISONS: ReadonlyMap<string, string> = new Map([
  ['lt', '<'],
  ['lte', '<='],
  ['gt', '>'],
  ['gte', '>='],
]);

/** Adds the conditions, all of which must hold. */
export function applyWhere<T extends TableName>(
  statement: Knex.QueryBuilder,
  dialect: Dialect,
  table: T,
  where: Where<T>,
): Knex.QueryBuilder {
  for (const [name, condition] of entriesOf(where)) {
    const column = columnOf(table, name);
    if (column.type === 'json') throw new TypeError(`${table}.${name} holds JSON and cannot be asked for.`);
    if (typeof condition !== 'object' || condition === null) {
      applyEquality(statement, column, encodeValue(table, column, condition));
      continue;
    }
    const operators = entriesOf(condition);
    if (operators.length === 0) throw new TypeError(`The condition on ${table}.${name} is empty.`);
    for (const [operator, operand] of operators) applyOperator(statement, dialect, table, column, operator, operand);
  }
  return statement;
}

/** As {@link applyWhere}, for statements that write: conditions that were forgotten must not reach every row. */
export function applyRequiredWhere<T extends TableName>(
  statement: Knex.QueryBuilder,
  dialect: Dialect,
  table: T,
  where: Where<T>,
): Knex.QueryBuilder {
  if (entriesOf(where).length === 0) {
    throw new TypeError(`A change of ${table} without a condition is refused: it would reach every row.`);
  }
  return applyWhere(statement, dialect, table, where);
}

/** Orders as the query says, then by id, so that the order is the same in every database and every time. */
export function applyOrderAndLimit<T extends TableName>(
  statement: Knex.QueryBuilder,
  dialect: Dialect,
  table: T,
  query: Query<T>,
): Knex.QueryBuilder {
  const orderBy: readonly (readonly [string, 'asc' | 'desc'])[] = query.orderBy ?? [];
  for (const [name, direction] of orderBy) {
    const column = columnOf(table, name);
    if (column.type === 'json') throw new TypeError(`${table}.${name} holds JSON and cannot be sorted by.`);
    if (direction !== 'asc' && direction !== 'desc') throw new TypeError('An order is "asc" or "desc".');
    dialect.orderBy(statement, column, direction);
  }
  if (!orderBy.some(([name]) => name === 'id')) statement.orderBy('id', 'asc');
  if (query.limit !== undefined) {
    if (!Number.isSafeInteger(query.limit) || query.limit < 0) {
      throw new TypeError('A limit is a whole number, 0 or more.');
    }
    statement.limit(query.limit);
  }
  return statement;
}

function applyEquality(statement: Knex.QueryBuilder, column: Column, value: StoredValue): void {
  if (value === null) statement.whereNull(column.name);
  else statement.where(column.name, value);
}

function applyOperator(
  statement: Knex.QueryBuilder,
  dialect: Dialect,
  table: string,
  column: Column,
  operator: string,
  operand: unknown,
): void {
  const { name } = column;
  if (operator === 'in') {
    if (!Array.isArray(operand)) throw new TypeError(`The operand of "in" on ${table}.${name} is not a list.`);
    const values = operand.map((value: unknown) => encodeValue(table, column, value));
    const present = values.filter((value) => value !== null);
    statement.where((either) => {
      either.whereIn(name, present);
      if (present.length < values.length) either.orWhereNull(name);
    });
    return;
  }
  const value = encodeValue(table, column, operand);
  if (operator === 'not') {
    if (value === null) statement.whereNotNull(name);
    else if (!column.nullable) statement.whereNot(name, value);
    // NULL is not this value either; plain SQL would leave those rows out.
    else statement.where((either) => either.whereNot(name, value).orWhereNull(name));
    return;
  }
  if (operator === 'contains' && typeof value === 'string' && (column.type === 'name' || column.type === 'text')) {
    dialect.whereContains(statement, name, value);
    return;
  }
  const comparison = COMPARISONS.get(operator);
  if (comparison === undefined || value === null || typeof value === 'boolean') {
    throw new TypeError(`The condition ${JSON.stringify(operator)} does not apply to ${table}.${name}.`);
  }
  statement.where(name, comparison, value);
}

function entriesOf(value: object): [string, unknown][] {
  return Object.entries(value);
}
