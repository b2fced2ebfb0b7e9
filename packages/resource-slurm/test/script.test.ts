import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { outputName, startScript } from '../src/script.js';

test('a return reaches the job in its command, its environment and its files, and stands in no line that Slurm gets', async () => {
  const workspacePath = await mkdtemp(`${tmpdir()}/uws-script-`);
  const odd = `one\rtwo\r\n'three' $four`;
  try {
    const script = startScript(
      {
        launchKey: '0123456789abcdef0123456789abcdef',
        jobId: 7,
        account: { name: 'alice', uid: 1000, gid: 1000 },
        workspacePath,
        command: ['sh', '-c', 'printf %s "$1|$ODD|"; cat .7/odd', 'sh', odd],
        files: [{ name: 'odd', content: odd, mode: 0o600 }],
        environment: { ODD: odd },
        limits: {},
        options: {},
      },
      null,
      new Map(),
    );
    expect(script).not.toContain('\r');
    execFileSync('sh', { input: script });
    expect(await readFile(`${workspacePath}/.7/${outputName}`, 'utf8')).toBe([odd, odd, odd].join('|'));
  } finally {
    await rm(workspacePath, { recursive: true });
  }
});
