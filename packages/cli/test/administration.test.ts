import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { connect } from '../../database-sql/test/support/introspect.js';
import { run } from '../src/command.js';
import { layoutOf } from '../src/data-directory/layout.js';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'uws-admin-'));
  // Jobs would pass through.
  await chmod(root, 0o755);
  // Whoever runs the tests: as root there are several users.
  vi.stubEnv('UWS_ALLOW_SHARED_ACCOUNT', 'true');
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true, force: true });
});

/** Runs `uws admin` on a database of its own, without a server. */
function admin(...args: readonly string[]): Promise<{ exitCode: number; out: string; errors: string }> {
  return adminOf(join(root, 'data'), ...args);
}

async function adminOf(
  dataDirectory: string,
  ...args: readonly string[]
): Promise<{ exitCode: number; out: string; errors: string }> {
  let [out, errors] = ['', ''];
  const written = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    out += String(chunk);
    return true;
  });
  const failed = vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => {
    errors += String(chunk);
    return true;
  });
  try {
    const exitCode = await run(['admin', ...args, '--data-dir', dataDirectory]);
    return { exitCode, out, errors };
  } finally {
    written.mockRestore();
    failed.mockRestore();
  }
}

/** As if a plain user ran it, whose the directory is. */
async function beingPlainUser(directory: string, work: () => Promise<void>): Promise<void> {
  const plainUid = process.getuid?.() || 1000;
  await chown(directory, plainUid, plainUid);
  const getuid = vi.spyOn(process, 'getuid').mockReturnValue(plainUid);
  vi.stubEnv('UWS_ALLOW_SHARED_ACCOUNT', 'false');
  try {
    await work();
  } finally {
    vi.stubEnv('UWS_ALLOW_SHARED_ACCOUNT', 'true');
    getuid.mockRestore();
  }
}

