import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, tableDefinitions } from '@user-workspaces/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSqlDatabase } from '../../src/index.js';
import { tableSchemas } from '../../src/schema.js';
import { readSchema } from './introspect.js';
import { newUser, newWorkspace } from './rows.js';
import type { Place } from './world.js';

/** What every dialect of this package does beyond the contract; `open` gives an empty database. */
export function describeDialect(name: string, open: () => Promise<Place>): void {
  describe(name, () => {
    let place: Place;
    let database: Database;

    beforeAll(async () => {
      place = await open();
      database = createSqlDatabase(place.options);
      await database.migrate();
    }, 60_000);
    afterAll(async () => {
      await database?.close();
      await place?.remove();
    });

    const addUser = (username: string, changes = {}) =>
      database.transaction((transaction) => transaction.insert('users', newUser(username, changes)));

    it('has the columns and keys that the contract defines', async () => {
      const seen = await readSchema(place.options, Object.keys(tableDefinitions));
      for (const [table, schema] of tableSchemas) {
        const columns = Object.fromEntries(
          [...schema.columns.values()]
            .filter(({ type }) => type !== 'id')
            .map(({ name, type, nullable }) => [name, { nullable, type: type === 'json' ? 'text' : type }]),
        );
        expect(seen.get(table)?.columns, table).toEqual(columns);
        const keys = [
          ...schema.unique.map((key) => `unique ${key.join(',')}`),
          ...schema.indexes.map((key) => `index ${key.join(',')}`),
        ];
        expect(seen.get(table)?.keys, table).toEqual(keys.sort());
      }
    });

    it('refuses by name what would not come back as it was stored', async () => {
      const refused = { kind: 'invalid', field: 'first_name' };
      await expect(addUser('bad', { first_name: 'a\0b' })).rejects.toMatchObject(refused);
      await expect(addUser('bad', { first_name: 'a\ud800b' })).rejects.toMatchObject(refused);
      await expect(addUser('bad', { first_name: 'x'.repeat(256) })).rejects.toMatchObject(refused);
      await expect(addUser('bad', { created_at_ms: 2 ** 53 })).rejects.toThrow(TypeError);
      await expect(addUser('bad', { first_name: { toString: () => 'x' } })).rejects.toThrow(TypeError);
      await expect(addUser('bad', { unknown: 1 })).rejects.toThrow(TypeError);
      expect(await database.count('users', { username: 'bad' })).toBe(0);
    });

    it.each([
      ['an unknown column', { nothing: 1 }],
      ['a missing value', { name: undefined }],
      ['an unknown operator', { name: { like: 'x' } }],
      ['no operator', { name: {} }],
      ['a value of the wrong type', { name: { in: 'abc' } }],
      ['JSON', { account: '{}' }],
    ])('refuses conditions with %s as a defect of the caller', async (_, where) => {
      // Hostile or mistaken values come from code that the compiler did not check.
      await expect(Reflect.apply(database.find, database, ['workspaces', { where }])).rejects.toThrow(TypeError);
    });

    it('refuses to change or remove without a condition as a defect of the caller', async () => {
      await expect(database.transaction((t) => t.update('users', {}, { event_seq: 9 }))).rejects.toThrow(TypeError);
      await expect(database.transaction((t) => t.remove('users', {}))).rejects.toThrow(TypeError);
    });

    it('sorts NULL before all values', async () => {
      await database.transaction(async (transaction) => {
        for (const [name, due_at_ms] of [
          ['one', 1],
          ['none', null],
          ['two', 2],
        ] as const) {
          await transaction.insert('workspaces', newWorkspace(name, { due_at_ms, location: 'sorted' }));
        }
      });
      const ordered = async (direction: 'asc' | 'desc', limit = 9) =>
        (
          await database.find('workspaces', {
            where: { location: 'sorted' },
            orderBy: [['due_at_ms', direction]],
            limit,
          })
        ).map((row) => row.name);
      expect(await ordered('asc')).toEqual(['none', 'one', 'two']);
      expect(await ordered('desc')).toEqual(['two', 'one', 'none']);
      expect(await ordered('desc', 2)).toEqual(['two', 'one']);
    });

    it('goes on with a transaction after the conflict of an insert', async () => {
      const user = await addUser('taken');
      const kept = await database.transaction(async (transaction) => {
        const conflict = await transaction.insert('users', newUser('taken')).catch((error: unknown) => error);
        expect(conflict).toMatchObject({ name: 'AdapterError', kind: 'conflict', field: 'username' });
        return transaction.insert('users', newUser('free'));
      });
      expect(await database.findOne('users', { username: 'free' })).toEqual(kept);
      expect(kept.id).toBeGreaterThan(user.id);
      // A value that looks like the server's message about another key.
      const client = { name: "it's for key 'x'", token_hash: 'h1', is_configured: false, created_at_ms: 1 };
      await database.transaction((transaction) => transaction.insert('api_clients', client));
      const again = database.transaction((t) => t.insert('api_clients', { ...client, name: 'other' }));
      await expect(again).rejects.toMatchObject({ kind: 'conflict', field: 'token_hash' });
    });

    it('rejects a transaction whose work caught the error of another statement', async () => {
      await addUser('half-1');
      const work = database.transaction(async (transaction) => {
        const other = await transaction.insert('users', newUser('half-2'));
        await transaction.update('users', { id: other.id }, { username: 'half-1' }).catch(() => undefined);
        return 'done';
      });
      await expect(work).rejects.toMatchObject({ kind: 'conflict' });
      expect(await database.count('users', { username: 'half-2' })).toBe(0);
    });

    it('refuses to raise a number beyond 2^53', async () => {
      const user = await addUser('counter', { event_seq: Number.MAX_SAFE_INTEGER - 5 });
      const add = (by: number) => database.transaction((t) => t.increment('users', user.id, 'event_seq', by));
      await expect(add(10)).rejects.toThrow();
      expect(await add(0)).toBe(Number.MAX_SAFE_INTEGER - 5);
    });

    it('cannot be used through a transaction that has ended', async () => {
      const leaked = await database.transaction(async (transaction) => transaction);
      await expect(leaked.insert('users', newUser('late'))).rejects.toThrow(TypeError);
      expect(await database.count('users', { username: 'late' })).toBe(0);
    });

    it('ends the wait for a connection with the signal', async () => {
      const reason = new Error('enough');
      let release = (): void => undefined;
      const gate = new Promise<void>((resolve) => {
        release = resolve;
      });
      const holders = Array.from({ length: 10 }, () => database.transaction(() => gate));
      const waiting = new AbortController();
      const queued = database.transaction(async () => 1, waiting.signal);
      await sleep(20);
      waiting.abort(reason);
      await expect(queued).rejects.toBe(reason);
      release();
      await Promise.all(holders);
      await addUser('after-abort');
    });
  });
}
