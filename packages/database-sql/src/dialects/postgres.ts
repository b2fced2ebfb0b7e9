import knex, { type Knex } from 'knex';
import { decodeNumber, type EncodedRow } from '../codec.js';
import type { Dialect, SchemaFlavour } from '../dialect.js';
import { codeOf, type Failure, isConnectionFailure, MISSING_TABLES, REFUSED_ACCESS } from '../failure.js';
import type { ServerDatabaseOptions } from '../options.js';
import { schemaOf } from '../schema.js';
import { rowsOf, type Session } from '../session.js';
import { quietLog } from './quiet-log.js';
import { PoolAge, placeOf, withDriver } from './server-connection.js';

const BIGINT_OID = 20;
/** Names this product's migrations among the advisory locks of a database. */
const MIGRATION_LOCK = 5_271_866_042_311;
const CONNECT_LIMIT_MS = 10_000;
const ACQUIRE_LIMIT_MS = 30_000;

/** A frozen process must not hold its locks for ever, and no statement of the server takes a minute. */
const SESSION_SETTINGS = `
  set synchronous_commit = on;
  set lock_timeout = '10s';
  set statement_timeout = '60s';
  set idle_in_transaction_session_timeout = '60s'`;

export function createPostgresDialect(options: ServerDatabaseOptions): Dialect {
  const writerAge = new PoolAge();
  const pool = open(options, writerAge);
  return {
    product: 'PostgreSQL',
    place: placeOf(options),
    replicas: true,
    writer: pool,
    reader: pool,
    writerAge,
    nowExpression: 'floor(extract(epoch from clock_timestamp()) * 1000)::bigint',
    // Every statement sees what was committed before it, and a conditional update waits for, and then sees, the other one.
    beginStatement: 'BEGIN ISOLATION LEVEL READ COMMITTED',
    // A deadlock takes a second to be found; works that met in one had better not meet again.
    pauses: { firstMs: 25, longestMs: 1_000 },
    transactionalSchema: true,
    classify,
    async control(session, statement) {
      const result = await session.runText(statement);
      const command = typeof result === 'object' && result !== null && 'command' in result ? result.command : undefined;
      if (statement === 'COMMIT' && command !== 'COMMIT') {
        throw new Error('PostgreSQL rolled the transaction back because one of its statements had failed.');
      }
    },
    async takesWrites(session) {
      const query = session.knex.select(session.knex.raw("current_setting('transaction_read_only') as read_only"));
      return rowsOf(await session.run(query))[0]?.read_only !== 'on';
    },
    whereContains(statement, column, text) {
      statement.whereRaw('position(?::text in ??) > 0', [text, column]);
    },
    orderBy(statement, column, direction) {
      if (column.nullable)
        statement.orderBy([{ column: column.name, order: direction, nulls: direction === 'asc' ? 'first' : 'last' }]);
      else statement.orderBy(column.name, direction);
    },
    forUpdate(statement) {
      statement.forUpdate();
    },
    async insert(session, table, row) {
      // An error would end the whole transaction; DO NOTHING leaves the caller the choice.
      const insert = session.knex(table).insert(row).onConflict().ignore().returning('id');
      const [inserted] = rowsOf(await session.run(insert));
      if (inserted) return decodeNumber('An id', inserted.id);
      return { kind: 'unique', field: await fieldInConflict(session, table, row) };
    },
    async passOverIds(session, table, upTo) {
      // Sequences belong to no transaction: between the look at one and its setting others could come further, and be set back. This lock keeps inserts waiting.
      await session.run(session.knex.raw('lock table ?? in share row exclusive mode', [table]));
      const named = session.knex.select(session.knex.raw("pg_get_serial_sequence(?, 'id') as sequence", [table]));
      // As PostgreSQL itself writes it, with its schema and in quotes where it needs them.
      const sequence = String(rowsOf(await session.run(named))[0]?.sequence);
      const set = session.knex
        .select(session.knex.raw('setval(?, ?)', [sequence, upTo]))
        .from(session.knex.raw(sequence))
        .whereRaw('last_value < ? or (last_value = ? and not is_called)', [upTo, upTo]);
      return rowsOf(await session.run(set)).length > 0;
    },
    async increment(session, table, id, column, by) {
      const sum = session.knex.raw('?? + ?', [column, by]);
      const updated = await session.run(session.knex(table).where('id', id).update(column, sum).returning(column));
      return rowsOf(updated)[0]?.[column];
    },
    async tryMigrationLock(session) {
      const query = session.knex.select(session.knex.raw('pg_try_advisory_xact_lock(?) as locked', [MIGRATION_LOCK]));
      return rowsOf(await session.run(query))[0]?.locked === true;
    },
    // The lock ends with the transaction.
    async releaseMigrationLock() {},
    async schemaFlavour() {
      return flavour;
    },
    close: () => pool.destroy(),
  };
}

