import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LaunchReference, LaunchSpecification, Resource } from '@user-workspaces/contract';
import { refused, rejectedByAbort } from '../../expectation.js';
import { beating, type Jobs, referenceTo } from './jobs.js';
import { atEachStep } from './launch.js';
import { type ResourceGuarantee, type ResourceWorld, timeoutMs, withJobs } from './world.js';

const untilEnd = 'while [ ! -e end ]; do sleep 0.2; done';

async function keysOf(resource: Resource, signal?: AbortSignal): Promise<readonly string[]> {
  const { launchKeys } = resource;
  assert.ok(launchKeys, 'The resource has no `launchKeys`; declare the difference `launch_keys` if it cannot tell.');
  return launchKeys.call(resource, signal);
}

/** Asserts that an instance tells these keys, each once, and no other but those of `perhaps`. */
async function assertTold(
  resource: Resource,
  expected: readonly LaunchSpecification[],
  what: string,
  perhaps: readonly LaunchSpecification[] = [],
): Promise<void> {
  const keys = await keysOf(resource);
  assert.equal(new Set(keys).size, keys.length, 'A key is told twice.');
  const isLeftOpen = new Set(perhaps.map(({ launchKey }) => launchKey));
  assert.deepEqual(
    keys.filter((key) => !isLeftOpen.has(key)).toSorted(),
    expected.map(({ launchKey }) => launchKey).toSorted(),
    what,
  );
}

/** How the server refers to a launch of which it knows no more than the key. */
function byKeyAlone({ launchKey }: LaunchSpecification): LaunchReference {
  return { launchKey, handle: null, account: { name: '', uid: null, gid: null }, workspacePath: '', jobId: 0 };
}

/** Asserts that a launch which was broken off is told if something of it is at work. */
async function isToldIfThere(jobs: Jobs, specification: LaunchSpecification, next: Resource): Promise<void> {
  // What was begun may be on its way for a moment.
  for (let look = 0; look < 10; look += 1) {
    const { kind } = await jobs.observe(specification, next);
    if (kind !== 'absent') {
      const keys = await keysOf(next);
      assert.ok(keys.includes(specification.launchKey), `A launch that is ${kind} is not told.`);
      return;
    }
    await sleep(100);
  }
}

async function asksAgain(_jobs: Jobs, { resource, reopen }: ResourceWorld): Promise<void> {
  const instances = [resource, await reopen()];
  const lists = await Promise.all(Array.from({ length: 20 }, (_, index) => keysOf(instances[index % 2] ?? resource)));
  for (const keys of lists) assert.deepEqual(keys, []);
}

const tellsNone: ResourceGuarantee['check'] = async ({ resource }) =>
  assert.equal(resource.launchKeys, undefined, 'There is a `launchKeys`, though the difference is declared.');
const without = { capability: 'launch_keys', trial: 'There is no `launchKeys`.', check: tellsNone } as const;

