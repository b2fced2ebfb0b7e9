import type { Identity, UserRow } from '@user-workspaces/contract';
import { createSqlDatabase } from '@user-workspaces/database-sql';
import { afterEach, describe, expect, it } from 'vitest';
import { postgres } from '../../../database-sql/test/support/servers.js';
import { userOfIdentity } from '../../src/services/users.js';
import { type Fixture, startFixture } from '../files/fixture.js';

let fixture: Fixture;
afterEach(() => fixture.close());

const identity = (username: string, email = `${username}@example.org`): Identity => ({
  username,
  email,
  firstName: '',
  lastName: '',
});

it('where all share one account the first user alone is admitted, whoever was made before and whatever tokens there are', async () => {
  fixture = await startFixture();
  const { context, database, token } = fixture;
  const { user: bob, token: bobs } = await fixture.addUser('bob');
  const status = async (token: string) =>
    (await fetch(`${fixture.url}/me/`, { headers: { Authorization: `Token ${token}` } })).status;
  expect(await status(bobs)).toBe(200);
  Object.assign(context.settings, { singleUser: true });
  expect([await status(token), await status(bobs)]).toEqual([200, 403]);

  const refused = { code: 'permission_denied', message: expect.stringContaining('only its first user may sign in') };
  await expect(userOfIdentity(context, identity('bob', bob.email))).rejects.toMatchObject(refused);
  await expect(userOfIdentity(context, identity('carol', 'carol@example.org'))).rejects.toMatchObject(refused);
  expect(await database.count('users', { username: 'carol' })).toBe(0);
  const { username, email } = fixture.user;
  expect(await userOfIdentity(context, identity(username, email))).toMatchObject({ id: fixture.user.id });
});

describe.each([
  ['SQLite', ''],
  ['PostgreSQL', postgres.missing],
])('first sign-ins at the same moment on %s', (name, missing) => {
  const rounds = 20;

  it.skipIf(missing !== '' && process.env.CI !== 'true')(
    `admit one alone, and one who comes twice both times ${missing && `(not run: ${missing})`}`,
    async () => {
      expect(missing).toBe('');
      const server = name === 'PostgreSQL' ? await postgres.create() : undefined;
      try {
        await server?.start();
        fixture = await startFixture(server && { database: createSqlDatabase(server.options) });
        const { context, database } = fixture;
        Object.assign(context.settings, { singleUser: true });
        for (let round = 0; round < rounds; round++) {
          await database.transaction(async (rows) => {
            for (const table of ['tokens', 'workspaces', 'users'] as const) await rows.remove(table, { id: { gt: 0 } });
            // Of an installation where nobody has signed in yet.
            await rows.remove('settings', { id: { gt: 0 } });
          });
          const names = ['ada', 'ben', 'ada', 'carl', 'ben'];
          const answers = await Promise.allSettled(names.map((who) => userOfIdentity(context, identity(who))));
          const admitted = answers.flatMap((answer): UserRow[] =>
            answer.status === 'fulfilled' ? [answer.value] : [],
          );
          const [first] = admitted;
          expect(admitted.map(({ id }) => id)).toEqual(
            names.filter((who) => who === first?.username).map(() => first?.id),
          );
          for (const answer of answers) {
            if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ code: 'permission_denied' });
          }
          expect((await database.find('users', {})).map(({ id }) => id)).toEqual([first?.id]);
        }
      } finally {
        await fixture.close();
        await server?.remove();
      }
    },
    60_000,
  );

  it.skipIf(missing !== '' && process.env.CI !== 'true')(
    `of one person are all answered, where many may sign in ${missing && `(not run: ${missing})`}`,
    async () => {
      expect(missing).toBe('');
      const server = name === 'PostgreSQL' ? await postgres.create() : undefined;
      try {
        await server?.start();
        fixture = await startFixture(server && { database: createSqlDatabase(server.options) });
        const { context } = fixture;
        for (let round = 0; round < rounds; round++) {
          const who = identity(`person${round}`);
          const users = await Promise.all(Array.from({ length: 4 }, () => userOfIdentity(context, who)));
          expect(new Set(users.map(({ id }) => id)).size).toBe(1);
        }
      } finally {
        await fixture.close();
        await server?.remove();
      }
    },
    60_000,
  );
});