const flavour: SchemaFlavour = {
  // The database's own collation may sort and compare by the rules of a language.
  text: (table, column, size) =>
    table.specificType(column, size === 'name' ? 'varchar(255) collate "C"' : 'text collate "C"'),
  table() {},
};

function open(options: ServerDatabaseOptions, age: PoolAge): Knex {
  const given = typeof options.connection === 'string' ? { connectionString: options.connection } : options.connection;
  const connection = {
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    keepAlive: true,
    ...given,
    types: { getTypeParser },
  };
  const afterCreate = (
    raw: { query(sql: string, done: (error: unknown) => void): void },
    done: (error: unknown, raw: unknown) => void,
  ): void => {
    age.opened(raw);
    raw.query(SESSION_SETTINGS, (error) => done(error, raw));
  };
  return withDriver('pg', () =>
    knex({
      client: 'pg',
      connection,
      compileSqlOnError: false,
      log: quietLog,
      pool: { min: 0, max: options.poolSize ?? 10, acquireTimeoutMillis: ACQUIRE_LIMIT_MS, afterCreate },
    }),
  );
}

/** The types of the tables: text for all but these. `decodeRow` checks that integers keep within 53 bits. */
function getTypeParser(oid: number): (text: string) => unknown {
  const BOOLEAN_OID = 16;
  const INTEGER_OIDS = [BIGINT_OID, 21, 23];
  const FLOAT_OIDS = [700, 701];
  if (oid === BOOLEAN_OID) return (text) => text === 't';
  if (INTEGER_OIDS.includes(oid) || FLOAT_OIDS.includes(oid)) return Number;
  return (text) => text;
}

async function fieldInConflict(session: Session, table: string, row: EncodedRow): Promise<string | undefined> {
  const keys = schemaOf(table).unique;
  if (keys.length === 1) return keys[0]?.join(',');
  for (const key of keys) {
    const same = session.knex(table).select('id').limit(1);
    for (const column of key) same.where(column, row[column] ?? null);
    if (rowsOf(await session.run(same)).length > 0) return key.join(',');
  }
  return undefined;
}

function classify(error: unknown): Failure {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : '';
  switch (code) {
    case '23505':
      return { kind: 'unique', field: undefined };
    case '40001': // serialization_failure
    case '40P01': // deadlock_detected
    case '55P03': // lock_not_available
    case '57014': // query_canceled: by statement_timeout, or by somebody
      return { kind: 'transient' };
    case '53100': // disk_full
      return { kind: 'no_space' };
    case '42P01': // undefined_table
      return MISSING_TABLES;
    case '28P01':
    case '28000':
    case '3D000':
    case '42501':
      return REFUSED_ACCESS;
    case '25006': // read_only_sql_transaction
      return { kind: 'read_only' };
  }
  // 08: connection exceptions; 25P03 and 25P04: it ended one that rested, or took, too long; 53: it has no memory or connections left;
  // 57P0x: the server stops, crashed or starts; 58: trouble of its operating system.
  if (/^(?:08...|25P0[34]|53...|57P0.|58...)$/.test(code) || isConnectionFailure(error)) return { kind: 'unreachable' };
  if (/connection terminated|connection error|not queryable|connection ended|timeout expired/i.test(message)) {
    return { kind: 'unreachable' };
  }
  return { kind: 'unexpected' };
}
