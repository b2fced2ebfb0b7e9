import { randomInt, randomUUID } from 'node:crypto';
import knex, { type Knex } from 'knex';
import type { EncodedRow, StoredValue } from '../codec.js';
import type { Dialect, SchemaFlavour } from '../dialect.js';
import { codeOf, type Failure, isConnectionFailure, MISSING_TABLES, REFUSED_ACCESS } from '../failure.js';
import type { ServerDatabaseOptions } from '../options.js';
import { fieldOfUniqueKey, schemaOf } from '../schema.js';
import { rowsOf, type Session } from '../session.js';
import { quietLog } from './quiet-log.js';
import { PoolAge, placeOf, withDriver } from './server-connection.js';

const CONNECT_LIMIT_MS = 10_000;
const ACQUIRE_LIMIT_MS = 30_000;

/** Knex escapes values for a server that reads backslashes; strict mode refuses what would be cut. */
const SESSION_SETTINGS = `set session sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO',
  session autocommit = 1, session innodb_lock_wait_timeout = 10, session wait_timeout = 28800`;
/** Every statement sees what was committed before it. The server's default would keep an old view of the rows. */
const ISOLATION = 'set session transaction isolation level read committed';

export function createMariadbDialect(options: ServerDatabaseOptions): Dialect {
  const writerAge = new PoolAge();
  const pool = open(options, writerAge);
  return {
    product: 'MariaDB',
    place: placeOf(options),
    replicas: true,
    writer: pool,
    reader: pool,
    writerAge,
    // From the time of day it could not be told in the hour that comes twice in autumn.
    nowExpression: 'unix_timestamp() * 1000 + floor(microsecond(now(6)) / 1000)',
    beginStatement: 'BEGIN',
    pauses: { firstMs: 25, longestMs: 1_000 },
    transactionalSchema: false,
    classify,
    async control(session, statement) {
      await session.runText(statement);
    },
    async takesWrites(session) {
      // Who may write to a server that is read_only is for the server to say.
      try {
        await session.runText('update user_workspaces_migrations set version = version where 1 = 0');
      } catch (error) {
        if (classify(error).kind === 'read_only') return false;
        if (codeOf(error) !== 'ER_NO_SUCH_TABLE') throw error;
      }
      return true;
    },
    whereContains(statement, column, text) {
      statement.whereRaw('locate(?, ??) > 0', [text, column]);
    },
    orderBy(statement, column, direction) {
      statement.orderBy(column.name, direction);
    },
    forUpdate(statement) {
      statement.forUpdate();
    },
    insert,
    async passOverIds(session, table, upTo) {
      // A row that brings a higher id raises the counter, and nothing lowers it. To set it would commit the transaction, and could lower it.
      const next = await insert(session, table, rowLikeNoOther(table));
      if (typeof next !== 'number') throw new TypeError(`A row like no other is in ${table} already.`);
      const made = [next];
      if (next < upTo) {
        // Where somebody else has got this id meanwhile, the counter is beyond it.
        const last = await insert(session, table, { ...rowLikeNoOther(table), id: upTo });
        if (typeof last === 'number') made.push(upTo);
      }
      await session.run(session.knex(table).whereIn('id', made).delete());
      return next <= upTo;
    },
    async increment(session, table, id, column, by) {
      // The update locks the row, so the select reads what the update wrote.
      const sum = session.knex.raw('?? + ?', [column, by]);
      await session.run(session.knex(table).where('id', id).update(column, sum));
      return rowsOf(await session.run(session.knex(table).where('id', id).select(column)))[0]?.[column];
    },
    async tryMigrationLock(session) {
      return (await askLock(session, `get_lock(${LOCK_NAME}, 0)`)) === 1;
    },
    async releaseMigrationLock(session) {
      await askLock(session, `release_lock(${LOCK_NAME})`);
    },
    schemaFlavour,
    close: () => pool.destroy(),
  };
}

async function insert(session: Session, table: string, row: EncodedRow): Promise<number | Failure> {
  try {
    const ids = await session.run(session.knex(table).insert(row));
    const id: unknown = Array.isArray(ids) ? ids[0] : undefined;
    if (typeof id !== 'number') throw new TypeError('MariaDB returned no id.');
    return id;
  } catch (error) {
    const failure = classify(error);
    if (failure.kind === 'unique') return failure;
    throw error;
  }
}

