import { mkdtemp, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Crash,
  crashAtEachStep,
  type Fault,
  faultAt,
  fileSystemSteps,
  injectFaults,
  makeSmallDisk,
  reportedSteps,
  seededFaults,
  seededRandom,
  smallDiskObstacle,
  startProgram,
  withJumpingClock,
} from '../src/index.js';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'uws-faults-'));
});
afterAll(() => rm(directory, { recursive: true }));

/** Counts, with a private field as adapters have. */
class Counter {
  #count = 0;
  readonly name = 'counter';
  async add(by: number): Promise<number> {
    this.#count += by;
    await sleep(1);
    if (this.#count > 100) throw new Error('too many');
    return this.#count;
  }
  async addTwice(by: number): Promise<number> {
    await this.add(by);
    return this.add(by);
  }
  get count(): number {
    return this.#count;
  }
  label(): string {
    return `at ${this.#count}`;
  }
}

describe('calls', () => {
  const faulty = (fault: Fault, number?: number) => {
    const counter = new Counter();
    return { counter, ...injectFaults(counter, faultAt<Counter>('add', fault, number)) };
  };

  it('are lost before they have an effect', async () => {
    const { counter, adapter, calls } = faulty({ kind: 'lost-request' });
    await expect(adapter.add(1)).rejects.toMatchObject({ name: 'AdapterError', kind: 'unavailable' });
    expect([counter.count, calls.length, calls[0]?.ends]).toEqual([0, 1, []]);
    expect(await adapter.add(1)).toBe(1);
  });

  it('are lost after they had their effect', async () => {
    const { counter, adapter, calls } = faulty({ kind: 'lost-answer' }, 2);
    await adapter.add(1);
    await expect(adapter.add(1)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(counter.count).toBe(2);
    expect(calls).toMatchObject([{ method: 'add', number: 2, ends: [{ status: 'fulfilled', value: 2 }] }]);
  });

  it('take their time on the way there and back', async () => {
    const { counter, adapter } = faulty({ kind: 'slow', requestMs: 30, answerMs: 30 });
    const startedAt = performance.now();
    const answer = adapter.add(1);
    expect(counter.count).toBe(0);
    expect(await answer).toBe(1);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(55);
  });

  it('arrive twice, at once or one after the other, and answer once', async () => {
    const atOnce = faulty({ kind: 'twice', how: 'at-once' });
    expect(await atOnce.adapter.add(1)).toBe(2);
    const inSequence = faulty({ kind: 'twice', how: 'in-sequence' });
    expect(await inSequence.adapter.add(60)).toBe(60);
    expect(inSequence.calls[0]?.ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });

  it('of other methods, and properties, go through', async () => {
    const { adapter, calls } = faulty({ kind: 'lost-request' });
    expect([adapter.name, adapter.label(), await adapter.addTwice(1), adapter.count]).toEqual([
      'counter',
      'at 0',
      2,
      2,
    ]);
    expect(calls).toEqual([]);
  });

  it('go wrong by a seed, the same ones every time', async () => {
    const run = async (seed: number): Promise<number[]> => {
      const plan = seededFaults<Counter>(seed, 0.3, ['add'], [{ kind: 'lost-request' }, { kind: 'lost-answer' }]);
      const { adapter, calls } = injectFaults(new Counter(), plan);
      for (let count = 0; count < 60; count += 1) await adapter.add(1).catch(() => undefined);
      return calls.map(({ number }) => number);
    };
    const first = await run(1);
    expect(await run(1)).toEqual(first);
    expect(await run(2)).not.toEqual(first);
    expect(first.length).toBeGreaterThan(8);
    expect(first.length).toBeLessThan(30);
    expect(seededRandom(1).below(10)).toBe(seededRandom(1).below(10));
  });
});

describe('crashes', () => {
  it('come at each step that an adapter reports', async () => {
    const steps = reportedSteps();
    const seen: string[] = [];
    const names = await crashAtEachStep(steps, async (crash) => {
      const done: string[] = [];
      await crash(async () => {
        try {
          for (const name of ['one', 'two', 'three']) {
            steps.report(name);
            done.push(name);
          }
        } catch (error) {
          // What a dead process would not do breaks off as well.
          expect(() => steps.report('cleanup')).toThrow(Crash);
          throw error;
        }
      });
      seen.push(done.join());
      steps.report('outside of the work: nobody looks');
    });
    expect(names).toEqual(['one', 'two', 'three']);
    expect(seen).toEqual(['', 'one', 'one,two', 'one,two,three']);
  });

  it('break off what uses the file system, at each call, and nobody else', async () => {
    const [from, to] = [join(directory, 'from'), join(directory, 'to')];
    const left: string[] = [];
    const names = await crashAtEachStep(fileSystemSteps, async (crash) => {
      await rm(from, { force: true });
      await rm(to, { force: true });
      const undisturbed = writeFile(join(directory, 'other'), 'x').then(() => rm(join(directory, 'other')));
      await crash(async () => {
        await writeFile(from, 'x');
        await rename(from, to);
      });
      await undisturbed;
      left.push((await readdir(directory)).join());
    });
    expect(names).toEqual(['writeFile', 'rename']);
    expect(left).toEqual(['', 'from', 'to']);
  });

  it('are refused where nothing would be tried', async () => {
    const steps = reportedSteps();
    await expect(crashAtEachStep(steps, (crash) => crash(async () => undefined))).rejects.toThrow('no step');
    await expect(crashAtEachStep(steps, async () => undefined)).rejects.toThrow('did not run');
    const own = new Error('mine');
    await expect(crashAtEachStep(steps, (crash) => crash(() => Promise.reject(own)))).rejects.toBe(own);
  });
});

it('a clock jumps for the work alone', async () => {
  const before = Date.now();
  const real = Date;
  await withJumpingClock(async (clock) => {
    clock.jump(-3_600_000);
    expect(Date.now()).toBeLessThan(before - 3_500_000);
    const date = new Date();
    expect(date.getTime()).toBeLessThan(before - 3_500_000);
    expect(date instanceof Date && new Date(5).getTime() === 5).toBe(true);
    await sleep(1);
    clock.jump(7_200_000);
    expect(Date.now()).toBeGreaterThan(before + 3_500_000);
  });
  expect(Date).toBe(real);
  expect(Math.abs(Date.now() - before)).toBeLessThan(60_000);
});

it('a disk on which a file stays open is gone nevertheless, and the file is named', async () => {
  if (await smallDiskObstacle()) return;
  const disk = await makeSmallDisk(256 * 1024);
  const file = await open(join(disk.directory, 'left open'), 'w');
  await expect(disk.remove()).rejects.toThrow(/left open/);
  const mounts = await readFile('/proc/self/mounts', 'utf8');
  expect(mounts).not.toContain(dirname(disk.directory));
  await expect(readdir(dirname(disk.directory))).rejects.toMatchObject({ code: 'ENOENT' });
  await file.close();
});

it('a disk waits for a file that is closed a little later, or when nobody refers to it any more', async () => {
  if (await smallDiskObstacle()) return;
  const disk = await makeSmallDisk(256 * 1024);
  const file = await open(join(disk.directory, 'closed later'), 'w');
  const closing = sleep(300).then(() => file.close());
  await disk.remove();
  await closing;
});

it('a disk is full, and has room again', async () => {
  const obstacle = await smallDiskObstacle();
  if (obstacle !== undefined) {
    await expect(makeSmallDisk(64 * 1024)).rejects.toThrow();
    return;
  }
  const disk = await makeSmallDisk(256 * 1024);
  await writeFile(join(disk.directory, 'kept'), 'kept');
  await disk.fill();
  await expect(writeFile(join(disk.directory, 'new'), 'x')).rejects.toMatchObject({ code: 'ENOSPC' });
  expect(await readFile(join(disk.directory, 'kept'), 'utf8')).toBe('kept');
  await disk.free();
  await writeFile(join(disk.directory, 'new'), 'x');
  await disk.remove();
});

it('a program is killed in the middle, and says so when it ends badly', async () => {
  const module = join(directory, 'program.mjs');
  await writeFile(
    module,
    'for (let n = 0; ; n++) { console.log(n); if (String(n) === process.argv[2]) process.exit(3); await new Promise((r) => setTimeout(r, 1)); }',
  );
  const victim = await startProgram(module, []);
  await victim.printed(3);
  await victim.kill();
  expect(victim.lines().slice(0, 3)).toEqual(['0', '1', '2']);
  expect(() => process.kill(victim.pid, 0)).toThrow();
  const bad = await startProgram(module, ['1']);
  await expect(bad.printed(5)).rejects.toThrow('ended with 3');
  await expect(bad.finished()).rejects.toThrow('ended with 3');
});
