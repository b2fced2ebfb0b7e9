// Brings a fresh clone to a runnable state with Node's built-ins alone: dependencies, then the build.
// `--install-only` stops after the dependencies.
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Node ${process.versions.node} is too old: User Workspaces needs Node 20.19 or newer.`);
  process.exit(1);
}
if (process.platform === 'win32') {
  console.error('User Workspaces runs on Linux (in full) and macOS (reduced). On Windows, use WSL.');
  process.exit(1);
}

/** Modification time in milliseconds, or 0 where the file does not exist. */
function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** The newest modification time below a folder, build products left out. */
function newest(path) {
  const entry = statSync(path, { throwIfNoEntry: false });
  if (!entry) return 0;
  if (!entry.isDirectory()) return entry.mtimeMs;
  return readdirSync(path)
    .filter((name) => !['dist', 'node_modules', 'test'].includes(name) && !name.endsWith('.tsbuildinfo'))
    .reduce((latest, name) => Math.max(latest, newest(join(path, name))), 0);
}

function run(command, args, purpose) {
  console.error(`${purpose} ...`);
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (error || status !== 0) {
    console.error(
      `${purpose} failed${error ? `: ${error.message}` : ''}. The command was: ${command} ${args.join(' ')}`,
    );
    process.exit(1);
  }
}

const installed = join(root, 'node_modules', '.package-lock.json');
if (modified(installed) < modified(join(root, 'package-lock.json'))) {
  // Scripts of dependencies would compile what is optional (parts of ssh2, which works without them).
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  run('npm', ['ci', ...options], 'Installing dependencies');
  utimesSync(installed, new Date(), new Date());
}

const stamp = join(root, 'node_modules', '.built');
const sources = ['packages', 'openapi', 'tsconfig.base.json'].map((path) => newest(join(root, path)));
if (!process.argv.includes('--install-only') && modified(stamp) < Math.max(modified(installed), ...sources)) {
  run('npm', ['run', '--silent', 'build'], 'Building');
  writeFileSync(stamp, '');
}
