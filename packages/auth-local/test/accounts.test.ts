import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Identity } from '@user-workspaces/contract';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOwnAccount, createReservedAccounts, createSystemAccounts } from '../src/index.js';
import { readSubordinateRanges } from '../src/subordinate-ids.js';

const isRoot = process.geteuid?.() === 0;
const person = (username: string): Identity => ({ username, email: `${username}@x.org`, firstName: '', lastName: '' });
const directory = mkdtempSync(join(tmpdir(), 'uws-accounts-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
let stores = 0;
const newStore = (): string => join(directory, `store-${++stores}`);

const UNSAFE = ['', '.', '..', '../x', '.x', '-x', 'a/b', 'a b', 'a\n', 'a\0', 'x'.repeat(65), 'ü'];

if (!isRoot) {
  it('as an ordinary user, only the own account is offered', async () => {
    expect(() => createSystemAccounts({ createMissing: false })).toThrow(/root/);
    expect(() => createReservedAccounts({ directory: newStore() })).toThrow(/root/);
    const accounts = createOwnAccount();
    expect(accounts.shared).toBe(true);
    expect(await accounts.resolve(person('jane.doe'))).toEqual({ name: 'jane.doe', uid: null, gid: null });
    for (const name of UNSAFE) await expect(accounts.resolve(person(name))).rejects.toMatchObject({ kind: 'invalid' });
  });
}

describe.runIf(isRoot)('own account, as root', () => {
  it('is refused: jobs never run as root', () => {
    expect(() => createOwnAccount()).toThrow(expect.objectContaining({ kind: 'misconfigured' }));
  });

  it('works in a process that is not root', async () => {
    const file = join(directory, 'own.mjs');
    await bundle(
      "import { createOwnAccount } from './index.js';\nconst a = createOwnAccount();\nconsole.log(JSON.stringify([a.shared, await a.resolve({ username: 'jane.doe', email: '', firstName: '', lastName: '' })]));",
      file,
    );
    chmodSync(directory, 0o755);
    const answer = execFileSync(process.execPath, [file], { uid: 65_534, gid: 65_534, encoding: 'utf8', cwd: '/' });
    chmodSync(directory, 0o700);
    expect(JSON.parse(answer)).toEqual([true, { name: 'jane.doe', uid: null, gid: null }]);
  });
});

describe.runIf(isRoot)('system accounts, as root', () => {
  const tag = `uwstest${process.pid}`;
  const made = ['a', 'b', 'c'].map((letter) => `${tag}${letter}`);
  afterAll(() => {
    for (const name of made) {
      try {
        execFileSync('userdel', ['--remove', '--force', name], { stdio: 'ignore' });
      } catch (error) {
        // The test that makes this account did not get so far.
        if (passwdLines(name).length > 0) throw error;
      }
    }
  });
  const [first = '', second = '', third = ''] = made;

  it('never maps to root, to the system, or by an unsafe name', async () => {
    const accounts = createSystemAccounts({ createMissing: true, deniedNames: ['denied'] });
    expect(accounts.shared).toBe(false);
    for (const name of ['root', 'nobody', 'daemon', 'admin', 'sudo', 'denied', 'systemd-network']) {
      await expect(accounts.resolve(person(name)), name).rejects.toMatchObject({ kind: 'denied' });
    }
    // Not on any list, but below the floor.
    await expect(accounts.resolve(person('games')), 'games').rejects.toMatchObject({ kind: 'denied' });
    for (const name of [...UNSAFE, 'Jane', 'jane.doe', '0', '1000', 'x'.repeat(33), '--help', 'a:b', '+x']) {
      await expect(accounts.resolve(person(name)), name).rejects.toMatchObject({ kind: 'invalid' });
    }
  });

  it('makes no account unless it may', async () => {
    const accounts = createSystemAccounts({ createMissing: false });
    await expect(accounts.resolve(person(first))).rejects.toMatchObject({ kind: 'denied', field: 'username' });
    const others = createSystemAccounts({ createMissing: true, allowedNames: ['somebody'] });
    await expect(others.resolve(person(first))).rejects.toMatchObject({ kind: 'denied' });
    expect(passwdLines(first)).toEqual([]);
  });

  it('makes a missing account once, when many ask at once, in two mappings', async () => {
    const one = createSystemAccounts({ createMissing: true });
    const two = createSystemAccounts({ createMissing: true });
    const accounts = await Promise.all(
      Array.from({ length: 12 }, (_, index) => (index % 2 ? one : two).resolve(person(index % 3 ? first : second))),
    );
    const distinct = new Set(accounts.map((account) => JSON.stringify(account)));
    expect(distinct.size).toBe(2);
    for (const { name, uid, gid, home } of accounts) {
      expect(uid).toBeGreaterThanOrEqual(1000);
      expect(gid).toBeGreaterThanOrEqual(1000);
      expect(home).toBe(`/home/${name}`);
      expect(statSync(`/home/${name}`).uid).toBe(uid);
    }
    expect(passwdLines(first)).toHaveLength(1);
    expect(passwdLines(first)[0]).toMatch(/:\/usr\/sbin\/nologin$/);
    expect(readFileSync('/etc/shadow', 'utf8')).toMatch(new RegExp(`^${first}:!`, 'm'));
    expect(readFileSync('/etc/subuid', 'utf8')).not.toContain(first);
    expect(await createSystemAccounts({ createMissing: false }).resolve(person(first))).toEqual(accounts[1]);
  }, 30_000);

  it('keeps to its floors', async () => {
    const accounts = createSystemAccounts({ createMissing: true, minimumUid: 50_000 });
    expect((await accounts.resolve(person(third))).uid).toBeGreaterThanOrEqual(50_000);
    await expect(accounts.resolve(person(first))).rejects.toMatchObject({ kind: 'denied' });
    expect(() => createSystemAccounts({ createMissing: false, minimumUid: 0 })).toThrow(/minimumUid/);
    await expect(accounts.resolve(person(third), AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });
});

describe.runIf(isRoot)('reserved accounts, as root', () => {
  it('give every identity a uid of its own, for ever', async () => {
    const store = newStore();
    const accounts = createReservedAccounts({ directory: store });
    expect(accounts.shared).toBe(false);
    const jane = await accounts.resolve(person('jane.doe'));
    // Processes of another server on this machine may have the first ones.
    const uid = jane.uid ?? 0;
    expect(uid).toBeGreaterThanOrEqual(1_900_000_000);
    expect(jane).toEqual({ name: 'jane.doe', uid, gid: uid });
    expect(await accounts.resolve(person('Jane.Doe'))).toMatchObject({ uid: uid + 1 });
    expect(await accounts.resolve(person('root'))).toMatchObject({ name: 'root', uid: uid + 2 });
    expect(await accounts.resolve(person('jane.doe'))).toEqual(jane);
    // Another server, after a restart, and with another range.
    const later = createReservedAccounts({ directory: store, firstUid: 1_700_300_000, count: 10 });
    expect(await later.resolve(person('jane.doe'))).toEqual(jane);
    expect(await later.resolve(person('new'))).toMatchObject({ uid: 1_700_300_000 });
    const modes = ['.', 'by-name', 'by-uid', 'by-name/jane.doe'].map(
      (path) => statSync(join(store, path)).mode & 0o777,
    );
    expect(modes).toEqual([0o700, 0o700, 0o700, 0o600]);
    expect(readdirSync(store).sort()).toEqual(['by-name', 'by-uid']);
  });

  it('refuse unsafe names and honour an abort', async () => {
    const accounts = createReservedAccounts({ directory: newStore() });
    for (const name of UNSAFE) {
      await expect(accounts.resolve(person(name)), name).rejects.toMatchObject({ kind: 'invalid' });
    }
    await expect(accounts.resolve(person('a'), AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });

  it('say when the range is used up, and use it again once it is larger', async () => {
    const store = newStore();
    const small = createReservedAccounts({ directory: store, firstUid: 1_700_400_000, count: 2 });
    await small.resolve(person('a'));
    await small.resolve(person('b'));
    await expect(small.resolve(person('c'))).rejects.toMatchObject({ kind: 'misconfigured', field: 'count' });
    const larger = createReservedAccounts({ directory: store, firstUid: 1_700_400_000, count: 3 });
    expect(await larger.resolve(person('c'))).toMatchObject({ uid: 1_700_400_002 });
    for (const range of [{ firstUid: 0 }, { firstUid: 999 }, { firstUid: 1.5 }, { firstUid: 2 ** 31 }, { count: 0 }]) {
      expect(() => createReservedAccounts({ directory: store, ...range })).toThrow(/must be/);
    }
  });

  it('never give a uid whose former owner a restored backup has forgotten', async () => {
    const firstUid = 1_700_500_000;
    const root = newStore();
    const accountsOf = (store: string) =>
      createReservedAccounts({ directory: store, firstUid, ownedBelow: [{ directory: root, levels: 2 }] });
    mkdirSync(join(root, 'bob', '3'), { recursive: true });
    chownSync(join(root, 'bob', '3'), firstUid + 1, firstUid + 1);
    // As old as the database: it knows of the first only.
    const store = newStore();
    await createReservedAccounts({ directory: store, firstUid }).resolve(person('ada'));
    const restored = accountsOf(store);
    expect(await restored.resolve(person('carl'))).toMatchObject({ uid: firstUid + 2 });
    expect(await restored.resolve(person('ada'))).toMatchObject({ uid: firstUid });

    const running = spawn('sleep', ['60'], { uid: firstUid + 6, gid: firstUid + 6, cwd: '/' });
    await once(running, 'spawn');
    try {
      expect(await accountsOf(newStore()).resolve(person('dora'))).toMatchObject({ uid: firstUid + 7 });
    } finally {
      running.kill();
    }
  });

  it('give no uid while what is owned cannot be looked at', async () => {
    const file = newStore();
    writeFileSync(file, '');
    const ownedBelow = [
      { directory: join(newStore(), 'absent'), levels: 2 },
      { directory: file, levels: 2 },
    ];
    const accounts = createReservedAccounts({ directory: newStore(), firstUid: 1_700_600_000, ownedBelow });
    await expect(accounts.resolve(person('ada'))).rejects.toMatchObject({ kind: 'unavailable' });
    rmSync(file);
    expect(await accounts.resolve(person('ada'))).toMatchObject({ uid: 1_700_600_000 });
  });

  it('step over the uids of accounts and overflow ids', async () => {
    const accounts = createReservedAccounts({ directory: newStore(), firstUid: 65_534, count: 10 });
    expect(await accounts.resolve(person('a'))).toMatchObject({ uid: 65_536 });
  });

  it('read the ranges that are lent to user namespaces', async () => {
    const file = join(directory, 'subuid');
    writeFileSync(file, '# comment\njane:100000:65536\n\n1001:165536:65536\nbroken\n');
    expect(await readSubordinateRanges([file, join(directory, 'missing')])).toEqual([
      { first: 100_000, count: 65_536 },
      { first: 165_536, count: 65_536 },
    ]);
  });

  it('are unavailable while their records are not where they were, and number nobody anew', async () => {
    const store = newStore();
    const accounts = createReservedAccounts({ directory: store });
    const first = await accounts.resolve(person('a'));
    renameSync(store, `${store}.away`);
    // What is there while a file system is not mounted.
    mkdirSync(store, { mode: 0o700 });
    await expect(accounts.resolve(person('b'))).rejects.toMatchObject({ kind: 'unavailable' });
    rmdirSync(store);
    await expect(accounts.resolve(person('b'))).rejects.toMatchObject({ kind: 'unavailable' });
    renameSync(`${store}.away`, store);
    expect(await accounts.resolve(person('a'))).toEqual(first);
    expect((await accounts.resolve(person('b'))).uid).toBe((first.uid ?? 0) + 1);
  });

  it('refuse records that others may write, or that contradict each other', async () => {
    const open = newStore();
    mkdirSync(open, { mode: 0o777 });
    chmodSync(open, 0o777);
    await expect(createReservedAccounts({ directory: open }).resolve(person('a'))).rejects.toMatchObject({
      kind: 'misconfigured',
    });
    const store = newStore();
    await createReservedAccounts({ directory: store }).resolve(person('a'));
    await createReservedAccounts({ directory: store }).resolve(person('b'));
    for (const forged of ['0', '1900000001', 'x', '']) {
      writeFileSync(join(store, 'by-name', 'a'), forged);
      const again = createReservedAccounts({ directory: store });
      await expect(again.resolve(person('a')), forged).rejects.toMatchObject({ kind: 'misconfigured' });
      await expect(again.resolve(person('a')), forged).rejects.toMatchObject({ kind: 'misconfigured' });
    }
  });

  describe('from several processes', () => {
    const script = join(directory, 'resolve.mjs');
    beforeAll(() =>
      bundle(
        `import { createReservedAccounts } from './index.js';
         const accounts = createReservedAccounts({ directory: process.argv[2] });
         for (const username of process.argv.slice(3)) {
           const account = await accounts.resolve({ username, email: '', firstName: '', lastName: '' });
           process.stdout.write(account.name + ' ' + account.uid + '\\n');
         }`,
        script,
      ),
    );

    it('give the same identity one uid, and two identities two', async () => {
      const store = newStore();
      const names = Array.from({ length: 12 }, (_, index) => `user${index}`);
      const outputs = await Promise.all(
        [names, [...names].reverse(), names, [...names].reverse()].map(async (order) => {
          const child = spawn(process.execPath, [script, store, ...order], { stdio: ['ignore', 'pipe', 'inherit'] });
          let output = '';
          child.stdout.on('data', (chunk: Buffer) => {
            output += chunk.toString();
          });
          const [code] = await once(child, 'close');
          expect(code).toBe(0);
          return output.trim().split('\n').sort().join('\n');
        }),
      );
      expect(new Set(outputs).size).toBe(1);
      const uids = outputs[0]?.split('\n').map((line) => line.split(' ')[1]);
      expect(new Set(uids).size).toBe(names.length);
    }, 30_000);

    it('lose no assignment when one is killed at any moment', async () => {
      const store = newStore();
      const names = Array.from({ length: 200 }, (_, index) => `user${index}`);
      const told = new Map<string, string>();
      for (let round = 0; round < 5; round++) {
        const child = spawn(process.execPath, [script, store, ...names], { stdio: ['ignore', 'pipe', 'inherit'] });
        let output = '';
        child.stdout.on('data', (chunk: Buffer) => {
          output += chunk.toString();
          if (output.split('\n').length > (round + 1) * 8) child.kill('SIGKILL');
        });
        await once(child, 'close');
        for (const line of output.split('\n').slice(0, -1)) {
          const [name = '', uid = ''] = line.split(' ');
          expect(told.get(name) ?? uid).toBe(uid);
          told.set(name, uid);
        }
      }
      expect(told.size).toBeGreaterThan(30);
      expect(new Set(told.values()).size).toBe(told.size);
    }, 30_000);
  });
});

function passwdLines(name: string): string[] {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith(`${name}:`));
}

/** Makes a program of some lines over the sources, for another process to run. */
async function bundle(contents: string, outfile: string): Promise<void> {
  const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
  await build({
    stdin: { contents, resolveDir: here('../src'), loader: 'ts' },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    alias: { '@user-workspaces/contract': here('../../contract/src/index.ts') },
    logLevel: 'error',
  });
}
