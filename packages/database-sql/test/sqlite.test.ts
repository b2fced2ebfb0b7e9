import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { databaseSuite, smallDiskObstacle, testAdapter } from '@user-workspaces/testkit';
import { afterAll, describe, expect, it, test } from 'vitest';
import { describeUnless } from '../../../test/support/requirements.js';
import { createSqlDatabase } from '../src/index.js';
import { describeDialect } from './support/dialect-suite.js';
import { connect } from './support/introspect.js';
import { newUser } from './support/rows.js';
import { databaseUnderTest, sqliteOnSmallDisk, sqlitePlace } from './support/world.js';

const directory = mkdtempSync(join(tmpdir(), 'uws-sqlite-'));
let files = 0;
const newFile = (): string => join(directory, `${++files}`, 'server.db');
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const obstacle = await smallDiskObstacle();
testAdapter(
  { describe, test },
  databaseSuite,
  databaseUnderTest('SQLite', sqlitePlace, {
    lostCommits: 'SQLite is a part of this process: no connection can be lost between a commit and its answer.',
    clock: 'All servers of a SQLite file run on one machine.',
    ...(obstacle !== undefined && { fullDisk: obstacle }),
  }),
);
describeDialect('SQLite', sqlitePlace);

describe('SQLite file', () => {
  it('is readable by its owner only, with its companions', async () => {
    const file = newFile();
    const first = createSqlDatabase({ client: 'sqlite', file });
    await first.migrate();
    const modes = (): string[] =>
      readdirSync(join(file, '..')).map(
        (name) => `${name} ${(statSync(join(file, '..', name)).mode & 0o777).toString(8)}`,
      );
    expect(modes()).toEqual(['server.db 600', 'server.db-shm 600', 'server.db-wal 600']);
    for (const name of readdirSync(join(file, '..'))) chmodSync(join(file, '..', name), 0o644);
    const second = createSqlDatabase({ client: 'sqlite', file });
    expect(modes()).toEqual(['server.db 600', 'server.db-shm 600', 'server.db-wal 600']);
    await first.close();
    await second.close();
  });

  it('alone holds everything once the database is closed', async () => {
    const file = newFile();
    const database = createSqlDatabase({ client: 'sqlite', file });
    await database.migrate();
    await database.transaction((transaction) => transaction.insert('users', newUser('kept')));
    await database.close();
    const copy = join(directory, 'copy.db');
    copyFileSync(file, copy);
    const restored = createSqlDatabase({ client: 'sqlite', file: copy });
    expect(await restored.count('users', { username: 'kept' })).toBe(1);
    await restored.close();
  });

  it('must be a database, with its tables, on a path that can be written', async () => {
    const file = join(directory, 'text.db');
    writeFileSync(file, 'This is no database, whatever its name says. '.repeat(100));
    const text = createSqlDatabase({ client: 'sqlite', file });
    await expect(text.migrate()).rejects.toMatchObject({ kind: 'misconfigured' });
    expect(await text.check()).toMatchObject({ connected: false });
    await text.close();

    const empty = createSqlDatabase({ client: 'sqlite', file: newFile() });
    await expect(empty.count('users', {})).rejects.toMatchObject({ kind: 'misconfigured' });
    await empty.close();

    expect(() => createSqlDatabase({ client: 'sqlite', file: join(file, 'below-a-file.db') })).toThrow(
      /cannot be made/,
    );
    expect(() => createSqlDatabase({ client: 'sqlite', file: ':memory:' })).toThrow(/needs a file/);
  });

  it('is not touched when its tables belong to something else, or to a newer release', async () => {
    const foreign = newFile();
    const database = createSqlDatabase({ client: 'sqlite', file: foreign });
    const other = connect({ client: 'sqlite', file: foreign });
    await other.schema.createTable('jobs', (table) => table.text('mine'));
    await expect(database.migrate()).rejects.toMatchObject({ kind: 'misconfigured' });
    expect(await other.schema.hasTable('users')).toBe(false);
    await other.schema.dropTable('jobs');
    await database.migrate();
    await other('user_workspaces_migrations').insert({ version: 99, name: 'future', is_finished: true });
    await expect(database.migrate()).rejects.toMatchObject({ kind: 'misconfigured' });
    await other.destroy();
    await database.close();
  });

  it('is read as it is now by a connection that found it busy before', async () => {
    const file = newFile();
    const database = createSqlDatabase({ client: 'sqlite', file });
    await database.migrate();
    const other = connect({ client: 'sqlite', file });
    await other.raw('PRAGMA busy_timeout=0');
    await database.transaction(async () => {
      await expect(other.raw('BEGIN IMMEDIATE')).rejects.toMatchObject({ code: 'SQLITE_BUSY' });
    });
    for (let count = 1; count <= 3; count++) {
      await database.transaction((transaction) => transaction.insert('users', newUser(`new-${count}`)));
      expect(await other('users').select('username')).toHaveLength(count);
    }
    await other.destroy();
    await database.close();
  });

  it('held by another connection makes writers wait without blocking this process', async () => {
    const file = newFile();
    const database = createSqlDatabase({ client: 'sqlite', file });
    const other = createSqlDatabase({ client: 'sqlite', file });
    await database.migrate();
    let ticks = 0;
    const ticking = setInterval(() => ticks++, 10);
    let begun = (): void => undefined;
    const beginning = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const holder = other.transaction(async (transaction) => {
      await transaction.insert('users', newUser('first'));
      begun();
      await new Promise((resolve) => setTimeout(resolve, 300));
    });
    await beginning;
    await database.transaction((transaction) => transaction.insert('users', newUser('second')));
    await holder;
    clearInterval(ticking);
    expect(ticks).toBeGreaterThan(10);
    expect((await database.find('users', {})).map((row) => row.username)).toEqual(['first', 'second']);
    await database.close();
    await other.close();
  });
});

describeUnless(obstacle ?? '', 'a SQLite file on a full disk', () => {
  it('is not opened anew for each change that it refuses', async () => {
    const { database, directory, fill, free, close } = await sqliteOnSmallDisk(createSqlDatabase);
    await database.migrate();
    const insert = (name: string) =>
      database.transaction(async (transaction) => {
        for (let count = 1; count <= 300; count++) await transaction.insert('users', newUser(`${name}-${count}`));
      });
    await fill();
    // The write-ahead log may still have room.
    await expect(insert('first')).rejects.toMatchObject({ kind: 'no_space' });
    const handles = openBelow(directory);
    for (let tries = 1; tries <= 20; tries++)
      await expect(insert(`again-${tries}`)).rejects.toMatchObject({ kind: 'no_space' });
    expect(openBelow(directory)).toBeLessThanOrEqual(handles);
    await free();
    await insert('last');
    expect(await database.count('users', {})).toBe(300);
    await close();
  });
});

/** Descriptors of this process that lead below a directory. */
function openBelow(directory: string): number {
  const targets = readdirSync('/proc/self/fd').map((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`);
    } catch {
      return ''; // Of the listing itself, and closed with it.
    }
  });
  return targets.filter((target) => target.startsWith(`${directory}/`)).length;
}