describe('uws admin', () => {
  it('works before any server has run', async () => {
    const added = await admin('users', 'add', 'ada', '--email', 'ada@example.org', '--administrator', '--json');
    expect([added.exitCode, added.errors]).toEqual([0, '']);
    expect(JSON.parse(added.out).user).toMatchObject({ username: 'ada', role: 'administrator' });
    expect((await admin('users', 'list', '--administrators')).out).toMatch(
      /^\d+ +ada +ada@example\.org +administrator /m,
    );
    const { out } = await admin('audit', '--json');
    expect(JSON.parse(out).entries).toMatchObject([{ action: 'user.create', actor: { kind: 'terminal' } }]);
  });

  it("changes a user's e-mail", async () => {
    expect((await admin('users', 'set-email', 'ada', 'ada@new.example.org')).out).toMatch(/^E-mail: +ada@new/m);
    const { out } = await admin('audit', '--action', 'user.email', '--json');
    expect(JSON.parse(out).entries).toMatchObject([{ details: { former_email: 'ada@example.org' } }]);
  });

  it('removes a user who was added by mistake, and nobody who has something', async () => {
    await admin('users', 'add', 'adda', '--email', 'adda@example.org', '--administrator');
    expect(await admin('users', 'remove', 'adda')).toEqual({ exitCode: 0, out: 'Removed: adda\n', errors: '' });
    expect((await admin('users', 'show', 'adda')).errors).toBe('User adda not found.\n');
    expect((await admin('audit', '--action', 'user.delete')).out).toContain('"email":"adda@example.org"');
  });

  it('says that the first user is the only one where all jobs share an account', async () => {
    const data = join(root, 'one');
    await mkdir(data);
    await beingPlainUser(data, async () => {
      const add = (name: string) => adminOf(data, 'users', 'add', name, '--email', `${name}@example.org`);
      expect((await add('ada')).errors).toContain(
        'only its first user may sign in: from now on ada. With UWS_FIRST_USER=ada',
      );
      expect((await add('ben')).errors).toContain('only its first user may sign in: ada, and not ben.');
      expect((await adminOf(data, 'users', 'remove', 'ada')).exitCode).toBe(0);
      expect((await add('eve')).errors).toContain('ben, and not eve');
    });
  });

  it('leaves tables of another release as they are, under whose servers they may be', async () => {
    const data = join(root, 'former');
    const add = () => adminOf(data, 'users', 'add', 'ada', '--email', 'ada@example.org');
    expect((await add()).exitCode).toBe(0);
    const tables = connect({ client: 'sqlite', file: layoutOf(data).database });
    const versions = () => tables('user_workspaces_migrations').orderBy('version', 'desc').pluck('version');
    const [newest] = await versions();
    try {
      await tables('user_workspaces_migrations').where({ version: newest }).delete();
      for (const command of [await adminOf(data, 'users', 'list'), await add()]) {
        expect([command.exitCode, command.out]).toEqual([2, '']);
        expect(command.errors).toContain(`are of version ${newest - 1}, and this release works on version ${newest}`);
        expect(command.errors).toContain('"uws migrate"');
      }
      expect(await versions()).not.toContain(newest);
      await tables('user_workspaces_migrations').insert({
        version: newest + 1,
        name: 'of tomorrow',
        is_finished: true,
      });
      expect(await adminOf(data, 'audit')).toMatchObject({
        exitCode: 2,
        errors: expect.stringContaining('newer release'),
      });
    } finally {
      await tables.destroy();
    }
  });

  it('says as whom it is to be run where the data directory is of another account', async () => {
    const data = join(root, 'of-another');
    await mkdir(data);
    const { uid } = await stat(data);
    // As whoever does not own it, root included.
    const getuid = vi.spyOn(process, 'getuid').mockReturnValue(uid + 1);
    try {
      for (const args of [
        ['users', 'list'],
        ['clients', 'add', 'second'],
      ]) {
        const { exitCode, errors } = await adminOf(data, ...args);
        expect([exitCode, errors]).toEqual([2, expect.stringContaining(`(uid ${uid})`)]);
        expect(errors).toContain(`sudo -u ${userInfo().username} uws admin`);
        expect(errors).not.toContain('chown');
      }
    } finally {
      getuid.mockRestore();
    }
    expect(await readdir(data)).toEqual([]);
  });

  it('takes users by id, and prints the data of the API', async () => {
    const { id } = JSON.parse((await admin('users', 'show', 'ada', '--json')).out).user;
    expect((await admin('users', 'show', `user:${id}`)).out).toMatch(/^User: +ada /);
    expect((await admin('users', 'show', 'user:999999')).errors).toBe('User user:999999 not found.\n');
    const lists = [
      ['jobs', 'list', '--workspace', '1'],
      ['workspaces', 'list', '--status', 'idle'],
      ['clients', 'list', '--limit', '1', '--order', '-id'],
    ];
    for (const list of lists) expect(await admin(...list)).toEqual({ exitCode: 0, out: 'None.\n', errors: '' });
    expect(JSON.parse((await admin('directory', 'show', '--json')).out)).toEqual({
      directory: { is_open: false, source: 'configuration' },
    });
  });

  it('makes no database of a mistaken directory', async () => {
    const mistaken = join(root, 'daat');
    const { exitCode, errors } = await adminOf(mistaken, 'users', 'list');
    expect([exitCode, errors]).toEqual([2, expect.stringContaining(`There is no database at ${mistaken}/server/`)]);
    expect(existsSync(mistaken)).toBe(false);
  });

  it.each([
    ['User nemo not found.', ['users', 'show', 'nemo']],
    ['User nemo not found.', ['users', 'deactivate', 'nemo', '--json']],
    ['There is a user ada already.', ['users', 'add', 'ada', '--email', 'ada@example.org']],
    ['User nemo not found.', ['users', 'set-email', 'nemo', 'nemo@example.org']],
    ['Portal nowhere not found.', ['clients', 'rotate', 'nowhere']],
    ['Token 999999 not found.', ['tokens', 'revoke', 'ada', '999999']],
    ['Job 999999 not found.', ['jobs', 'stop', '999999']],
  ])('exits with 1 and says "%s"', async (message, args) => {
    expect(await admin(...args)).toEqual({ exitCode: 1, out: '', errors: `${message}\n` });
  });

  it.each([
    ['The user name is not allowed: it has 1 to 64 of', ['users', 'add', '', '--email', 'eve@example.org']],
    ['The user name is not allowed: it has 1 to 64 of', ['users', 'add', 'eve ', '--email', 'eve@example.org']],
    ['The user name is not allowed: it has 1 to 64 of', ['users', 'add', '../x', '--email', 'eve@example.org']],
    ['The user name is not allowed: it has 1 to 64 of', ['users', 'add', 'Zoë Ω', '--email', 'eve@example.org']],
    ['This is no e-mail address: it has up to 254', ['users', 'add', 'eve', '--email', 'notmail', '--administrator']],
    ['This is no e-mail address: it has up to 254', ['users', 'add', 'eve', '--email', '']],
    ['This is no e-mail address: it has up to 254', ['users', 'set-email', 'ada', 'notmail']],
    ['first_name has more', ['users', 'add', 'eve', '--email', 'eve@example.org', '--first-name', 'x'.repeat(151)]],
    ['from: a time such as 2026-11-23T09:06:47Z', ['audit', '--from', 'yesterday']],
    ['cursor: not a cursor of this list', ['audit', '--cursor', 'xx']],
  ])('exits with 2 for what breaks the rules of the API and says "%s"', async (message, args) => {
    const { exitCode, out, errors } = await admin(...args);
    expect([exitCode, out, errors]).toEqual([2, '', expect.stringContaining(message)]);
    expect((await admin('users', 'list')).out).not.toContain('eve');
  });

  it.each([
    ['"none" or "default"', ['users', 'set-quota', 'ada', '--core-hours', '-1']],
    ['such as 500M, 20G or 1T', ['users', 'set-quota', 'ada', '--disk-space', '20Q']],
    ['a whole number', ['users', 'set-quota', 'ada', '--active-jobs', '1.5']],
    ['name at least one quota', ['users', 'set-quota', 'ada']],
    ['Allowed choices are user, administrator', ['users', 'set-role', 'ada', 'emperor']],
    ['--email', ['users', 'add', 'eve']],
    ['The name of a portal has', ['clients', 'add', '']],
    ["is the configuration's: its token is client_token", ['clients', 'add', 'portal']],
    ['The name of a portal has', ['clients', 'add', 'a\u001b[31m']],
    ['as the lists show it', ['jobs', 'stop', 'first']],
    ['from 1 to 1000', ['users', 'list', '--limit', '1001']],
    ['from 1 to 1000', ['clients', 'list', '--limit', '0']],
    ['a whole number from 0 to 999999999', ['users', 'set-quota', 'ada', '--workspaces', '9999999999']],
    ['Allowed choices are initializing', ['workspaces', 'list', '--status', 'running']],
    ['as the lists show it', ['jobs', 'list', '--workspace', 'first']],
    ['a colon and an id', ['audit', '--subject', 'workspace']],
    ['unknown command', ['users', 'abolish']],
  ])('exits with 2 for wrong use and says "…%s…"', async (message, args) => {
    const { exitCode, out, errors } = await admin(...args);
    expect([exitCode, out, errors]).toEqual([2, '', expect.stringContaining(message)]);
    expect(errors).toContain('(--help tells more)');
  });
});
