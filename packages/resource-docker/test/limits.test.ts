import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { busyboxImage, whatEngineNeeds } from '../../../test/backends/docker-engine.js';
import { observe, referenceTo, specificationOf } from '../../../test/support/launches.js';
import { describeUnless } from '../../../test/support/requirements.js';
import { ended } from './jobs.js';
import { inWorld, stopSharedEngine } from './world.js';

const busybox = { defaults: { image: busyboxImage } } as const;

describeUnless(whatEngineNeeds(), 'limits, on a container engine', () => {
  afterAll(stopSharedEngine);
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test("the server's clock is an hour ahead: the job runs on, and its time limit can be changed", () =>
    inWorld(async (world) => {
      const specification = specificationOf(world, 'sleep 600', { limits: { timeLimitMinutes: 10 } });
      await world.resource.launch(specification);
      const now = Date.now.bind(Date);
      vi.spyOn(Date, 'now').mockImplementation(() => now() + 3_600_000);
      const look = () => observe(world.resource, specification);
      for (let looks = 0; looks < 3; looks += 1) expect((await look()).kind).toBe('running');
      await world.resource.extend(referenceTo(specification), 20);
      const seen = await look();
      if (seen.kind !== 'running' || seen.endsAtMs === null) throw new Error(`It is not limited: ${seen.kind}`);
      expect(seen.endsAtMs - seen.startedAtMs).toBe(20 * 60_000);
    }, busybox));

  test('a job whose end is held up is ended by the server, a little after its time limit', () =>
    inWorld(async (world) => {
      const specification = specificationOf(world, 'sleep 600', { limits: { timeLimitMinutes: 2 / 60 } });
      await world.resource.launch(specification);
      const limit: { State: { Pid: number } } = JSON.parse(
        await world.engine.ask('GET', `/containers/uws-${specification.launchKey}-limit-0/json`),
      );
      process.kill(limit.State.Pid, 'SIGSTOP');
      expect(await ended(world.resource, specification)).toMatchObject({ cause: 'time_limit', signal: 'SIGKILL' });
    }, busybox));
});
