// A stand-in for the cluster, in memory: which port a launch has, and for how long, is kept by the server alone. With a real one: faults.test.ts.
import { readdir } from 'node:fs/promises';
import { AdapterError, type LaunchSpecification } from '@user-workspaces/contract';
import { afterEach, expect, test, vi } from 'vitest';
import { observe, referenceTo, specificationOf } from '../../../test/support/launches.js';
import { openInMemory } from './cluster-in-memory.js';

type World = Awaited<ReturnType<typeof openInMemory>>;

const session = { secret: 's'.repeat(43) };
const refused = () => new AdapterError('invalid', 'The cluster refuses the job: Invalid partition name specified.');

const heldPorts = async ({ root }: World) => (await readdir(`${root}/ports`)).map(Number);

/** Has a resource with a single port launch a session, and sees that the port is free again. */
const launchesAnother = async (world: World) => {
  expect(await heldPorts(world)).toEqual([]);
  const next = specificationOf(world.world, 'true', { session });
  await world.resource.launch(next);
  expect(await heldPorts(world)).toEqual([31_000]);
};

afterEach(() => {
  vi.restoreAllMocks();
});

test('a session whose submission was in doubt keeps the port that its job was told', async () => {
  const world = await openInMemory();
  const specification = specificationOf(world.world, 'true', { session });
  world.transport.faults.push('lost', 'lost');
  await expect(world.resource.launch(specification)).rejects.toMatchObject({ kind: 'unavailable' });
  await world.resource.launch(specification);
  expect(world.transport.jobs).toHaveLength(1);
  const told = /UWS_PORT='?(\d+)/.exec(world.transport.scripts[0] ?? '')?.[1];
  expect(await world.records.claim(specification.launchKey)).toEqual({ kind: 'job', id: 1, port: Number(told) });
  expect(await heldPorts(world)).toEqual([Number(told)]);
});

test('tries that come to nothing take one port altogether', async () => {
  const world = await openInMemory();
  const specification = specificationOf(world.world, 'true', { session });
  const away = new AdapterError('unavailable', 'The cluster does not answer.');
  world.transport.faults.push(away, away, away);
  for (let tries = 0; tries < 3; tries++) {
    await expect(world.resource.launch(specification)).rejects.toMatchObject({ kind: 'unavailable' });
  }
  expect(await heldPorts(world)).toHaveLength(1);
});

test('calls for one launch at once get one port, and all others are free again', async () => {
  const world = await openInMemory();
  const { launchKey } = specificationOf(world.world, 'true');
  const [first, ...others] = await Promise.all(Array.from({ length: 10 }, () => world.ports.assign(launchKey)));
  expect(new Set(others)).toEqual(new Set([first]));
  expect(await heldPorts(world)).toEqual([first]);
});

test("a port that was taken before a crash, and no more, is the launch's own", async () => {
  const world = await openInMemory([31_000, 31_001]);
  const { launchKey } = specificationOf(world.world, 'true');
  await world.records.takePort(31_001, launchKey);
  expect(await world.ports.assign(launchKey)).toBe(31_001);
  expect(await heldPorts(world)).toEqual([31_001]);
});

test.each<[what: string, come: (world: World, specification: LaunchSpecification) => Promise<void>]>([
  [
    'is refused',
    async ({ transport, resource }, specification) => {
      transport.faults.push(refused());
      await expect(resource.launch(specification)).rejects.toMatchObject({ kind: 'invalid' });
    },
  ],
  [
    'was stopped after its answer was lost',
    async ({ transport, resource }, specification) => {
      transport.faults.push('lost');
      await expect(resource.launch(specification)).rejects.toMatchObject({ kind: 'unavailable' });
      await resource.stop(referenceTo(specification), 0);
    },
  ],
  [
    'is stopped while it is submitted',
    async ({ transport, resource }, specification) => {
      const submit = transport.submit.bind(transport);
      vi.spyOn(transport, 'submit').mockImplementationOnce(async (submission) => {
        await resource.stop(referenceTo(specification), 0);
        return submit(submission);
      });
      await expect(resource.launch(specification)).rejects.toMatchObject({ kind: 'conflict' });
    },
  ],
  [
    'can never start',
    async ({ transport, resource }, specification) => {
      await resource.launch(specification);
      transport.change(1, { state: 'PENDING', reason: 'BadConstraints' });
      expect(await observe(resource, specification)).toMatchObject({ kind: 'ended', cause: 'launch_failed' });
    },
  ],
  [
    'has ended',
    async ({ transport, resource }, specification) => {
      await resource.launch(specification);
      transport.change(1, { state: 'COMPLETED', endedAtMs: Date.now() });
      expect(await observe(resource, specification)).toMatchObject({ kind: 'ended' });
    },
  ],
  [
    'is not there any more',
    async ({ transport, resource }, specification) => {
      await resource.launch(specification);
      transport.jobs.pop();
      transport.past = [];
      expect(await observe(resource, specification)).toMatchObject({ kind: 'unknown' });
      const now = performance.now();
      vi.spyOn(performance, 'now').mockReturnValue(now + 60_000);
      expect(await observe(resource, specification)).toEqual({ kind: 'absent' });
    },
  ],
  [
    'is forgotten without ever having been claimed',
    async ({ transport, resource }, specification) => {
      transport.faults.push(new AdapterError('unavailable', 'The cluster does not answer.'));
      await expect(resource.launch(specification)).rejects.toMatchObject({ kind: 'unavailable' });
      const now = Date.now();
      vi.spyOn(Date, 'now').mockReturnValue(now + 180_000);
      await resource.forget(referenceTo(specification));
    },
  ],
])('the port of a launch that %s is free for another', async (_, come) => {
  const world = await openInMemory([31_000, 31_000]);
  await come(world, specificationOf(world.world, 'true', { session }));
  await launchesAnother(world);
});

test('nothing is left of a refused launch when it is forgotten', async () => {
  const world = await openInMemory();
  const specification = specificationOf(world.world, 'true', { session });
  world.transport.faults.push(refused());
  await expect(world.resource.launch(specification)).rejects.toMatchObject({ kind: 'invalid' });
  await world.resource.forget(referenceTo(specification));
  expect(await readdir(world.root)).toEqual(['ports']);
});

test('a launch that may be under way elsewhere is not forgotten: what was stopped before it was submitted stays stopped', async () => {
  const world = await openInMemory();
  const { transport, resource } = world;
  const specification = specificationOf(world.world, 'true', { session });
  const submit = transport.submit.bind(transport);
  vi.spyOn(transport, 'submit').mockImplementationOnce(async (submission) => {
    const forget = () => resource.forget(referenceTo(specification));
    await expect(forget()).rejects.toMatchObject({ kind: 'unavailable' });
    await resource.stop(referenceTo(specification), 0);
    await expect(forget()).rejects.toMatchObject({ kind: 'unavailable' });
    return submit(submission);
  });
  await expect(resource.launch(specification)).rejects.toMatchObject({ kind: 'conflict' });
  expect(transport.jobs).toMatchObject([{ state: 'CANCELLED' }]);
});
