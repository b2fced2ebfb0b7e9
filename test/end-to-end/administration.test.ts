// `uws admin` at a terminal beside a running `uws serve`, and the same by the SDK: what administrators do, and that the server heeds it.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserWorkspaces } from '@user-workspaces/client';
import { type Administration, administration } from '@user-workspaces/client/admin';
import { type Schema, schemas } from '@user-workspaces/schema';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { writeTestConfiguration } from '../support/configuration.js';
import { putAway } from '../support/put-away.js';
import { type RunningServer, startServer, temporaryDirectory } from '../support/server.js';
import { signIn, startJob, startSession, type User } from '../support/users.js';
import { visit } from '../support/visit.js';

const uws = fileURLToPath(new URL('../../packages/cli/bin/uws.mjs', import.meta.url));
const application = `require('node:http').createServer((_, response) => response.end('session')).listen(Number(process.env.PORT), process.env.HOST);`;

/** The documentation says about five seconds; a busy machine gets more. */
const soon = { timeout: 20_000, interval: 200 };

let server: RunningServer;
let configuration: string;
let chief: User;
let admin: Administration;
let ada: User;
let ben: User;

interface Done {
  readonly exitCode: number;
  readonly out: string;
  readonly errors: string;
}

/** Runs `uws admin` on the server's data directory. */
async function run(...args: readonly string[]): Promise<Done> {
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: process.env.HOME ?? '/',
    UWS_DATA_DIR: server.dataDirectory,
    UWS_CONFIG: configuration,
    UWS_QUOTA_ACTIVE_JOBS: '3',
  };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [uws, 'admin', ...args], { env }, (_, out, errors) =>
      resolve({ exitCode: child.exitCode ?? -1, out, errors }),
    );
  });
}

/** What it prints for people; it must have succeeded. */
async function text(...args: readonly string[]): Promise<string> {
  const { exitCode, out, errors } = await run(...args);
  expect([args, exitCode, errors]).toEqual([args, 0, '']);
  return out;
}

/** What it prints with `--json`, which must have the shape that the specification gives the same answer over HTTP. */
async function json<R>(schema: { parse(value: unknown): R }, ...args: readonly string[]): Promise<R> {
  return schema.parse(JSON.parse(await text(...args, '--json')));
}

const { AdminUserAnswer, AdminUsersAnswer, AdminJobsAnswer, AuditAnswer } = schemas;
const { AdminTokensAnswer, AdminWorkspacesAnswer, ClientTokenAnswer, ClientsAnswer, RevokedSignInsAnswer } = schemas;
const userAnswer = AdminUserAnswer.shape.data;

async function audit(...args: readonly string[]): Promise<Schema<'AuditEntry'>[]> {
  return (await json(AuditAnswer.shape.data, 'audit', ...args)).entries;
}

/** Whether the server still sends this user events. */
async function follow(user: User): Promise<{ hasEnded(): boolean }> {
  const stream = await user.request('/events/');
  expect(stream.status).toBe(200);
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
  return { hasEnded: () => hasEnded };
}

beforeAll(async () => {
  const root = await temporaryDirectory();
  configuration = await writeTestConfiguration(root);
  server = await startServer({
    dataDirectory: join(root, 'data'),
    env: { UWS_CONFIG: configuration, UWS_STOP_GRACE_SECONDS: '1', UWS_QUOTA_ACTIVE_JOBS: '3' },
  });
  [chief, ada, ben] = await Promise.all([signIn(server, 'chief'), signIn(server, 'ada'), signIn(server, 'ben')]);
  admin = administration(chief.client);
});

afterAll(async () => {
  const users = await Promise.all(['ada', 'ben', 'chief'].map((name) => signIn(server, name).catch(() => ben)));
  expect(await putAway(server, users)).toEqual([]);
});

