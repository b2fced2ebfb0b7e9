import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { LaunchReference } from '@user-workspaces/contract';
import { rejectedByAbort } from '../../expectation.js';
import { beating, type Jobs, referenceTo } from './jobs.js';
import { type ResourceGuarantee, type ResourceWorld, timeoutMs, withJobs } from './world.js';

const untilEnd = 'while [ ! -e end ]; do sleep 0.2; done';

/** Two hundred references, all answered, one of them of a running job. */
async function askForMany(jobs: Jobs, { resource }: ResourceWorld): Promise<void> {
  const specification = await jobs.run(untilEnd);
  await jobs.running(specification);
  const unknown = Array.from(
    { length: 199 },
    (): LaunchReference => ({ ...referenceTo(specification), launchKey: randomBytes(16).toString('hex') }),
  );
  const answers = await resource.observe([...unknown, referenceTo(specification)]);
  assert.equal(answers.size, 200, `${answers.size} answers were given to 200 references.`);
  assert.equal(answers.get(specification.launchKey)?.kind, 'running');
}

export const observeGuarantees: readonly ResourceGuarantee[] = [
  {
    id: 'observe.every',
    promise: '`observe` answers for every reference it is given, under its launch key, and for nothing else.',
    trial: 'A running, an ended and a stopped job, keys that were never launched, none at all, and one key twice.',
    timeoutMs,
    check: withJobs(async (jobs, { resource, reopen }) => {
      const [running, ended] = [await jobs.run(untilEnd), await jobs.run('exit 0')];
      const never = jobs.specification('true');
      const expected = new Map([
        [running.launchKey, 'running'],
        [ended.launchKey, 'ended'],
        [never.launchKey, 'absent'],
      ]);
      await jobs.running(running);
      await jobs.ended(ended);
      const references = [running, ended, never, running].map(referenceTo);
      for (const instance of [resource, await reopen()]) {
        for (const order of [references, [...references].reverse()]) {
          const answers = await instance.observe(order);
          assert.deepEqual(new Map([...answers].map(([key, { kind }]) => [key, kind])), new Map(expected));
        }
        assert.equal((await instance.observe([])).size, 0);
      }
    }),
  },
  {
    id: 'observe.one-request',
    promise: '`observe` asks its back end once, however many launches it is asked about.',
    trial: 'The requests for one reference and for two hundred are counted.',
    timeoutMs,
    check: withJobs(async (jobs, world) => {
      const { requests } = world;
      assert.ok(requests, 'The world has no `requests`; declare the difference `request_count` if there is none.');
      await askForMany(jobs, world);
      const one = jobs.specification('true');
      const before = requests();
      await jobs.observe(one);
      const between = requests();
      const many = Array.from({ length: 200 }, () => referenceTo(jobs.specification('true')));
      await world.resource.observe(many);
      const forMany = requests() - between;
      assert.ok(forMany <= between - before + 1, `200 references took ${forMany} requests to the back end.`);
    }),
    without: {
      capability: 'request_count',
      trial: 'Two hundred references are asked about in one call, and all are answered.',
      check: withJobs(askForMany),
    },
  },
  {
    id: 'observe.states',
    promise:
      'A launch goes from `pending` to `running` to `ended`, never back, and its times and core hours fit; GPU hours, where they are told, never shrink.',
    trial: 'A job with two processors is observed without a pause from its launch to its end.',
    timeoutMs,
    check: withJobs(async (jobs) => {
      const specification = await jobs.run(untilEnd, { limits: { cpus: 2 } });
      const order = ['pending', 'running', 'ended'];
      let reached = 0;
      let coreHours = 0;
      let gpuHours = 0;
      let startedAtMs: number | undefined;
      const end = await jobs.until(async () => {
        const seen = await jobs.observe(specification);
        if (seen.kind === 'unknown') return undefined;
        const place = order.indexOf(seen.kind);
        assert.ok(place >= reached, `A job that was ${order[reached]} is ${JSON.stringify(seen)}.`);
        reached = place;
        if (seen.kind === 'running') {
          assert.equal(seen.endsAtMs, null, 'A job without a time limit is said to be ended at some time.');
          assert.ok(seen.startedAtMs <= Date.now() + 60_000, 'The job starts in the future.');
          assert.equal(seen.startedAtMs, startedAtMs ?? seen.startedAtMs, 'The time of the start has changed.');
          assert.ok(seen.coreHours >= coreHours, 'The core hours have shrunk.');
          assert.ok((seen.gpuHours ?? gpuHours) >= gpuHours, 'The GPU hours have shrunk.');
          ({ startedAtMs, coreHours, gpuHours = gpuHours } = seen);
          await jobs.write('end');
        }
        return seen.kind === 'ended' ? seen : undefined;
      }, 'The job has not ended.');
      assert.ok(end.startedAtMs !== null && end.endedAtMs >= end.startedAtMs, 'The job ended before it started.');
      const hours = (end.endedAtMs - end.startedAtMs) / 3_600_000;
      assert.ok(Math.abs(end.coreHours - hours * 2) < 1e-6, 'Core hours are not wall hours times processors.');
      assert.ok((end.gpuHours ?? gpuHours) >= gpuHours, 'The GPU hours have shrunk.');
    }),
  },
  {
    id: 'observe.unknown',
    promise:
      'While the back end cannot be asked, every launch is `unknown`, with a reason; afterwards all is as before.',
    trial: 'The back end is cut off under a running, an ended and a never launched key; two instances are asked.',
    timeoutMs,
    check: withJobs(async (jobs, { resource, reopen, cutOff }) => {
      assert.ok(cutOff, 'The world has no `cutOff`; declare the difference `cut_off` if there is none.');
      const [running, ended] = [await jobs.run(beating()), await jobs.run('exit 3')];
      await jobs.running(running);
      const end = await jobs.ended(ended);
      const instances = [resource, await reopen()];
      const references = [running, ended, jobs.specification('true')].map(referenceTo);
      const bringBack = await cutOff();
      try {
        for (const instance of instances) {
          const answers = await instance.observe(references);
          for (const { launchKey } of references) {
            const answer = answers.get(launchKey);
            assert.ok(answer?.kind === 'unknown', `Instead of unknown: ${JSON.stringify(answer)}.`);
            assert.ok(answer.reason.trim(), 'Nothing says why the launch is unknown.');
          }
        }
      } finally {
        await bringBack();
      }
      for (const instance of instances) {
        await jobs.observed(running, ({ kind }) => kind === 'running', instance);
        assert.deepEqual(await jobs.observed(ended, ({ kind }) => kind === 'ended', instance), end);
      }
    }),
    without: {
      capability: 'cut_off',
      trial: 'A job is observed by two instances without a pause; neither ever says that it does not know the key.',
      check: withJobs(neverAbsent),
    },
  },
  {
    id: 'observe.found-stays',
    promise: 'A launch that was found stays found until it is forgotten, for every instance.',
    trial: 'Two instances observe a launch from its answer to its end and after; a third is opened later.',
    timeoutMs,
    check: withJobs(neverAbsent),
  },
  {
    id: 'observe.aborted',
    promise: '`observe` throws only when its signal is aborted: with the reason of the signal.',
    trial: 'A reference that makes no sense is asked about, and one with an aborted signal.',
    timeoutMs,
    check: withJobs(async (jobs, { resource }) => {
      const reference = referenceTo(jobs.specification('true'));
      for (const launchKey of ['', '..', 'no key', 'F'.repeat(32)]) {
        const answers = await resource.observe([{ ...reference, launchKey }]);
        assert.equal(answers.get(launchKey)?.kind, 'absent', `The key "${launchKey}" cannot have been launched.`);
      }
      await rejectedByAbort((signal) => resource.observe([reference], signal), 'observe');
    }),
  },
  {
    id: 'end.exit-code',
    promise: 'The exit code of the main process is kept.',
    trial: 'Jobs exit with 0, 1, 3, 143 and 255.',
    timeoutMs,
    check: withJobs(async (jobs) => {
      await Promise.all(
        [0, 1, 3, 143, 255].map(async (code) => {
          const { end } = await jobs.finished(`exit ${code}`);
          const { exitCode, signal, cause } = end;
          assert.deepEqual({ exitCode, signal, cause }, { exitCode: code, signal: null, cause: 'exited' });
        }),
      );
    }),
  },
  {
    id: 'end.signal',
    promise: 'A job that a signal ended has the name of the signal and no exit code.',
    trial: 'Jobs end themselves by TERM, KILL and SEGV.',
    timeoutMs,
    check: withJobs(async (jobs) => {
      await Promise.all(
        ['TERM', 'KILL', 'SEGV'].map(async (name) => {
          const { end } = await jobs.finished(`kill -${name} $$`);
          const { exitCode, signal, cause } = end;
          assert.deepEqual({ exitCode, signal, cause }, { exitCode: null, signal: `SIG${name}`, cause: 'exited' });
        }),
      );
    }),
  },
];

async function neverAbsent(jobs: Jobs, { resource, reopen }: ResourceWorld): Promise<void> {
  const other = await reopen();
  const specification = await jobs.run('sleep 0.5; exit 4');
  const end = await jobs.until(async () => {
    for (const instance of [resource, other]) {
      const seen = await jobs.observe(specification, instance);
      assert.notEqual(seen.kind, 'absent', 'A key that was launched and not forgotten is said to be absent.');
      if (seen.kind === 'ended' && instance === other) return seen;
    }
    return undefined;
  }, 'The job has not ended.');
  assert.equal(end.exitCode, 4);
  for (const instance of [resource, other, await reopen()]) {
    for (let reading = 0; reading < 3; reading++) {
      assert.deepEqual(await jobs.observe(specification, instance), end, 'An ended launch is told otherwise later.');
    }
  }
}
