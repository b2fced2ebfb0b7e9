import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Resource } from '@user-workspaces/contract';
import { afterAll, expect, test, vi } from 'vitest';
import { busyboxImage, whatEngineNeeds } from '../../../test/backends/docker-engine.js';
import { observe, referenceTo, specificationOf } from '../../../test/support/launches.js';
import { describeUnless } from '../../../test/support/requirements.js';
import { ended, until } from './jobs.js';
import { type DockerWorld, inWorld, stopSharedEngine } from './world.js';

const busybox = { defaults: { image: busyboxImage } } as const;

/** A server on a copy of the database: it knows the same launches, and is another owner. */
const copyOf = (world: DockerWorld): Resource => world.make({ owner: `${world.owner}-copy` });

const theirs = (world: DockerWorld) => ({
  kind: 'conflict',
  message: expect.stringMatching(
    new RegExp(`belongs to another server: its owner is "${world.owner}", this server's is "${world.owner}-copy"`),
  ),
});

async function containersOf(world: DockerWorld, launchKey: string): Promise<readonly { Id: string; State: string }[]> {
  const filters = JSON.stringify({ label: [`user-workspaces.launch-key=${launchKey}`] });
  return JSON.parse(await world.engine.ask('GET', `/containers/json?all=1&filters=${encodeURIComponent(filters)}`));
}

describeUnless(whatEngineNeeds(), 'two owners on one container engine', () => {
  afterAll(stopSharedEngine);

  test('a job that runs is not started, stopped, extended or removed by another owner', () =>
    inWorld(async (world) => {
      const specification = specificationOf(world, "trap 'exit 9' TERM; while :; do sleep 0.1; done", {
        limits: { timeLimitMinutes: 10 },
      });
      const reference = referenceTo(specification);
      await world.resource.launch(specification);
      const before = await containersOf(world, specification.launchKey);
      expect(before.map(({ State }) => State)).toEqual(['running', 'running']);
      const copy = copyOf(world);
      await expect(copy.launch(specification)).rejects.toMatchObject(theirs(world));
      await expect(copy.stop(reference, 0)).rejects.toMatchObject(theirs(world));
      await expect(copy.extend(reference, 20)).rejects.toMatchObject(theirs(world));
      await copy.forget(reference);
      expect(await containersOf(world, specification.launchKey)).toMatchObject(
        before.map(({ Id, State }) => ({ Id, State })),
      );
      await world.resource.stop(reference, 600_000);
      expect(await ended(world.resource, specification)).toMatchObject({ exitCode: 9, cause: 'stopped' });
      await copy.forget(reference);
      expect((await observe(world.resource, specification)).kind).toBe('ended');
      await world.resource.forget(reference);
      expect(await containersOf(world, specification.launchKey)).toEqual([]);
    }, busybox));

  test('a container that has not run is neither removed nor started by another owner, whatever it was made from', () =>
    inWorld(async (world) => {
      for (const command of ['true', 'false']) {
        const specification = specificationOf(world, 'true');
        const crash = new Error('The server ends here.');
        const steps = async (name: string) => {
          if (name === 'launch.start:before') throw crash;
        };
        await expect(world.make({ steps }).launch(specification)).rejects.toBe(crash);
        const before = await containersOf(world, specification.launchKey);
        expect(before.map(({ State }) => State)).toEqual(['created']);
        const copy = copyOf(world);
        const copied = { ...specification, command: ['/bin/sh', '-c', command] as const };
        await expect(copy.launch(copied)).rejects.toMatchObject(theirs(world));
        await expect(copy.stop(referenceTo(copied), 0)).rejects.toMatchObject(theirs(world));
        await copy.forget(referenceTo(copied));
        expect(await containersOf(world, specification.launchKey)).toMatchObject([
          { Id: before[0]?.Id, State: 'created' },
        ]);
        await world.resource.launch(specification);
        expect(await ended(world.resource, specification)).toMatchObject({ exitCode: 0, cause: 'exited' });
      }
    }, busybox));

  test('a launch that another owner has stopped or forgotten is launched, and stopped, all the same', () =>
    inWorld(async (world) => {
      const specification = specificationOf(world, 'echo ready > ready; sleep 600');
      const reference = referenceTo(specification);
      const copy = copyOf(world);
      await copy.stop(reference, 0);
      await world.resource.launch(specification);
      await until(async () => readFile(`${world.workspacePath}/ready`, 'utf8').catch(() => undefined));
      await world.resource.stop(reference, 0);
      expect(await ended(world.resource, specification)).toMatchObject({ cause: 'stopped' });
      await copy.forget(reference);
      expect(await ended(world.make(), specification)).toMatchObject({ cause: 'stopped' });
      await world.resource.forget(reference);
    }, busybox));

  test("the limit of another owner's job is neither made nor removed", () =>
    inWorld(async (world) => {
      const specification = specificationOf(world, 'sleep 600', { limits: { timeLimitMinutes: 10 } });
      const { handle } = await world.resource.launch(specification);
      const name = `uws-${specification.launchKey}-limit-0`;
      await world.engine.ask('DELETE', `/containers/${name}?force=1`);
      const copy = copyOf(world);
      expect((await observe(copy, specification)).kind).toBe('running');
      await copy.close(); // Waits for what it does in the background.
      expect(await containersOf(world, specification.launchKey)).toMatchObject([{ Id: handle, State: 'running' }]);
    }, busybox));

  test('what has ended long ago is removed once it was told, of this owner alone', () =>
    inWorld(async (world) => {
      const own = specificationOf(world, 'exit 0');
      const running = specificationOf(world, 'sleep 60');
      const others = specificationOf(world, 'exit 0');
      const other = world.make({ owner: `${world.owner}-other` });
      for (const each of [own, running]) await world.resource.launch(each);
      await other.launch(others);
      const foreign = await world.engine.create({
        Image: busyboxImage,
        Cmd: ['true'],
        Labels: { 'someone.else': 'yes' },
      });
      for (const each of [own, others]) await ended(world.resource, each);
      const sweeping = world.make({ keptDays: 1e-9 });
      await sleep(1000);
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        expect((await observe(sweeping, own)).kind).toBe('ended');
        vi.advanceTimersByTime(60_000);
      } finally {
        vi.useRealTimers();
      }
      await until(async () => (await observe(sweeping, own)).kind === 'absent' || undefined);
      expect((await observe(sweeping, running)).kind).toBe('running');
      expect((await observe(sweeping, others)).kind).toBe('ended');
      expect(await world.engine.ask('GET', `/containers/${foreign}/json`)).toContain('someone.else');
      await world.engine.ask('DELETE', `/containers/${foreign}`);
      await other.forget(referenceTo(others));
    }, busybox));
});
