import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { logCap } from '../src/logs.js';
import { bundleChild } from './bundle.js';
import type { ChildOrder } from './child.js';
import {
  type Bench,
  cgroupsOf,
  ended,
  logText,
  makeBench,
  observe,
  observeUntil,
  referenceTo,
  running,
  until,
} from './support.js';

let bench: Bench;
beforeEach(async () => {
  bench = await makeBench();
});
afterEach(() => bench.end());

describe('a log while no server runs', () => {
  const flood = 'yes 0123456 | head -c 100000000; printf "the end"';

  it.each([
    ['while the job runs', `${flood}; exec sleep 100`],
    ['once the job has ended', flood],
  ])('takes no more of the disk than with one, %s', { timeout: 60_000 }, async (_when, work) => {
    const specification = bench.specification(['sh', '-c', `until [ -e go ]; do sleep 0.1; done; ${work}`]);
    await bench.resource.launch(specification);
    await running(bench.resource, specification);
    await bench.resource.close();
    writeFileSync(`${bench.workspacePath}/go`, '');
    const log = `${bench.recordsDirectory}/${specification.launchKey}/log`;
    await until(() => statSync(log).size === 100_000_007, 20_000);
    await until(() => statSync(log).blocks * 512 <= logCap.keptBytes + 1024 * 1024, 40_000);

    const next = await bench.open();
    const text = await logText(next, specification);
    expect(text.length).toBeGreaterThanOrEqual(logCap.keptBytes);
    expect(text.replaceAll('0123456\n', '')).toBe('the end');
  });
});

describe('the server killed at each step', () => {
  let child: Awaited<ReturnType<typeof bundleChild>>;
  beforeAll(async () => {
    child = await bundleChild();
  });
  afterAll(() => child.remove());

  const command = ['sh', '-c', 'echo started >> starts-$UWS_JOB_ID; exec sleep 100'] as const;
  const orderFor = (call: ChildOrder['call']) => {
    const specification = bench.specification([...command], { limits: { memoryMb: 500, timeLimitMinutes: 10 } });
    return { recordsDirectory: bench.recordsDirectory, specification, call };
  };
  const startsOf = (order: ChildOrder) => {
    const path = `${bench.workspacePath}/starts-${order.specification.jobId}`;
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  };

  it('of launching: started exactly once when it is asked again', { timeout: 60_000 }, async () => {
    const hit: string[] = [];
    const { steps } = await child.run(orderFor('launch'));
    for (const dieAt of steps) {
      const order = orderFor('launch');
      expect((await child.run({ ...order, dieAt })).signal).toBe('SIGKILL');
      hit.push(dieAt);
      const observation = await observe(bench.resource, referenceTo(order.specification));
      expect(['absent', 'pending', 'running']).toContain(observation.kind);
      await bench.resource.launch(order.specification);
      await running(bench.resource, order.specification);
      await until(() => startsOf(order) !== '');
      await sleep(50);
      expect(startsOf(order)).toBe('started\n');
    }
    expect(hit).toEqual(['launch.record:before', 'launch.record:after', 'launch.spawn:before', 'launch.spawn:after']);
  });

  it('of stopping and forgetting: carried on when it is asked again', { timeout: 60_000 }, async () => {
    const hit: string[] = [];
    for (const [call, finish] of [
      ['stop', 'ended'],
      ['forget', 'absent'],
      ['extend', 'running'],
    ] as const) {
      const prepare = async () => {
        const order = orderFor(call);
        await bench.resource.launch(order.specification);
        await running(bench.resource, order.specification);
        if (call === 'forget') {
          await bench.resource.stop(referenceTo(order.specification), 0);
          await ended(bench.resource, order.specification);
        }
        return order;
      };
      const { steps } = await child.run(await prepare());
      for (const dieAt of steps) {
        const order = await prepare();
        expect((await child.run({ ...order, dieAt })).signal).toBe('SIGKILL');
        hit.push(dieAt);
        const { signal } = await child.run(order);
        expect(signal).toBeNull();
        await observeUntil(bench.resource, referenceTo(order.specification), ({ kind }) => kind === finish);
      }
    }
    expect(new Set(hit.map((step) => step.split(':')[0]))).toEqual(
      new Set(['stop.mark', 'stop.signal', 'forget.remove', 'extend.deadline']),
    );
  });

  it('and a stop before the killed launch went on keeps it from starting', async () => {
    const order = orderFor('launch');
    await child.run({ ...order, dieAt: 'launch.record:after' });
    await bench.resource.stop(referenceTo(order.specification), 0);
    await expect(bench.resource.launch(order.specification)).rejects.toMatchObject({ kind: 'conflict' });
    expect(startsOf(order)).toBe('');
  });
});

