// A stand-in for the cluster, in memory, and for the machine's clock: minutes pass at once.
import { AdapterError } from '@user-workspaces/contract';
import { afterEach, expect, test, vi } from 'vitest';
import { observe, specificationOf } from '../../../test/support/launches.js';
import { openInMemory } from './cluster-in-memory.js';

const beginMs = performance.now();

/** Sets the clock to so many seconds after the beginning of the test. */
function at(seconds: number): void {
  vi.spyOn(performance, 'now').mockReturnValue(beginMs + seconds * 1000);
}

afterEach(() => {
  vi.restoreAllMocks();
});

/** A job that was launched and then lost by the cluster, and what is said of it at a time. */
async function openWithLostJob({ isSeen }: { readonly isSeen: boolean }) {
  at(0);
  const opened = await openInMemory();
  const { transport, world } = opened;
  const specification = specificationOf(world, 'true');
  await opened.resource.launch(specification);
  if (isSeen) expect((await observe(opened.resource, specification)).kind).toBe('running');
  const [job] = transport.jobs.splice(0);
  if (!job) throw new Error('No job was submitted.');
  const kindAt = async (seconds: number, resource = opened.resource) => {
    at(seconds);
    return (await observe(resource, specification)).kind;
  };
  return { ...opened, specification, job, kindAt };
}

test('a job that was listed a moment ago is not gone before the cluster may have forgotten its end', async () => {
  const { transport, job, kindAt } = await openWithLostJob({ isSeen: true });
  expect([await kindAt(1), await kindAt(60), await kindAt(299)]).toEqual(['unknown', 'unknown', 'unknown']);
  // Back, as after a controller that answered from an older state: from now on it counts anew.
  transport.jobs.push(job);
  expect(await kindAt(300)).toBe('running');
  transport.jobs.pop();
  expect([await kindAt(599), await kindAt(601), await kindAt(605)]).toEqual(['unknown', 'unknown', 'unknown']);
  expect(await kindAt(607)).toBe('absent');
});

test.each([
  ['told by the cluster', 30_000, 30],
  ['not told', null, 300],
  ['without an end', 0, 300],
])('the time for which jobs are listed after their end is %s', async (_, minJobAgeMs, seconds) => {
  const { transport, kindAt } = await openWithLostJob({ isSeen: true });
  transport.minJobAgeMs = minJobAgeMs;
  expect([await kindAt(seconds - 1), await kindAt(seconds + 1), await kindAt(seconds + 5)]).not.toContain('absent');
  expect(await kindAt(seconds + 7)).toBe('absent');
});

test('after a new start of the server the time begins with its first look', async () => {
  const { make, kindAt } = await openWithLostJob({ isSeen: true });
  expect(await kindAt(290)).toBe('unknown');
  const next = make();
  expect(await kindAt(400, next)).toBe('unknown');
  expect([await kindAt(699, next), await kindAt(701, next), await kindAt(705, next)]).not.toContain('absent');
  expect(await kindAt(707, next)).toBe('absent');
});

test('a job that neither this server nor the accounting ever saw is gone after two looks', async () => {
  const { transport, kindAt } = await openWithLostJob({ isSeen: false });
  transport.past = [];
  expect([await kindAt(1), await kindAt(5)]).toEqual(['unknown', 'unknown']);
  expect(await kindAt(7)).toBe('absent');
});

test('a job whose start alone the accounting knows is not gone before the cluster may have forgotten its end', async () => {
  const { transport, job, kindAt } = await openWithLostJob({ isSeen: false });
  transport.past = [job];
  expect([await kindAt(1), await kindAt(10), await kindAt(300), await kindAt(302), await kindAt(306)]).not.toContain(
    'absent',
  );
  expect(await kindAt(308)).toBe('absent');
});

test('what the cluster or its accounting cannot say is no proof', async () => {
  const { transport, kindAt } = await openWithLostJob({ isSeen: true });
  vi.spyOn(transport, 'listedAfterEndMs').mockRejectedValue(new Error('The cluster does not answer.'));
  expect([await kindAt(1000), await kindAt(2000)]).toEqual(['unknown', 'unknown']);
});

test('a launch whose submission came to nothing is absent at once, and is submitted again', async () => {
  const { transport, resource, world } = await openInMemory();
  const specification = specificationOf(world, 'true');
  transport.faults.push(new AdapterError('unavailable', 'The cluster does not answer.'));
  await expect(resource.launch(specification)).rejects.toMatchObject({ kind: 'unavailable' });
  expect(await observe(resource, specification)).toEqual({ kind: 'absent' });
  await resource.launch(specification);
  expect(transport.jobs).toMatchObject([{ state: 'RUNNING' }]);
});