/** A row that no unique key refuses, for the one transaction that makes and removes it. */
function rowLikeNoOther(table: string): EncodedRow {
  const row: Record<string, StoredValue> = {};
  for (const { name, type, nullable } of schemaOf(table).columns.values()) {
    if (type === 'id') continue;
    if (nullable) row[name] = null;
    else if (type === 'integer') row[name] = randomInt(2 ** 47);
    else row[name] = type === 'boolean' ? false : type === 'number' ? 0 : randomUUID();
  }
  return row;
}

const LOCK_NAME = "concat('user-workspaces:', left(sha1(database()), 32))";

async function askLock(session: Session, expression: string): Promise<unknown> {
  return rowsOf(await session.run(session.knex.select(session.knex.raw(`${expression} as answer`))))[0]?.answer;
}

/** The collations that compare bytes, trailing blanks included, have another name in MySQL. */
async function schemaFlavour(session: Session): Promise<SchemaFlavour> {
  const [row] = rowsOf(await session.run(session.knex.select(session.knex.raw('version() as version'))));
  const collation = /mariadb/i.test(String(row?.version)) ? 'utf8mb4_nopad_bin' : 'utf8mb4_0900_bin';
  return {
    text: (table, column, size) => (size === 'name' ? table.string(column, 255) : table.text(column, 'longtext')),
    table(table) {
      table.engine('InnoDB');
      table.charset('utf8mb4');
      table.collate(collation);
    },
  };
}

function open(options: ServerDatabaseOptions, age: PoolAge): Knex {
  const given = typeof options.connection === 'string' ? { uri: options.connection } : options.connection;
  const connection = {
    connectTimeout: CONNECT_LIMIT_MS,
    enableKeepAlive: true,
    ...given,
    charset: 'utf8mb4',
    multipleStatements: false,
  };
  type Raw = { query(sql: string, done: (error: unknown) => void): void };
  const afterCreate = (raw: Raw, done: (error: unknown, raw: Raw) => void): void => {
    age.opened(raw);
    raw.query(SESSION_SETTINGS, (error) =>
      error ? done(error, raw) : raw.query(ISOLATION, (failed) => done(failed, raw)),
    );
  };
  return withDriver('mysql2', () =>
    knex({
      client: 'mysql2',
      connection,
      compileSqlOnError: false,
      log: quietLog,
      pool: { min: 0, max: options.poolSize ?? 10, acquireTimeoutMillis: ACQUIRE_LIMIT_MS, afterCreate },
    }),
  );
}

const TRANSIENT = new Set([
  'ER_LOCK_DEADLOCK',
  'ER_LOCK_WAIT_TIMEOUT',
  'ER_CHECKREAD',
  // Cancelled by somebody, or by a limit of the server; the connection is as good as before.
  'ER_QUERY_INTERRUPTED',
  'ER_STATEMENT_TIMEOUT',
]);
const READ_ONLY = new Set(['ER_OPTION_PREVENTS_STATEMENT', 'ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION']);
const NO_SPACE = new Set(['ER_DISK_FULL', 'ER_RECORD_FILE_FULL']);
const REFUSED = new Set([
  'ER_ACCESS_DENIED_ERROR',
  'ER_DBACCESS_DENIED_ERROR',
  'ER_BAD_DB_ERROR',
  'ER_TABLEACCESS_DENIED_ERROR',
]);
const UNREACHABLE = new Set([
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
  'ER_SERVER_SHUTDOWN',
  'ER_CON_COUNT_ERROR',
  'ER_CONNECTION_KILLED',
  'ER_NORMAL_SHUTDOWN',
]);

function classify(error: unknown): Failure {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : '';
  if (code === 'ER_DUP_ENTRY') {
    // "Duplicate entry 'x' for key 'users_username_unique'"; MySQL writes 'users.users_username_unique'.
    const key = /for key '(?:[^'.]*\.)?([^'.]+)'$/.exec(message)?.[1];
    return { kind: 'unique', field: key === undefined ? undefined : fieldOfUniqueKey(key) };
  }
  if (TRANSIENT.has(code)) return { kind: 'transient' };
  if (READ_ONLY.has(code)) return { kind: 'read_only' };
  if (NO_SPACE.has(code)) return { kind: 'no_space' };
  if (code === 'ER_NO_SUCH_TABLE') return MISSING_TABLES;
  if (REFUSED.has(code)) return REFUSED_ACCESS;
  if (UNREACHABLE.has(code) || isConnectionFailure(error) || /closed state|connection lost/i.test(message)) {
    return { kind: 'unreachable' };
  }
  return { kind: 'unexpected' };
}
