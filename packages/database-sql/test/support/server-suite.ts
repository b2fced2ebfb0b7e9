import { databaseSuite, testAdapter } from '@user-workspaces/testkit';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { createSqlDatabase, type ServerDatabaseOptions } from '../../src/index.js';
import { describeDialect } from './dialect-suite.js';
import { connect } from './introspect.js';
import { newUser } from './rows.js';
import type { ServerKind, TestServer } from './servers.js';
import { databaseUnderTest, type Place } from './world.js';

/** The contract, and what happens when the server goes away; a server that is not installed is named. */
export function describeServer(name: string, kind: ServerKind): void {
  if (kind.missing && process.env.CI === 'true') {
    it(`${name}: must be tested in CI`, () => expect.fail(kind.missing));
    return;
  }
  if (kind.missing) console.warn(`Not run: tests of ${name}. ${kind.missing}`);
  const title = kind.missing ? `${name} (not run: ${kind.missing})` : name;

  describe.skipIf(kind.missing !== '')(title, () => {
    describe('on one server', () => {
      let server: TestServer;
      beforeAll(async () => {
        server = await kind.create();
        await server.start();
      }, 60_000);
      afterAll(() => server.remove());

      const place = (): Promise<Place> => server.createDatabase();
      const fullDisk = 'the disk is the database server’s, which is not this adapter’s to fill';
      // Side by side: each test waits for the server most of its time.
      testAdapter({ describe: describe.concurrent, test }, databaseSuite, databaseUnderTest(name, place, { fullDisk }));
      describeDialect(name, place);
    });

    describe('outages', () => {
      it('are "unavailable" and lose nothing; the next call after the return works', async () => {
        const server = await kind.create();
        const database = createSqlDatabase(server.options);
        try {
          await expect(database.migrate()).rejects.toMatchObject({ kind: 'unavailable' });
          expect(await database.check()).toMatchObject({ connected: false });
          await server.start();
          await database.migrate();
          await database.transaction((transaction) => transaction.insert('users', newUser('before')));

          // Several idle connections, and one in the middle of its work.
          await Promise.all(Array.from({ length: 5 }, () => database.count('users', {})));
          const interrupted = database.transaction(async (transaction) => {
            await transaction.insert('users', newUser('interrupted'));
            await server.stop();
            await transaction.insert('users', newUser('interrupted-2'));
          });
          await expect(interrupted).rejects.toMatchObject({ kind: 'unavailable' });
          await expect(database.count('users', {})).rejects.toMatchObject({ kind: 'unavailable' });
          await expect(database.transaction((t) => t.count('users', {}))).rejects.toMatchObject({
            kind: 'unavailable',
          });
          expect(await database.check()).toMatchObject({ connected: false });

          await server.start();
          const after = await database.transaction((transaction) => transaction.insert('users', newUser('after')));
          expect(after.username).toBe('after');
          expect(await database.check()).toMatchObject({ connected: true });
          const names = (await database.find('users', {})).map((row) => row.username);
          expect(names).toEqual(['before', 'after']);

          // The server goes between the last statement and the commit: nobody can tell what became of it.
          const unknown = database.transaction(async (transaction) => {
            await transaction.insert('users', newUser('unknown'));
            await server.stop();
          });
          await expect(unknown).rejects.toMatchObject({ kind: 'unavailable', details: { outcome: 'unknown' } });
        } finally {
          await database.close();
          await server.remove();
        }
      }, 60_000);
    });

    it('ids that were passed over stay so when the server is started anew', async () => {
      const server = await kind.create();
      await server.start();
      const database = createSqlDatabase(server.options);
      try {
        await database.migrate();
        const passOver = (upTo: number) => database.transaction((t) => t.passOverIds('users', upTo));
        expect(await passOver(5_000)).toBe(true);
        await server.stop();
        await server.start();
        expect(await passOver(4_000)).toBe(false);
        const user = await database.transaction((transaction) => transaction.insert('users', newUser('after')));
        expect(user.id).toBeGreaterThan(5_000);
      } finally {
        await database.close();
        await server.remove();
      }
    }, 60_000);

    it('tells the time by its own clock', async () => {
      const server = await kind.create();
      await server.start();
      const database = createSqlDatabase(server.options);
      try {
        for (let times = 0; times < 3; times += 1) {
          const beforeMs = Date.now();
          const nowMs = await database.nowMs?.();
          // The server runs on this machine.
          expect(nowMs).toBeGreaterThanOrEqual(beforeMs - 1);
          expect(nowMs).toBeLessThanOrEqual(Date.now());
          expect(Number.isSafeInteger(nowMs)).toBe(true);
        }
      } finally {
        await database.close();
        await server.remove();
      }
    }, 60_000);

    it('a server that takes no writes is told as such, and used again as soon as it does', async () => {
      const server = await kind.create();
      await server.start();
      const other = connect(server.options);
      const before = createSqlDatabase(server.options);
      const database = createSqlDatabase(server.options);
      const write = (username: string) => database.transaction((t) => t.insert('users', newUser(username)));
      const setting = kind.client === 'pg' ? 'alter database postgres set default_transaction_' : 'set global tx_';
      try {
        await before.migrate();
        await other.raw(`${setting}read_only = on`);
        // Connections of that time, which keep what they were told.
        await Promise.all(Array.from({ length: 5 }, () => database.count('users', {})));
        await expect(write('refused')).rejects.toMatchObject({
          kind: 'unavailable',
          message: expect.stringMatching(/takes no writes/),
        });
        expect(await database.check()).toMatchObject({
          connected: false,
          message: expect.stringMatching(/takes no writes/),
        });
        expect(await database.count('users', {})).toBe(0);
        await Promise.all(Array.from({ length: 5 }, () => database.count('users', {})));
        await other.raw(`${setting}read_only = off`);
        expect(await database.check()).toMatchObject({ connected: true });
        await Promise.all(Array.from({ length: 5 }, (_, number) => write(`user ${number}`)));
        expect(await before.check()).toMatchObject({ connected: true });
      } finally {
        await Promise.all([other.destroy(), before.close(), database.close()]);
        await server.remove();
      }
    }, 60_000);

    it('a refused user or database is a matter of configuration, named without the password', async () => {
      const server = await kind.create();
      await server.start();
      const address = String(server.options.connection).replace(/\/\w+$/, '/no_such_database');
      const options: ServerDatabaseOptions = { client: kind.client, connection: address };
      const database = createSqlDatabase(options);
      try {
        const error = await database.migrate().catch((thrown: unknown) => thrown);
        expect(error).toMatchObject({ kind: 'misconfigured' });
      } finally {
        await database.close();
        await server.remove();
      }
    }, 60_000);

    it('a migration that was interrupted at any statement is carried on', async () => {
      const server = await kind.create();
      await server.start();
      const other = connect(server.options);
      const database = createSqlDatabase(server.options);
      try {
        if (kind.client === 'mysql2') {
          // What a process leaves that dies after some of MariaDB's statements: each of those is committed at once.
          await database.migrate();
          await other('user_workspaces_migrations').update({ is_finished: false });
          await other.schema.dropTable('settings');
          await other.schema.table('events', (table) => table.dropUnique([], 'events_user_id_seq_unique'));
        }
        await database.migrate();
        await database.migrate();
        expect(await database.count('settings', {})).toBe(0);
        const keys = await other.schema.hasTable('settings');
        expect(keys).toBe(true);
        await database.transaction((transaction) => transaction.insert('users', newUser('kept')));
        await expect(
          database.transaction((transaction) => transaction.insert('users', newUser('kept'))),
        ).rejects.toMatchObject({ kind: 'conflict', field: 'username' });
      } finally {
        await other.destroy();
        await database.close();
        await server.remove();
      }
    }, 60_000);
  });
}