describe.each([
  ['the strongest isolation', {}],
  ['the marker alone', { isolation: 'marker' }],
] as const)('a supervisor that was killed, with %s', (_name, options) => {
  it('takes its job with it, which is then lost; nothing is left', async () => {
    const resource = await bench.open(options);
    const specification = bench.specification(['sh', '-c', 'setsid sleep 100 & exec sleep 100'], {
      limits: { memoryMb: 500 },
    });
    const abort = new AbortController();
    const told = new Promise<void>((resolve) => resource.watch(() => resolve(), abort.signal));
    await resource.launch(specification);
    const { resourceJobId, handle } = await running(resource, specification);
    await until(
      () => readFileSync(`${bench.recordsDirectory}/${specification.launchKey}/preparation`, 'utf8') === 'ok\n',
    );
    process.kill(resourceJobId, 'SIGKILL');
    await told;
    const end = await ended(resource, specification);
    expect(end).toMatchObject({ cause: 'lost', exitCode: null, signal: null, handle });
    expect(end.reason).toContain('killed from outside');
    expect(end.startedAtMs).not.toBeNull();
    expect(cgroupsOf(specification.launchKey)).toEqual([]);
    expect(await ended(await bench.open(), specification)).toEqual(end);
    abort.abort();
  });
});

describe('a supervisor that was killed between its claim and its first line', () => {
  it('started nothing, and nothing is started afterwards', async () => {
    const specification = bench.specification(['sh', '-c', 'echo started > starts']);
    const child = await bundleChild();
    const order = { recordsDirectory: bench.recordsDirectory, specification, call: 'launch' } as const;
    await child.run({ ...order, dieAt: 'launch.record:after' });
    await child.remove();
    writeFileSync(`${bench.recordsDirectory}/${specification.launchKey}/supervisor`, '');
    const end = await ended(bench.resource, specification);
    expect(end).toMatchObject({ cause: 'launch_failed', startedAtMs: null, exitCode: null, coreHours: 0 });
    await bench.resource.launch(specification);
    expect(existsSync(`${bench.workspacePath}/starts`)).toBe(false);
  });
});

describe('a full disk or lost records', () => {
  it('are told as unavailable', async () => {
    const specification = bench.specification(['true']);
    renameSync(bench.recordsDirectory, `${bench.recordsDirectory}.away`);
    await expect(bench.resource.launch(specification)).rejects.toMatchObject({ kind: 'unavailable' });
    await expect(bench.resource.stop(referenceTo(specification), 0)).rejects.toMatchObject({ kind: 'unavailable' });
    renameSync(`${bench.recordsDirectory}.away`, bench.recordsDirectory);
    await bench.resource.launch(specification);
    expect(await ended(bench.resource, specification)).toMatchObject({ exitCode: 0 });
  });
});

describe('the first process of a job killed from outside', () => {
  it('ends it as lost', async () => {
    const specification = bench.specification(['sleep', '100']);
    await bench.resource.launch(specification);
    await running(bench.resource, specification);
    const started = readFileSync(`${bench.recordsDirectory}/${specification.launchKey}/started`, 'utf8');
    process.kill(Number(started.split(' ')[0]), 'SIGKILL');
    expect(await ended(bench.resource, specification)).toMatchObject({ cause: 'lost', exitCode: null });
  });
});

