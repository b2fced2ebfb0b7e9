import { type Identity, type SignInContext, type SignInResult, unknownClientId } from '@user-workspaces/contract';
import type { Schema } from '@user-workspaces/schema';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cleanUp } from '../../src/reconciler/clean-up.js';
import { serverActor } from '../../src/records/audit.js';
import { removeUser } from '../../src/services/administration/index.js';
import { requestStop } from '../../src/services/jobs.js';
import { issueToken } from '../../src/services/tokens.js';
import { userOfIdentity } from '../../src/services/users.js';
import { type Fixture, startFixture, until } from '../files/fixture.js';

let fixture: Fixture;
let admin: Awaited<ReturnType<Fixture['addUser']>>;
/** Time that stands still, for what is counted by the minute. */
let frozenMs: number | undefined;
beforeEach(async () => {
  frozenMs = undefined;
  fixture = await startFixture({ clock: { now: () => frozenMs ?? Date.now() } });
  const { user, token } = await fixture.addUser('root');
  await fixture.database.transaction((rows) => rows.update('users', { id: user.id }, { role: 'administrator' }));
  admin = { user, token };
});
afterEach(() => fixture.close());

interface Answer {
  readonly message: string;
  readonly error?: { readonly code: string; readonly field?: string };
  // The shapes are checked by the fixture's application against the specification.
  // biome-ignore lint/suspicious/noExplicitAny: a test reads into many answers
  readonly data: any;
}

