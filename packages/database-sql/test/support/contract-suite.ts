import { setTimeout as sleep } from 'node:timers/promises';
import { AdapterError, type Database, tableDefinitions, type Where } from '@user-workspaces/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSqlDatabase, type SqlDatabaseOptions } from '../../src/index.js';
import { tableSchemas } from '../../src/schema.js';
import { readSchema } from './introspect.js';
import { finished, startChild } from './processes.js';
import { newEvent, newShare, newUser, newWorkspace } from './rows.js';

export interface Target {
  readonly options: SqlDatabaseOptions;
  remove(): Promise<void>;
}

/** What every database of this package must do; `open` gives an empty one. */
export function describeContract(name: string, open: () => Promise<Target>): void {
  describe(name, () => {
    let target: Target;
    let database: Database;

    beforeAll(async () => {
      target = await open();
      // Four processes migrate an empty database at once.
      await Promise.all([1, 2, 3].map(async () => finished(await startChild('migrate', target.options))));
      database = createSqlDatabase(target.options);
      await database.migrate();
    }, 60_000);
    afterAll(async () => {
      await database?.close();
      await target?.remove();
    });

    const addUser = (username: string, changes = {}) =>
      database.transaction((transaction) => transaction.insert('users', newUser(username, changes)));

    describe('schema', () => {
      it('is what the contract defines', async () => {
        const seen = await readSchema(target.options, Object.keys(tableDefinitions));
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

      it('is left alone by another migration, in this process and in others', async () => {
        const user = await addUser('migrated');
        await Promise.all([
          database.migrate(),
          database.migrate(),
          startChild('migrate', target.options).then(finished),
        ]);
        expect(await database.findOne('users', { id: user.id })).toEqual(user);
      });
    });

    describe('values', () => {
      it.each([
        ['Unicode', 'Grüße, 漢字, עברית, e\u0301 and é'],
        ['emoji', '👩‍🔬🏳️‍🌈 𝒳'],
        ['quotes and backslashes', `'; drop table users; -- \\' " \` \\n %_ ? ?? $1 :name`],
        ['blanks at both ends', '  two  '],
        ['line ends', 'a\r\nb\n\tc'],
        ['the empty text', ''],
        ['a megabyte', 'ä👍x'.repeat(150_000)],
      ])('keep text: %s', async (_, text) => {
        const stored = await database.transaction((transaction) =>
          transaction.insert('workspaces', newWorkspace('text', { description: text, request_details: { text } })),
        );
        const read = await database.findOne('workspaces', { id: stored.id });
        expect(read?.description === text && read.request_details.text === text).toBe(true);
        expect(read).toEqual(stored);
      });

      it('keep numbers, booleans, nulls and JSON', async () => {
        const json = {
          a: [1, 2.5, null, true, { b: 'c', '': { proto: '\u0000\ud800' } }],
          n: 1e-7,
          big: 1e300,
        };
        const row = newWorkspace('all', {
          disk_space_bytes: Number.MAX_SAFE_INTEGER,
          created_at_ms: -Number.MAX_SAFE_INTEGER,
          request_details: json,
          is_listed: false,
          status_reason: 'x',
          default_job_type: null,
        });
        const stored = await database.transaction((transaction) => transaction.insert('workspaces', row));
        expect(stored).toEqual({ ...row, id: stored.id });
        expect(await database.findOne('workspaces', { id: stored.id })).toEqual({ ...row, id: stored.id });
      });

      it('refuse what would not come back as it was', async () => {
        const refused = { kind: 'invalid', field: 'first_name' };
        await expect(addUser('bad', { first_name: 'a\0b' })).rejects.toMatchObject(refused);
        await expect(addUser('bad', { first_name: 'a\ud800b' })).rejects.toMatchObject(refused);
        await expect(addUser('bad', { first_name: 'x'.repeat(256) })).rejects.toMatchObject(refused);
        await expect(addUser('bad', { created_at_ms: 2 ** 53 })).rejects.toThrow(TypeError);
        await expect(addUser('bad', { created_at_ms: 1.5 })).rejects.toThrow(TypeError);
        await expect(addUser('bad', { first_name: undefined })).rejects.toThrow(TypeError);
        await expect(addUser('bad', { first_name: { toString: () => 'x' } })).rejects.toThrow(TypeError);
        await expect(addUser('bad', { unknown: 1 })).rejects.toThrow(TypeError);
        expect(await database.count('users', { username: 'bad' })).toBe(0);
        expect((await addUser('👍'.repeat(255), { email: '' })).username).toHaveLength(510);
      });
    });

    describe('conditions', () => {
      const names = async (where: Where<'workspaces'>) =>
        (await database.find('workspaces', { where: { location: 'where', ...where } })).map((row) => row.name);

      beforeAll(async () => {
        await database.transaction(async (transaction) => {
          for (const [name, description, due, listed] of [
            ['a', '100% sure', null, true],
            ['A', '100 sure', 1, true],
            ['b', 'under_score', 2, false],
            ['b ', 'underscore', 3, false],
            ['ä', 'back\\slash', Number.MAX_SAFE_INTEGER, true],
          ] as const) {
            const changes = {
              description,
              due_at_ms: due,
              is_listed: listed,
              location: 'where',
              default_job_type: null,
            };
            await transaction.insert('workspaces', newWorkspace(name, changes));
          }
        });
      });

      it('compare text byte by byte', async () => {
        expect(await names({ name: 'a' })).toEqual(['a']);
        expect(await names({ name: 'b' })).toEqual(['b']);
        expect(await names({ name: 'B' })).toEqual([]);
        expect(await names({ name: { gte: 'b' } })).toEqual(['b', 'b ', 'ä']);
        expect(await names({ name: { lt: 'a' } })).toEqual(['A']);
      });

      it('match null, numbers and booleans', async () => {
        expect(await names({ due_at_ms: null })).toEqual(['a']);
        expect(await names({ due_at_ms: { not: null } })).toEqual(['A', 'b', 'b ', 'ä']);
        expect(await names({ due_at_ms: { lte: 2 } })).toEqual(['A', 'b']);
        expect(await names({ due_at_ms: { gt: 3 } })).toEqual(['ä']);
        const between = { gt: 1, lt: 3 };
        expect(await names({ due_at_ms: between })).toEqual(['b']);
        expect(await names({ due_at_ms: Number.MAX_SAFE_INTEGER })).toEqual(['ä']);
        expect(await names({ is_listed: false })).toEqual(['b', 'b ']);
        expect(await names({ is_listed: { not: false }, due_at_ms: { lt: 9 } })).toEqual(['A']);
      });

      it('treat "not" and "in" as the opposite and the union of equality, null included', async () => {
        expect(await names({ due_at_ms: { not: 1 } })).toEqual(['a', 'b', 'b ', 'ä']);
        expect(await names({ due_at_ms: { in: [1, null] } })).toEqual(['a', 'A']);
        expect(await names({ due_at_ms: { in: [2, 3] } })).toEqual(['b', 'b ']);
        expect(await names({ name: { in: [] } })).toEqual([]);
      });

      it('take "contains" literally', async () => {
        expect(await names({ description: { contains: '%' } })).toEqual(['a']);
        expect(await names({ description: { contains: 'r_s' } })).toEqual(['b']);
        expect(await names({ description: { contains: '\\' } })).toEqual(['ä']);
        expect(await names({ description: { contains: 'SURE' } })).toEqual([]);
        expect(await names({ description: { contains: '' } })).toHaveLength(5);
      });

      it('order, and limit', async () => {
        const ordered = async (orderBy: Parameters<typeof database.find<'workspaces'>>[1]['orderBy'], limit = 9) =>
          (
            await database.find('workspaces', { where: { location: 'where' }, limit, ...(orderBy ? { orderBy } : {}) })
          ).map((row) => row.name);
        expect(await ordered([['name', 'asc']])).toEqual(['A', 'a', 'b', 'b ', 'ä']);
        expect(await ordered([['due_at_ms', 'asc']])).toEqual(['a', 'A', 'b', 'b ', 'ä']);
        expect(await ordered([['due_at_ms', 'desc']], 2)).toEqual(['ä', 'b ']);
        expect(await ordered([['due_at_ms', 'desc']])).toEqual(['ä', 'b ', 'b', 'A', 'a']);
        expect(
          await ordered([
            ['is_listed', 'asc'],
            ['id', 'desc'],
          ]),
        ).toEqual(['b ', 'b', 'ä', 'A', 'a']);
        expect(await ordered(undefined, 2)).toEqual(['a', 'A']);
        expect(await ordered(undefined, 0)).toEqual([]);
        expect(await database.count('workspaces', { location: 'where' })).toBe(5);
        expect(await database.count('workspaces', { location: 'where', is_listed: true })).toBe(3);
      });

      it.each([
        ['an unknown column', { nothing: 1 }],
        ['a missing value', { name: undefined }],
        ['an unknown operator', { name: { like: 'x' } }],
        ['no operator', { name: {} }],
        ['a value of the wrong type', { name: { in: 'abc' } }],
        ['JSON', { account: '{}' }],
      ])('refuse %s', async (_, where) => {
        // Hostile or mistaken values come from code that the compiler did not check.
        await expect(Reflect.apply(database.find, database, ['workspaces', { where }])).rejects.toThrow(TypeError);
      });
    });

    describe('writing', () => {
      it('changes the rows that match, and says how many', async () => {
        const user = await addUser('changes');
        const update = (where: object, changes: object): Promise<number> =>
          database.transaction((transaction) => transaction.update('users', where, changes));
        expect(await update({ id: user.id, event_seq: 0 }, { event_seq: 1, first_name: 'New' })).toBe(1);
        expect(await update({ id: user.id, event_seq: 0 }, { event_seq: 2 })).toBe(0);
        // The same values again: the row matched.
        expect(await update({ id: user.id }, { first_name: 'New' })).toBe(1);
        expect(await database.findOne('users', { id: user.id })).toEqual({ ...user, event_seq: 1, first_name: 'New' });
        expect(await database.transaction((transaction) => transaction.remove('users', { id: user.id }))).toBe(1);
        expect(await database.transaction((transaction) => transaction.remove('users', { id: user.id }))).toBe(0);
      });

      it('refuses to change or remove without a condition', async () => {
        const before = await database.count('users', {});
        await expect(database.transaction((t) => t.update('users', {}, { event_seq: 9 }))).rejects.toThrow(TypeError);
        await expect(database.transaction((t) => t.remove('users', {}))).rejects.toThrow(TypeError);
        expect(await database.count('users', {})).toBe(before);
      });

      it('names the unique key in a conflict, after which the transaction goes on', async () => {
        const user = await addUser('taken');
        const kept = await database.transaction(async (transaction) => {
          const conflict = await transaction.insert('users', newUser('taken')).catch((error: unknown) => error);
          expect(conflict).toMatchObject({ name: 'AdapterError', kind: 'conflict', field: 'username' });
          return transaction.insert('users', newUser('free'));
        });
        expect(await database.findOne('users', { username: 'free' })).toEqual(kept);
        expect(kept.id).toBeGreaterThan(user.id);

        const client = { name: 'portal', token_hash: 'h1', is_configured: false, created_at_ms: 1 };
        await database.transaction((transaction) => transaction.insert('api_clients', client));
        const add = (changes: object): Promise<unknown> =>
          database.transaction((transaction) => transaction.insert('api_clients', { ...client, ...changes }));
        await expect(add({ token_hash: 'h2' })).rejects.toMatchObject({ kind: 'conflict', field: 'name' });
        await expect(add({ name: "it's for key 'x'" })).rejects.toMatchObject({
          kind: 'conflict',
          field: 'token_hash',
        });
        await database.transaction((transaction) => transaction.insert('events', newEvent(1, 1)));
        await expect(
          database.transaction((transaction) => transaction.insert('events', newEvent(1, 1))),
        ).rejects.toMatchObject({ kind: 'conflict', field: 'user_id,seq' });
        await database.transaction((transaction) => transaction.insert('shares', newShare(5)));
        await expect(
          database.transaction((transaction) => transaction.insert('shares', newShare(5))),
        ).rejects.toMatchObject({ kind: 'conflict', field: 'shared_workspace_id' });
      });

      it('never stores half of a transaction whose work caught an error', async () => {
        await addUser('half-1');
        const work = database.transaction(async (transaction) => {
          const other = await transaction.insert('users', newUser('half-2'));
          await transaction.update('users', { id: other.id }, { username: 'half-1' }).catch(() => undefined);
          return 'done';
        });
        await expect(work).rejects.toMatchObject({ kind: 'conflict' });
        expect(await database.count('users', { username: 'half-2' })).toBe(0);
      });

      it('never gives an id twice, also after the newest row was removed', async () => {
        const last = await addUser('last');
        await database.transaction((transaction) => transaction.remove('users', { id: last.id }));
        const reopened = createSqlDatabase(target.options);
        const next = await reopened.transaction((transaction) => transaction.insert('users', newUser('next')));
        await reopened.close();
        expect(next.id).toBeGreaterThan(last.id);
      });

      it('increments, and says the new value', async () => {
        const user = await addUser('counter', { event_seq: 2 ** 52 });
        const add = (id: number, by: number): Promise<number | undefined> =>
          database.transaction((transaction) => transaction.increment('users', id, 'event_seq', by));
        expect(await add(user.id, 2 ** 52 - 1)).toBe(Number.MAX_SAFE_INTEGER);
        expect(await add(user.id, -5)).toBe(Number.MAX_SAFE_INTEGER - 5);
        expect(await add(999_999, 1)).toBeUndefined();
        await expect(add(user.id, 10)).rejects.toThrow();
        expect(await add(user.id, 0)).toBe(Number.MAX_SAFE_INTEGER - 5);
      });
    });

    describe('transactions', () => {
      it('are rolled back when the work throws, and throw just that', async () => {
        const error = new Error('mine');
        const work = database.transaction(async (transaction) => {
          await transaction.insert('users', newUser('never'));
          expect(await transaction.count('users', { username: 'never' })).toBe(1);
          throw error;
        });
        expect(await work.catch((thrown: unknown) => thrown)).toBe(error);
        expect(await database.count('users', { username: 'never' })).toBe(0);
      });

      it('cannot be used after they ended', async () => {
        const leaked = await database.transaction(async (transaction) => transaction);
        await expect(leaked.insert('users', newUser('late'))).rejects.toThrow(TypeError);
        expect(await database.count('users', { username: 'late' })).toBe(0);
      });

      it('do not make readers wait, and are seen once they are committed', async () => {
        let release = (): void => undefined;
        const gate = new Promise<void>((resolve) => {
          release = resolve;
        });
        const work = database.transaction(async (transaction) => {
          await transaction.insert('users', newUser('seen'));
          await gate;
        });
        await sleep(20);
        expect(await database.count('users', { username: 'seen' })).toBe(0);
        release();
        await work;
        expect(await database.count('users', { username: 'seen' })).toBe(1);
      });

      it('lose none of 100 parallel increments', async () => {
        const user = await addUser('parallel');
        const values = await Promise.all(
          Array.from({ length: 100 }, () =>
            database.transaction((transaction) => transaction.increment('users', user.id, 'event_seq', 1)),
          ),
        );
        expect(values.sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
      });

      it('lose none of 40 parallel read-change-write works under lock', async () => {
        const user = await addUser('locked');
        const work = () =>
          database.transaction(async (transaction) => {
            const row = await transaction.lock('users', user.id);
            await sleep(1);
            await transaction.update('users', { id: user.id }, { event_seq: (row?.event_seq ?? 0) + 1 });
          });
        await Promise.all(Array.from({ length: 40 }, work));
        expect((await database.findOne('users', { id: user.id }))?.event_seq).toBe(40);
        expect(await database.transaction((transaction) => transaction.lock('users', 999_999))).toBeUndefined();
      });

      it('keep a locked row from other connections until they end', async () => {
        const user = await addUser('held');
        const other = createSqlDatabase(target.options);
        const log: string[] = [];
        let second: Promise<unknown> | undefined;
        await database.transaction(async (transaction) => {
          await transaction.lock('users', user.id);
          log.push('locked');
          second ??= other
            .transaction((rival) => rival.update('users', { id: user.id }, { first_name: 'Second' }))
            .then(() => log.push('second'));
          await sleep(150);
          await transaction.update('users', { id: user.id }, { first_name: 'First', last_name: 'Changed' });
          log.push('ends');
        });
        await second;
        expect(log).toEqual(['locked', 'ends', 'second']);
        const row = await database.findOne('users', { id: user.id });
        expect(row).toMatchObject({ first_name: 'Second', last_name: 'Changed' });
        await other.close();
      });

      it('let one of many conditional updates win', async () => {
        const user = await addUser('cas');
        const taken = await Promise.all(
          Array.from({ length: 30 }, (_, index) =>
            database.transaction((transaction) =>
              transaction.update('users', { id: user.id, first_name: 'First' }, { first_name: `winner ${index}` }),
            ),
          ),
        );
        expect(taken.filter((count) => count === 1)).toHaveLength(1);
        expect(taken.filter((count) => count === 0)).toHaveLength(29);
      });

      it('come through deadlocks', async () => {
        const one = await addUser('dead-1');
        const two = await addUser('dead-2');
        const work = (ids: number[]) =>
          database.transaction(async (transaction) => {
            for (const id of ids) {
              await transaction.increment('users', id, 'event_seq', 1);
              await sleep(5);
            }
          });
        await Promise.all(
          Array.from({ length: 4 }, (_, index) => work(index % 2 ? [one.id, two.id] : [two.id, one.id])),
        );
        const rows = await database.find('users', { where: { id: { in: [one.id, two.id] } } });
        expect(rows.map((row) => row.event_seq)).toEqual([4, 4]);
      });

      it('lose nothing between two processes', async () => {
        const first = await database.findOne('users', {});
        expect(first?.id).toBe(1);
        const before = first?.event_seq ?? 0;
        const child = await startChild('increment', target.options, 200);
        const ended = finished(child);
        for (let count = 0; count < 200; count++) {
          await database.transaction((transaction) => transaction.increment('users', 1, 'event_seq', 1));
        }
        await ended;
        expect((await database.findOne('users', { id: 1 }))?.event_seq).toBe(before + 400);
      });

      it('are whole, or not there, after their process was killed', async () => {
        const child = await startChild('write', target.options);
        let printed = '';
        child.stdout?.on('data', (chunk: Buffer) => {
          printed += chunk.toString();
        });
        while (printed.split('\n').length < 30) await sleep(5);
        child.kill('SIGKILL');
        await new Promise((resolve) => child.once('close', resolve));
        const committed = printed.split('\n').slice(0, -1);
        const suffixes = async (letter: string): Promise<string[]> =>
          (await database.find('users', { where: { username: { contains: `${letter}${child.pid}-` } } })).map((row) =>
            row.username.slice(1),
          );
        await expect.poll(async () => (await suffixes('a')).length).toBeGreaterThanOrEqual(committed.length);
        expect(await suffixes('a')).toEqual(expect.arrayContaining(committed));
        expect(await suffixes('b')).toEqual(await suffixes('a'));
        await addUser(`after-${child.pid}`);
      });

      it('honour an abort before, while waiting, and before the commit', async () => {
        const reason = new Error('enough');
        await expect(database.transaction(async () => 1, AbortSignal.abort(reason))).rejects.toBe(reason);
        const inside = new AbortController();
        const work = database.transaction(async (transaction) => {
          await transaction.insert('users', newUser('aborted'));
          inside.abort(reason);
        }, inside.signal);
        await expect(work).rejects.toBe(reason);
        expect(await database.count('users', { username: 'aborted' })).toBe(0);

        // All connections are taken: the wait in the queue ends with the signal.
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

    it('says that it is well, and unavailable once it is closed', async () => {
      expect(await database.check()).toMatchObject({ connected: true });
      const closed = createSqlDatabase(target.options);
      await closed.close();
      expect(await closed.check()).toMatchObject({ connected: false });
      const error = await closed.transaction(async () => 1).catch((thrown: unknown) => thrown);
      expect(AdapterError.is(error, 'unavailable')).toBe(true);
    });
  });
}
