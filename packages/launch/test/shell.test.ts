import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { enterLines, workspaceProblems } from '../src/index.js';

const isRoot = process.geteuid?.() === 0;
/** To root no directory is closed. */
const account = isRoot ? { uid: 12345, gid: 12346 } : {};

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'uws-enter-'));
  chmodSync(root, 0o755);
  for (const name of ['open', "it's", 'closed/inner']) mkdirSync(join(root, name), { recursive: true });
  symlinkSync('nowhere', join(root, 'dangling'));
  chmodSync(join(root, 'closed'), 0o000);
});
afterEach(() => {
  chmodSync(join(root, 'closed'), 0o700);
  rmSync(root, { recursive: true });
});

const enter = (name: string): { status: number | null; stdout: string } => {
  const script = `fail() { printf '%s' "$1"; exit "$2"; }\n${enterLines({ workspacePath: join(root, name) })}pwd`;
  const { status, stdout } = spawnSync('sh', { input: script, encoding: 'utf8', cwd: '/', ...account });
  return { status, stdout };
};

test.each(['open', "it's", 'open/'])('%s is entered', (name) => {
  expect(enter(name)).toEqual({ status: 0, stdout: `${join(root, name).replace(/\/$/, '')}\n` });
});

test.each([
  ['missing', 'gone'],
  ['missing', 'gone/deeper'],
  ['missing', 'dangling'],
  ['closed', 'closed'],
  ['closed', 'closed/inner'],
  ['closed', 'closed/inner/deeper'],
] as const)('that it is %s is said of %s', (problem, name) => {
  const { code, message } = workspaceProblems[problem];
  expect(enter(name)).toEqual({ status: code, stdout: message });
});
