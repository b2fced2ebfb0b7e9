// An Idempotency-Key makes one thing, also when that is gone when the key is used again.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from '../support/database.js';
import { putAway } from '../support/put-away.js';
import { type RunningServer, startServer } from '../support/server.js';
import { signIn, type User } from '../support/users.js';

let server: RunningServer;
let ada: User;
let ben: User;
beforeAll(async () => {
  server = await startServer();
  ada = await signIn(server);
  ben = await signIn(server, 'ben');
});
afterAll(async () => {
  expect(await putAway(server, [ada, ben])).toEqual([]);
});

const request = { name: 'Once', description: '', workspace_details: { files: [{ name: 'a.txt', content: 'a' }] } };

test('the key of a deleted workspace makes no other one', async () => {
  const options = { idempotencyKey: 'order 1' };
  const made = await ada.client.workspaces.create(request, options);
  expect((await ada.client.workspaces.create(request, options)).id).toBe(made.id);
  await ada.client.workspaces.delete(made.id);
  await expect
    .poll(async () => (await ada.client.workspaces.list()).items.some(({ id }) => id === made.id), { timeout: 10_000 })
    .toBe(false);
  await expect(ada.client.workspaces.create(request, options)).rejects.toMatchObject({
    status: 404,
    code: 'not_found',
    field: 'Idempotency-Key',
  });
  expect((await ada.client.workspaces.list()).items).toEqual([]);
});

test('the key of a workspace that was undone, before anybody had it, is free', async () => {
  const refused = {
    ...request,
    workspace_details: {
      files: [
        { name: 'a', content: 'a' },
        { name: 'a/b', content: 'b' },
      ],
    },
  };
  const options = { idempotencyKey: 'order 2' };
  const answers = [];
  for (let attempt = 0; attempt < 2; attempt++) {
    answers.push(await ben.client.workspaces.create(refused, options).catch((error: unknown) => error));
  }
  // Both were refused for what they ask, the second one not for its key.
  for (const answer of answers) expect(answer).toMatchObject({ code: 'conflict' });
  const rows = openDatabase(server.dataDirectory);
  expect(await rows.count('workspaces', {})).toBe(0);
  await rows.close();
});
