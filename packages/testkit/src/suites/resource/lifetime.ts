import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { rejectedByAbort } from '../../expectation.js';
import { beating, type Jobs, referenceTo } from './jobs.js';
import { atEachStep } from './launch.js';
import { type ResourceGuarantee, type ResourceWorld, timeoutMs, withJobs } from './world.js';

const untilEnd = 'while [ ! -e end ]; do sleep 0.2; done';

async function forgets(jobs: Jobs, { resource, reopen }: ResourceWorld): Promise<void> {
  const { specification, output } = await jobs.finished('echo output; exit 2');
  assert.equal(output, 'output\n');
  const other = await reopen();
  await jobs.observe(specification, other);
  await resource.forget(referenceTo(specification));
  for (const instance of [resource, other, await reopen()]) {
    assert.deepEqual(await jobs.observe(specification, instance), { kind: 'absent' }, 'A forgotten launch is told of.');
    const { text } = await jobs.logs(specification, { fromByte: 0, follow: false }, { resource: instance });
    assert.equal(text, '', 'The output of a forgotten launch is still there.');
  }
}

export const lifetimeGuarantees: readonly ResourceGuarantee[] = [
  {
    id: 'watch.changes',
    promise: 'The keys of launches that start or end are reported by `watch`.',
    trial: 'A launch is watched by two instances; each is told of its start and of its end.',
    timeoutMs,
    check: withJobs(async (jobs, { resource, reopen }) => {
      assert.equal(resource.capabilities.push, true, '`capabilities.push` says that nothing is reported.');
      const watching = new AbortController();
      try {
        const specification = jobs.specification(untilEnd);
        const instances = [resource, await reopen()].map((instance) => ({ instance, told: 0 }));
        for (const watcher of instances) {
          const count = (keys: readonly string[]) => {
            if (keys.includes(specification.launchKey)) watcher.told += 1;
          };
          watcher.instance.watch(count, watching.signal);
        }
        const allTold = (what: string) =>
          jobs.until(
            async () => instances.every(({ told }) => told > 0) || undefined,
            `Nobody was told of the ${what}.`,
          );
        await jobs.launch(specification);
        await allTold('start');
        await jobs.running(specification);
        for (const watcher of instances) watcher.told = 0;
        await jobs.write('end');
        await allTold('end');
        await jobs.ended(specification);
      } finally {
        watching.abort();
      }
    }),
    without: {
      capability: 'push',
      trial: '`capabilities.push` says so, and the end of a job is found by asking.',
      check: withJobs(async (jobs, { resource }) => {
        assert.equal(resource.capabilities.push, false, '`capabilities.push` says that changes are reported.');
        const { end } = await jobs.finished('exit 5');
        assert.equal(end.exitCode, 5);
      }),
    },
  },
  {
    id: 'watch.ends',
    promise: 'Watching ends with its signal.',
    trial: 'A watch is ended, another never began; then a job starts and ends.',
    timeoutMs,
    check: withJobs(async (jobs, { resource }, { signal }) => {
      assert.equal(resource.capabilities.push, true, '`capabilities.push` says that nothing is reported.');
      const watching = new AbortController();
      let told = 0;
      const count = () => {
        told += 1;
      };
      resource.watch(count, AbortSignal.any([watching.signal, signal]));
      resource.watch(count, AbortSignal.abort());
      await jobs.finished('exit 0');
      await jobs.until(async () => told > 0 || undefined, 'Nobody was told of the job.');
      watching.abort();
      told = 0;
      await jobs.finished('exit 0');
      // What would be told is told within a moment.
      await sleep(500);
      assert.equal(told, 0, 'A watch that was ended goes on.');
    }),
    without: {
      capability: 'push',
      trial: '`capabilities.push` says so.',
      check: withJobs(async (_jobs, { resource }) => assert.equal(resource.capabilities.push, false)),
    },
  },
  {
    id: 'forget.ended',
    promise: '`forget` removes what is kept about an ended launch, its output included.',
    trial: 'An ended launch is forgotten; three instances are asked about it.',
    timeoutMs,
    check: withJobs(forgets),
  },
  {
    id: 'forget.unknown',
    promise: 'To forget an unknown key is fine, as often as one likes.',
    trial: 'A key that was never launched, and one that was forgotten, are forgotten.',
    timeoutMs,
    check: withJobs(async (jobs, { resource, reopen }) => {
      const { specification } = await jobs.finished('exit 0');
      const other = await reopen();
      for (const instance of [resource, other, resource]) {
        await instance.forget(referenceTo(specification));
        await instance.forget(referenceTo(jobs.specification('true')));
      }
      await rejectedByAbort((signal) => resource.forget(referenceTo(specification), signal), 'forget');
    }),
  },
  {
    id: 'forget.running',
    promise: 'A running job is never absent: what is asked to forget it refuses, or goes on to know it.',
    trial: 'A running job is forgotten, and observed.',
    timeoutMs,
    check: withJobs(async (jobs, { resource, reopen }) => {
      const specification = await jobs.run(beating());
      await jobs.written('beats');
      await resource.forget(referenceTo(specification)).catch(() => undefined);
      for (const instance of [resource, await reopen()]) {
        assert.equal((await jobs.observe(specification, instance)).kind, 'running', 'A running job was forgotten.');
      }
      assert.equal(await jobs.isBeating(), true);
    }),
  },
  {
    id: 'forget.crash',
    promise: 'A forgetting that a crash has broken off is carried on by the next.',
    trial: 'The adapter stops for good at each step; another instance forgets the launch again.',
    timeoutMs,
    check: withJobs((jobs) =>
      atEachStep(
        jobs,
        async () => (await jobs.finished('echo output')).specification,
        (resource, specification) => resource.forget(referenceTo(specification)),
        async (specification, next) => {
          await next.forget(referenceTo(specification));
          assert.deepEqual(await jobs.observe(specification, next), { kind: 'absent' });
          assert.equal((await jobs.logs(specification, undefined, { resource: next })).text, '');
        },
      ),
    ),
    without: {
      capability: 'steps',
      trial: 'A launch is forgotten by one instance and unknown to the others.',
      check: withJobs(forgets),
    },
  },
  {
    id: 'server.end',
    promise: 'Jobs survive the end of the server; the next one finds and ends them.',
    trial: 'The instance that launched a job is closed; a new one observes it, reads its output and stops it.',
    timeoutMs,
    check: withJobs(async (jobs, { resource, reopen }) => {
      const specification = await jobs.run(`echo begin; ${beating()}`);
      const { handle, startedAtMs } = await jobs.running(specification);
      await jobs.written('beats');
      await resource.close();
      const next = await reopen();
      assert.equal(await jobs.isBeating(), true, 'The job ended with the server.');
      const seen = await jobs.running(specification, next);
      assert.deepEqual([seen.handle, seen.startedAtMs], [handle, startedAtMs]);
      assert.equal((await jobs.logs(specification, undefined, { resource: next })).text, 'begin\n');
      await jobs.stopped(specification, 0, next);
      assert.equal(await jobs.isBeating(), false);
    }),
  },
  {
    id: 'check.connected',
    promise: '`check` says in a sentence whether the back end can be asked.',
    trial: 'The health of a working resource; then with an aborted signal.',
    timeoutMs,
    check: withJobs(async (_jobs, { resource }) => {
      const health = await resource.check();
      assert.equal(health.connected, true, `Not connected: ${health.message}`);
      assert.ok(health.message.trim(), 'The health has no message.');
      assert.ok(resource.name, 'The resource has no name.');
      assert.ok(resource.sessionHost, 'The resource has no session host.');
      for (const [limit, means] of Object.entries(resource.capabilities.limits)) {
        assert.ok(means.trim(), `Nothing says how ${limit} is limited.`);
      }
      await rejectedByAbort((signal) => resource.check(signal), 'check');
    }),
  },
  {
    id: 'check.cut-off',
    promise: '`check` says so, and does not throw, when the back end cannot be asked.',
    trial: 'The health while the back end is cut off, and when it is back.',
    timeoutMs,
    check: withJobs(async (jobs, { resource, cutOff }) => {
      assert.ok(cutOff, 'The world has no `cutOff`; declare the difference `cut_off` if there is none.');
      const bringBack = await cutOff();
      try {
        const health = await resource.check();
        assert.equal(health.connected, false, 'A resource whose back end is cut off says that it is connected.');
        assert.ok(health.message.trim(), 'The health has no message.');
      } finally {
        await bringBack();
      }
      await jobs.until(async () => (await resource.check()).connected || undefined, 'The resource stays disconnected.');
    }),
    without: {
      capability: 'cut_off',
      trial: 'The health is asked for twenty times at once.',
      check: withJobs(async (_jobs, { resource }) => {
        const healths = await Promise.all(Array.from({ length: 20 }, () => resource.check()));
        for (const { connected } of healths) assert.equal(connected, true);
      }),
    },
  },
  {
    id: 'load.figures',
    promise:
      '`load` (optional) tells figures that can be: jobs in whole numbers, nothing below zero, and no more free than there is. What it cannot tell is absent.',
    trial: 'The load is asked for before a job and while it runs.',
    timeoutMs,
    check: withJobs(async (jobs, { resource }) => {
      const look = async (): Promise<void> => {
        const load = (await resource.load?.()) ?? {};
        const { runningJobs, queuedJobs, cpus, memoryMb, gpus, ...others } = load;
        assert.deepEqual(others, {}, 'The load has figures that the contract does not know.');
        for (const [name, count] of Object.entries({ runningJobs, queuedJobs })) {
          if (count === undefined) continue;
          assert.ok(Number.isSafeInteger(count) && count >= 0, `${name} is ${count}, which is no number of jobs.`);
        }
        for (const [name, capacity] of Object.entries({ cpus, memoryMb, gpus })) {
          if (capacity === undefined) continue;
          const { total, free } = capacity;
          assert.ok(Number.isFinite(total) && free >= 0, `Of ${name} there are ${total}, and ${free} are free.`);
          assert.ok(free <= total, `Of ${total} ${name} ${free} are free.`);
        }
      };
      await look();
      await jobs.running(await jobs.run(untilEnd));
      await look();
    }),
  },
];
