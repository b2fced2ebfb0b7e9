import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { failureOf, refused, rejectedByAbort } from '../../expectation.js';
import { withJumpingClock } from '../../faults/clock.js';

import { beating, type Jobs, referenceTo } from './jobs.js';
import { atEachStep } from './launch.js';
import { type ResourceGuarantee, timeoutMs, withJobs } from './world.js';

/** Ignores TERM, and lives until it is killed or its workspace is gone. */
const deaf = `trap '' TERM; ${beating()}`;

async function stopsWholly(jobs: Jobs): Promise<void> {
  const specification = await jobs.run(beating());
  await jobs.written('beats');
  await jobs.stopped(specification, 0, await jobs.world.reopen());
  assert.equal(await jobs.isBeating(), false, 'The job goes on after it was stopped.');
}

export const stopGuarantees: readonly ResourceGuarantee[] = [
  {
    id: 'stop.term',
    promise: 'A stop is a TERM first: a job that obeys ends as it likes, and is `stopped`.',
    trial: 'A job that exits with 9 on TERM is stopped with a long grace.',
    timeoutMs,
    check: withJobs(async (jobs, { resource }) => {
      const specification = await jobs.run(
        'trap \'echo heard >> heard; exit 9\' TERM; echo > ready; while [ -d "$UWS_WORKSPACE" ]; do sleep 0.2; done',
      );
      await jobs.written('ready');
      await resource.stop(referenceTo(specification), 120_000);
      await jobs.written('heard');
      const { cause, exitCode, signal } = await jobs.ended(specification);
      assert.deepEqual({ cause, exitCode, signal }, { cause: 'stopped', exitCode: 9, signal: null });
    }),
  },
  {
    id: 'stop.kill',
    promise: 'What ignores TERM is killed once the grace is over, counted from the first call, and not before.',
    trial: 'A job that is deaf to TERM is stopped again and again with a grace of two seconds.',
    timeoutMs,
    check: withJobs(async (jobs, { resource }) => {
      const graceMs = 2000;
      const specification = await jobs.run(deaf);
      await jobs.written('beats');
      const firstAtMs = performance.now();
      const end = await jobs.until(async () => {
        await resource.stop(referenceTo(specification), graceMs);
        const seen = await jobs.observe(specification);
        // Asked after the observation: only what was seen within the grace says that it was cut short.
        if (performance.now() - firstAtMs < graceMs)
          assert.notEqual(seen.kind, 'ended', 'The job was killed before the grace was over.');
        await sleep(100);
        return seen.kind === 'ended' ? seen : undefined;
      }, 'A job that is deaf to TERM has not been killed after its grace, though it was stopped again and again.');
      const { cause, exitCode, signal } = end;
      assert.deepEqual({ cause, exitCode, signal }, { cause: 'stopped', exitCode: null, signal: 'SIGKILL' });
      assert.equal(await jobs.isBeating(), false, 'The job goes on after it was killed.');
    }),
  },
  {
    id: 'stop.clock',
    promise: 'The grace does not depend on the time of day.',
    trial: "The server's clock jumps an hour ahead between two calls with a grace of a minute.",
    timeoutMs,
    check: withJobs(async (jobs, { resource }) => {
      const specification = await jobs.run(deaf);
      await jobs.written('beats');
      await resource.stop(referenceTo(specification), 60_000);
      await withJumpingClock(async (clock) => {
        clock.jump(3_600_000);
        for (let call = 0; call < 3; call++) {
          await resource.stop(referenceTo(specification), 60_000);
          await sleep(200);
        }
      });
      assert.equal((await jobs.observe(specification)).kind, 'running', 'A jump of the clock cut the grace short.');
      assert.equal(await jobs.isBeating(), true, 'The job does not go on.');
    }),
  },
  {
    id: 'stop.whole',
    promise: 'A stop ends everything that the launch started, what left its process group and session included.',
    trial: 'A job leaves a daemon in a session of its own, deaf to TERM, and is stopped.',
    timeoutMs,
    check: withJobs(async (jobs) => {
      const daemon = `setsid sh -c "setsid sh -c 'trap \\"\\" TERM; ${beating('daemon').replaceAll('"', '\\"').replaceAll('$', '\\$')}' & exit" & `;
      const specification = await jobs.run(`${daemon} ${beating()}`);
      await jobs.written('daemon');
      await jobs.written('beats');
      await jobs.stopped(specification, 500);
      assert.equal(await jobs.isBeating(), false, 'The job goes on after it was stopped.');
      assert.equal(await jobs.isBeating('daemon'), false, 'What the job left in a session of its own goes on.');
    }),
  },
  {
    id: 'stop.before-launch',
    promise: 'A key that was stopped before it was launched cannot be launched afterwards.',
    trial: 'A key is stopped, then launched by two instances.',
    timeoutMs,
    check: withJobs(async (jobs, { resource, reopen }) => {
      const specification = jobs.specification('echo started >> starts');
      await resource.stop(referenceTo(specification), 1000);
      for (const instance of [resource, await reopen()]) {
        await failureOf(instance.launch(specification), 'The launch of a key that was stopped before');
        const { kind } = await jobs.observe(specification, instance);
        assert.ok(kind === 'absent' || kind === 'ended', `A key that never ran is ${kind}.`);
      }
      assert.equal(await jobs.starts(), 0, 'A key that was stopped before was launched.');
    }),
  },
  {
    id: 'stop.repeat',
    promise: 'A stop may be called any number of times, at any time, and changes no end that was.',
    trial: 'Ended, stopped and never launched keys are stopped several times, by two instances.',
    timeoutMs,
    check: withJobs(async (jobs, { resource, reopen }) => {
      const { specification, end } = await jobs.finished('exit 3');
      const stopped = await jobs.run(beating());
      await jobs.running(stopped);
      const stop = await jobs.stopped(stopped, 0);
      const other = await reopen();
      for (const instance of [resource, other, resource]) {
        for (const launch of [specification, stopped, jobs.specification('true')]) {
          await instance.stop(referenceTo(launch), 0);
        }
      }
      assert.deepEqual(await jobs.observe(specification), end, 'A stop has changed how the job ended.');
      assert.deepEqual(await jobs.observe(stopped, other), stop, 'A stop has changed how the job ended.');
    }),
  },
  {
    id: 'stop.race',
    promise: 'A stop right after the launch leaves nothing running, whatever the launch has come to.',
    trial: 'Jobs are stopped 0 to 100 ms after they were launched, before the answer has come.',
    timeoutMs,
    check: withJobs(async (jobs, { resource }) => {
      await Promise.all(
        [0, 2, 5, 10, 20, 40, 70, 100].map(async (delayMs) => {
          const specification = jobs.specification(beating(`beats-${delayMs}`));
          const launching = resource.launch(specification).catch(() => undefined);
          await sleep(delayMs);
          await jobs.until(async () => {
            await resource.stop(referenceTo(specification), 0);
            const { kind } = await jobs.observe(specification);
            return kind === 'ended' || kind === 'absent' ? true : undefined;
          }, 'The job has not ended.');
          await launching;
          assert.equal(await jobs.isBeating(`beats-${delayMs}`), false, 'The job runs though it was stopped.');
        }),
      );
    }),
  },
  {
    id: 'stop.crash',
    promise: 'A stop that a crash has broken off is carried on by the next.',
    trial: 'The adapter stops for good at each step of a stop; another instance stops the job again.',
    timeoutMs,
    check: withJobs((jobs) =>
      atEachStep(
        jobs,
        async () => {
          const specification = await jobs.run(beating(`beats-${Math.random()}`));
          await jobs.running(specification);
          return specification;
        },
        (resource, specification) => resource.stop(referenceTo(specification), 0),
        async (specification, next) => {
          await jobs.stopped(specification, 0, next);
        },
      ),
    ),
    without: {
      capability: 'steps',
      trial: 'A job is stopped by an instance that has not launched it.',
      check: withJobs(stopsWholly),
    },
  },
  {
    id: 'stop.aborted',
    promise: 'A stop whose signal is aborted is given up with the reason of the signal.',
    trial: 'A running job is stopped with an aborted signal.',
    timeoutMs,
    check: withJobs(async (jobs, { resource }) => {
      const specification = await jobs.run(beating());
      await jobs.written('beats');
      await rejectedByAbort((signal) => resource.stop(referenceTo(specification), 0, signal), 'stop');
      assert.equal((await jobs.observe(specification)).kind, 'running', 'A stop that was given up ended the job.');
    }),
  },
  {
    id: 'stop.unavailable',
    promise: 'While the back end cannot be asked, a stop is `unavailable`; later it ends the job.',
    trial: 'A running job is stopped while the back end is cut off, and again when it is back.',
    timeoutMs,
    check: withJobs(async (jobs, { resource, cutOff }) => {
      assert.ok(cutOff, 'The world has no `cutOff`; declare the difference `cut_off` if there is none.');
      const specification = await jobs.run(beating());
      await jobs.written('beats');
      const bringBack = await cutOff();
      try {
        await refused(resource.stop(referenceTo(specification), 0), 'unavailable', 'A stop without a back end');
      } finally {
        await bringBack();
      }
      await jobs.stopped(specification, 0);
    }),
    without: {
      capability: 'cut_off',
      trial: 'A job is stopped by an instance that has not launched it.',
      check: withJobs(stopsWholly),
    },
  },
];
