import { createRequire } from 'node:module';
import type { Knex } from 'knex';
import Libsql from 'libsql';

// Knex publishes its dialect classes as CommonJS files without types; the base class of all of them is typed.
const BetterSqlite3Client: typeof Knex.Client = createRequire(import.meta.url)(
  'knex/lib/dialects/better-sqlite3/index.js',
);

type Value = string | number | null;

interface Statement {
  readonly sql: string;
  readonly bindings?: readonly (Value | boolean)[];
  response?: unknown;
  context?: { lastID: number | bigint; changes: number };
}

const TRANSACTION_CONTROL = /^(?:begin|commit|rollback)\b/i;

/** Knex's better-sqlite3 dialect over libsql, which has the same programming interface and comes prebuilt. */
export class LibsqlClient extends BetterSqlite3Client {
  _driver(): typeof Libsql {
    return Libsql;
  }

  override async acquireRawConnection(): Promise<Libsql.Database> {
    const settings: { filename?: string } = this.connectionSettings;
    if (settings.filename === undefined) throw new TypeError('The SQLite connection names no file.');
    return new Libsql(settings.filename);
  }

  /** The file stays open, and locked, until the connection's statements are collected: a lock must not wait for that. */
  override async destroyRawConnection(connection: Libsql.Database): Promise<void> {
    try {
      if (connection.inTransaction) connection.exec('ROLLBACK');
    } finally {
      connection.close();
    }
  }

  async _query(connection: Libsql.Database, query: Statement): Promise<Statement> {
    if (TRANSACTION_CONTROL.test(query.sql)) {
      // A full disk and others end a transaction themselves; to roll it back again would fail, and count as a broken connection.
      const isOver = /^rollback\b/i.test(query.sql) && !connection.inTransaction;
      // A prepared BEGIN IMMEDIATE that found the database busy stays open until it is garbage-collected, and so does the
      // snapshot of the next read: all reads after that one are stale. exec finishes its statement at once.
      if (!isOver) connection.exec(query.sql);
      query.response = [];
      return query;
    }
    const statement = connection.prepare(query.sql);
    const bindings = (query.bindings ?? []).map((value) => (typeof value === 'boolean' ? Number(value) : value));
    if (statement.reader) {
      query.response = statement.all(bindings);
    } else {
      const result = statement.run(bindings);
      query.response = result;
      query.context = { lastID: result.lastInsertRowid, changes: result.changes };
    }
    return query;
  }
}
