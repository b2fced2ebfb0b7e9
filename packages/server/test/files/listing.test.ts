import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
