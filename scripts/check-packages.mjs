// Checks what would be published: each package is packed and linted, then all are installed into an empty project, where the README's example is
// compiled, custom adapters are tried with the test kit, and they and the SDK are used against a running server.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const work = mkdtempSync(join(tmpdir(), 'uws-packages-'));
// As root, jobs run under other accounts, which must be able to reach their workspaces below it.
chmodSync(work, 0o711);

function run(command, args, options = {}) {
  const { status, error, stdout } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    ...options,
  });
  if (error) throw error;
  if (status === 0) return stdout;
  console.error(stdout);
  throw new Error(`${command} ${args.join(' ')} ended with ${status}`);
}

const bin = (name) => join(root, 'node_modules', '.bin', name);

try {
  const names = readdirSync(join(root, 'packages'));
  const packed = JSON.parse(
    run('npm', ['pack', '--json', '--pack-destination', work, ...names.map((name) => `--workspace=packages/${name}`)]),
  );
  const archives = packed.map(({ filename }) => join(work, filename));
  if (archives.length !== names.length) throw new Error(`${archives.length} of ${names.length} packages were packed.`);
  for (const [index, archive] of archives.entries()) {
    run(bin('publint'), [archive, '--strict']);
    run(bin('attw'), [archive, '--profile', 'esm-only']);
    console.log(`${packed[index].name}: packed, publint and types are fine`);
  }

  const project = join(work, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'empty', private: true, type: 'module' }));
  // No script of a dependency is needed: those of ssh2 compile what it does without.
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  run('npm', ['install', ...options, ...archives], { cwd: project });
  console.log('installed into an empty project');

  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const example = /```ts\n(\/\/ start\.ts[\s\S]*?)```/.exec(readme)?.[1];
  if (!example) throw new Error('README.md has no example that begins with "// start.ts".');
  writeFileSync(join(project, 'start.ts'), example);
  cpSync(join(root, 'examples', 'custom-adapters', 'src'), join(project, 'adapters'), { recursive: true });
  writeFileSync(
    join(project, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        target: 'ES2022',
        module: 'NodeNext',
        moduleResolution: 'NodeNext',
        strict: true,
        skipLibCheck: true,
        types: ['node'],
        typeRoots: [join(root, 'node_modules', '@types')],
        outDir: 'out',
        rootDir: '.',
      },
      include: ['start.ts', 'kit.test.ts', 'adapters'],
    }),
  );
  // The suites of the kit on adapters that are not ours, with the test runner that comes with Node.
  writeFileSync(
    join(project, 'kit.test.ts'),
    `import { describe, test } from 'node:test';
import { accountMappingSuite, authenticationSuite, jobTypeSuite, testAdapter } from '@user-workspaces/testkit';
import { fixedAccounts, greeting, headerAuthentication } from './adapters/kit.js';

testAdapter({ describe, test }, authenticationSuite, headerAuthentication);
testAdapter({ describe, test }, accountMappingSuite, fixedAccounts);
testAdapter({ describe, test }, jobTypeSuite, greeting);
`,
  );
  run(bin('tsc'), ['-p', project], { cwd: project });
  run(process.execPath, ['--test', join(project, 'out', 'kit.test.js')], { cwd: project });
  console.log('the suites of the test kit ran over foreign adapters with node:test');
  const table = run(
    join(project, 'node_modules', '.bin', 'uws-testkit'),
    [join(project, 'out', 'adapters', 'kit.js'), '--markdown', '--at-once', '8'],
    { cwd: project },
  );
  for (const contract of ['Authentication', 'AccountMapping', 'Storage', 'Database', 'JobType', 'Resource']) {
    if (!table.includes(`## ${contract}\n`)) throw new Error(`uws-testkit shows no table of ${contract}:\n${table}`);
  }
  console.log('uws-testkit printed what foreign adapters keep');

  // One that the system gives: among others there are some, such as 6000, that fetch never asks.
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  const server = spawn(process.execPath, [join(project, 'out', 'adapters', 'main.js')], {
    cwd: project,
    env: { ...process.env, UWS_PORT: String(port), UWS_DATA_DIR: join(work, 'data') },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  try {
    const baseUrl = `http://127.0.0.1:${port}`;
    for (let attempt = 0; ; attempt++) {
      const ready = await fetch(`${baseUrl}/readyz`).catch(() => undefined);
      if (ready?.ok) break;
      if (attempt > 150 || server.exitCode !== null) throw new Error('The server with custom adapters did not start.');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const output = run(process.execPath, [join(project, 'out', 'start.js')], {
      cwd: project,
      env: { ...process.env, UWS_URL: baseUrl, UWS_CLIENT_TOKEN: 'custom-adapters-example' },
      timeout: 60_000,
    });
    if (!output.includes(`${baseUrl}/passthrough/`))
      throw new Error(`The README's example opened no session:\n${output}`);
    console.log("the README's example ran against a server with custom adapters");
  } finally {
    server.kill('SIGTERM');
    if (server.exitCode === null) await once(server, 'exit');
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