test('the first administrator is made at the terminal, and is one with the next request', async () => {
  await expect(admin.users()).rejects.toMatchObject({ status: 403, code: 'permission_denied' });
  const shown = await text('users', 'set-role', 'chief', 'administrator');
  expect(shown).toMatch(/^User: +chief \(id \d+\)\nName: .*\nE-mail: +chief@example\.org\nRole: +administrator\n/);
  const { items } = await admin.users({ role: 'administrator' });
  expect(items.map(({ username }) => username)).toEqual(['chief']);
  // Somebody who has never signed in can be one from the beginning.
  const added = await json(userAnswer, 'users', 'add', 'dora', '--email', 'dora@example.org', '--administrator');
  expect(added.user).toMatchObject({ username: 'dora', role: 'administrator', is_active: true });
  const dora = await signIn(server, 'dora');
  expect((await administration(dora.client).user(added.user.id)).user.email).toBe('dora@example.org');
  await text('users', 'set-role', 'dora', 'user');
  await expect(administration(dora.client).users()).rejects.toMatchObject({ status: 403 });
});

describe('users', () => {
  test('are listed and shown, for people and for programs', async () => {
    const table = (await text('users', 'list')).trimEnd().split('\n');
    expect(table[0]).toMatch(/^ID +USER +NAME +E-MAIL +ROLE +STATE +DISK +CORE HOURS$/);
    expect(table.slice(1).map((line) => line.split(/ +/)[1])).toEqual(
      expect.arrayContaining(['chief', 'ada', 'ben', 'dora']),
    );
    // The server's own first user is among them.
    const page = await json(AdminUsersAnswer.shape.data, 'users', 'list', '--limit', '2');
    expect(page.users).toHaveLength(2);
    const rest = await json(AdminUsersAnswer.shape.data, 'users', 'list', '--cursor', page.next_cursor ?? '');
    const names = [...page.users, ...rest.users].map(({ username }) => username);
    expect([...names].sort()).toEqual(['ada', 'ben', 'chief', 'dora', 'user']);
    expect(await text('users', 'list', '--search', 'nobody-at-all')).toBe('None.\n');
    // The same as over HTTP.
    const { id } = await ada.client.me();
    expect(await json(userAnswer, 'users', 'show', 'ada')).toEqual(await admin.user(id));
  });

  test('get quotas that hold with the next request: a number, none, and the default again', async () => {
    const start = () => startJob(ada, { job_type: 'web_app', job_details: { command: ['/bin/sleep', '600'] } });
    const set = (...args: string[]) => json(userAnswer, 'users', 'set-quota', 'ada', ...args);
    const { user, quotas } = await set('--active-jobs', '0', '--core-hours', 'none', '--disk-space', '1G');
    expect(user.own_quotas).toEqual({
      active_jobs: 0,
      core_hours: null,
      disk_space: 1024 ** 3,
      workspaces: 'default',
    });
    expect(quotas).toMatchObject({ active_jobs: { limit: 0 }, core_hours: { limit: null } });
    await expect(start()).rejects.toMatchObject({ status: 429, code: 'quota_exceeded' });
    expect((await ada.client.me()).quotas).toMatchObject({ active_jobs: { limit: 0, used: 0 } });
    await set('--active-jobs', 'none');
    const { job } = await start();
    expect((await set('--active-jobs', 'default')).quotas.active_jobs).toEqual({ limit: 3, used: 1 });
    expect(await text('users', 'show', 'ada')).toMatch(/^active_jobs +1 +3 +default$/m);
    await ada.client.jobs.stop(job.id);
  });

  test('are deactivated at the terminal: what they have open in the running server ends, until they are let in again', async () => {
    const files = [{ name: 'app.cjs', content: application }];
    const { job, session } = await startSession(ada, { job_type: 'web_app' }, files);
    const { cookie, url, response } = await visit(session.url);
    expect(await response.text()).toBe('session');
    const stream = await follow(ada);
    const others = await follow(ben);

    expect((await json(userAnswer, 'users', 'deactivate', 'ada')).user).toMatchObject({ is_active: false });
    expect((await ada.request('/me/')).status).toBe(401);
    await expect(signIn(server, 'ada')).rejects.toMatchObject({ code: 'sign_in_failed' });
    await expect.poll(() => stream.hasEnded(), soon).toBe(true);
    const open = async () => (await fetch(url, { headers: { Cookie: cookie }, redirect: 'manual' })).status;
    await expect.poll(open, soon).toBeGreaterThanOrEqual(400);
    expect(await text('users', 'list', '--inactive')).toMatch(/ ada .* deactivated /);
    expect((await json(AdminJobsAnswer.shape.data, 'jobs', 'list', '--status', 'running')).jobs).toMatchObject([
      { id: job.id, username: 'ada' },
    ]);
    expect(others.hasEnded()).toBe(false);

    expect((await json(userAnswer, 'users', 'reactivate', 'ada')).user).toMatchObject({ is_active: true });
    expect((await ada.request('/me/')).status).toBe(401);
    ada = await signIn(server, 'ada');
    const openAnew = async () => {
      const { url: address } = await ada.client.jobs.waitUntilReady(job.id);
      return (await visit(address).catch(() => undefined))?.response.status;
    };
    await expect.poll(openAnew, soon).toBe(200);
    // Ways in from before stay closed.
    expect(await open()).toBe(401);
    // With her jobs.
    await text('users', 'deactivate', 'ada', '--stop-jobs');
    await expect
      .poll(async () => (await admin.jobs({ status: 'complete' })).items, soon)
      .toContainEqual(expect.objectContaining({ id: job.id, status_reason: 'stopped' }));
    await text('users', 'reactivate', 'ada');
    ada = await signIn(server, 'ada');
  });
});

