import type { Identity } from '@user-workspaces/contract';
import { afterEach, expect, it } from 'vitest';
import { userOfIdentity } from '../../src/services/users.js';
import { type Fixture, startFixture } from '../files/fixture.js';

let fixture: Fixture;
afterEach(() => fixture.close());

it('where all share one account the first user alone is admitted, whoever was made before and whatever tokens there are', async () => {
  fixture = await startFixture();
  const { context, database, token } = fixture;
  const { user: bob, token: bobs } = await fixture.addUser('bob');
  const status = async (token: string) =>
    (await fetch(`${fixture.url}/me/`, { headers: { Authorization: `Token ${token}` } })).status;
  expect(await status(bobs)).toBe(200);
  Object.assign(context.settings, { singleUser: true });
  expect([await status(token), await status(bobs)]).toEqual([200, 403]);

  const identity = (username: string, email: string): Identity => ({ username, email, firstName: '', lastName: '' });
  const refused = { code: 'permission_denied', message: expect.stringContaining('only its first user may sign in') };
  await expect(userOfIdentity(context, identity('bob', bob.email))).rejects.toMatchObject(refused);
  await expect(userOfIdentity(context, identity('carol', 'carol@example.org'))).rejects.toMatchObject(refused);
  expect(await database.count('users', { username: 'carol' })).toBe(0);
  const { username, email } = fixture.user;
  expect(await userOfIdentity(context, identity(username, email))).toMatchObject({ id: fixture.user.id });
});