export const launchKeyGuarantees: readonly ResourceGuarantee[] = [
  {
    id: 'launch-keys.kept',
    promise:
      '`launchKeys` tells the key of each launch that runs or has ended, until it is forgotten, once, and of nothing that is not a launch of this installation.',
    trial:
      'Before and after a job runs, another has ended, a third was forgotten and a fourth was stopped before its launch, two instances are asked.',
    timeoutMs,
    check: withJobs(async (jobs, { resource, reopen }) => {
      const instances = [resource, await reopen()];
      for (const instance of instances) await assertTold(instance, [], 'Something was launched before.');
      const running = await jobs.run(untilEnd);
      await jobs.running(running);
      const { specification: ended } = await jobs.finished('exit 3');
      const { specification: forgotten } = await jobs.finished('exit 0');
      const [stopped, never] = [jobs.specification('true'), jobs.specification('true')];
      await resource.stop(referenceTo(stopped), 0);
      await jobs.observe(never);
      instances.push(await reopen());
      for (const instance of instances) {
        const what = 'What runs, has ended or was stopped is not what is told.';
        await assertTold(instance, [running, ended, forgotten], what, [stopped]);
      }
      for (const each of [forgotten, stopped, never]) await resource.forget(referenceTo(each));
      for (const instance of instances) {
        await assertTold(instance, [running, ended], 'What was forgotten is told, or what was not is missing.');
      }
      await jobs.write('end');
      await jobs.ended(running);
      for (const instance of instances) await assertTold(instance, [running, ended], 'A launch that ended is missing.');
    }),
    without,
  },
  {
    id: 'launch-keys.enough',
    promise: 'A key that `launchKeys` tells is enough to observe a launch, to stop and to forget it.',
    trial:
      'A running and an ended job are observed, stopped and forgotten by their keys, without account, workspace and number.',
    timeoutMs,
    check: withJobs(async (jobs, { reopen }) => {
      const running = await jobs.run(beating());
      await jobs.running(running);
      await jobs.written('beats');
      const { specification: ended, end } = await jobs.finished('exit 3');
      const next = await reopen();
      await assertTold(next, [running, ended], 'What runs and what has ended is not what is told.');
      const references = [running, ended].map(byKeyAlone);
      const seen = await next.observe(references);
      assert.equal(seen.get(running.launchKey)?.kind, 'running', 'A running job is not found by its key.');
      assert.deepEqual(seen.get(ended.launchKey), end, 'An ended job is another one by its key.');
      for (const reference of references) {
        await jobs.until(async () => {
          await next.stop(reference, 0);
          const kind = (await next.observe([reference])).get(reference.launchKey)?.kind;
          return kind === 'ended' || kind === 'absent' ? true : undefined;
        }, 'A job was not stopped by its key.');
        await next.forget(reference);
      }
      assert.equal(await jobs.isBeating(), false, 'The job goes on after it was stopped by its key.');
      await assertTold(next, [], 'A launch that was forgotten is told.');
    }),
    without,
  },
  {
    id: 'launch-keys.crash',
    promise: '`launchKeys` tells a launch also when a crash has broken it off at any point, if it runs or may come to.',
    trial: 'The adapter stops for good at each step of a launch; another instance is asked, and observes it.',
    timeoutMs,
    check: withJobs((jobs) =>
      atEachStep(
        jobs,
        async () => jobs.specification(beating()),
        (resource, specification) => resource.launch(specification),
        (specification, next) => isToldIfThere(jobs, specification, next),
      ),
    ),
    without: [
      without,
      {
        capability: 'steps',
        trial: 'Launches are given up by their callers; another instance is asked, and observes them.',
        check: withJobs(async (jobs, { resource, reopen }) => {
          const next = await reopen();
          await Promise.all(
            [0, 2, 5, 10, 20, 40].map(async (delayMs) => {
              const specification = jobs.specification(beating());
              await resource.launch(specification, AbortSignal.timeout(delayMs)).catch(() => undefined);
              await isToldIfThere(jobs, specification, next);
            }),
          );
        }),
      },
    ],
  },
  {
    id: 'launch-keys.unavailable',
    promise:
      'While the back end cannot be asked, `launchKeys` is `unavailable`: a list that is not whole is never told.',
    trial: 'The keys are asked for while the back end is cut off, of two instances, and when it is back.',
    timeoutMs,
    check: withJobs(async (jobs, { resource, reopen, cutOff }) => {
      assert.ok(cutOff, 'The world has no `cutOff`; declare the difference `cut_off` if there is none.');
      const instances = [resource, await reopen()];
      const { specification } = await jobs.finished('exit 0');
      for (const instance of instances) await assertTold(instance, [specification], 'What has ended is not told.');
      const bringBack = await cutOff();
      try {
        for (const instance of instances) {
          await refused(() => keysOf(instance), 'unavailable', 'The question for keys without a back end');
        }
      } finally {
        await bringBack();
      }
      for (const instance of instances) {
        await jobs.until(
          () =>
            keysOf(instance).then(
              () => true,
              () => undefined,
            ),
          'The keys are not told though the back end is back.',
        );
        await assertTold(instance, [specification], 'When the back end is back, other keys are told.');
      }
    }),
    without: [
      without,
      {
        capability: 'cut_off',
        trial: 'The keys are asked for twenty times at once, of two instances.',
        check: withJobs(asksAgain),
      },
    ],
  },
  {
    id: 'launch-keys.aborted',
    promise: 'The question for keys whose signal is aborted is given up with the reason of the signal.',
    trial: 'The keys are asked for with an aborted signal.',
    timeoutMs,
    check: withJobs(async (_jobs, { resource }) => {
      await rejectedByAbort((signal) => keysOf(resource, signal), 'launchKeys');
    }),
    without,
  },
];
