// Faults of the old service that are absent: those of security (api.md, "Where the old service is wrong, and the new one must not follow").
// Each group is named after the fault, in the words of that page.
import { once } from 'node:events';
import { link, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import type { Database } from '@user-workspaces/contract';
import { ticketParameter } from '@user-workspaces/schema';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { writeTestConfiguration } from '../support/configuration.js';
import { openDatabase } from '../support/database.js';
import { putAway } from '../support/put-away.js';
import { type RunningServer, startServer, temporaryDirectory } from '../support/server.js';
import { signIn, startJob, startSession, type User } from '../support/users.js';

const isRoot = process.getuid?.() === 0;

let root: string;
let server: RunningServer;
let database: Database;
let ada: User;
let ben: User;

beforeAll(async () => {
  root = await temporaryDirectory();
  await mkdir(join(root, 'data-sets'));
  await mkdir(join(root, 'outside'));
  await writeFile(join(root, 'data-sets', 'set.csv'), 'data of everybody');
  await writeFile(join(root, 'outside', 'owned.txt'), 'of the host');
  server = await startServer({
    dataDirectory: join(root, 'data'),
    env: {
      UWS_CONFIG: await writeTestConfiguration(root),
      UWS_ALLOWED_LINK_ROOTS: join(root, 'data-sets'),
      UWS_LOG_LEVEL: 'trace',
      UWS_STOP_GRACE_SECONDS: '1',
    },
  });
  database = openDatabase(server.dataDirectory);
  ada = await signIn(server, 'ada');
  ben = await signIn(server, 'ben');
});

afterAll(async () => {
  await database.close();
  expect(await putAway(server, [ada, ben])).toEqual([]);
});

/** Everything below a directory of the host: names, owners, contents. */
async function photograph(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const lines = entries.map(async (entry) => {
    const path = join(entry.parentPath, entry.name);
    const { uid, gid, mode } = await stat(path);
    return `${path} ${uid}:${gid} ${mode.toString(8)} ${entry.isFile() ? await readFile(path, 'utf8') : ''}`;
  });
  const { uid, gid, mode } = await stat(directory);
  return [`${directory} ${uid}:${gid} ${mode.toString(8)}`, ...(await Promise.all(lines)).sort()];
}

async function locationOf(workspaceId: number): Promise<string> {
  const row = await database.findOne('workspaces', { id: workspaceId });
  if (!row) throw new Error(`There is no workspace ${workspaceId}.`);
  return row.location;
}

async function code(response: Response): Promise<{ status: number; code: unknown }> {
  const body: { error?: { code: unknown } } = await response.json();
  return { status: response.status, code: body.error?.code };
}

function json(method: string, body: unknown): RequestInit {
  return { method, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
}

function form(filename: string, content: string): RequestInit {
  const body = new FormData();
  body.set('file', new Blob([content]), filename);
  return { method: 'PUT', body };
}

describe('"Links may point anywhere, ownership changes follow them, and absolute or link-crossing names write outside the workspace: any user can take over any file of the host or of another user."', () => {
  let before: string[];
  beforeAll(async () => {
    before = [...(await photograph(join(root, 'outside'))), ...(await photograph(join(root, 'data-sets')))];
  });

  async function expectUntouched(): Promise<void> {
    expect([...(await photograph(join(root, 'outside'))), ...(await photograph(join(root, 'data-sets')))]).toEqual(
      before,
    );
  }

  test('links point below the allowed roots only, and whatever else exists is not told', async () => {
    const victim = await ben.client.workspaces.create({ name: 'victim', description: '' });
    await symlink(join(root, 'outside'), join(root, 'data-sets', 'way-out'));
    const targets = [
      '/etc/shadow',
      '/',
      join(root, 'outside', 'owned.txt'),
      join(root, 'data-sets', '..', 'outside', 'owned.txt'),
      join(root, 'data-sets', 'way-out', 'owned.txt'),
      `${join(root, 'data-sets')}-not-there`,
      await locationOf(victim.id),
      server.dataDirectory,
      'relative/target',
      '',
    ];
    const messages = new Set<string>();
    for (const source_path of targets) {
      const body = { name: 'l', description: '', workspace_details: { symlinks: [{ name: 'link', source_path }] } };
      const response = await ada.request('/workspaces/', json('POST', body));
      const answer = await response.json();
      expect({ source_path, status: response.status, field: answer.error?.field }).toEqual({
        source_path,
        status: 400,
        field: 'workspace_details.symlinks[0].source_path',
      });
      if (source_path.startsWith('/')) messages.add(answer.message.replace(source_path, ''));
    }
    expect([...messages]).toEqual(['Symlink path not found: ']);
    expect((await ada.client.workspaces.list()).items).toEqual([]);
  });

  test('an allowed link is made, and what it points to keeps its owner and its content', async () => {
    before = [...(await photograph(join(root, 'outside'))), ...(await photograph(join(root, 'data-sets')))];
    const source_path = join(root, 'data-sets', 'set.csv');
    const workspace = await ada.client.workspaces.create({
      name: 'linked',
      description: '',
      workspace_details: { symlinks: [{ name: 'sets/set.csv', source_path }] },
    });
    expect(await readlink(join(await locationOf(workspace.id), 'sets/set.csv'))).toBe(source_path);
    await ada.client.workspaces.update(workspace.id, {
      workspace_details: { symlinks: [{ name: 'sets/set.csv', source_path }] },
    });
    await expectUntouched();

    // Neither through the link, nor below it, nor by a write to its name.
    const details = (name: string) => json('PUT', { workspace_details: { files: [{ name, content: 'taken over' }] } });
    for (const name of ['sets/set.csv', 'sets/set.csv/below.txt']) {
      expect(await code(await ada.request(`/workspaces/${workspace.id}/`, details(name)))).toMatchObject({
        status: 400,
      });
    }
    await ada.client.workspaces.update(workspace.id, {
      workspace_details: { symlinks: [{ name: 'set.csv', source_path }] },
    });
    expect((await ada.request(`/workspaces/${workspace.id}/upload/`, form('set.csv', 'taken over'))).status).toBe(400);
    await expectUntouched();
    await ada.client.workspaces.delete(workspace.id);
    await expect.poll(() => database.findOne('workspaces', { id: workspace.id })).toBeUndefined();
    await expectUntouched();
  });

  test.each([
    '/etc/cron.d/taken',
    '../taken.txt',
    'a/../../taken.txt',
    './taken.txt',
    'a//b.txt',
    'a/./b.txt',
    '/',
    '.',
    '..',
  ])('the name %s makes nothing', async (name) => {
    for (const workspace_details of [
      { files: [{ name, content: 'taken' }] },
      { symlinks: [{ name, source_path: join(root, 'data-sets', 'set.csv') }] },
    ]) {
      const response = await ada.request(
        '/workspaces/',
        json('POST', { name: 'n', description: '', workspace_details }),
      );
      expect(await code(response)).toEqual({ status: 400, code: 'invalid_path' });
    }
    await expectUntouched();
    expect((await ada.client.workspaces.list()).items).toEqual([]);
  });

  test('links that a job made lead no request out of the workspace', async () => {
    const script = `ln -s ${join(root, 'outside')} out; ln -s ${join(root, 'outside', 'owned.txt')} file; ln -s . here; touch done`;
    const { workspace, job } = await startJob(ada, {
      job_type: 'web_app',
      job_details: { command: ['/bin/sh', '-c', script] },
    });
    await ada.client.jobs.waitUntilEnded(job.id, { timeoutMs: 20_000 });
    expect(await readdir(await locationOf(workspace.id))).toEqual(expect.arrayContaining(['out', 'file', 'done']));
    const path = `/workspaces/${workspace.id}`;
    const refused: Record<string, RequestInit> = {
      [`${path}/`]: json('PUT', {
        workspace_details: {
          files: [
            { name: 'out/taken.txt', content: 'x' },
            { name: 'file', content: 'x' },
          ],
        },
      }),
      [`${path}/upload/`]: form('file', 'x'),
      [`${path}/files/content/?path=out/owned.txt`]: { method: 'GET' },
      [`${path}/files/content/?path=file`]: { method: 'GET' },
      [`${path}/files/content/?path=out/taken.txt`]: { method: 'PUT', body: 'x' },
      [`${path}/files/directory/?path=out/taken`]: { method: 'PUT' },
      [`${path}/files/?path=out`]: { method: 'GET' },
    };
    for (const [address, request] of Object.entries(refused)) {
      const response = await ada.request(address, request);
      const text = await response.text();
      expect({ address, refused: response.status >= 400 && response.status < 500 }).toEqual({ address, refused: true });
      expect(text).not.toContain('of the host');
    }
    const archive = await ada.request(`${path}/files/archive/`);
    expect(await archive.text()).not.toContain('of the host');
    await expectUntouched();
    await ada.client.workspaces.delete(workspace.id);
    await expect.poll(() => database.findOne('workspaces', { id: workspace.id })).toBeUndefined();
    await expectUntouched();
  });

  test('a share copies no links that lead out, and nothing of what they point to', async () => {
    const { workspace, job } = await startJob(ada, {
      job_type: 'web_app',
      job_details: {
        command: ['/bin/sh', '-c', `ln -s ${join(root, 'outside', 'owned.txt')} file; echo mine > mine.txt`],
      },
    });
    await ada.client.jobs.waitUntilEnded(job.id, { timeoutMs: 20_000 });
    const { user } = await (await ben.request('/me/')).json().then(({ data }) => data);
    const [share] = await ada.client.shares.create({ original_workspace_id: workspace.id, shared_user_ids: [user.id] });
    const copyId = share?.shared_workspace_id.id ?? 0;
    await ben.client.shares.accept(copyId);
    await expect.poll(async () => (await database.findOne('workspaces', { id: copyId }))?.status).toBe('idle');
    expect(await readdir(await locationOf(copyId))).toEqual(['mine.txt']);
    await expectUntouched();
  });

  test.runIf(isRoot)('a hard link to a file of another user gives it away to nobody', async () => {
    const workspace = await ada.client.workspaces.create({
      name: 'hard',
      description: '',
      workspace_details: { files: [{ name: 'a', content: 'a' }] },
    });
    const secret = join(root, 'outside', 'secret.txt');
    await writeFile(secret, 'of root alone', { mode: 0o600 });
    const { uid, mode } = await stat(secret);
    await link(secret, join(await locationOf(workspace.id), 'token'));
    expect((await ada.request(`/workspaces/${workspace.id}/files/content/?path=token`)).status).toBeGreaterThanOrEqual(
      400,
    );
    expect((await ada.request(`/workspaces/${workspace.id}/upload/`, form('token', 'x'))).status).toBe(200);
    expect(await stat(secret)).toMatchObject({ uid, mode });
    expect(await readFile(secret, 'utf8')).toBe('of root alone');
  });
});

describe('"Any user name is trusted as an operating-system account (root, ../evil)."', () => {
  const attempt = (username: unknown, at = server): Promise<Response> =>
    fetch(
      `${at.baseUrl}/tokens/`,
      json('POST', { client_token: at.clientToken, user_info: { username, email: 'x@example.org' } }),
    );

  test.each([
    '../evil',
    '..',
    '.',
    '.hidden',
    'a/b',
    '/etc',
    '-rf',
    '',
    ' ',
    'a b',
    'a\nb',
    'a\0b',
    'ä',
    'x'.repeat(65),
    7,
    null,
    {},
  ])('the user name %j is refused', async (username) => {
    const response = await attempt(username);
    expect([400, 401]).toContain(response.status);
    expect(await response.json()).toMatchObject({ success: false });
    expect(await readdir(join(server.dataDirectory, 'workspaces'))).not.toContain('evil');
  });

  test.runIf(isRoot)('whoever is called root here is not root', async () => {
    const impostor = await signIn(server, 'root');
    const command = ['/bin/sh', '-c', 'id -u > id; id -g >> id; id -G >> id; cat /etc/shadow > shadow'];
    const { workspace, job } = await startJob(impostor, { job_type: 'web_app', job_details: { command } });
    await impostor.client.jobs.waitUntilEnded(job.id, { timeoutMs: 20_000 });
    const [uid = '0', gid = '0', groups = '0'] = (await impostor.client.files.readText(workspace.id, 'id')).split('\n');
    for (const id of [uid, gid, ...groups.split(' ')]) expect(Number(id)).toBeGreaterThan(1_000_000);
    expect(await impostor.client.files.readText(workspace.id, 'shadow')).toBe('');
    await impostor.client.workspaces.delete(workspace.id, { force: true });
  });

  test.runIf(isRoot)("with accounts of the machine, those of its own are nobody's", async () => {
    const machine = await startServer({ env: { UWS_ACCOUNTS: 'system', UWS_SIGN_IN_LINK: 'false' } });
    try {
      for (const username of ['root', 'daemon', 'nobody', 'www-data', 'ROOT', 'no-such-account']) {
        const response = await attempt(username, machine);
        const { token } = await response.json();
        if (response.status !== 200) continue;
        const headers = { 'UWS-Authorization': `Token ${token}` };
        const made = await fetch(`${machine.baseUrl}/workspaces/`, {
          ...json('POST', { name: 'n', description: '' }),
          headers,
        });
        expect({ username, ...(await code(made)) }).toEqual({ username, status: 403, code: 'permission_denied' });
      }
      expect(await readdir(join(machine.dataDirectory, 'workspaces')).catch(() => [])).not.toContain('root');
    } finally {
      await putAway(machine, []);
    }
  });

  test('a known user name under another e-mail is refused', async () => {
    const response = await attempt('ada');
    expect(await code(response)).toEqual({ status: 401, code: 'sign_in_failed' });
  });
});

describe('"WebSockets check neither caller nor Origin; the relay\'s target host is the caller\'s to choose."', () => {
  let jobId: number;
  let address: URL;
  beforeAll(async () => {
    const { job, session } = await startSession(ada, { job_type: 'terminal' });
    jobId = job.id;
    address = new URL(session.url);
  });

  /** The status of a refusal, or `open`. */
  function connect(
    path: string,
    headers: Record<string, string> = {},
    protocols: string[] = [],
  ): Promise<number | 'open'> {
    const socket = new WebSocket(`${server.baseUrl.replace('http', 'ws')}${path}`, protocols, { headers });
    return new Promise((resolve, reject) => {
      socket.on('unexpected-response', (_, response) => {
        response.resume();
        socket.terminate();
        resolve(response.statusCode ?? 0);
      });
      socket.on('open', () => {
        socket.terminate();
        resolve('open');
      });
      socket.on('error', reject);
    });
  }

  test("a job's WebSocket needs its owner", async () => {
    const path = `/jobs/${jobId}/`;
    expect(await connect(path)).toBe(401);
    expect(await connect(path, { 'UWS-Authorization': 'Token wrong' })).toBe(401);
    expect(await connect(path, { 'UWS-Authorization': `Token ${ben.token}` })).toBe(404);
    expect(await connect(path, {}, ['uws', `uws.token.${ben.token}`])).toBe(404);
    expect(await connect(path, { 'UWS-Authorization': `Token ${ada.token}` })).toBe('open');
    expect(await connect(path, {}, ['uws', `uws.token.${ada.token}`])).toBe('open');
  });

  test("a session's WebSocket needs its owner, and a page of ours", async () => {
    const opened = await fetch(address, { redirect: 'manual' });
    const Cookie = opened.headers
      .getSetCookie()
      .map((cookie) => cookie.split(';', 1)[0])
      .join('; ');
    const path = `${address.pathname.replace(/\/$/, '')}/socket`;
    expect(await connect(path)).toBeOneOf([401, 403]);
    expect(await connect(path, { 'UWS-Authorization': `Token ${ben.token}` })).toBeOneOf([401, 403, 404]);
    expect(await connect(path, { Cookie, Origin: 'https://evil.example.org' })).toBe(403);
    expect(await connect(path, { Cookie, Origin: 'null' })).toBe(403);
    // No refusal of ours: what comes is what the application itself says of this path.
    expect(await connect(path, { Cookie, Origin: server.baseUrl })).not.toBeOneOf([401, 403]);
  });

  test('host and port come from the rows, whatever the address says', async () => {
    const reached: string[] = [];
    const other = createServer((request, response) => {
      reached.push(request.url ?? '');
      response.end('reached');
    });
    other.on('upgrade', (request, socket) => {
      reached.push(request.url ?? '');
      socket.destroy();
    });
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const bound = other.address();
    const port = bound !== null && typeof bound === 'object' ? bound.port : 0;
    const headers = { 'UWS-Authorization': `Token ${ada.token}` };
    for (const host of [
      '127.0.0.2',
      'localhost',
      `127.0.0.1:${port}`,
      `127.0.0.1%3A${port}`,
      '169.254.169.254',
      '[::1]',
    ]) {
      for (const second of [jobId, port, `${jobId}@127.0.0.1:${port}`]) {
        const path = `/passthrough/${host}/${second}/`;
        const response = await fetch(server.baseUrl + path, { headers, redirect: 'manual' });
        expect({ path, refused: response.status >= 400 && response.status < 500 }).toEqual({ path, refused: true });
        expect(await response.text()).not.toContain('reached');
        expect(await connect(path, headers)).not.toBe('open');
      }
    }
    expect((await fetch(`${server.baseUrl}/passthrough/127.0.0.1/${port}/`, { headers })).status).toBe(404);
    expect(reached).toEqual([]);
    other.close();
  });
});

describe('"Tokens never expire, are stored and logged in clear, work for deactivated users, and any scheme word is accepted."', () => {
  const me = (authorization: string, name = 'UWS-Authorization'): Promise<Response> =>
    fetch(`${server.baseUrl}/me/`, { headers: { [name]: authorization } });
  const status = async (authorization: string): Promise<number> => {
    const response = await me(authorization);
    await response.body?.cancel();
    if (response.status === 401) expect(response.headers.get('www-authenticate')).toBe('Token');
    return response.status;
  };
  const carol = () => signIn(server, 'carol');

  test('neither files nor the log hold a token or a ticket', async () => {
    const { token } = await carol();
    const { items: jobs } = await ada.client.jobs.list();
    const tickets = jobs.flatMap(({ job_details: { current_job_details: current } }) => {
      const query = current.connection_details?.url_path.split('?')[1];
      return new URLSearchParams(query).getAll(ticketParameter);
    });
    expect(tickets.length).toBeGreaterThan(0);
    const directory = join(server.dataDirectory, 'server');
    const names = (await readdir(directory)).filter((name) => name.startsWith('user-workspaces.db'));
    expect(names).toContain('user-workspaces.db-wal');
    const stored = (await Promise.all(names.map((name) => readFile(join(directory, name), 'latin1')))).join('');
    // The look would see them: their owner's name is there.
    expect(stored).toContain('carol@example.org');
    const secrets = [token, ada.token, ben.token, server.clientToken, ...tickets];
    expect(secrets.filter((secret) => stored.includes(secret))).toEqual([]);
    // The sign-in link is printed for the operator; what is logged is JSON.
    const log = server
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .join('\n');
    expect(log).toContain('"operation":"createToken"');
    expect(secrets.filter((secret) => log.includes(secret))).toEqual([]);
  });

  test('they expire', async () => {
    const { token, client } = await carol();
    const own = (await client.tokens.list()).find(({ is_current }) => is_current);
    const days = (Date.parse(own?.datetime_expires ?? '') - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(29);
    expect(days).toBeLessThan(31);
    await database.transaction((rows) =>
      rows.update('tokens', { id: own?.id ?? 0 }, { expires_at_ms: Date.now() - 1 }),
    );
    expect(await status(`Token ${token}`)).toBe(401);
  });

  test('they can be revoked, each by itself', async () => {
    const [first, second] = [await carol(), await carol()];
    const own = (await first.client.tokens.list()).find(({ is_current }) => is_current);
    await second.client.tokens.revoke(own?.id ?? 0);
    expect(await status(`Token ${first.token}`)).toBe(401);
    expect(await status(`Token ${second.token}`)).toBe(200);
  });

  test('they end with their user', async () => {
    const { token } = await carol();
    await database.transaction((rows) => rows.update('users', { username: 'carol' }, { is_active: false }));
    expect(await status(`Token ${token}`)).toBe(401);
    await expect(carol()).rejects.toMatchObject({ status: 401, code: 'sign_in_failed' });
    expect((await ada.client.users.search('carol')).items).toEqual([]);
    await database.transaction((rows) => rows.update('users', { username: 'carol' }, { is_active: true }));
    expect(await status(`Token ${token}`)).toBe(200);
  });

  test('two scheme words are known', async () => {
    const { token } = ada;
    for (const known of [`Token ${token}`, `Bearer ${token}`]) expect(await status(known)).toBe(200);
    for (const word of ['Basic', 'JWT', 'Tokens', 'Digest', 'uws'])
      expect({ word, status: await status(`${word} ${token}`) }).toEqual({ word, status: 401 });
    for (const other of [
      token,
      `Token  ${token}`,
      `Token ${token} more`,
      'Token',
      `Token ${token}x`,
      `Token ${token.slice(0, -1)}`,
    ]) {
      expect({ other, status: await status(other) }).toEqual({ other, status: 401 });
    }
    expect((await me(`Bearer ${token}`, 'Authorization')).status).toBe(200);
    expect((await me(`token=${token}`, 'Cookie')).status).toBe(401);
  });
});

describe('"/users/ lists every account\'s e-mail to anyone signed in."', () => {
  const list = async (at: RunningServer, user: User, query: string): Promise<string[]> => {
    const response = await fetch(`${at.baseUrl}/users/${query}`, {
      headers: { 'UWS-Authorization': `Token ${user.token}` },
    });
    expect(response.status).toBe(200);
    const { data }: { data: { users: { email: string }[] } } = await response.json();
    return data.users.map(({ email }) => email);
  };

  test('without a search nobody is listed', async () => {
    expect(await list(server, ada, '')).toEqual([]);
    expect(await list(server, ada, '?search=')).toEqual([]);
    expect(await list(server, ada, '?search=ben@ex')).toEqual(['ben@example.org']);
    expect(await list(server, ada, '?search=%25')).toEqual([]);
    expect((await fetch(`${server.baseUrl}/users/?search=ben`)).status).toBe(401);
  });

  test('unless the operator opens the directory', async () => {
    const open = await startServer({ env: { UWS_OPEN_DIRECTORY: 'true' } });
    const [first] = [await signIn(open, 'first'), await signIn(open, 'second')];
    expect(await list(open, first, '')).toContain('second@example.org');
    expect(await putAway(open, [])).toEqual([]);
  });
});