async function call(path: string, method = 'GET', body?: unknown, token = admin.token) {
  const response = await fixture.call(path, {
    method,
    headers: { Authorization: `Token ${token}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const answer: Answer = await response.json();
  return { status: response.status, answer };
}

const audit = async (query = '') => (await call(`/admin/audit/${query}`)).answer.data.entries;

describe('quotas of a user', () => {
  it('are not changed by a request that names none', async () => {
    const { status, answer } = await call(`/admin/users/${fixture.user.id}/quotas/`, 'PUT', {});
    expect([status, answer.error?.code]).toEqual([400, 'invalid_field']);
    expect(answer.message).toContain('active_jobs');
  });
});

describe('the role', () => {
  it('is needed for every operation, and trying without it is written down', async () => {
    for (const [path, method] of [
      ['/admin/users/', 'GET'],
      [`/admin/users/${admin.user.id}/deactivate/`, 'PUT'],
      ['/admin/audit/', 'GET'],
    ] as const) {
      const { status, answer } = await call(path, method, undefined, fixture.token);
      expect([status, answer.error?.code]).toEqual([403, 'permission_denied']);
    }
    expect((await fetch(`${fixture.url}/admin/users/`)).status).toBe(401);
    const refused = await audit('?outcome=refused');
    expect(refused).toHaveLength(3);
    expect(refused[0]).toMatchObject({
      action: 'administration',
      actor: { kind: 'user', user_id: fixture.user.id, name: 'alice' },
      address: '192.0.2.7',
      details: { operation: 'adminListAudit' },
    });
    expect((await call(`/admin/users/${admin.user.id}/`)).answer.data.user.is_active).toBe(true);
  });

  it('gives no way to the files, jobs and workspaces of others', async () => {
    const job = await fixture.addJob();
    const { id } = fixture.workspace;
    expect((await call(`/workspaces/${id}/files/`)).status).toBe(404);
    expect((await call(`/workspaces/${id}/`, 'DELETE')).status).toBe(404);
    expect((await call(`/jobs/${job.id}/stop/`, 'PUT')).status).toBe(404);
    expect((await call('/workspaces/')).answer.data.workspaces).toEqual([]);
  });

  it('is given and taken, but not from oneself', async () => {
    const role = (id: number, value: string) => call(`/admin/users/${id}/role/`, 'PUT', { role: value });
    expect((await role(admin.user.id, 'user')).answer.error).toMatchObject({ code: 'conflict', field: 'role' });
    expect((await role(fixture.user.id, 'administrator')).answer.data.user.role).toBe('administrator');
    expect((await call('/admin/users/', 'GET', undefined, fixture.token)).status).toBe(200);
    expect((await role(fixture.user.id, 'user')).status).toBe(200);
    expect((await call('/admin/users/', 'GET', undefined, fixture.token)).status).toBe(403);
    expect((await role(fixture.user.id, 'emperor')).status).toBe(400);
    expect((await role(9_999, 'user')).status).toBe(404);
  });
});

describe('users', () => {
  it('get another e-mail, which the sign-in then takes, and none that is wrong or somebody else has', async () => {
    Object.assign(fixture.context.authentication, {
      checkIdentity: ({ email }: Partial<Identity>) =>
        email?.includes('@') ? undefined : { field: 'email', message: 'This is no e-mail address.' },
    });
    const { user: bob } = await fixture.addUser('bob');
    const set = (email: unknown) => call(`/admin/users/${bob.id}/email/`, 'PUT', { email });
    const { answer } = await set('Bob@New.example.org');
    expect(answer.data.user).toMatchObject({ username: 'bob', email: 'Bob@New.example.org' });
    const identity = (email: string) => ({ username: 'bob', email, firstName: '', lastName: '' });
    expect((await userOfIdentity(fixture.context, identity('bob@new.example.org'))).id).toBe(bob.id);
    await expect(userOfIdentity(fixture.context, identity(bob.email))).rejects.toMatchObject({
      code: 'sign_in_failed',
    });
    expect((await call('/admin/users/?search=new.example')).answer.data.users).toHaveLength(1);
    expect((await call(`/admin/users/?search=${bob.email}`)).answer.data.users).toEqual([]);

    const { email } = fixture.user;
    expect(await set(email.toUpperCase())).toMatchObject({
      status: 409,
      answer: { error: { code: 'conflict', field: 'email' } },
    });
    // A part of another's address is nobody's.
    expect((await set(`${email}.example`)).status).toBe(200);
    expect((await set(email.slice(1))).status).toBe(200);
    for (const wrong of ['', 'x'.repeat(256), 7, 'notmail']) {
      expect(await set(wrong)).toMatchObject({ status: 400, answer: { error: { field: 'email' } } });
    }
    expect((await call('/admin/users/9999/email/', 'PUT', { email: 'a@example.org' })).status).toBe(404);
    const written = await audit('?action=user.email');
    expect(written).toHaveLength(3);
    expect(written.at(-1)).toMatchObject({
      actor: { user_id: admin.user.id },
      subject_id: bob.id,
      details: { username: 'bob', email: 'Bob@New.example.org', former_email: bob.email },
    });
  });

  it('are listed in pages, searched, and filtered', async () => {
    for (const name of ['bob', 'carol', 'dave']) await fixture.addUser(name);
    const names = async (query: string) => {
      const { data } = (await call(`/admin/users/${query}`)).answer;
      return [data.users.map((user: { username: string }) => user.username), data.next_cursor];
    };
    expect(await names('')).toEqual([['alice', 'root', 'bob', 'carol', 'dave'], undefined]);
    const [first, cursor] = await names('?limit=2&order=-id');
    expect(first).toEqual(['dave', 'carol']);
    expect((await names(`?limit=2&order=-id&cursor=${cursor}`))[0]).toEqual(['bob', 'root']);
    expect((await names('?search=AROL'))[0]).toEqual(['carol']);
    expect((await names('?role=administrator'))[0]).toEqual(['root']);
    expect((await names('?is_active=false'))[0]).toEqual([]);
  });

  it('are made before their first sign-in, which then finds them', async () => {
    const ada = { username: 'ada', email: 'ada@example.org', first_name: 'Ada', last_name: 'Lovelace' };
    const { status, answer } = await call('/admin/users/', 'POST', { ...ada, role: 'administrator' });
    expect([status, answer.data.user]).toEqual([200, expect.objectContaining({ ...ada, role: 'administrator' })]);
    expect(answer.data.quotas.workspaces).toEqual({ limit: null, used: 0 });
    const identity = { username: 'ada', email: 'ada@example.org', firstName: '', lastName: '' };
    const row = await userOfIdentity(fixture.context, identity);
    expect(row).toMatchObject({ id: answer.data.user.id, first_name: 'Ada', role: 'administrator' });
    const made = await call('/admin/users/', 'POST', { username: 'bob', email: 'bob@example.org' });
    expect(made.answer.data.user).toMatchObject({ first_name: '', last_name: '', role: 'user', is_active: true });

    const again = await call('/admin/users/', 'POST', { ...ada, email: 'another@example.org' });
    expect(again).toMatchObject({ status: 409, answer: { error: { code: 'conflict', field: 'username' } } });
    expect(again.answer.message).toBe('There is a user ada already.');
    expect(await audit('?action=user.create')).toMatchObject([
      { actor: { name: 'root' }, subject_id: made.answer.data.user.id, details: { username: 'bob', role: 'user' } },
      { actor: { name: 'root' }, subject_id: row.id, details: { username: 'ada', role: 'administrator' } },
    ]);
  });

  it('with whose name or address nobody could sign in are not made', async () => {
    const good = { username: 'ada', email: 'ada@example.org' };
    for (const [field, value] of [
      ['username', ''],
      ['username', ' ada'],
      ['username', 'ada\u0000'],
      ['username', undefined],
      ['username', 7],
      ['email', undefined],
      ['email', `${'x'.repeat(256)}@example.org`],
      ['first_name', 'A\u0000da'],
      ['last_name', '\ud800'],
      ['last_name', null],
      ['role', 'emperor'],
    ] as const) {
      const { status, answer } = await call('/admin/users/', 'POST', { ...good, [field]: value });
      const code = value === undefined ? 'missing_field' : 'invalid_field';
      expect([field, value, status, answer.error]).toEqual([
        field,
        value,
        400,
        expect.objectContaining({ code, field }),
      ]);
    }
    expect(await fixture.database.count('users', {})).toBe(2);
  });

  it('are made once for one Idempotency-Key, also by two requests at the same time', async () => {
    const make = (body: object) =>
      fixture.call('/admin/users/', {
        method: 'POST',
        headers: { Authorization: `Token ${admin.token}`, 'Idempotency-Key': 'order 7' },
        body: JSON.stringify(body),
      });
    const ada = { username: 'ada', email: 'ada@example.org' };
    const answers = await Promise.all([make(ada), make(ada)]);
    const [first, second]: Answer[] = await Promise.all(answers.map((answer) => answer.json()));
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(second).toEqual(first);
    expect(await (await make(ada)).json()).toEqual(first);
    const other: Answer = await (await make({ ...ada, role: 'administrator' })).json();
    expect(other.error).toMatchObject({ code: 'idempotency_conflict' });
    expect(await audit('?action=user.create')).toHaveLength(1);
    expect((await call(`/admin/users/${first?.data.user.id}/`, 'DELETE')).status).toBe(200);
    expect((await make(ada)).status).toBe(404);
  });

  it('who have nothing are removed, and what they have open ends; nobody else is, nor an administrator by themselves', async () => {
    const { user: typo, token } = await fixture.addUser('adda');
    const remove = (id: number) => call(`/admin/users/${id}/`, 'DELETE');
    const stream = await fixture.call('/events/', { headers: { Authorization: `Token ${token}` } });
    const reader = stream.body?.getReader();
    await reader?.read();
    expect((await remove(typo.id)).answer.data.user.username).toBe('adda');
    await expect(reader?.read()).rejects.toThrow('terminated');
    expect((await call('/me/', 'GET', undefined, token)).status).toBe(401);
    expect((await call(`/admin/users/${typo.id}/`)).status).toBe(404);
    expect((await remove(typo.id)).answer.error).toMatchObject({ code: 'not_found' });
    // Has a workspace.
    const refused = await remove(fixture.user.id);
    expect(refused).toMatchObject({ status: 409, answer: { error: { code: 'conflict', field: 'user_id' } } });
    expect((await fixture.call('/me/')).status).toBe(200);
    expect(await remove(admin.user.id)).toMatchObject({ status: 409, answer: { error: { field: 'user_id' } } });
    expect((await call('/me/')).status).toBe(200);
    expect(await audit('?action=user.delete')).toMatchObject([
      { actor: { name: 'root' }, subject_id: typo.id, details: { username: 'adda', email: typo.email } },
    ]);
  });

  it('who are removed while somebody offers them a copy get none', async () => {
    const { user: typo } = await fixture.addUser('adda');
    Object.assign(fixture.context.accounts, {
      resolve: async ({ username }: Identity) => {
        if (username === typo.username) await removeUser(fixture.context, serverActor, typo.id);
        return { name: username, uid: null, gid: null };
      },
    });
    const offer = { original_workspace_id: fixture.workspace.id, shared_user_ids: [typo.id] };
    const { status, answer } = await call('/shared_workspaces/', 'POST', offer, fixture.token);
    expect([status, answer.message]).toEqual([400, 'Invalid user id provided.']);
    expect(await fixture.database.count('shares', {})).toBe(0);
    expect(await fixture.database.count('workspaces', { user_id: typo.id })).toBe(0);
  });

  it('who were removed by another process are noticed soon', async () => {
    const { user, token } = await fixture.addUser('adda');
    const stream = await fixture.call('/events/', { headers: { Authorization: `Token ${token}` } });
    const reader = stream.body?.getReader();
    await reader?.read();
    let hasEnded = false;
    const ended = reader?.read().catch(() => {
      hasEnded = true;
    });
    await removeUser(fixture.context, serverActor, user.id);
    await until(async () => {
      await fixture.doors.look();
      return hasEnded;
    });
    await ended;
  });

  it('get quotas of their own, none, or the default again', async () => {
    const set = (body: object) => call(`/admin/users/${fixture.user.id}/quotas/`, 'PUT', body);
    const { data } = (await set({ active_jobs: 0, core_hours: 1.5, disk_space: null })).answer;
    expect(data.user.own_quotas).toEqual({
      active_jobs: 0,
      core_hours: 1.5,
      disk_space: null,
      workspaces: 'default',
    });
    expect(data.quotas.active_jobs).toEqual({ limit: 0, used: 0 });
    expect((await set({ active_jobs: 'default' })).answer.data.user.own_quotas.active_jobs).toBe('default');
    expect((await set({ active_jobs: -1 })).status).toBe(400);
    expect((await set({ active_jobs: 1.5 })).status).toBe(400);
    expect((await set({ bogus: 1 })).status).toBe(400);
    expect((await audit('?action=user.quotas')).map((entry: { details: object }) => entry.details)).toEqual([
      { username: 'alice', active_jobs: 'default' },
      { username: 'alice', active_jobs: 0, core_hours: 1.5, disk_space: null },
    ]);
  });
});

describe('deactivation', () => {
  const deactivate = (query = '') => call(`/admin/users/${fixture.user.id}/deactivate/${query}`, 'PUT');

  it('ends tokens, streams and requests under way; reactivation needs a new sign-in', async () => {
    const stream = await fixture.call('/events/');
    const reader = stream.body?.getReader();
    await reader?.read();
    const ended = (async () => {
      for (;;) if ((await reader?.read())?.done !== false) return;
    })().catch(() => undefined);
    expect((await deactivate()).answer.data.user).toMatchObject({ is_active: false });
    await ended;
    expect((await fixture.call('/me/')).status).toBe(401);
    expect(await fixture.database.count('tokens', { user_id: fixture.user.id })).toBe(0);
    expect((await deactivate()).status).toBe(200);

    const back = await call(`/admin/users/${fixture.user.id}/reactivate/`, 'PUT');
    expect(back.answer.data.user).toMatchObject({ is_active: true, datetime_deactivated: null });
    expect((await fixture.call('/me/')).status).toBe(401);
  });

  it('by another process is noticed soon', async () => {
    const stream = await fixture.call('/events/');
    const reader = stream.body?.getReader();
    await reader?.read();
    let hasEnded = false;
    (async () => {
      while ((await reader?.read())?.done === false);
    })()
      .catch(() => undefined)
      .finally(() => {
        hasEnded = true;
      });
    await fixture.database.transaction((rows) => rows.update('users', { id: fixture.user.id }, { is_active: false }));
    await until(async () => {
      await fixture.doors.look();
      return hasEnded;
    });
  });

  it('leaves jobs alone, or stops them', async () => {
    const [running, waiting] = [
      await fixture.addJob({ status: 'running', launch_begun: true }),
      await fixture.addJob(),
    ];
    await deactivate();
    expect(await fixture.database.count('jobs', { status: { in: ['running', 'pending'] } })).toBe(2);
    await deactivate('?stop_jobs=true');
    expect(await fixture.database.findOne('jobs', { id: running.id })).toMatchObject({ status: 'stopping' });
    expect(await fixture.database.findOne('jobs', { id: waiting.id })).toMatchObject({ status: 'complete' });
    expect((await audit('?action=user.deactivate'))[0].details.stopped_jobs).toEqual([running.id, waiting.id]);
  });

  it('of oneself is refused', async () => {
    expect((await call(`/admin/users/${admin.user.id}/deactivate/`, 'PUT')).status).toBe(409);
    expect((await call('/me/')).status).toBe(200);
  });
});

describe('tokens and portals', () => {
  it('revoking a token ends what it opened; its user keeps others', async () => {
    const { data } = (await call(`/admin/users/${fixture.user.id}/tokens/`)).answer;
    expect(data.tokens).toHaveLength(1);
    expect(JSON.stringify(data)).not.toContain(fixture.token);
    const path = `/admin/users/${fixture.user.id}/tokens/${data.tokens[0].id}/`;
    expect((await call(path, 'DELETE')).status).toBe(200);
    expect((await call(path, 'DELETE')).status).toBe(404);
    expect((await fixture.call('/me/')).status).toBe(401);
    expect((await call(`/admin/users/${fixture.user.id}/tokens/`, 'DELETE')).status).toBe(200);
    expect((await call('/admin/users/9999/tokens/', 'DELETE')).status).toBe(404);
  });

  it('an administrator who revokes the token of the request gets the answer; all else that it has opened ends', async () => {
    const { user, token } = admin;
    const tokensOf = `/admin/users/${user.id}/tokens/`;
    const revoking = {
      'of oneself': (id: number) => `/me/tokens/${id}/`,
      one: (id: number) => `${tokensOf}${id}/`,
      all: () => tokensOf,
    };
    for (const [what, path] of Object.entries(revoking)) {
      const own = await issueToken(fixture.context, user.id, 'test', serverActor);
      const stream = await fixture.call('/events/', { headers: { Authorization: `Token ${own.token}` } });
      const reader = stream.body?.getReader();
      await reader?.read();
      expect([what, (await call(path(own.id), 'DELETE', undefined, own.token)).status]).toEqual([what, 200]);
      await expect(reader?.read()).rejects.toThrow('terminated');
      expect((await call('/me/', 'GET', undefined, own.token)).status).toBe(401);
    }
    expect((await call('/me/', 'GET', undefined, token)).status).toBe(401);
  });

  it('a portal is made, gets a new token, and goes; the configured one belongs to the configuration', async () => {
    const made = await call('/admin/clients/', 'POST', { name: 'second' });
    const { client, client_token } = made.answer.data;
    const knows = async (token: string) => {
      const { hashToken } = await import('../../src/services/tokens.js');
      return (await fixture.database.count('api_clients', { token_hash: hashToken(token) })) === 1;
    };
    expect(await knows(client_token)).toBe(true);
    expect((await call('/admin/clients/', 'POST', { name: 'second' })).status).toBe(409);
    const rotated = (await call(`/admin/clients/${client.id}/rotate/`, 'PUT')).answer.data.client_token;
    expect([await knows(client_token), await knows(rotated)]).toEqual([false, true]);
    const { setApiClient } = await import('../../src/services/tokens.js');
    await setApiClient(fixture.context, 'portal', 'configured');
    const list = (await call('/admin/clients/')).answer.data.clients;
    expect(list.map((row: { name: string }) => row.name)).toEqual(['second', 'portal']);
    expect((await call(`/admin/clients/${list[1].id}/rotate/`, 'PUT')).status).toBe(409);
    expect((await call(`/admin/clients/${list[1].id}/`, 'DELETE')).status).toBe(409);
    expect((await call(`/admin/clients/${client.id}/`, 'DELETE')).status).toBe(200);
    expect(await knows(rotated)).toBe(false);
    const text = JSON.stringify(await fixture.database.find('audit_entries', {}));
    const ofServer = () =>
      audit('?subject_kind=client').then((all) =>
        all.filter((entry: Schema<'AuditEntry'>) => entry.actor.kind === 'server'),
      );
    expect(await ofServer()).toMatchObject([{ action: 'client.create', details: { name: 'portal' } }]);
    await setApiClient(fixture.context, 'portal', 'configured');
    expect(await ofServer()).toHaveLength(1);
    await setApiClient(fixture.context, 'portal', 'changed');
    expect(await ofServer()).toMatchObject([{ action: 'client.rotate', subject_id: list[1].id }, {}]);
    expect([await knows('configured'), await knows('changed')]).toEqual([false, true]);

    const third = (await call('/admin/clients/', 'POST', { name: 'third' })).answer.data.client_token;
    await expect(setApiClient(fixture.context, 'third', 'other')).rejects.toMatchObject({
      kind: 'misconfigured',
      message: expect.stringContaining('uws admin clients remove third'),
    });
    expect([await knows(third), await knows('other')]).toEqual([true, false]);
    for (const secret of [client_token, rotated, 'configured']) expect(text).not.toContain(secret);
  });
});

describe('what a portal has signed in', () => {
  const signInBy = async (clientToken: string, username: string): Promise<string> => {
    const identity = { username, email: `${username}@example.org`, firstName: '', lastName: '' };
    Object.assign(fixture.context.authentication, {
      signIn: async (_: object, { findApiClient }: SignInContext): Promise<SignInResult> =>
        (await findApiClient(clientToken)) ? { kind: 'identity', identity } : { kind: 'refused', message: 'no portal' },
    });
    const response = await fetch(`${fixture.url}/tokens/`, { method: 'POST', body: '{}' });
    const { token }: { token?: string } = await response.json();
    return token ?? `${response.status}`;
  };
  const works = async (token: string) => (await call('/me/', 'GET', undefined, token)).status === 200;
  const revoke = (id: number, query = '') => call(`/admin/clients/${id}/sign_ins/${query}`, 'DELETE');
  /** Whether the ways into the user's sessions of before are closed: users begin with the time of their first sign-in. */
  const isShutOut = async (username: string): Promise<boolean> => {
    const user = await fixture.database.findOne('users', { username });
    return user !== undefined && user.session_epoch !== (username === 'alice' ? 0 : user.created_at_ms);
  };
  const make = async (name: string): Promise<{ id: number; token: string }> => {
    const { client, client_token } = (await call('/admin/clients/', 'POST', { name })).answer.data;
    return { id: client.id, token: client_token };
  };

  it('ends in one go, with the sessions of its users, and nothing else does', async () => {
    const [leaked, other] = [await make('leaked'), await make('other')];
    const stolen = [await signInBy(leaked.token, 'bob'), await signInBy(leaked.token, 'carol')];
    const kept = await signInBy(other.token, 'dave');
    const idOf = async (username: string) => (await fixture.database.findOne('users', { username }))?.id ?? 0;
    for (const [index, name] of ['bob', 'dave'].entries()) {
      const launch_key = String(index).repeat(32);
      await fixture.addJob({ user_id: await idOf(name), status: 'running', launch_key });
    }
    const stream = await fetch(`${fixture.url}/events/`, { headers: { Authorization: `Token ${stolen[0]}` } });
    const ended = stream.text().catch(() => 'cut');
    const { answer } = await revoke(leaked.id);
    expect(answer.data).toEqual({ revoked: 2, users: 2, undetermined: 0 });
    await ended;
    expect(await Promise.all([...stolen, kept, admin.token, fixture.token].map(works))).toEqual([
      ...[false, false],
      ...[true, true, true],
    ]);
    // Who has no job has no session to be let into.
    expect(await Promise.all(['bob', 'carol', 'dave'].map(isShutOut))).toEqual([true, false, false]);
    const { name, subject_id } = { name: 'leaked', subject_id: leaked.id };
    expect(await audit('?action=client.revoke_sign_ins')).toMatchObject([
      { subject_id, details: { name, sessions_of: [await idOf('bob')] } },
      { subject_id, actor: { name: 'root' }, details: { name, revoked: 2 } },
    ]);
    expect((await revoke(leaked.id)).answer.data).toEqual({ revoked: 0, users: 0, undetermined: 0 });
    expect((await revoke(9_999)).status).toBe(404);
    expect((await revoke(leaked.id, '?since=yesterday')).answer.error).toMatchObject({ field: 'since' });
    // Users sign in again, also through this portal.
    expect(await works(await signInBy(leaked.token, 'bob'))).toBe(true);
  });

  it('ends only from a time on where one is given', async () => {
    const leaked = await make('leaked');
    const before = await signInBy(leaked.token, 'bob');
    await fixture.database.transaction((rows) => rows.update('tokens', { client_id: leaked.id }, { created_at_ms: 1 }));
    const after = await signInBy(leaked.token, 'bob');
    const { answer } = await revoke(leaked.id, '?since=2026-01-01');
    expect(answer.data).toEqual({ revoked: 1, users: 1, undetermined: 0 });
    expect([await works(before), await works(after)]).toEqual([true, false]);
  });

  it('leaves no way into a session to who has signed out meanwhile, also of a portal that was removed', async () => {
    const leaked = await make('leaked');
    const token = await signInBy(leaked.token, 'bob');
    const { id: user_id = 0 } = (await fixture.database.findOne('users', { username: 'bob' })) ?? {};
    await fixture.addJob({ user_id, status: 'running' });
    await fixture.addJob({ status: 'running', launch_key: 'a'.repeat(32) });
    expect((await call('/me/tokens/current/', 'DELETE', undefined, token)).status).toBe(200);
    expect((await call(`/admin/clients/${leaked.id}/`, 'DELETE')).status).toBe(200);
    expect((await revoke(leaked.id)).answer.data).toMatchObject({ revoked: 0 });
    expect(await Promise.all(['bob', 'alice'].map(isShutOut))).toEqual([true, false]);
  });

  it('has no gap for a sign-in that is under way while the client token is changed', async () => {
    const leaked = await make('leaked');
    const { signIn } = { signIn: () => signInBy(leaked.token, 'bob') };
    const { transaction } = fixture.context.journal;
    vi.spyOn(fixture.context.journal, 'transaction').mockImplementationOnce(async (...args) => {
      const { answer } = await call(`/admin/clients/${leaked.id}/rotate/`, 'PUT');
      expect(answer.data.client_token).toBeDefined();
      expect((await revoke(leaked.id)).answer.data.revoked).toBe(0);
      return transaction.apply(fixture.context.journal, args);
    });
    expect(await signIn()).toBe('401');
    expect(await fixture.database.count('tokens', { client_id: leaked.id })).toBe(0);
  });

  it('is more than fits into one batch, and sign-ins of before an upgrade are counted', async () => {
    const leaked = await make('leaked');
    const ofToken = { user_id: fixture.user.id, name: 'sign-in', created_at_ms: Date.now(), last_used_at_ms: null };
    await fixture.database.transaction(async (rows) => {
      const add = (client_id: number | null, token_hash: string, expires_at_ms = Date.now() + 60_000) =>
        rows.insert('tokens', { ...ofToken, client_id, token_hash, expires_at_ms });
      for (let index = 0; index < 1_001; index += 1) await add(leaked.id, `h${index}`);
      await add(unknownClientId, 'old');
      await add(unknownClientId, 'old and over', 1);
      await add(null, 'by no portal');
    });
    expect((await revoke(leaked.id)).answer.data).toEqual({ revoked: 1_001, users: 1, undetermined: 1 });
    const revoked = (await audit('?action=client.revoke_sign_ins')).map(
      (entry: Schema<'AuditEntry'>) => entry.details.revoked,
    );
    expect(revoked).toEqual([1, 500, 500]);
    expect(await fixture.database.count('tokens', { name: 'sign-in' })).toBe(3);
  });
});

describe('everybody', () => {
  it('has the failures of their jobs told', async () => {
    const failed = { status: 'failed', status_reason: 'exit_code', exit_code: 3, started_at_ms: 1 } as const;
    const [one, other] = [
      await fixture.addJob({ ...failed, launch_key: 'a'.repeat(32) }),
      await fixture.addJob({
        ...failed,
        launch_key: 'b'.repeat(32),
        status_reason: 'signal',
        exit_code: null,
        signal: 'SIGKILL',
      }),
    ];
    const { jobs } = (await call('/admin/jobs/')).answer.data;
    expect(jobs).toMatchObject([
      { id: one.id, phase: 'running', exit_code: 3, signal: null },
      { id: other.id, phase: 'running', exit_code: null, signal: 'SIGKILL' },
    ]);
  });

  it('has their jobs listed and stopped, and their workspaces listed', async () => {
    const job = await fixture.addJob({
      session_secret: 'hidden-secret',
      request_details: { private: 'hidden-details' },
    });
    const { data } = (await call(`/admin/jobs/?user_id=${fixture.user.id}&status=pending`)).answer;
    expect(data.jobs).toMatchObject([{ id: job.id, username: 'alice', status: 'pending' }]);
    expect(JSON.stringify(data)).not.toContain('hidden');
    expect((await call('/admin/jobs/?status=running')).answer.data.jobs).toEqual([]);
    expect((await call(`/admin/jobs/${job.id}/stop/`, 'PUT')).status).toBe(200);
    expect((await call(`/admin/jobs/${job.id}/stop/`, 'PUT')).status).toBe(400);
    expect((await call('/admin/jobs/9999/stop/', 'PUT')).status).toBe(404);
    const { workspaces } = (await call('/admin/workspaces/')).answer.data;
    expect(workspaces).toMatchObject([{ id: fixture.workspace.id, username: 'alice', disk_space: 0 }]);
  });

  it('is found in an open directory, from one request to the next', async () => {
    const all = async () =>
      (await call('/users/', 'GET', undefined, fixture.token)).answer.data.users.map(
        (user: { username: string }) => user.username,
      );
    expect(await all()).toEqual([]);
    const set = (is_open: boolean | null) => call('/admin/directory/', 'PUT', { is_open });
    expect((await set(true)).answer.data.directory).toEqual({ is_open: true, source: 'administrator' });
    expect(await all()).toEqual(['root']);
    await set(null);
    expect(await all()).toEqual([]);
    expect((await call('/admin/directory/')).answer.data.directory.source).toBe('configuration');
    expect((await audit('?subject_kind=directory&subject_id=1'))[0]).toMatchObject({ action: 'directory.set' });
  });
});

describe('the audit log', () => {
  it('tells who did what to what, from where and when, and is searched', async () => {
    const created = await call('/workspaces/', 'POST', { name: 'n', description: '' }, fixture.token);
    const { id } = created.answer.data.workspace;
    await call(`/workspaces/${id}/`, 'DELETE', undefined, fixture.token);
    const [deleted, made] = await audit(`?subject_kind=workspace&subject_id=${id}`);
    expect(made).toMatchObject({
      action: 'workspace.create',
      outcome: 'done',
      actor: { kind: 'user', user_id: fixture.user.id, name: 'alice' },
      subject_kind: 'workspace',
      subject_id: id,
      address: '192.0.2.7',
    });
    expect(made.request_id).toMatch(/^[\w-]{12}$/);
    expect(deleted.action).toBe('workspace.delete');
    expect(await audit(`?actor_user_id=${admin.user.id}&action=workspace.create`)).toEqual([]);
    expect(await audit(`?from=${deleted.datetime}&until=2999-01-01T00:00:00Z&subject_kind=workspace`)).toHaveLength(
      deleted.datetime === made.datetime ? 2 : 1,
    );
    expect((await call('/admin/audit/?from=yesterday')).answer.error).toMatchObject({ field: 'from' });
    expect((await call('/admin/audit/?action=bogus')).status).toBe(400);
    const metrics = await (await fetch(`${fixture.url}/metrics`)).text();
    expect(metrics).toContain('uws_audit_entries_total{action="workspace.create",outcome="done"} 1');
  });

  it('writes only some of many refusals, counts all, and forgets in time', async () => {
    frozenMs = Date.now();
    for (let count = 0; count < 30; count++) await call('/admin/users/', 'GET', undefined, fixture.token);
    expect(await fixture.database.count('audit_entries', { outcome: 'refused' })).toBe(20);
    const metrics = await (await fetch(`${fixture.url}/metrics`)).text();
    expect(metrics).toContain('uws_audit_entries_total{action="administration",outcome="refused"} 20\n');
    expect(metrics).toContain('uws_audit_entries_left_out_total{action="administration"} 10\n');
    expect(metrics).toContain('uws_administration_refusals_total 30\n');
    await fixture.database.transaction((rows) =>
      rows.update('audit_entries', { outcome: 'refused' }, { created_at_ms: (frozenMs ?? 0) - 2_000 }),
    );
    const before = await fixture.database.count('audit_entries', {});
    await cleanUp(fixture.context, new AbortController().signal);
    expect(await fixture.database.count('audit_entries', {})).toBe(before - 20);
  });

  it('tells of every stop who caused it and why, with the job as the subject', async () => {
    const running = (key: string) =>
      fixture.addJob({ status: 'running', launch_begun: true, launch_key: key.repeat(32) });
    const jobs = [await running('a'), await fixture.addJob(), await running('b'), await running('c')] as const;
    const stopped = async ({ id }: { id: number }) => {
      const entries = await audit(`?action=job.stop&subject_kind=job&subject_id=${id}`);
      expect(entries).toHaveLength(1);
      const [{ actor, details, address, datetime }] = entries;
      expect(Date.parse(datetime)).toBeGreaterThan(0);
      return [actor.name, details, address];
    };
    const user_id = fixture.user.id;
    expect((await call(`/jobs/${jobs[0].id}/stop/`, 'PUT', undefined, fixture.token)).status).toBe(200);
    expect(await stopped(jobs[0])).toEqual(['alice', { reason: 'requested', user_id }, '192.0.2.7']);
    expect((await call(`/admin/jobs/${jobs[1].id}/stop/`, 'PUT')).status).toBe(200);
    expect(await stopped(jobs[1])).toEqual(['root', { reason: 'requested', user_id }, '192.0.2.7']);
    const path = `/workspaces/${fixture.workspace.id}/`;
    await fixture.database.transaction((rows) => rows.update('jobs', { id: jobs[3].id }, { status: 'complete' }));
    expect((await call(`${path}?force=true`, 'DELETE', undefined, fixture.token)).status).toBe(200);
    expect(await stopped(jobs[2])).toEqual(['alice', { reason: 'workspace_deleted', user_id }, '192.0.2.7']);
    await fixture.database.transaction((rows) => rows.update('jobs', { id: jobs[3].id }, { status: 'running' }));
    expect((await call(`/admin/users/${user_id}/deactivate/?stop_jobs=true`, 'PUT')).status).toBe(200);
    expect(await stopped(jobs[3])).toEqual(['root', { reason: 'user_deactivated', user_id }, '192.0.2.7']);
  });

  it('tells of jobs that the server stops by itself', async () => {
    const ids: number[] = [];
    for (const reason of ['idle', 'start_timeout', 'session_lost'] as const) {
      const job = await fixture.addJob({ status: 'running', launch_begun: true, launch_key: reason });
      ids.push(job.id);
      await fixture.context.journal.transaction((transaction) => requestStop(transaction, job, reason));
    }
    const entries = await audit('?action=job.stop&order=id');
    const told = (entry: { actor: object; subject_id: number; details: object }) => [entry.subject_id, entry.actor];
    const server = { kind: 'server', user_id: null, name: null };
    expect(entries.map(told)).toEqual(ids.map((id) => [id, server]));
    const user_id = fixture.user.id;
    expect(entries.map((entry: { details: object }) => entry.details)).toEqual([
      { reason: 'idle', user_id },
      { reason: 'start_timeout', user_id },
      { reason: 'session_lost', user_id },
    ]);
  });

  it('is searched by times as it shows them, wherever the server is', async () => {
    await fixture.database.transaction((rows) =>
      rows.update('audit_entries', { id: { gt: 0 } }, { created_at_ms: Date.UTC(2026, 10, 26, 17, 37, 0, 500) }),
    );
    await fixture.database.transaction((rows) => rows.remove('audit_entries', { action: { not: 'token.create' } }));
    const all = await fixture.database.count('audit_entries', {});
    const found = async (from: string) => (await audit(`?from=${encodeURIComponent(from)}`)).length;
    vi.stubEnv('TZ', 'America/New_York');
    try {
      expect(new Date(Date.UTC(2026, 10, 26)).getTimezoneOffset()).toBe(300);
      for (const before of ['2026-11-26 17:37:00', '2026-11-26T17:37', '2026-11-26', '2026-11-26T12:37:00-05:00']) {
        expect([before, await found(before)]).toEqual([before, all]);
      }
      for (const after of ['2026-11-26 17:37:01', '2026-11-26T17:38', '2026-11-27', '2026-11-26t17:37:00.6z']) {
        expect([after, await found(after)]).toEqual([after, 0]);
      }
      for (const wrong of [
        '1',
        '2026',
        '2026-02-30',
        '2026-13-01',
        '2026-11-26 25:00',
        'Nov 26 2026',
        '2026-11-26T17',
        '',
      ]) {
        const { status, answer } = await call(`/admin/audit/?until=${encodeURIComponent(wrong)}`);
        expect([wrong, status, answer.error?.field]).toEqual([wrong, 400, 'until']);
      }
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('an entry exists exactly if its change does', async () => {
    const before = await fixture.database.count('audit_entries', { action: 'job.stop' });
    const job = await fixture.addJob({ status: 'complete' });
    await call(`/admin/jobs/${job.id}/stop/`, 'PUT');
    await call(`/jobs/${job.id}/stop/`, 'PUT', undefined, fixture.token);
    expect(await fixture.database.count('audit_entries', { action: 'job.stop' })).toBe(before);
  });
});