describe('records', () => {
  it('of an earlier boot tell of a restart, also when the claim was lost with the power', async () => {
    for (const lostClaim of [false, true]) {
      const specification = bench.specification(['true']);
      await bench.resource.launch(specification);
      await ended(bench.resource, specification);
      const directory = `${bench.recordsDirectory}/${specification.launchKey}`;
      for (const file of ['result', 'outcome', ...(lostClaim ? ['supervisor', 'started'] : [])])
        rmSync(`${directory}/${file}`);
      const record = JSON.parse(readFileSync(`${directory}/launch.json`, 'utf8'));
      writeFileSync(`${directory}/launch.json`, JSON.stringify({ ...record, bootId: 'earlier' }));
      if (!lostClaim) writeFileSync(`${directory}/supervisor`, '1 1 earlier\n');
      const end = await ended(await bench.open(), specification);
      expect(end).toMatchObject({ cause: 'lost', exitCode: null, signal: null });
      expect(end.reason).toContain('restarted');
    }
  });

  it('of a launch that a killed server removed in part are removed whole when it is forgotten again', async () => {
    const specification = bench.specification(['true']);
    await bench.resource.launch(specification);
    await ended(bench.resource, specification);
    const mark = `${bench.recordsDirectory}/.changed/${specification.launchKey}`;
    await until(() => existsSync(mark));
    rmSync(`${bench.recordsDirectory}/${specification.launchKey}`, { recursive: true });
    await bench.resource.forget(referenceTo(specification));
    expect(existsSync(mark)).toBe(false);
  });

  it('that cannot be read are unknown, never absent', async () => {
    const specification = bench.specification(['sleep', '100']);
    await bench.resource.launch(specification);
    await running(bench.resource, specification);
    const path = `${bench.recordsDirectory}/${specification.launchKey}/launch.json`;
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, '{}');
    const next = await bench.open();
    expect(await observe(next, referenceTo(specification))).toMatchObject({
      kind: 'unknown',
      reason: expect.stringContaining('damaged'),
    });
    writeFileSync(path, text);
    expect(await observe(next, referenceTo(specification))).toMatchObject({ kind: 'running' });

    renameSync(bench.recordsDirectory, `${bench.recordsDirectory}.away`);
    const unseen = { ...referenceTo(specification), launchKey: 'e'.repeat(32) };
    expect(await observe(next, unseen)).toMatchObject({ kind: 'unknown' });
    expect((await next.check()).connected).toBe(false);
    renameSync(`${bench.recordsDirectory}.away`, bench.recordsDirectory);
    expect(await observe(next, unseen)).toEqual({ kind: 'absent' });
    expect((await next.check()).connected).toBe(true);
  });
});

describe('watching and following', () => {
  it('tells of the start and of the end at once', async () => {
    const abort = new AbortController();
    const told: string[] = [];
    const specification = bench.specification(['sleep', '0.5']);
    bench.resource.watch((keys) => told.push(...keys), abort.signal);
    await bench.resource.launch(specification);
    await until(() => told.includes(specification.launchKey));
    expect(await observe(bench.resource, referenceTo(specification))).toMatchObject({ kind: 'running' });
    told.length = 0;
    await until(() => told.includes(specification.launchKey));
    expect(await observe(bench.resource, referenceTo(specification))).toMatchObject({ kind: 'ended' });
    abort.abort();
    told.length = 0;
    await bench.resource.launch(bench.specification(['true']));
    await sleep(200);
    expect(told).toEqual([]);
  });

  it('gives the output from a position, the tail, and what comes until the end', async () => {
    const specification = bench.specification(['sh', '-c', 'echo one; echo two >&2; sleep 0.5; echo three']);
    const reference = referenceTo(specification);
    await bench.resource.launch(specification);
    await until(() => readFileSync(`${bench.recordsDirectory}/${specification.launchKey}/log`, 'utf8').includes('two'));
    const read = async (range: Parameters<typeof bench.resource.logs>[1], signal?: AbortSignal) => {
      let text = '';
      let from: number | undefined;
      for await (const { offsetBytes, content } of bench.resource.logs(reference, range, signal)) {
        from ??= offsetBytes;
        text += Buffer.from(content).toString();
      }
      return [from, text];
    };
    expect(await read({ tailBytes: 4, follow: false })).toEqual([4, 'two\n']);
    expect(await read({ fromByte: 2, follow: false })).toEqual([2, 'e\ntwo\n']);
    await expect(read({ tailBytes: 0, follow: true }, AbortSignal.timeout(100))).rejects.toThrow();
    expect(await read({ tailBytes: 4, follow: true })).toEqual([4, 'two\nthree\n']);
    expect(await read({ fromByte: 0, follow: true })).toEqual([0, 'one\ntwo\nthree\n']);
    expect(await read({ fromByte: 1000, follow: true })).toEqual([undefined, '']);
    await bench.resource.forget(reference);
    expect(await read({ fromByte: 0, follow: true })).toEqual([undefined, '']);
  });

  it('reads as much as a log may hold with little memory', { timeout: 30_000 }, async () => {
    const specification = bench.specification(['sh', '-c', 'head -c 60000000 /dev/zero']);
    await bench.resource.launch(specification);
    await ended(bench.resource, specification);
    const before = process.memoryUsage().rss;
    let bytes = 0;
    let mostBytes = 0;
    for await (const { content } of bench.resource.logs(referenceTo(specification), { fromByte: 0, follow: true })) {
      bytes += content.length;
      mostBytes = Math.max(mostBytes, content.length);
    }
    expect(bytes).toBe(60_000_000);
    expect(mostBytes).toBeLessThanOrEqual(65_536);
    expect(process.memoryUsage().rss - before).toBeLessThan(50 * 1024 * 1024);
    expect((await logText(bench.resource, bench.specification(['true']))).length).toBe(0);
  });
});