test('portals are added, get new tokens, and go, at once', async () => {
  const signs = async (token: string): Promise<boolean> => {
    const credentials = { client_token: token, user_info: { username: 'ben', email: 'ben@example.org' } };
    const client = new UserWorkspaces({ baseUrl: server.baseUrl });
    return client.signIn(credentials).then(
      () => true,
      () => false,
    );
  };
  const added = await json(ClientTokenAnswer.shape.data, 'clients', 'add', 'second portal');
  expect(added.client).toMatchObject({ name: 'second portal', is_configured: false });
  expect(await signs(added.client_token)).toBe(true);
  // Alone on its line, for scripts.
  const rotated = (await text('clients', 'rotate', 'second portal')).trimEnd();
  expect([await signs(added.client_token), await signs(rotated)]).toEqual([false, true]);
  const ofPortals = await audit('--action', 'sign_in', '--outcome', 'done', '--limit', '2');
  expect(ofPortals.map(({ details }) => details)).toMatchObject([
    { portal: 'second portal', token_id: expect.any(Number) },
    { portal: 'second portal', token_id: expect.any(Number) },
  ]);
  const revoked = await json(RevokedSignInsAnswer.shape.data, 'clients', 'revoke-sign-ins', 'second portal');
  expect(revoked).toEqual({ revoked: 2, users: 1, undetermined: 0 });
  expect(await text('clients', 'revoke-sign-ins', 'second portal', '--since', '2026-11-23')).toBe(
    'Revoked: 0 (of 0 users)\n',
  );
  // Signed in by the other portal.
  expect((await ben.request('/me/')).status).toBe(200);
  const { clients } = await json(ClientsAnswer.shape.data, 'clients', 'list');
  expect(clients.map(({ name, is_configured }) => [name, is_configured])).toEqual([
    [expect.any(String), true],
    ['second portal', false],
  ]);
  const taken = await run('clients', 'add', 'second portal');
  expect(taken).toEqual({ exitCode: 1, out: '', errors: 'There is a portal second portal already.\n' });
  const configured = await run('clients', 'remove', clients[0]?.name ?? '');
  expect([configured.exitCode, configured.errors]).toEqual([1, expect.stringContaining('UWS_CLIENT_TOKEN')]);
  expect(await text('clients', 'remove', 'second portal')).toBe('Removed: second portal\n');
  expect(await signs(rotated)).toBe(false);
  expect(await signs(server.clientToken)).toBe(true);
});

