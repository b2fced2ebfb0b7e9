import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSqlDatabase } from '@user-workspaces/database-sql';
import { afterAll, expect, test } from 'vitest';
import { newUser } from '../../../database-sql/test/support/rows.js';
import { SessionEpochs } from '../../src/services/session-epochs.js';

const directory = mkdtempSync(join(tmpdir(), 'uws-epochs-'));
const database = createSqlDatabase({ client: 'sqlite', file: join(directory, 'server.db') });
afterAll(async () => {
  await database.close();
  rmSync(directory, { recursive: true, force: true });
});

test('an epoch is read once, until it is forgotten; what was being read then counts no more', async () => {
  await database.migrate();
  const { id } = await database.transaction((rows) => rows.insert('users', newUser('ada')));
  const raise = (): Promise<unknown> => database.transaction((rows) => rows.increment('users', id, 'session_epoch', 1));
  const epochs = new SessionEpochs(database);
  expect(await epochs.isBehind(id, 1)).toBe(false);
  const early = epochs.of(id);
  epochs.forget(id);
  expect(await early).toBe(0);
  await raise();
  expect(await epochs.of(id)).toBe(1);
  await raise();
  expect(await epochs.of(id)).toBe(1);
  expect([await epochs.isBehind(id, 1), await epochs.isBehind(id, 2)]).toEqual([false, true]);
  epochs.keepOnly(new Set([id]));
  expect(await epochs.of(id)).toBe(1);
  epochs.keepOnly(new Set());
  expect(await epochs.of(id)).toBe(2);

  await expect(epochs.of(id + 1)).rejects.toThrow('There is no user');
  await database.transaction((rows) => rows.insert('users', newUser('bob')));
  expect(await epochs.of(id + 1)).toBe(0);
});
