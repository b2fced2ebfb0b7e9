import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '@user-workspaces/contract';
import {
  type AdapterUnderTest,
  type DatabaseCapability,
  type DatabaseOnBreakingLine,
  type DatabaseOnSmallDisk,
  type DatabaseWorld,
  makeSmallDisk,
  openBreakingLine,
} from '@user-workspaces/testkit';
import { createSqlDatabase, type ServerDatabaseOptions, type SqlDatabaseOptions } from '../../src/index.js';
import { startChild } from './processes.js';

/** An empty database. */
export interface Place {
  readonly options: SqlDatabaseOptions;
  remove(): Promise<void>;
}

/** What the conformance suite needs of a kind of database; `place` makes an empty one, and `openDatabase` may change what is tried. */
export function databaseUnderTest(
  name: string,
  place: () => Promise<Place>,
  differences: AdapterUnderTest<DatabaseWorld, DatabaseCapability>['differences'] = {},
  openDatabase: (options: SqlDatabaseOptions) => Database = createSqlDatabase,
): AdapterUnderTest<DatabaseWorld, DatabaseCapability> {
  return {
    name,
    differences,
    async open() {
      const { options, remove } = await place();
      const closing: (() => Promise<void>)[] = [remove];
      const reopen = async (): Promise<Database> => {
        const database = openDatabase(options);
        closing.unshift(() => database.close());
        return database;
      };
      return {
        database: await reopen(),
        reopen,
        start: (task, times) => startChild(task, options, times),
        async openOnSmallDisk() {
          const { close, ...small } = await sqliteOnSmallDisk(openDatabase);
          closing.unshift(close);
          return small;
        },
        ...(options.client !== 'sqlite' && {
          async openOnBreakingLine() {
            const { close, ...onLine } = await onBreakingLine(options, openDatabase);
            closing.unshift(close);
            return onLine;
          },
        }),
        async close() {
          for (const close of closing) await close();
        },
      };
    },
  };
}

/** The database of a server by a connection that can be broken. */
async function onBreakingLine(
  options: ServerDatabaseOptions,
  openDatabase: (options: SqlDatabaseOptions) => Database,
): Promise<DatabaseOnBreakingLine & { close(): Promise<void> }> {
  const address = new URL(String(options.connection));
  const line = await openBreakingLine(address.hostname, Number(address.port));
  address.port = String(line.port);
  const database = openDatabase({ ...options, connection: address.href });
  return {
    database,
    breakNow: () => line.breakNow(),
    // The word alone: a transaction may begin with READ COMMITTED.
    breakAtCommit: (when) => line.breakAt(when, (piece) => /\bCOMMIT\b/.test(piece.toString('latin1'))),
    async close() {
      await database.close();
      await line.close();
    },
  };
}

/** A place for a SQLite file in a directory of its own. */
export async function sqlitePlace(): Promise<Place> {
  const directory = mkdtempSync(join(tmpdir(), 'uws-sqlite-'));
  return {
    options: { client: 'sqlite', file: join(directory, 'server.db') },
    remove: async () => rmSync(directory, { recursive: true }),
  };
}

/** A SQLite database on a file system of its own, which can be filled. */
export async function sqliteOnSmallDisk(
  openDatabase: (options: SqlDatabaseOptions) => Database,
): Promise<DatabaseOnSmallDisk & { readonly directory: string; close(): Promise<void> }> {
  const { directory, fill, free, remove } = await makeSmallDisk(4 * 1024 * 1024);
  const database = openDatabase({ client: 'sqlite', file: join(directory, 'server.db') });
  return {
    database,
    directory,
    fill,
    free,
    async close() {
      try {
        await database.close();
      } finally {
        // libsql holds the file until its statements are collected.
        await remove();
      }
    },
  };
}