test("a user's tokens are listed and revoked: what one has open ends, another goes on", async () => {
  const second = await signIn(server, 'ben');
  const [stream, kept] = [await follow(second), await follow(ben)];
  const { tokens } = await json(AdminTokensAnswer.shape.data, 'tokens', 'list', 'ben');
  const newest = Math.max(...tokens.map(({ id }) => id));
  expect(await text('tokens', 'revoke', 'ben', String(newest))).toBe('Revoked: 1\n');
  expect((await second.request('/me/')).status).toBe(401);
  await expect.poll(() => stream.hasEnded(), soon).toBe(true);
  expect(kept.hasEnded()).toBe(false);
  expect(await text('tokens', 'revoke', 'ben')).toBe(`Revoked: ${tokens.length - 1}\n`);
  await expect.poll(() => kept.hasEnded(), soon).toBe(true);
  expect(await text('tokens', 'list', 'ben')).toBe('None.\n');
  ben = await signIn(server, 'ben');
});

test('jobs are listed and stopped, workspaces listed', async () => {
  const request = { job_type: 'web_app', job_details: { command: ['/bin/sleep', '600'] } };
  const { workspace, job } = await startJob(ben, request);
  const filters = ['--user', 'ben', '--job-type', 'web_app', '--limit', '1'];
  const { jobs } = await json(AdminJobsAnswer.shape.data, 'jobs', 'list', ...filters);
  expect(jobs).toMatchObject([{ id: job.id, workspace_id: workspace.id }]);
  expect(await text('jobs', 'stop', String(job.id))).toMatch(/^(Job queued to stop|Successful stop)\.\n$/);
  // The running server carries it out.
  expect((await ben.client.jobs.waitUntilEnded(job.id, { timeoutMs: 30_000 })).status_reason).toBe('stopped');
  const again = await run('jobs', 'stop', String(job.id));
  expect(again).toEqual({ exitCode: 1, out: '', errors: 'This job is not running or pending.\n' });
  const { workspaces } = await json(AdminWorkspacesAnswer.shape.data, 'workspaces', 'list', '--user', 'ben');
  expect(workspaces).toMatchObject([{ id: workspace.id, username: 'ben' }]);
  expect(await text('workspaces', 'list')).toMatch(/^ID +USER +NAME +STATUS +DISK +LAST JOB \(UTC\)\n/);
});

test('the directory opens and closes from one request to the next', async () => {
  const found = async () => (await ben.client.users.search('')).items.map(({ username }) => username);
  expect(await text('directory', 'show')).toBe('The directory is closed (as configured).\n');
  expect(await found()).toEqual([]);
  expect(await text('directory', 'open')).toBe('The directory is open (set by an administrator).\n');
  expect((await found()).sort()).toEqual(['ada', 'chief', 'dora', 'user']);
  await text('directory', 'close');
  expect(await found()).toEqual([]);
  expect(await admin.directory()).toEqual({ is_open: false, source: 'administrator' });
  expect(await text('directory', 'reset')).toBe('The directory is closed (as configured).\n');
});

