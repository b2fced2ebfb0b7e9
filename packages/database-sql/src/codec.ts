import { AdapterError, type NewRow, type Row, type TableName } from '@user-workspaces/contract';
import { type Column, columnOf, schemaOf } from './schema.js';

/** What a driver is given for one column. JSON is text to all of them. */
export type StoredValue = string | number | boolean | null;
/** The columns to write, by name. */
export type EncodedRow = Readonly<Record<string, StoredValue>>;
/** A row as a driver returned it. */
export type StoredRow = Readonly<Record<string, unknown>>;

const NAME_LENGTH = 255;
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * The stored form of a value. The types of the contract forbid most of what is refused here; it is checked once more
 * because drivers give objects and `undefined` meanings of their own.
 *
 * @throws AdapterError `invalid` for text that not every database keeps unchanged; TypeError for a value of another type.
 */
export function encodeValue(table: string, column: Column, value: unknown): StoredValue {
  if (value === null && column.nullable) return null;
  switch (column.type) {
    case 'id':
    case 'integer':
      if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
      break;
    case 'number':
      if (typeof value === 'number' && Number.isFinite(value)) return value;
      break;
    case 'boolean':
      if (typeof value === 'boolean') return value;
      break;
    case 'name':
    case 'text':
      if (typeof value === 'string') return checkedText(column, value);
      break;
    case 'json': {
      const text: unknown = JSON.stringify(value);
      if (typeof text === 'string') return text;
    }
  }
  throw new TypeError(`${describe(value)} cannot be kept in ${table}.${column.name}, a column of type ${column.type}.`);
}

function checkedText(column: Column, text: string): string {
  const refuse = (what: string): never => {
    throw new AdapterError('invalid', `The value of ${column.name} ${what}.`, { field: column.name });
  };
  if (text.includes('\0')) return refuse('contains a NUL character, which a database cannot keep; leave it out');
  if (LONE_SURROGATE.test(text)) return refuse('contains half of a character (a lone surrogate); send valid Unicode');
  if (column.type === 'name' && text.length > NAME_LENGTH && [...text].length > NAME_LENGTH) {
    return refuse(`has more than ${NAME_LENGTH} characters; shorten it`);
  }
  return text;
}

/** A whole row to insert: every column but `id` must be there, and no other. */
export function encodeRow<T extends TableName>(table: T, row: NewRow<T>): EncodedRow {
  const stored = encodeChanges(table, row);
  for (const name of schemaOf(table).columns.keys()) {
    if (name !== 'id' && !(name in stored)) throw new TypeError(`A new row of ${table} lacks ${name}.`);
  }
  return stored;
}

/** Some columns to change; `id` is never one of them. */
export function encodeChanges<T extends TableName>(table: T, changes: Partial<NewRow<T>>): EncodedRow {
  const stored: Record<string, StoredValue> = {};
  for (const [name, value] of Object.entries(changes)) {
    const column = columnOf(table, name);
    if (column.type === 'id') throw new TypeError(`The id of a row of ${table} is given by the database.`);
    stored[name] = encodeValue(table, column, value);
  }
  return stored;
}

/** A row as the contract has it. The result is checked against the table's definition, column by column. */
export function decodeRow<T extends TableName>(table: T, stored: StoredRow): Row<T> {
  const row: Record<string, unknown> = {};
  for (const column of schemaOf(table).columns.values()) {
    row[column.name] = decodeValue(table, column, stored[column.name]);
  }
  // The loop has made exactly the columns of the definition, and the contract types that definition by Row<T>.
  return row as unknown as Row<T>;
}

/** A number that a statement computed, such as a count, whatever the driver makes of 64-bit integers. */
export function decodeNumber(what: string, value: unknown): number {
  const number = typeof value === 'string' || typeof value === 'bigint' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) throw new TypeError(`${what} is ${describe(value)}.`);
  if (Number.isInteger(number) && !Number.isSafeInteger(number)) throw new TypeError(`${what} is beyond 53 bits.`);
  return number;
}

function decodeValue(table: string, column: Column, value: unknown): unknown {
  if (value === null && column.nullable) return null;
  switch (column.type) {
    case 'id':
    case 'integer':
      if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
      break;
    case 'number':
      if (typeof value === 'number') return value;
      break;
    case 'boolean':
      if (typeof value === 'boolean') return value;
      if (value === 0 || value === 1) return value === 1;
      break;
    case 'name':
    case 'text':
      if (typeof value === 'string') return value;
      break;
    case 'json':
      if (typeof value === 'string') return JSON.parse(value);
  }
  throw new TypeError(`${table}.${column.name}, a column of type ${column.type}, holds ${describe(value)}.`);
}

/** Names the type, never the value: it may be a secret. */
function describe(value: unknown): string {
  return value === null
    ? 'null'
    : typeof value === 'number'
      ? 'a number out of range'
      : `a value of type ${typeof value}`;
}
