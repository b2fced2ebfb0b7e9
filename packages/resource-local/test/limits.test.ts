import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LaunchSpecification } from '@user-workspaces/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Cgroups } from '../src/cgroups.js';
import {
  type Bench,
  ended,
  isRoot,
  logText,
  makeBench,
  observe,
  processesNaming,
  referenceTo,
  running,
  until,
} from './support.js';

/** What a process has open; nothing of one that has ended. */
function openFiles(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  } catch {
    return [];
  }
}

const ways = [
  ['the strongest means', {}],
  ['neither namespaces nor groups', { isolation: 'marker', cgroups: false }],
] as const;

describe.each(ways)('limits, with %s', (_name, options) => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await makeBench(options);
  });
  afterEach(() => bench.end());

  it('end a job at its time, with the server gone, and leave no watch behind', async () => {
    // Long enough that the job has begun by then on a busy machine, too.
    const specification = bench.specification(['sleep', '100'], { limits: { timeLimitMinutes: 3 / 60 } });
    await bench.resource.launch(specification);
    const { startedAtMs, endsAtMs } = await running(bench.resource, specification);
    expect(endsAtMs).toBe(startedAtMs + 3000);
    await bench.resource.close();
    const end = await ended(await bench.open(), specification);
    expect(end).toMatchObject({ cause: 'time_limit', signal: 'SIGTERM' });
    expect(end.reason).toBe('The job reached its time limit of 0.05 minutes.');
  });

  it('can be extended while the job runs', async () => {
    const specification = bench.specification(['sleep', '5'], { limits: { timeLimitMinutes: 3 / 60 } });
    await bench.resource.launch(specification);
    const before = await running(bench.resource, specification);
    await bench.resource.extend(referenceTo(specification), 10);
    expect(await running(bench.resource, specification)).toMatchObject({ endsAtMs: before.startedAtMs + 600_000 });
    expect(await ended(bench.resource, specification)).toMatchObject({ cause: 'exited', exitCode: 0 });
    await expect(bench.resource.extend(referenceTo(specification), 20)).rejects.toMatchObject({ kind: 'not_found' });
  });

  describe('at the last moment', () => {
    let specification: LaunchSpecification;
    /** What the watch of the time limit reads in place of the deadline: it waits there for the next line. */
    let looks: FileHandle;
    const record = () => `${bench.recordsDirectory}/${specification.launchKey}`;
    beforeEach(async () => {
      specification = bench.specification(['sh', '-c', 'sleep 6; exit 3'], { limits: { timeLimitMinutes: 3 / 60 } });
      await bench.resource.launch(specification);
      await running(bench.resource, specification);
      execFileSync('mkfifo', [`${record()}/looks`]);
      looks = await open(`${record()}/looks`, 'r+');
      renameSync(`${record()}/looks`, `${record()}/deadline`);
      const watches = (pid: number) => openFiles(pid).includes(`${record()}/deadline`);
      await until(() => processesNaming(specification.launchKey).some(watches));
    });
    afterEach(async () => {
      // Whoever looks at the job would wait there as well.
      if (statSync(`${record()}/deadline`).isFIFO()) rmSync(`${record()}/deadline`);
      await looks.close();
    });
    const passed = '0\n';

    it('an extension that was answered holds, also if the watch has read the deadline before it', async () => {
      await bench.resource.extend(referenceTo(specification), 10);
      await looks.write(passed);
      expect(await ended(bench.resource, specification)).toMatchObject({ cause: 'exited', exitCode: 3 });
    });

    it('an extension that comes after the last look is refused', async () => {
      await looks.write(passed);
      await until(() => existsSync(`${record()}/due`));
      const extension = bench.resource.extend(referenceTo(specification), 10);
      await until(() => statSync(`${record()}/deadline`).isFile());
      await looks.write(passed);
      await expect(extension).rejects.toMatchObject({ kind: 'not_found' });
      expect(await ended(bench.resource, specification)).toMatchObject({ cause: 'time_limit' });
    });
  });

  it('can be set for a job that had none, and refuse nonsense', async () => {
    const specification = bench.specification(['sleep', '100']);
    await bench.resource.launch(specification);
    expect(await running(bench.resource, specification)).toMatchObject({ endsAtMs: null });
    const reference = referenceTo(specification);
    await bench.resource.extend(reference, 3);
    expect((await running(bench.resource, specification)).endsAtMs).not.toBeNull();
    for (const minutes of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      await expect(bench.resource.extend(reference, minutes)).rejects.toMatchObject({ kind: 'invalid' });
    }
    const unknown = { ...reference, launchKey: 'f'.repeat(32) };
    await expect(bench.resource.extend(unknown, 1)).rejects.toMatchObject({ kind: 'not_found' });
  });

  it('end a job that allocates twice its memory, whole, and leave its neighbour alone', async () => {
    const allocate = (megabytes: number) =>
      [
        process.execPath,
        '-e',
        // In a child, so that the process that grows is not the job's main process.
        `require('child_process').spawn(process.execPath, ['-e', 'const b = Buffer.alloc(${megabytes} * 1048576, 1); console.log("allocated", b.length); setTimeout(() => {}, 100000)'], { stdio: 'inherit' }); setTimeout(() => {}, 100000)`,
      ] as const;
    const greedy = bench.specification([...allocate(400)], { limits: { memoryMb: 200 } });
    const neighbour = bench.specification([...allocate(50)], { limits: { memoryMb: 400 } });
    await bench.resource.launch(neighbour);
    await bench.resource.launch(greedy);
    const end = await ended(bench.resource, greedy);
    expect(end).toMatchObject({ cause: 'memory_limit', signal: 'SIGKILL' });
    expect(end.reason).toBe('The job used more than its memory limit of 200 MB.');
    await sleep(300);
    expect(await observe(bench.resource, referenceTo(neighbour))).toMatchObject({ kind: 'running' });
    expect(await logText(bench.resource, neighbour)).toContain('allocated 52428800');
  });

  it('accept more than the machine has', async () => {
    const limits = { cpus: 512, memoryMb: 1_000_000_000, timeLimitMinutes: 600_000, gpus: 3 };
    const specification = bench.specification(['true'], { limits });
    await bench.resource.launch(specification);
    expect(await ended(bench.resource, specification)).toMatchObject({ cause: 'exited', exitCode: 0 });
  });

  it('hold a job to half a processor', async () => {
    const specification = bench.specification(
      [
        'sh',
        '-c',
        'timeout 1 sh -c "while :; do :; done"; timeout 1 sh -c "while :; do :; done" & timeout 1 sh -c "while :; do :; done"; wait; cat /proc/$$/stat',
      ],
      { limits: { cpus: 0.5 } },
    );
    await bench.resource.launch(specification);
    await ended(bench.resource, specification);
    const fields = (await logText(bench.resource, specification)).trim().split(' ');
    const childSeconds = (Number(fields[15]) + Number(fields[16])) / 100;
    // Two seconds of wall time. A group gives half a processor; affinity one whole, where two would have been used.
    expect(childSeconds).toBeGreaterThan(0.2);
    expect(childSeconds).toBeLessThan(bench.resource.capabilities.limits.cpu.includes('group') ? 1.6 : 2.3);
  });
});

