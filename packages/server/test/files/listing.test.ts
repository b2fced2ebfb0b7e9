import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Entry, Storage } from '@user-workspaces/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareBytes } from '../../src/files/listing.js';
import { type Fixture, startFixture } from './fixture.js';

let server: Fixture;
// In the order of their UTF-8 bytes; by UTF-16 units the last two would change places.
const names = ['.hidden', 'A', 'B', 'a', 'a b', 'aa', 'z', 'é', '\uff5e', '\u{1f600}'];

beforeAll(async () => {
  server = await startFixture();
  for (const name of [...names].reverse()) await writeFile(join(server.directory, name), name);
  await mkdir(join(server.directory, 'folder'));
  await writeFile(join(server.directory, 'folder/inner'), 'x');
  await symlink('../inner', join(server.directory, 'folder/link'));
});
afterAll(() => server.close());

async function list(query: string): Promise<{ files: { name: string }[]; next_cursor?: string }> {
  const answer = await server.call(`/workspaces/${server.workspace.id}/files/${query}`);
  const body = (await answer.json()) as { data: { files: { name: string }[]; next_cursor?: string } };
  expect([answer.status, body]).toMatchObject([200, { success: true }]);
  return body.data;
}

describe('listing a directory', () => {
  it('sorts by the bytes of the names and shows dot files', async () => {
    const expected = [...names.slice(0, 6), 'folder', ...names.slice(6)];
    expect((await list('')).files.map(({ name }) => name)).toEqual(expected);
    expect([...names].sort()).not.toEqual(names);
    expect([...names].sort(compareBytes)).toEqual(names);
  });

  it('describes entries', async () => {
    expect((await list('?path=folder')).files).toMatchObject([
      { path: 'folder/inner', name: 'inner', kind: 'file', size_bytes: 1 },
      { path: 'folder/link', name: 'link', kind: 'symlink', target: '../inner' },
    ]);
  });

  it.each([1, 2, 3, 10, 11, 12])('gives pages of %i without loss or repeat', async (limit) => {
    const found: string[] = [];
    let query = `?limit=${limit}`;
    for (;;) {
      const { files, next_cursor } = await list(query);
      expect(files.length).toBeLessThanOrEqual(limit);
      found.push(...files.map(({ name }) => name));
      if (next_cursor === undefined) break;
      query = `?limit=${limit}&cursor=${next_cursor}`;
    }
    expect(found).toEqual([...names.slice(0, 6), 'folder', ...names.slice(6)]);
  });

  it.each([
    ['?cursor=***', 400, 'invalid_field'],
    ['?path=missing', 404, 'not_found'],
    ['?path=/', 400, 'invalid_path'],
    ['?path=..', 400, 'invalid_path'],
    ['?limit=0', 400, 'invalid_field'],
  ])('refuses %s', async (query, status, code) => {
    const answer = await server.call(`/workspaces/${server.workspace.id}/files/${query}`);
    expect([answer.status, await answer.json()]).toMatchObject([status, { error: { code } }]);
  });
});

describe('of a large directory', () => {
  const count = 1_200;
  const expected = Array.from({ length: count }, (_, index) => `f${String(index).padStart(4, '0')}`);
  let looked = 0;
  let open = 0;
  let mostOpen = 0;
  /** Counts the entries that are looked at, and how many whole listings are made at once. */
  async function* counted(entries: AsyncIterable<Entry>): AsyncGenerator<Entry> {
    let own = 0;
    try {
      for await (const entry of entries) {
        looked += 1;
        own += 1;
        if (own === 1_100) {
          open += 1;
          mostOpen = Math.max(mostOpen, open);
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        yield entry;
      }
    } finally {
      if (own >= 1_100) open -= 1;
    }
  }
  const countedMethods = (storage: Storage, methods: readonly string[]): Storage =>
    new Proxy(storage, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        if (name === 'listChosen' && !methods.includes(name)) return undefined;
        const bound = value.bind(target);
        return methods.includes(String(name)) ? (...args: unknown[]) => counted(bound(...args)) : bound;
      },
    });

  describe.each([
    ['that tells names alone', ['list', 'listChosen']],
    ['that does not', ['list']],
  ])('on a storage %s', (_, methods) => {
    let large: Fixture;
    beforeAll(async () => {
      large = await startFixture({ storage: (storage) => countedMethods(storage, methods) });
      for (const name of expected) await writeFile(join(large.directory, name), '');
    });
    afterAll(() => large.close());
    const namesOf = async (query: string): Promise<string[]> => {
      const answer = await large.call(`/workspaces/${large.workspace.id}/files/${query}`);
      const body = (await answer.json()) as { data: { files: { name: string }[] } };
      return body.data.files.map(({ name }) => name);
    };

    it('a page is the same', async () => {
      looked = 0;
      expect(await namesOf('?limit=2')).toEqual(['f0000', 'f0001']);
      if (methods.includes('listChosen')) expect(looked).toBe(2);
    });

    it('whole listings of one user follow each other, and one that is not read keeps none waiting once it is given up', async () => {
      mostOpen = 0;
      const leaving = new AbortController();
      const left = large
        .call(`/workspaces/${large.workspace.id}/files/`, { signal: leaving.signal })
        .catch(() => undefined);
      const listings = Promise.all(Array.from({ length: 4 }, () => namesOf('')));
      leaving.abort();
      await left;
      expect(await listings).toEqual(Array.from({ length: 4 }, () => expected));
      if (methods.includes('listChosen')) expect(mostOpen).toBe(1);
    });
  });
});
