import { cp, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '@user-workspaces/contract';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createBuiltInResource } from '../src/assembly/built-in.js';
import { createDatabase, databasePlace } from '../src/assembly/database.js';
import { installationId } from '../src/data-directory/installation.js';
import { layoutOf } from '../src/data-directory/layout.js';

async function makeRoot(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'uws-installation-'));
  onTestFinished(() => rm(root, { recursive: true }));
  return root;
}

/** A server's way to a database, with a data directory. */
async function serve<T>(file: string, use: (database: Database) => Promise<T>): Promise<T> {
  const database = createDatabase(undefined, file);
  try {
    await database.migrate();
    return await use(database);
  } finally {
    await database.close();
  }
}

/** The id as a server with the embedded database of this data directory gets it. */
async function idOfEmbedded(data: string): Promise<string> {
  const { server, database, installation } = layoutOf(data);
  await mkdir(server, { recursive: true });
  return serve(database, (opened) => installationId(opened, databasePlace(undefined, data), installation));
}

test('servers that start at the same time on one database are one installation', async () => {
  const root = await makeRoot();
  const file = join(root, 'db');
  const opened = Array.from({ length: 6 }, () => createDatabase(undefined, file));
  onTestFinished(async () => {
    for (const database of opened) await database.close();
  });
  for (const database of opened) await database.migrate();
  // All have found nothing before the first writes.
  let arrived = 0;
  for (const database of opened) {
    const transaction = database.transaction.bind(database);
    vi.spyOn(database, 'transaction').mockImplementation(async (work) => {
      arrived += 1;
      await vi.waitUntil(() => arrived >= opened.length, 10_000);
      return transaction(work);
    });
  }
  const idOf = (database: Database, name: string) => installationId(database, 'here', join(root, name));
  const ids = await Promise.all(opened.map((database, index) => idOf(database, `replica-${index}`)));
  expect(new Set(ids).size).toBe(1);
  expect(ids[0]).toMatch(/^[0-9a-f]{32}$/);
  expect(await serve(file, (database) => idOf(database, 'later'))).toBe(ids[0]);
});

test('an embedded database that moves with its data directory stays the same installation, and a copy of both is another', async () => {
  const root = await makeRoot();
  const data = join(root, 'data');
  const id = await idOfEmbedded(data);
  expect(await idOfEmbedded(data)).toBe(id);
  await cp(data, join(root, 'copy'), { recursive: true });
  const other = await idOfEmbedded(join(root, 'copy'));
  expect(other).not.toBe(id);
  await rename(data, join(root, 'moved'));
  expect(await idOfEmbedded(join(root, 'moved'))).toBe(id);
  expect(await idOfEmbedded(join(root, 'copy'))).toBe(other);
});

test('a database that moves stays the same installation to its servers, and a copy of it with another data directory is another', async () => {
  const root = await makeRoot();
  const [before, after] = [join(root, 'before'), join(root, 'after')];
  const start = (file: string, name: string) =>
    serve(file, (database) => installationId(database, file, join(root, `${name}-installation`)));
  const id = await start(before, 'first');
  expect(await start(before, 'second')).toBe(id);
  await cp(before, after);
  expect(await start(after, 'staging')).not.toBe(id);
  await cp(before, after, { force: true });
  expect([await start(after, 'second'), await start(after, 'first'), await start(after, 'third')]).toEqual([
    id,
    id,
    id,
  ]);
});

test('the place of a database is the same when its password changes', () => {
  const place = databasePlace('postgres://uws:one@db.example.org/uws', 'any');
  expect(databasePlace('postgres://other:two@db.example.org/uws', 'another')).toBe(place);
  expect(databasePlace('postgres://uws:one@db2.example.org/uws', 'any')).not.toBe(place);
});

test('who owns containers is asked for only where the configuration does not say', async () => {
  const layout = layoutOf(await makeRoot());
  let asked = 0;
  const make = async (more: object) => {
    const entry = { resource_type: 'DockerResource', connection_details: { url: 'unix:///nowhere.sock' }, ...more };
    const details = { parameter_mapping: {}, time_pending_catch: 60 };
    const resource = await createBuiltInResource('engine', { ...details, ...entry }, layout, async () => {
      asked += 1;
      return 'f'.repeat(32);
    });
    await resource.close();
  };
  await make({ owner: 'by-hand' });
  expect(asked).toBe(0);
  await make({});
  expect(asked).toBe(1);
});
