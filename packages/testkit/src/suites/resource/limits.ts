import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LaunchSpecification } from '@user-workspaces/contract';
import { refused, rejectedByAbort } from '../../expectation.js';
import { beating, type Jobs, referenceTo } from './jobs.js';
import { type ResourceGuarantee, type ResourceWorld, timeoutMs, withJobs } from './world.js';

const untilEnd = 'while [ ! -e end ]; do sleep 0.2; done';

/** A limit that is not enforced must not keep a job from running. */
async function acceptsLimits(jobs: Jobs): Promise<void> {
  const { end } = await jobs.finished('exit 0', { limits: { memoryMb: 200, timeLimitMinutes: 10, cpus: 1 } });
  assert.equal(end.cause, 'exited');
  assert.equal(end.exitCode, 0);
}

async function refusesExtension(jobs: Jobs, { resource }: ResourceWorld): Promise<void> {
  assert.equal(resource.capabilities.extend, false, '`capabilities.extend` says that limits can be raised.');
  const specification = await jobs.run(untilEnd);
  const before = await jobs.running(specification);
  await refused(resource.extend(referenceTo(specification), 10), 'unsupported', 'extend');
  assert.equal((await jobs.running(specification)).endsAtMs, before.endsAtMs);
}

/** A job that was seen running before it reached its limit; on a crowded machine that takes a longer limit. */
async function seenRunning(jobs: Jobs, shortTimeLimitMinutes: number) {
  for (let timeLimitMinutes = shortTimeLimitMinutes; ; timeLimitMinutes *= 2) {
    const specification = await jobs.run(beating(), { limits: { timeLimitMinutes } });
    const seen = await jobs.observed(specification, ({ kind }) => kind === 'running' || kind === 'ended');
    if (seen.kind === 'running') return { specification, seen, timeLimitMinutes };
    assert.ok(seen.kind === 'ended' && seen.cause === 'time_limit', `The job is ${JSON.stringify(seen)}.`);
  }
}

export const limitGuarantees: readonly ResourceGuarantee[] = [
  {
    id: 'limit.time',
    promise: 'A job is ended at its time limit, counted from its start, also while no server runs; the cause says so.',
    trial: 'A job with a short limit is launched, every instance is closed, and a new one asked later.',
    timeoutMs: 600_000,
    check: withJobs(async (jobs, { resource, reopen, shortTimeLimitMinutes = 0.05 }) => {
      const { specification, seen, timeLimitMinutes } = await seenRunning(jobs, shortTimeLimitMinutes);
      const { startedAtMs, endsAtMs } = seen;
      assert.equal(endsAtMs, startedAtMs + timeLimitMinutes * 60_000, 'The announced end is not start plus limit.');
      await resource.close();
      const next = await reopen();
      await sleep(timeLimitMinutes * 60_000);
      const end = await jobs.ended(specification, next);
      assert.equal(end.cause, 'time_limit');
      assert.ok(end.endedAtMs >= startedAtMs, 'The job ended before it started.');
      assert.equal(await jobs.isBeating(), false, 'The job goes on after its time limit.');
    }),
    without: {
      capability: 'time_limit',
      trial: 'A job with a time limit runs to its end.',
      check: withJobs(acceptsLimits),
    },
  },
  {
    id: 'limit.memory',
    promise: 'A job that uses more than its memory is ended whole; the cause says so, and its neighbours go on.',
    trial: "A job's child takes 400 MB of 200 MB; another job runs beside it.",
    timeoutMs,
    check: withJobs(async (jobs, { node }) => {
      const allocate =
        "const b = Buffer.alloc(400 * 1048576, 1); setInterval(() => { if (!require('fs').existsSync(process.env.UWS_WORKSPACE)) process.exit() }, 200); b";
      const neighbour = await jobs.run(beating(), { limits: { memoryMb: 100 } });
      const greedy = await jobs.run(['/bin/sh', '-c', `"$0" -e "$1" & ${beating('greedy')}`, node, allocate], {
        limits: { memoryMb: 200 },
      });
      const end = await jobs.ended(greedy);
      assert.equal(end.cause, 'memory_limit');
      assert.notEqual(end.exitCode, 0, 'A job that was ended for its memory is said to have ended well.');
      assert.equal(await jobs.isBeating('greedy'), false, 'The rest of the job goes on.');
      assert.equal((await jobs.running(neighbour)).kind, 'running');
    }),
    without: {
      capability: 'memory_limit',
      trial: 'A job with a memory limit runs to its end.',
      check: withJobs(acceptsLimits),
    },
  },
  {
    id: 'extend.raise',
    promise: "`extend` sets a running job's time limit, counted from its start; the job lives beyond the old one.",
    trial: 'A job with a short limit, and one without, get an hour.',
    timeoutMs: 600_000,
    check: withJobs(async (jobs, { resource, shortTimeLimitMinutes = 0.05 }) => {
      assert.equal(resource.capabilities.extend, true, '`capabilities.extend` says that limits cannot be raised.');
      const raise = async (specification: LaunchSpecification) => {
        const { startedAtMs } = await jobs.running(specification);
        await resource.extend(referenceTo(specification), 60);
        const { endsAtMs } = await jobs.running(specification);
        assert.equal(endsAtMs, startedAtMs + 3_600_000, 'The announced end is not start plus new limit.');
      };
      await raise(await jobs.run(untilEnd));
      // On a crowded machine the extension may come when the limit has been reached: then the limit was too short to try it.
      for (let timeLimitMinutes = shortTimeLimitMinutes; ; timeLimitMinutes *= 2) {
        const launchedAtMs = performance.now();
        const file = `beats-${timeLimitMinutes}`;
        const limited = await jobs.run(beating(file), { limits: { timeLimitMinutes } });
        const outcome = await raise(limited).catch((error: unknown) => ({ error }));
        const isLate = performance.now() - launchedAtMs > timeLimitMinutes * 30_000;
        if (isLate) continue;
        if (outcome) throw outcome.error;
        await sleep(timeLimitMinutes * 60_000 + 1500);
        assert.equal((await jobs.observe(limited)).kind, 'running', 'The job was ended at its old limit.');
        assert.equal(await jobs.isBeating(file), true, 'The job was ended at its old limit.');
        return;
      }
    }),
    without: {
      capability: 'extend',
      trial: '`extend` is `unsupported`, as the capabilities say, and changes nothing.',
      check: withJobs(refusesExtension),
    },
  },
  {
    id: 'extend.refused',
    promise: '`extend` refuses what is no time as `invalid`, and what does not run as `not_found`.',
    trial: 'Zero, negative and infinite minutes; an ended job and a key that was never launched.',
    timeoutMs,
    check: withJobs(async (jobs, { resource }) => {
      const running = await jobs.run(untilEnd);
      await jobs.running(running);
      for (const minutes of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
        await refused(resource.extend(referenceTo(running), minutes), 'invalid', `A limit of ${minutes} minutes`);
      }
      const { specification } = await jobs.finished('exit 0');
      for (const launch of [specification, jobs.specification('true')]) {
        await refused(resource.extend(referenceTo(launch), 10), 'not_found', 'More time for what does not run');
      }
      await rejectedByAbort((signal) => resource.extend(referenceTo(running), 10, signal), 'extend');
      assert.equal((await jobs.running(running)).endsAtMs, null, 'A refused extension has set a limit.');
    }),
    without: {
      capability: 'extend',
      trial: '`extend` is `unsupported`, as the capabilities say, and changes nothing.',
      check: withJobs(refusesExtension),
    },
  },
];