test('the SDK does the same over HTTP, typed', async () => {
  const { id: benId } = await ben.client.me();
  const { user, quotas } = await admin.setQuotas(benId, { active_jobs: 1, workspaces: null });
  expect(user.own_quotas).toMatchObject({ active_jobs: 1, workspaces: null, core_hours: 'default' });
  expect(quotas.active_jobs).toEqual({ limit: 1, used: 0 });
  const files = [{ name: 'app.cjs', content: application }];
  const { job, workspace } = await startSession(ben, { job_type: 'web_app' }, files);
  const { items: running } = await admin.jobs({ user_id: benId, status: 'running' });
  expect(running).toMatchObject([{ id: job.id, username: 'ben', workspace_id: workspace.id }]);
  await admin.stopJob(job.id);
  expect((await ben.client.jobs.waitUntilEnded(job.id, { timeoutMs: 30_000 })).status_reason).toBe('stopped');
  await expect(admin.stopJob(job.id)).rejects.toMatchObject({ code: 'job_not_active' });
  const ids = [];
  for await (const { id } of admin.workspaces({ user_id: benId, limit: 1 })) ids.push(id);
  expect(ids).toContain(workspace.id);
  expect(ids.length).toBeGreaterThan(1);

  await admin.setRole(benId, 'administrator');
  expect((await administration(ben.client).user(benId)).user.role).toBe('administrator');
  await admin.setRole(benId, 'user');
  const { id: chiefId } = await chief.client.me();
  await expect(admin.setRole(chiefId, 'user')).rejects.toMatchObject({ status: 409, field: 'role' });
  const { email } = (await admin.user(benId)).user;
  expect((await admin.setEmail(benId, 'ben@elsewhere.example')).user.email).toBe('ben@elsewhere.example');
  await expect(signIn(server, 'ben')).rejects.toMatchObject({ status: 401 });
  await admin.setEmail(benId, email);
  await expect(admin.deactivate(chiefId)).rejects.toMatchObject({ status: 409, field: 'user_id' });

  const made = await admin.createClient('third portal');
  const rotated = await admin.rotateClient(made.client.id);
  expect(rotated.client_token).not.toBe(made.client_token);
  expect(await admin.revokeSignIns(made.client.id)).toEqual({ revoked: 0, users: 0, undetermined: 0 });
  await admin.deleteClient(made.client.id);
  expect((await admin.clients()).items.map(({ name }) => name)).not.toContain('third portal');
  expect(await admin.setDirectory(true)).toEqual({ is_open: true, source: 'administrator' });
  expect(await admin.setDirectory(null)).toEqual({ is_open: false, source: 'configuration' });

  const stream = await follow(ben);
  const [first] = await admin.tokens(benId);
  await admin.revoke(benId, first?.id ?? 0);
  await admin.revoke(benId, 'all');
  await expect.poll(() => stream.hasEnded(), soon).toBe(true);
  await expect(ben.client.me()).rejects.toMatchObject({ status: 401 });
  expect((await admin.deactivate(benId, { stopJobs: true })).user.is_active).toBe(false);
  expect((await admin.reactivate(benId)).user.is_active).toBe(true);
  ben = await signIn(server, 'ben');

  const actions = [];
  for await (const { action } of admin.audit({ actor_user_id: chiefId, limit: 3 })) actions.push(action);
  expect([...new Set(actions)].sort()).toEqual([
    'administration',
    'client.create',
    'client.delete',
    'client.revoke_sign_ins',
    'client.rotate',
    'directory.set',
    'job.stop',
    'sign_in',
    'token.revoke',
    'user.deactivate',
    'user.email',
    'user.quotas',
    'user.reactivate',
    'user.role',
  ]);
});

test('users are made before their first sign-in by the SDK, and taken away', async () => {
  const emma = { username: 'emma', email: 'Emma@Example.org', first_name: 'Emma', role: 'administrator' } as const;
  const options = { idempotencyKey: 'emma' };
  const { user } = await admin.createUser(emma, options);
  expect(user).toMatchObject({ ...emma, last_name: '', is_active: true });
  expect((await admin.createUser(emma, options)).user).toEqual(user);
  await expect(admin.createUser({ ...emma, role: 'user' }, options)).rejects.toMatchObject({
    code: 'idempotency_conflict',
  });
  await expect(admin.createUser(emma)).rejects.toMatchObject({ status: 409, code: 'conflict', field: 'username' });
  for (const [field, value] of [
    ['username', '../emma'],
    ['username', 'x'.repeat(65)],
    ['email', 'nowhere'],
    ['first_name', 'x'.repeat(151)],
    ['last_name', 'E\nmma'],
  ] as const) {
    await expect(admin.createUser({ username: 'eve', email: 'eve@example.org', [field]: value })).rejects.toMatchObject(
      {
        status: 400,
        code: 'invalid_field',
        field,
      },
    );
  }
  const signedIn = await signIn(server, 'emma');
  expect(await signedIn.client.me()).toMatchObject({ id: user.id, role: 'administrator' });
  const stream = await follow(signedIn);
  await admin.deleteUser(user.id);
  await expect.poll(() => stream.hasEnded(), soon).toBe(true);
  expect((await signedIn.request('/me/')).status).toBe(401);
  await expect(admin.deleteUser(user.id)).rejects.toMatchObject({ status: 404, code: 'not_found' });
  await expect(admin.createUser(emma, options)).rejects.toMatchObject({ status: 404 });
  // Who has things, and oneself.
  for (const { client } of [ben, chief]) {
    const { id } = await client.me();
    await expect(admin.deleteUser(id)).rejects.toMatchObject({ status: 409, code: 'conflict', field: 'user_id' });
  }
  const told = await audit('--subject', `user:${user.id}`);
  expect(told.map(({ action, actor }) => [action, actor.name])).toEqual([
    ['user.delete', 'chief'],
    ['sign_in', 'emma'],
    ['user.create', 'chief'],
  ]);
});

