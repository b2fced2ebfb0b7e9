// Runs the unit and contract tests on the other supported Node versions, which npm brings as packages.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
// Packages whose tests run no jobs: what those start does not depend on the server's Node.
const projects = ['contract', 'schema', 'launch', 'client', 'auth-local', 'storage-local', 'database-sql', 'cli'];

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

for (const major of process.argv.slice(2).length > 0 ? process.argv.slice(2) : ['22', '24']) {
  const home = join(root, '.cache', `node-${major}`);
  const name = `node-${process.platform}-${process.arch}`;
  const node = join(home, 'node_modules', name, 'bin', 'node');
  if (!existsSync(node)) {
    run('npm', [
      'install',
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
      '--prefix',
      home,
      `${name}@${major}`,
    ]);
  }
  console.log(`Node ${major}:`);
  run(node, [
    join(root, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    '--project',
    'unit',
    // Races are between processes and the kernel, a database's server is the same, and whole suites of the test kit take long: once is enough.
    ...['races', 'conformance', 'suite', 'mariadb', 'postgres'].flatMap((name) => ['--exclude', `**/${name}.test.ts`]),
    ...projects.map((project) => `packages/${project}/`),
  ]);
}
