import { accessSync, chmodSync, closeSync, constants, existsSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { AdapterError } from '@user-workspaces/contract';
import knex, { type Knex } from 'knex';
import type Libsql from 'libsql';
import { decodeNumber } from '../codec.js';
import type { Dialect, SchemaFlavour } from '../dialect.js';
import { codeOf, type Failure, isConnectionFailure, MISSING_TABLES } from '../failure.js';
import type { SqliteDatabaseOptions } from '../options.js';
import { rowsOf } from '../session.js';
import { LibsqlClient } from './libsql-client.js';
import { quietLog } from './quiet-log.js';

/**
 * How long a statement may wait for another process inside the driver, which blocks the event loop. Longer waits happen
 * between the attempts of `withRetries`, which do not.
 */
const BUSY_TIMEOUT_MS = 5;
const QUEUE_LIMIT_MS = 30_000;
const WAL_SIZE_LIMIT_BYTES = 64 * 1024 * 1024;

/**
 * One connection writes, so that transactions of this process wait for each other in a queue; a second one reads, so
 * that reads never wait for a transaction. The file itself keeps several processes apart.
 */
export function createSqliteDialect({ file }: SqliteDatabaseOptions): Dialect {
  if (file === '' || file === ':memory:') {
    throw new AdapterError('misconfigured', 'The SQLite database needs a file; name one in the setting "file".', {
      field: 'file',
    });
  }
  // libsql takes some names, such as file: and http: addresses, for something else than a path; never an absolute path.
  const path = resolve(file);
  makePrivate(path);
  const writer = open(path, []);
  const reader = open(path, ['query_only=ON']);
  return {
    product: 'SQLite',
    place: path,
    replicas: true,
    writer,
    reader,
    beginStatement: 'BEGIN IMMEDIATE',
    // A writer of another process is done in a millisecond or two.
    pauses: { firstMs: 2, longestMs: 50 },
    transactionalSchema: true,
    classify,
    async control(session, statement) {
      await session.runText(statement);
    },
    whereContains(statement, column, text) {
      statement.whereRaw('instr(??, ?) > 0', [column, text]);
    },
    orderBy(statement, column, direction) {
      statement.orderBy(column.name, direction);
    },
    forUpdate() {},
    async insert(session, table, row) {
      try {
        const [inserted] = rowsOf(await session.run(session.knex(table).insert(row).returning('id')));
        if (typeof inserted?.id !== 'number') throw new TypeError('SQLite returned no id.');
        return inserted.id;
      } catch (error) {
        const failure = classify(error);
        if (failure.kind === 'unique') return failure;
        throw error;
      }
    },
    async passOverIds(session, table, upTo) {
      // The table of AUTOINCREMENT, which has a row from the first insert on; nobody else writes to it in this transaction.
      const sequences = () => session.knex('sqlite_sequence');
      const [sequence] = rowsOf(await session.run(sequences().where('name', table).select('seq')));
      if (!sequence) await session.run(sequences().insert({ name: table, seq: upTo }));
      else if (decodeNumber('The last id', sequence.seq) >= upTo) return false;
      else await session.run(sequences().where('name', table).update('seq', upTo));
      return true;
    },
    async increment(session, table, id, column, by) {
      const sum = session.knex.raw('?? + ?', [column, by]);
      const updated = await session.run(session.knex(table).where('id', id).update(column, sum).returning(column));
      return rowsOf(updated)[0]?.[column];
    },
    async tryMigrationLock() {
      return true;
    },
    async releaseMigrationLock() {},
    async schemaFlavour() {
      return flavour;
    },
    async close() {
      try {
        await reader.destroy();
        // So that the file alone is a whole backup after the server has ended.
        await writer.raw('PRAGMA wal_checkpoint(TRUNCATE)');
      } catch (error) {
        // The write-ahead log stays then, and is read by whoever opens the file next.
        if (classify(error).kind === 'unexpected') throw error;
      } finally {
        await writer.destroy();
      }
    },
  };
}

const flavour: SchemaFlavour = {
  text: (table, column, size) => (size === 'name' ? table.string(column, 255) : table.text(column)),
  table() {},
};

function open(filename: string, pragmas: readonly string[]): Knex {
  const afterCreate = (
    connection: Libsql.Database,
    done: (error: unknown, connection: Libsql.Database) => void,
  ): void => {
    try {
      connection.pragma(`busy_timeout=${BUSY_TIMEOUT_MS}`);
      connection.pragma('journal_mode=WAL');
      // In WAL mode only FULL puts a transaction on disk before COMMIT returns; NORMAL may lose it when the power goes.
      connection.pragma('synchronous=FULL');
      connection.pragma(`journal_size_limit=${WAL_SIZE_LIMIT_BYTES}`);
      for (const pragma of pragmas) connection.pragma(pragma);
      done(null, connection);
    } catch (error) {
      connection.close();
      done(error, connection);
    }
  };
  return knex({
    client: LibsqlClient,
    connection: { filename },
    useNullAsDefault: true,
    compileSqlOnError: false,
    log: quietLog,
    pool: { min: 0, max: 1, acquireTimeoutMillis: QUEUE_LIMIT_MS, idleTimeoutMillis: 2 ** 31 - 1, afterCreate },
  });
}

/**
 * The file holds token hashes and session secrets. SQLite gives its -wal and -shm files the mode of the file itself.
 *
 * A file that exists is not opened here: closing it would drop the locks by which other connections of this process
 * hold it (a rule of POSIX), and another process would then take their write-ahead log away.
 */
function makePrivate(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    if (existsSync(path)) accessSync(path, constants.R_OK | constants.W_OK);
    else createPrivately(path);
    for (const each of [path, `${path}-wal`, `${path}-shm`]) {
      if (existsSync(each) && (statSync(each).mode & 0o077) !== 0) chmodSync(each, 0o600);
    }
  } catch (cause) {
    const message = `The SQLite database ${path} cannot be made or written (${codeOf(cause)}); name another "file" or give this user access to it.`;
    throw new AdapterError('misconfigured', message, { field: 'file', cause });
  }
}

function createPrivately(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    // Another process was faster.
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

function classify(error: unknown): Failure {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : '';
  if (code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY') {
    // "UNIQUE constraint failed: events.user_id, events.seq"
    const columns = /UNIQUE constraint failed: (.+)$/.exec(message)?.[1]?.split(', ');
    return { kind: 'unique', field: columns?.map((column) => column.replace(/^.*\./, '')).join(',') };
  }
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) return { kind: 'transient' };
  if (code === 'SQLITE_FULL') return { kind: 'no_space' };
  if (code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT')) {
    return { kind: 'misconfigured', advice: 'the file is damaged or no SQLite database. Restore it from a backup.' };
  }
  if (message.includes('no such table')) return MISSING_TABLES;
  if (code.startsWith('SQLITE_READONLY')) return { kind: 'read_only' };
  if (/^SQLITE_(?:IOERR|CANTOPEN)/.test(code) || message.includes('ConnectionFailed') || isConnectionFailure(error)) {
    return { kind: 'unreachable' };
  }
  return { kind: 'unexpected' };
}
