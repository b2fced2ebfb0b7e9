import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bench, ended, logText, makeBench } from './support.js';

describe.each([
  ['the strongest isolation', {}],
  ['the marker alone', { isolation: 'marker', cgroups: false }],
] as const)('how a job ends, with %s', (_name, options) => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await makeBench(options);
  });
  afterEach(() => bench.end());

  it.each([
    ['exit 0', 0, null],
    ['exit 3', 3, null],
    ['exit 143', 143, null],
    ['kill -TERM $$', null, 'SIGTERM'],
    ['kill -KILL $$', null, 'SIGKILL'],
    ['kill -SEGV $$', null, 'SIGSEGV'],
    // No shell tells these two from an exit with the same number.
    ['kill -INT $$', 130, null],
  ])('%s: exit code %s, signal %s', async (script, exitCode, signal) => {
    const specification = bench.specification(['sh', '-c', script]);
    const launched = await bench.resource.launch(specification);
    const end = await ended(bench.resource, specification);
    expect(end).toMatchObject({ exitCode, signal, cause: 'exited', handle: launched.handle });
    expect(end.resourceJobId).toBe(launched.resourceJobId);
    expect(end.reason).toBeUndefined();
    expect(Math.abs(Date.now() - end.endedAtMs)).toBeLessThan(2000);
  });

  it('counts core hours by the allocated processors', async () => {
    const specification = bench.specification(['sleep', '0.5'], { limits: { cpus: 2 } });
    await bench.resource.launch(specification);
    const end = await ended(bench.resource, specification);
    const wallHours = (end.endedAtMs - (end.startedAtMs ?? 0)) / 3_600_000;
    expect(wallHours * 3600).toBeGreaterThan(0.45);
    expect(end.coreHours).toBeCloseTo(wallHours * 2, 9);
  });

  it.each([
    ['a missing program', { command: ['no-such-program'] as [string] }, /no-such-program was not found/],
    ['a missing workspace', { workspacePath: '/nonexistent' }, /directory of the workspace is not there/],
    ['a workspace of somebody else', { workspacePath: '/root' }, /may not enter the workspace/],
  ])('says so when there is %s', async (_what, changes, reason) => {
    const specification = bench.specification(['true'], changes);
    await bench.resource.launch(specification);
    const end = await ended(bench.resource, specification);
    expect(end).toMatchObject({ cause: 'launch_failed', exitCode: null, signal: null });
    expect(end.reason).toMatch(reason);
  });

  it('records a line of result that says it all', async () => {
    const specification = bench.specification(['sh', '-c', 'exit 7']);
    await bench.resource.launch(specification);
    await ended(bench.resource, specification);
    expect(readFileSync(`${bench.recordsDirectory}/${specification.launchKey}/result`, 'utf8')).toBe('7 e exited\n');
  });
});

describe('a job in a namespace', () => {
  it('has its orphans taken in, and sees no zombie and no process of the machine', async () => {
    const bench = await makeBench();
    const script =
      '(sh -c "sleep 0.1 & exit" &); sleep 0.5; cat /proc/[0-9]*/stat 2>/dev/null | cut -d" " -f3 | grep -c Z; ls -d /proc/[0-9]* | wc -l';
    const specification = bench.specification(['sh', '-c', script]);
    await bench.resource.launch(specification);
    await ended(bench.resource, specification);
    const [zombies, processes] = (await logText(bench.resource, specification)).split('\n').map(Number);
    expect(zombies).toBe(0);
    expect(processes).toBeLessThan(8);
    await bench.end();
  });
});
