import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, existsSync, readFileSync, readlinkSync } from 'node:fs';
import { access, mkdtemp, open, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { LaunchSpecification } from '@user-workspaces/contract';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { describeWith, pathOf } from '../../../test/support/requirements.js';
import { cutLog, cutScript, logCap, readLog } from '../src/logs.js';
import { Records } from '../src/records.js';
import { supervisorPath } from '../src/system.js';
import { type Bench, ended, makeBench, observe, processesNaming, referenceTo, until } from './support.js';

const launchKey = 'a'.repeat(32);
const mebibyte = 1024 * 1024;

/** Where files may have any size. */
const largeFiles = await access('/dev/shm', constants.W_OK).then(
  () => '/dev/shm',
  () => tmpdir(),
);

let root: string;
let records: Records;
let log: string;

beforeEach(async () => {
  root = await mkdtemp(`${largeFiles}/uws-logs-`);
  records = await Records.open(`${root}/records`);
  await records.create(launchKey, { log: '', plan: '' });
  log = `${records.directory(launchKey)}/log`;
});

afterEach(() => rm(root, { recursive: true }));

async function bytesOnDisk(): Promise<number> {
  return (await stat(log)).blocks * 512;
}

async function append(text: string | Buffer): Promise<void> {
  await writeFile(log, text, { flag: 'a' });
}

async function tail(tailBytes: number): Promise<string> {
  const parts: Uint8Array[] = [];
  const range = { tailBytes, follow: false };
  for await (const { content } of readLog(records, launchKey, range, async () => true)) parts.push(content);
  return Buffer.concat(parts).toString();
}

/** Cuts the log as the launch's own watch does, with other programs in the place of some of the system's. */
async function cutWith(programs: Readonly<Record<string, string>>): Promise<void> {
  const directory = await mkdtemp(`${tmpdir()}/uws-programs-`);
  try {
    for (const [name, script] of Object.entries(programs)) {
      await writeFile(`${directory}/${name}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    }
    execFileSync('sh', [cutScript, String(logCap.mostBytes), String(logCap.keptBytes)], {
      cwd: records.directory(launchKey),
      env: { PATH: `${directory}:${supervisorPath}` },
      stdio: 'pipe',
    });
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** A program that does something first, and then what it does otherwise. */
const after = (work: string, program: string) => `${work}; PATH=\${PATH#*:}; exec ${program} "$@"`;

test('what a job writes while its log is cut is not lost, however much it is', async () => {
  await append(Buffer.alloc(logCap.mostBytes + mebibyte, 'x'));
  const before = (await stat(log)).size;
  const write = (bytes: number) => `head -c ${bytes} /dev/zero | tee -a ../written >> log`;
  await cutWith({
    fallocate: after(write(logCap.mostBytes), 'fallocate'),
    truncate: after(write(mebibyte), 'truncate'),
  });
  expect((await stat(log)).size).toBe(before + (await stat(`${root}/records/written`)).size);
  await cutWith({});
  expect(await bytesOnDisk()).toBeLessThanOrEqual(logCap.keptBytes + mebibyte);
});

test('a log that somebody else is cutting is looked at again when they are done', async () => {
  await append(Buffer.alloc(logCap.mostBytes + mebibyte, 'x'));
  const other = spawn('flock', [`${records.directory(launchKey)}/plan`, 'sh', '-c', 'echo; exec sleep 0.5'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(other.stdout, 'data');
  await cutLog(records, launchKey);
  expect(await bytesOnDisk()).toBeLessThanOrEqual(logCap.keptBytes + mebibyte);
});

test('a log that cannot be cut is an error that says why', async () => {
  await append(Buffer.alloc(logCap.mostBytes + mebibyte, 'x'));
  await expect(cutWith({ fallocate: 'echo not supported >&2; exit 1' })).rejects.toThrow('not supported');
  await cutWith({});
  expect(await bytesOnDisk()).toBeLessThanOrEqual(logCap.keptBytes + mebibyte);
});

/** Whether the server in this process is cutting a launch's log. */
function isBeingCut(launchKey: string): boolean {
  return processesNaming('cut-log.sh').some((pid) => {
    try {
      const parent = / (\d+) /.exec(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) ./, ''))?.[1];
      return Number(parent) === process.pid && readlinkSync(`/proc/${pid}/cwd`).endsWith(`/${launchKey}`);
    } catch {
      return false; // It has ended.
    }
  });
}

// As the log is the account's, its programs may take a lease on it: then whoever opens it waits for up to 45 seconds.
describeWith(['python3'], 'a log that its job has a lease on', () => {
  const lease = `import fcntl, signal, time
signal.signal(signal.SIGIO, signal.SIG_IGN)
fcntl.fcntl(0, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print(flush=True)
time.sleep(99)`;

  test('keeps nobody waiting who reads it', async () => {
    await append('output');
    const job = spawn('sh', ['-c', `exec ${pathOf('python3')} -c '${lease}' <> "$1"`, 'sh', log], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exit = once(job, 'exit');
    try {
      await once(job.stdout, 'data');
      const beganAt = performance.now();
      await expect(tail(10)).rejects.toMatchObject({ kind: 'unavailable', message: expect.stringContaining('again') });
      expect(performance.now() - beganAt).toBeLessThan(5_000);
    } finally {
      job.kill('SIGKILL');
      await exit;
    }
    expect(await tail(3)).toBe('put');
  });

  /** A job that fills its log and holds it. */
  async function holding(bench: Bench, limits: LaunchSpecification['limits']): Promise<LaunchSpecification> {
    const size = logCap.mostBytes + mebibyte;
    const grow = `import os\nos.write(0, b"x" * ${size})\n${lease.replace('print(flush=True)', 'open("held", "x")')}`;
    const command = ['sh', '-c', `exec python3 -c '${grow}' <> /dev/stdout > /dev/null 2>&1`] as const;
    const specification = bench.specification([...command], { limits, environment: { PATH: '/usr/bin:/bin' } });
    await bench.resource.launch(specification);
    await until(() => existsSync(`${bench.workspacePath}/held`));
    return specification;
  }

  test('ends at its time', { timeout: 60_000 }, async () => {
    const bench = await makeBench();
    onTestFinished(() => bench.end());
    const specification = await holding(bench, { timeLimitMinutes: 8 / 60 });
    expect(await ended(bench.resource, specification, 30_000)).toMatchObject({ cause: 'time_limit' });
  });

  test('leaves other jobs under their limits', { timeout: 60_000 }, async () => {
    const bench = await makeBench({ isolation: 'marker', cgroups: false });
    onTestFinished(() => bench.end());
    const specification = await holding(bench, {});
    await until(() => isBeingCut(specification.launchKey), 20_000);
    const script = 'const b = Buffer.alloc(400 << 20, 1); setTimeout(() => b, 1e5)';
    const greedy = bench.specification([process.execPath, '-e', script], { limits: { memoryMb: 200 } });
    await bench.resource.launch(greedy);
    expect(await ended(bench.resource, greedy, 8_000)).toMatchObject({ cause: 'memory_limit' });
    expect(await observe(bench.resource, referenceTo(specification))).toMatchObject({ kind: 'running' });
  });
});

// A job may open its log anew, as /dev/stdout, and do with it as it likes.
describe('a log that its job plays with', () => {
  test('is cut again after it was stretched, cut and made small', async () => {
    await truncate(log, 2 ** 40);
    await append(Buffer.alloc(logCap.mostBytes + mebibyte, 'x'));
    await cutLog(records, launchKey);
    await truncate(log, 0);
    await append(Buffer.alloc(logCap.mostBytes + mebibyte, 'y'));
    await append('the end');
    await cutLog(records, launchKey);
    expect(await bytesOnDisk()).toBeLessThanOrEqual(logCap.keptBytes + mebibyte);
    expect(await tail(7)).toBe('the end');
  });

  test('is read after it was made smaller than what was cut off', async () => {
    await append(Buffer.alloc(logCap.mostBytes + mebibyte, 'x'));
    await cutLog(records, launchKey);
    await truncate(log, 0);
    await append('begun anew');
    expect(await tail(100)).toBe('begun anew');
  });

  test('keeps no space that was set aside behind its end', async () => {
    await append('output');
    execFileSync('fallocate', ['--keep-size', '--length', String(logCap.mostBytes + mebibyte), log]);
    expect(await bytesOnDisk()).toBeGreaterThan(logCap.mostBytes);
    await cutLog(records, launchKey);
    expect(await bytesOnDisk()).toBeLessThan(mebibyte);
    expect(await tail(100)).toBe('output');
  });

  test('is left alone while it only claims to be large, and read whatever it claims', async (context) => {
    const file = await open(log, 'r+');
    try {
      await file.truncate(2 ** 62);
    } catch (error) {
      // Where there is no such file system, 1 TiB has to do.
      context.annotate(`no file of 4 EiB: ${String(error)}`);
      await file.truncate(2 ** 40);
    } finally {
      await file.close();
    }
    await cutLog(records, launchKey);
    expect(await records.line(launchKey, 'cut')).toBeUndefined();
    expect(await tail(10)).toBe('\0'.repeat(10));
  });
});
