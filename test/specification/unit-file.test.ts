import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const unit = readFileSync(new URL('../../docs/user-workspaces.service', import.meta.url), 'utf8');

it('the unit file for systemd leaves jobs alone when the server ends', () => {
  expect(unit).toMatch(/^KillMode=process$/m);
  expect(unit).toMatch(/^OOMPolicy=continue$/m);
});

it('systemd finds nothing wrong with the unit file', (context) => {
  if (spawnSync('systemd-analyze', ['--version']).status !== 0) context.skip('systemd-analyze is not there');
  const directory = mkdtempSync(join(tmpdir(), 'uws-unit-'));
  try {
    const file = join(directory, 'user-workspaces.service');
    // Where the program is differs from machine to machine, and systemd looks whether it is there.
    writeFileSync(file, unit.replace('/usr/bin/node', process.execPath));
    // What is wrong is told on standard error, also where it is only passed over.
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' });
    const about = stderr.split('\n').filter((line) => line.includes('user-workspaces'));
    expect({ status, about }).toEqual({ status: 0, about: [] });
  } finally {
    rmSync(directory, { recursive: true });
  }
});
