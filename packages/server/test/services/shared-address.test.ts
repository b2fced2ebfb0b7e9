// Two users with one e-mail: what is offered to one is the other's neither to see nor to take.

import { createSqlDatabase } from '@user-workspaces/database-sql';
import { expect, it } from 'vitest';
import { postgres } from '../../../database-sql/test/support/servers.js';
import { serverActor } from '../../src/records/audit.js';
import { issueToken } from '../../src/services/tokens.js';
import { userOfIdentity } from '../../src/services/users.js';
import { type Fixture, startFixture } from '../files/fixture.js';

async function expectApart(fixture: Fixture): Promise<void> {
  const { context, database, workspace } = fixture;
  const identity = (username: string) => ({ username, email: 'lab@example.org', firstName: '', lastName: '' });
  // First sign-ins of the same moment.
  const [meant, other] = await Promise.all([
    userOfIdentity(context, identity('meant')),
    userOfIdentity(context, identity('other')),
  ]);
  expect(other.id).not.toBe(meant.id);
  const as = async (id: number) => {
    const { token } = await issueToken(context, id, 'test', serverActor);
    return (path: string, method = 'GET') =>
      fixture.call(path, { method, headers: { Authorization: `Token ${token}` } });
  };
  const [asMeant, asOther] = await Promise.all([as(meant.id), as(other.id)]);
  // Whoever shares sees both, by user name.
  const found = await (await fixture.call('/users/?search=lab@example.org')).json();
  expect(found.data.users.map((user: { username: string }) => user.username).sort()).toEqual(['meant', 'other']);
  const body = JSON.stringify({ original_workspace_id: workspace.id, shared_user_ids: [meant.id] });
  expect((await fixture.call('/shared_workspaces/', { method: 'POST', body })).status).toBe(200);
  const share = await database.findOne('shares', { receiver_user_id: meant.id });
  const path = `/shared_workspaces/${share?.shared_workspace_id}/`;
  expect((await (await asOther('/shared_workspaces/')).json()).data.shared_workspaces).toEqual([]);
  const statuses = [await asOther(`${path}accept/`, 'PUT'), await asOther(path, 'DELETE')].map(({ status }) => status);
  expect(statuses.every((status) => status >= 400 && status < 500)).toBe(true);
  expect((await asMeant(`${path}accept/`, 'PUT')).status).toBe(200);
  expect((await asOther(`/workspaces/${share?.shared_workspace_id}/files/`)).status).toBe(404);
}

it('SQLite: a share is of the user who was chosen, not of the address', async () => {
  const fixture = await startFixture();
  try {
    await expectApart(fixture);
  } finally {
    await fixture.close();
  }
});

it.skipIf(postgres.missing !== '')(
  'PostgreSQL: a share is of the user who was chosen, not of the address',
  async () => {
    const server = await postgres.create();
    await server.start();
    try {
      const fixture = await startFixture({ database: createSqlDatabase(server.options) });
      try {
        await expectApart(fixture);
      } finally {
        await fixture.close();
      }
    } finally {
      await server.remove();
    }
  },
  60_000,
);
