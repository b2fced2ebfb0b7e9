import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createJobTypeKinds, installPortableNode, installTerminalRuntime } from '../src/index.js';
import { account, buildPrograms } from './support/resource.js';

const root = mkdtempSync(join(tmpdir(), 'runtime-'));
chmodSync(root, 0o755);
beforeAll(buildPrograms);
afterAll(() => rmSync(root, { recursive: true, force: true }));

test('is installed once, whole, also by several at once', async () => {
  const target = join(root, 'new', 'runtime');
  const installed = await Promise.all([1, 2, 3].map(() => installTerminalRuntime(target)));
  const [first] = installed;
  for (const runtime of installed) expect(runtime).toEqual(first);
  expect(readdirSync(target)).toEqual([first?.directory.slice(target.length + 1)]);
  const before = statSync(first?.directory ?? '').mtimeMs;
  await installTerminalRuntime(target);
  expect(statSync(first?.directory ?? '').mtimeMs).toBe(before);
  const terminal = createJobTypeKinds(await installTerminalRuntime(target)).find(({ kind }) => kind === 'TerminalJob');
  expect(terminal).toBeDefined();
});

test('can be read and run by every account, whatever the umask', async () => {
  const umask = process.umask(0o077);
  const runtime = await installTerminalRuntime(join(root, 'masked', 'runtime')).finally(() => process.umask(umask));
  // Loads the native part; ends at once because this is no job.
  const run = () =>
    execFileSync(
      runtime.node,
      ['-e', `require(${JSON.stringify(join(runtime.directory, 'node_modules/@lydell/node-pty'))})`],
      {
        ...account,
        cwd: '/',
        env: {},
      },
    );
  expect(run).not.toThrow();
  for (const program of [runtime.terminalProgram, runtime.filesProgram])
    expect(statSync(program).mode & 0o777).toBe(0o644);
});

test('brings a Node of its own only where not everybody can run the present one', async () => {
  const runtime = await installTerminalRuntime(join(root, 'node'));
  const own = join(runtime.directory, 'node');
  expect(runtime.node).toBe(existsSync(own) ? own : process.execPath);

  // The same with a Node that only its owner can reach.
  const hidden = join(root, 'hidden');
  mkdirSync(hidden, { mode: 0o700 });
  const copy = join(hidden, 'node');
  execFileSync('cp', [process.execPath, copy]);
  const present = process.execPath;
  process.execPath = copy;
  const copied = await installTerminalRuntime(join(root, 'copied')).finally(() => {
    process.execPath = present;
  });
  expect(copied.node).toBe(join(copied.directory, 'node'));
  expect(execFileSync(copied.node, ['--version'], { ...account, cwd: '/', encoding: 'utf8' })).toBe(
    `${process.version}\n`,
  );
});

test('brings a Node that needs nothing of the machine but a shell, once', async () => {
  const runtime = await installTerminalRuntime(join(root, 'portable'));
  const [portable] = await Promise.all([installPortableNode(runtime), installPortableNode(runtime)]);
  expect(await installPortableNode(runtime)).toEqual(portable);
  expect({ ...portable, node: runtime.node }).toEqual(runtime);
  expect(readdirSync(join(root, 'portable')).filter((name) => name.startsWith('.'))).toEqual([]);
  // The native part is loaded, and every library comes from beside Node.
  const program = `require(${JSON.stringify(join(runtime.directory, 'node_modules/@lydell/node-pty'))});
    console.log(require('node:fs').readFileSync('/proc/self/maps', 'utf8'));`;
  const maps = execFileSync(portable.node, ['-e', program], { ...account, cwd: '/', env: {}, encoding: 'utf8' });
  const files = new Set([...maps.matchAll(/ (\/\S+)$/gm)].map(([, path = '']) => path));
  expect([...files].filter((path) => !path.startsWith(join(root, 'portable')))).toEqual([]);
  expect(files.size).toBeGreaterThan(3);
});

test('is not put where others could replace it', async () => {
  const target = join(root, 'open');
  mkdirSync(target);
  chmodSync(target, 0o777);
  await expect(installTerminalRuntime(target)).rejects.toMatchObject({ kind: 'misconfigured' });
});

test('is not put where the accounts of jobs cannot reach it, if jobs run as other accounts', async () => {
  const closed = join(root, 'closed');
  mkdirSync(closed, { mode: 0o700 });
  const installing = installTerminalRuntime(join(closed, 'runtime'));
  if (account) await expect(installing).rejects.toThrow(/cannot be entered by the accounts that jobs run as/);
  else await expect(installing).resolves.toBeDefined();
});
