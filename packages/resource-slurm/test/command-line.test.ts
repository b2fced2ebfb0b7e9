// A stand-in for ssh, which does with its words what ssh does: it puts them together for a shell on the other side.
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCommand } from '../src/command-line/run.js';

let directory: string;
let ssh: string;
beforeAll(async () => {
  directory = await mkdtemp(`${tmpdir()}/uws-prefix-`);
  ssh = `${directory}/ssh`;
  await writeFile(ssh, '#!/bin/sh\nshift\nexec sh -c "$*"\n');
  await chmod(ssh, 0o755);
});
afterAll(() => rm(directory, { recursive: true }));

test.each([
  ['nothing', {}],
  ['ssh', { prefix: ['{ssh}', 'login'] }],
  ['what runs ssh', { prefix: ['timeout', '60', '{ssh}', 'login'] }],
  ['ssh by ssh', { prefix: ['{ssh}', 'outer', '{ssh}', 'login'] }],
  ['ssh of the account', { accountPrefix: ['{ssh}', '{account}@login'] }],
  ['ssh of the account by ssh', { prefix: ['{ssh}', 'outer'], accountPrefix: ['{ssh}', '{account}@login'] }],
  ['no ssh, for an account of that name', { prefix: ['env'], accountPrefix: ['env', 'name={account}'] }],
])('a command reaches the other side word by word, and no shell reads it: behind %s', async (_, options) => {
  const fill = (words: readonly string[] = []) => words.map((word) => word.replace('{ssh}', ssh));
  const account = { name: 'ssh', uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const words = [`a&touch ${directory}/hit`, `$(touch ${directory}/hit)`, "it's", '', 'x|y'];
  const given = {
    ...('prefix' in options && { prefix: fill(options.prefix) }),
    accountPrefix: 'accountPrefix' in options ? fill(options.accountPrefix) : [],
  };
  const { stdout, stderr } = await runCommand(given, ['printf', '<%s>', ...words], { account });
  expect(stderr).toBe('');
  expect(stdout).toBe(words.map((word) => `<${word}>`).join(''));
  expect(await readdir(directory)).toEqual(['ssh']);
});
