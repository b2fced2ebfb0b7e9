import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bench, ended, makeBench, observe, processesNaming, referenceTo, running, until } from './support.js';

/** Leaves its parent, its group and its session, twice over, and ignores TERM. */
const daemon = (tag: string) =>
  `setsid sh -c "setsid sh -c 'trap \\"\\" TERM; touch daemon; while :; do sleep 60; done # ${tag}' &" & `;

describe.each([
  ['the strongest isolation', {}],
  ['the marker alone', { isolation: 'marker', cgroups: false }],
] as const)('stopping, with %s', (_name, options) => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await makeBench(options);
  });
  afterEach(() => bench.end());

  async function started(script: string, tag?: string) {
    const specification = bench.specification(['sh', '-c', script]);
    await bench.resource.launch(specification);
    await running(bench.resource, specification);
    await until(() => existsSync(`${bench.workspacePath}/ready`));
    if (tag !== undefined) await until(() => existsSync(`${bench.workspacePath}/daemon`));
    return specification;
  }

  it('by TERM alone where the job obeys', async () => {
    const specification = await started('touch ready; exec sleep 100');
    await bench.resource.stop(referenceTo(specification), 10_000);
    expect(await ended(bench.resource, specification)).toMatchObject({
      cause: 'stopped',
      signal: 'SIGTERM',
      exitCode: null,
    });
    await bench.resource.stop(referenceTo(specification), 10_000);
    expect(await observe(bench.resource, referenceTo(specification))).toMatchObject({ cause: 'stopped' });
  });

  it("keeps the job's own exit code, and sends TERM once", async () => {
    const script =
      'n=0; trap "n=\\$((n+1))" TERM; touch ready; while [ $n -eq 0 ]; do sleep 0.05; done; sleep 0.5; exit $((40 + n))';
    const specification = await started(script.replaceAll('\\$', '$').replace('"n=$((n+1))"', "'n=$((n+1))'"));
    await bench.resource.stop(referenceTo(specification), 10_000);
    await sleep(100);
    await bench.resource.stop(referenceTo(specification), 10_000);
    expect(await ended(bench.resource, specification)).toMatchObject({ cause: 'stopped', exitCode: 41, signal: null });
  });

  it('by KILL, once the grace is over, counted from the first call', async () => {
    const specification = await started('trap "" TERM; touch ready; while :; do sleep 0.1; done');
    const reference = referenceTo(specification);
    await bench.resource.stop(reference, 600);
    await sleep(300);
    await bench.resource.stop(reference, 600);
    await sleep(50);
    expect(await observe(bench.resource, reference)).toMatchObject({ kind: 'running' });
    await sleep(300);
    await bench.resource.stop(reference, 600);
    expect(await ended(bench.resource, specification)).toMatchObject({ cause: 'stopped', signal: 'SIGKILL' });
  });

  it('takes what left its process group and session', async () => {
    const tag = `tag-${Math.random()}`;
    const specification = await started(`${daemon(tag)} touch ready; exec sleep 100`, tag);
    await bench.resource.stop(referenceTo(specification), 0);
    await ended(bench.resource, specification);
    expect(processesNaming(tag)).toEqual([]);
  });

  it('is not needed for what a job leaves behind at its own end', async () => {
    const tag = `tag-${Math.random()}`;
    const specification = await started(`${daemon(tag)} touch ready; sleep 0.5; exit 5`, tag);
    expect(await ended(bench.resource, specification)).toMatchObject({ cause: 'exited', exitCode: 5 });
    expect(processesNaming(tag)).toEqual([]);
  });

  it('wakes a halted job so that it can obey', async () => {
    const specification = await started('trap "exit 9" TERM; touch ready; kill -STOP $$; while :; do sleep 0.05; done');
    await sleep(100);
    await bench.resource.stop(referenceTo(specification), 10_000);
    expect(await ended(bench.resource, specification)).toMatchObject({ cause: 'stopped', exitCode: 9 });
  });

  it('goes on after the server that began it is gone', async () => {
    const specification = await started('trap "" TERM; touch ready; while :; do sleep 0.1; done');
    await bench.resource.stop(referenceTo(specification), 200);
    await sleep(250);
    const next = await bench.open();
    await next.stop(referenceTo(specification), 200);
    expect(await ended(next, specification)).toMatchObject({ cause: 'stopped', signal: 'SIGKILL' });
  });

  it('right after the launch leaves nothing running, whatever the supervisor has come to', async () => {
    for (let round = 0; round < 10; round++) {
      const specification = bench.specification(['sh', '-c', 'sleep 100; echo survived >> survivors']);
      const launching = bench.resource.launch(specification).catch(() => undefined);
      await sleep(round);
      await bench.resource.stop(referenceTo(specification), 0);
      await launching;
      await until(() => processesNaming(specification.launchKey).length === 0);
      expect(existsSync(`${bench.workspacePath}/survivors`)).toBe(false);
    }
  });
});

describe('forgetting', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await makeBench();
  });
  afterEach(() => bench.end());

  it('removes the records of an ended launch, and only then', async () => {
    const specification = bench.specification(['sleep', '100']);
    const reference = referenceTo(specification);
    await bench.resource.forget(reference);
    await bench.resource.launch(specification);
    await running(bench.resource, specification);
    await expect(bench.resource.forget(reference)).rejects.toMatchObject({ kind: 'conflict' });
    await bench.resource.stop(reference, 0);
    await ended(bench.resource, specification);
    await bench.resource.forget(reference);
    expect(existsSync(`${bench.recordsDirectory}/${specification.launchKey}`)).toBe(false);
    expect(await observe(bench.resource, reference)).toEqual({ kind: 'absent' });
    await bench.resource.forget(reference);
  });

  it('removes the mark of a stop before the launch', async () => {
    const specification = bench.specification(['true']);
    await bench.resource.stop(referenceTo(specification), 0);
    await bench.resource.forget(referenceTo(specification));
    await bench.resource.launch(specification);
    expect(await ended(bench.resource, specification)).toMatchObject({ exitCode: 0 });
    expect(readFileSync(`${bench.recordsDirectory}/${specification.launchKey}/result`, 'utf8')).toBe('0 e exited\n');
  });
});