test('the audit log has all of it, and is searched', async () => {
  await expect(signIn({ ...server, clientToken: 'wrong' }, 'ada')).rejects.toMatchObject({ status: 401 });
  const { id } = await ada.client.me();
  const byTerminal = await audit('--subject', `user:${id}`, '--action', 'user.deactivate');
  expect(byTerminal).toMatchObject([
    { actor: { kind: 'terminal', user_id: null }, outcome: 'done', details: { stopped_jobs: [expect.any(Number)] } },
    { actor: { kind: 'terminal', user_id: null }, outcome: 'done', details: { stopped_jobs: [] } },
  ]);
  const [refused] = await audit('--action', 'sign_in', '--outcome', 'refused', '--limit', '1');
  expect(refused).toMatchObject({ actor: { kind: 'nobody' }, address: '127.0.0.1' });
  const [opened] = await audit('--user', 'ada', '--action', 'session.open');
  expect(opened).toMatchObject({ actor: { kind: 'user', name: 'ada' }, subject_kind: 'job', address: '127.0.0.1' });
  expect(await audit('--until', opened?.datetime ?? '', '--user', 'ada', '--action', 'session.open')).toEqual([]);
  const since = await audit('--from', opened?.datetime ?? '', '--user', 'ada', '--action', 'session.open');
  expect(since.map((entry) => entry.id)).toContain(opened?.id);
  const table = (await text('audit', '--limit', '3')).trimEnd().split('\n');
  expect(table[0]).toMatch(/^TIME \(UTC\) +WHO +FROM +ACTION +OUTCOME +SUBJECT +DETAILS$/);
  expect(table).toHaveLength(5);
  expect(table[4]).toMatch(/^There are more: --cursor \S+$/);
  const everything = await text('audit', '--limit', '1000', '--json');
  for (const secret of [server.clientToken, ada.token, ben.token, chief.token]) {
    expect(everything).not.toContain(secret);
  }
});

test('the audit log has whoever opened a session, also by a WebSocket alone, and who tried to open another user’s', async () => {
  const entriesOf = async (jobId: number) =>
    (await admin.audit({ action: 'session.open', subject_kind: 'job', subject_id: jobId })).items;
  const files = [{ name: 'app.cjs', content: application }];
  const { job, session } = await startSession(ben, { job_type: 'web_app' }, files);
  const address = new URL(session.url);
  const socket = new WebSocket(address.href.replace(/^http/, 'ws'));
  // The application answers it as a plain request; that is its own matter.
  await new Promise((resolve) => socket.once('unexpected-response', resolve).on('error', () => undefined));
  await expect.poll(() => entriesOf(job.id), soon).toHaveLength(1);
  const [opened] = await entriesOf(job.id);
  expect(opened).toMatchObject({
    outcome: 'done',
    actor: { name: 'ben' },
    address: '127.0.0.1',
    details: { by: 'ticket' },
  });

  const foreign = await ada.request(address.pathname);
  expect([foreign.status, await foreign.text()]).toEqual([404, expect.stringContaining('No session runs')]);
  await expect.poll(() => entriesOf(job.id), soon).toHaveLength(2);
  const refused = (await entriesOf(job.id)).find(({ outcome }) => outcome === 'refused');
  expect(refused).toMatchObject({ actor: { kind: 'user', name: 'ada' }, address: '127.0.0.1' });
  await ben.client.jobs.stop(job.id);
});

test('what cannot be done ends with an exit code and a sentence', async () => {
  const unknown = await run('users', 'deactivate', 'nemo', '--json');
  expect(unknown).toEqual({ exitCode: 1, out: '', errors: 'User nemo not found.\n' });
  const wrong = await run('users', 'set-quota', 'ada', '--core-hours', '-1');
  expect([wrong.exitCode, wrong.out, wrong.errors]).toEqual([2, '', expect.stringContaining('"none" or "default"')]);
});