describe('a memory limit that the kernel keeps', () => {
  it('is told as the end of a job of which it killed a part, though its first process went on to end well', async () => {
    const bench = await makeBench();
    const grow = `${process.execPath} -e "Buffer.alloc(400 << 20, 1)"`;
    const greedy = bench.specification(['sh', '-c', `${grow}; ${grow} & wait; exit 0`], { limits: { memoryMb: 200 } });
    await bench.resource.launch(greedy);
    const end = await ended(bench.resource, greedy);
    expect(end).toMatchObject({ cause: 'memory_limit', exitCode: null, signal: 'SIGKILL' });
    await bench.end();
  });
});

describe('a log that grows too long', () => {
  it('gives its oldest part back to the disk, and positions stay what they were', { timeout: 30_000 }, async () => {
    const bench = await makeBench();
    const specification = bench.specification([
      'sh',
      '-c',
      'echo begin; sleep 0.3; while [ ! -e go ]; do sleep 0.1; done; echo end; sleep 100',
    ]);
    const reference = referenceTo(specification);
    await bench.resource.launch(specification);
    await running(bench.resource, specification);
    const path = `${bench.recordsDirectory}/${specification.launchKey}/log`;
    await until(() => statSync(path).size > 0);
    // Space on the disk is what counts.
    execFileSync('fallocate', ['--length', String(100 * 1024 * 1024), path]);
    await until(() => {
      try {
        return readFileSync(`${bench.recordsDirectory}/${specification.launchKey}/cut`, 'utf8').length > 0;
      } catch {
        return false;
      }
    }, 15_000);
    const { writeFile } = await import('node:fs/promises');
    await writeFile(`${bench.workspacePath}/go`, '');
    await until(() => statSync(path).size > 100 * 1024 * 1024);
    let first: number | undefined;
    let total = 0;
    let tail = '';
    for await (const { offsetBytes, content } of bench.resource.logs(reference, { fromByte: 0, follow: false })) {
      first ??= offsetBytes;
      total += content.length;
      tail = Buffer.from(content).toString();
    }
    expect(first).toBe(68 * 1024 * 1024);
    expect(total).toBe(32 * 1024 * 1024 + 4);
    expect(tail.endsWith('end\n')).toBe(true);
    await bench.end();
  });
});

describe('groups of the second version', () => {
  it('set memory, swap, a common end, and processor time in one directory', async () => {
    // The unified hierarchy of a test machine may have no controllers, so this one is of plain files: it proves names and values.
    const { mkdtempSync, mkdirSync, writeFileSync, rmSync } = await import('node:fs');
    const root = mkdtempSync('/tmp/uws-cgroup-');
    mkdirSync(`${root}/user-workspaces`);
    for (const file of ['cgroup.controllers', 'user-workspaces/memory.swap.max']) writeFileSync(`${root}/${file}`, '');
    const cgroups = Cgroups.detect(root);
    expect([cgroups.limitsMemory, cgroups.limitsCpu]).toEqual([true, true]);
    const directory = `${root}/user-workspaces/k`;
    expect(cgroups.plan('k', { memoryMb: 10, cpus: 1.5 })).toEqual({
      directories: [directory],
      oomFile: `${directory}/memory.events`,
      settings: [
        [`${directory}/memory.max`, '10485760'],
        [`${directory}/memory.oom.group`, '1'],
        [`${directory}/memory.swap.max`, '0'],
        [`${directory}/cpu.max`, '150000 100000'],
      ],
    });
    expect(cgroups.plan('k', {})).toEqual({ directories: [], settings: [], oomFile: null });
    rmSync(root, { recursive: true });
  });

  it('are not used where they cannot be made', () => {
    const cgroups = Cgroups.detect('/nonexistent');
    expect([cgroups.limitsMemory, cgroups.limitsCpu]).toEqual([false, false]);
  });
});

describe('what is said of the limits', () => {
  it('is told by the capabilities and by the health check', async () => {
    const bench = await makeBench({ cgroups: false });
    expect(bench.resource.capabilities).toMatchObject({ extend: true, push: true });
    const health = await bench.resource.check();
    expect(health.connected).toBe(true);
    expect(health.message).toContain('watched each second while the server runs');
    if (isRoot) expect(health.message).toContain('namespace');
    await bench.end();
  });
});
