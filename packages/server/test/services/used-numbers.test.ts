import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { passOverUsedNumbers } from '../../src/services/used-numbers.js';
import { type Fixture, startFixture } from '../files/fixture.js';
import { type HeldLog, holdLog } from './held-log.js';

let fixture: Fixture;
let held: HeldLog;
beforeEach(async () => {
  held = holdLog();
  fixture = await startFixture({ log: held.log });
});
afterEach(() => fixture.close());

const make = (name: string): Promise<Response> =>
  fixture.call('/workspaces/', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ name, description: '', workspace_details: {} }),
  });
const idOf = async (answer: Response): Promise<number> => {
  expect(answer.status).toBe(200);
  const [newest] = await fixture.database.find('workspaces', { orderBy: [['id', 'desc']], limit: 1 });
  return newest?.id ?? 0;
};
/** What was said of numbers; requests are logged, too. */
const told = (): unknown[] => held.lines.filter(({ used }) => used !== undefined);
const passOver = (): Promise<void> => passOverUsedNumbers(fixture.database, [fixture.storage], held.log);

test('new workspaces get numbers above those that the storage has and a restored database does not know', async () => {
  const bobs = join(fixture.root, 'workspaces', 'bob');
  await mkdir(join(bobs, '1200'), { recursive: true });
  await mkdir(join(bobs, 'notes'));
  await writeFile(join(fixture.root, 'workspaces', 'README'), '');
  await passOver();
  expect(told()).toMatchObject([{ level: 40, used: 1200, known: fixture.workspace.id }]);
  // Once only, also where none was made meanwhile.
  await passOver();
  expect(told().length).toBe(1);
  expect(await idOf(await make('new'))).toBeGreaterThan(1200);
  expect(await fixture.database.count('workspaces', {})).toBe(2);
  await passOver();
  expect(told().length).toBe(1);
});

test('a number that was hardly given by this server is told, and not followed', async () => {
  await mkdir(join(fixture.root, 'workspaces', 'bob', '20261126'), { recursive: true });
  await passOver();
  expect(told()).toMatchObject([{ level: 50, used: 20261126 }]);
  expect(await idOf(await make('new'))).toBeLessThan(100);
});

test('a new workspace whose place is taken is refused, and the files there stay as they are', async () => {
  const next = join(dirname(fixture.directory), String(fixture.workspace.id + 1));
  await mkdir(next);
  await writeFile(join(next, 'old.txt'), 'old');
  const refused = await make('new');
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await refused.json()).toMatchObject({ error: { code: 'unavailable' } });
  expect(await readdir(next)).toEqual(['old.txt']);
  expect(await fixture.database.count('workspaces', {})).toBe(1);
  const id = await idOf(await make('new'));
  expect(id).toBe(fixture.workspace.id + 2);
  expect(await readdir(join(dirname(fixture.directory), String(id)))).toEqual([]);
});
