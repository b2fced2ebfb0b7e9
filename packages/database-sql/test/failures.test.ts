// What errors of database servers mean, those that are hard to bring about among them.
import { expect, test } from 'vitest';
import { createMariadbDialect } from '../src/dialects/mariadb.js';
import { createPostgresDialect } from '../src/dialects/postgres.js';

const connection = 'scheme://127.0.0.1:1/none';
const postgres = createPostgresDialect({ client: 'pg', connection });
const mariadb = createMariadbDialect({ client: 'mysql2', connection });

const withCode = (code: string): Error => Object.assign(new Error('What the server says.'), { code });

test.each([
  ['a statement that was cancelled, or took too long', '57014', 'transient'],
  ['a transaction that rested too long', '25P03', 'unreachable'],
  ['a transaction that took too long', '25P04', 'unreachable'],
  ['no memory left', '53200', 'unreachable'],
  ['no disk left', '53100', 'no_space'],
  ['a standby', '25006', 'read_only'],
  ['a defect', '42601', 'unexpected'],
])('PostgreSQL: %s', (_, code, kind) => {
  expect(postgres.classify(withCode(code)).kind).toBe(kind);
});

test.each([
  ['a statement that was cancelled', 'ER_QUERY_INTERRUPTED', 'transient'],
  ['a statement that took too long', 'ER_STATEMENT_TIMEOUT', 'transient'],
  ['a replica', 'ER_OPTION_PREVENTS_STATEMENT', 'read_only'],
  ['sessions that only read', 'ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION', 'read_only'],
  ['a defect', 'ER_PARSE_ERROR', 'unexpected'],
])('MariaDB: %s', (_, code, kind) => {
  expect(mariadb.classify(withCode(code)).kind).toBe(kind);
});
