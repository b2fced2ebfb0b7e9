import { execFileSync } from 'node:child_process';
import { chown } from 'node:fs/promises';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { busyboxImage, whatEngineNeeds } from '../../../test/backends/docker-engine.js';
import { observe, referenceTo, specificationOf } from '../../../test/support/launches.js';
import { describeUnless } from '../../../test/support/requirements.js';
import { sessionPort } from '../src/start-script.js';
import { ended, outputOf } from './jobs.js';
import { account, inWorld, stopSharedEngine } from './world.js';

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

  test('a job gets as much of the processors as it asked for, and no network where none is to be had', () =>
    inWorld(async (world) => {
      const script = 'cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null; ls /sys/class/net';
      const specification = (network: string) =>
        specificationOf(world, script, { limits: { cpus: 0.25 }, resourceDetails: { network } });
      const [none, bridge] = [specification('none'), specification('bridge')];
      for (const each of [none, bridge]) {
        await world.resource.launch(each);
        await ended(world.resource, each);
      }
      const words = async (each: typeof none) => (await outputOf(world.resource, each)).trim().split(/\s+/);
      expect(await words(none)).toEqual(expect.arrayContaining(['25000', 'lo']));
      expect(await words(none)).not.toContain('eth0');
      expect(await words(bridge)).toContain('eth0');
    }, busybox));

  test('a job with more processes than allowed gets no further one', () =>
    inWorld(
      async (world) => {
        const script = '(for each in $(seq 40); do sleep 2 & done) 2>&1; echo done';
        const specification = specificationOf(world, script);
        await world.resource.launch(specification);
        await ended(world.resource, specification);
        expect(await outputOf(world.resource, specification)).toMatch(/can't fork/);
        const free = world.make({ pidsLimit: 100 });
        const more = specificationOf(world, script);
        await free.launch(more);
        await ended(free, more);
        expect(await outputOf(free, more)).toBe('done\n');
      },
      { ...busybox, pidsLimit: 20 },
    ));

  test('a job of which the kernel killed a part for its memory has reached its limit, though its shell went on to end well', () =>
    inWorld(async (world) => {
      const specification = specificationOf(world, 'tail /dev/zero; exit 0', { limits: { memoryMb: 64 } });
      await world.resource.launch(specification);
      expect(await ended(world.resource, specification)).toMatchObject({
        cause: 'memory_limit',
        exitCode: null,
        signal: 'SIGKILL',
      });
    }, busybox));

  test('a job is in the further groups of its account', () =>
    inWorld(async (world) => {
      const [name, group] = [`uwskitd${process.pid}`, `uwskitg${process.pid}`];
      execFileSync('groupadd', [group]);
      try {
        execFileSync('useradd', ['--no-create-home', '--groups', group, name]);
        const idOf = (option: string) => Number(execFileSync('id', [option, name], { encoding: 'utf8' }));
        const [uid, gid] = [idOf('-u'), idOf('-g')];
        const further = execFileSync('getent', ['group', group], { encoding: 'utf8' }).split(':')[2];
        await chown(world.workspacePath, uid, gid);
        const specification = specificationOf(world, 'id -G', { account: { ...account, uid, gid } });
        await world.resource.launch(specification);
        await ended(world.resource, specification);
        expect((await outputOf(world.resource, specification)).trim().split(' ').sort()).toEqual(
          [String(gid), String(further)].sort(),
        );
      } finally {
        for (const remove of [
          ['userdel', name],
          ['groupdel', group],
        ] as const) {
          try {
            execFileSync(remove[0], [remove[1]], { stdio: 'ignore' });
          } catch {
            // It was not made, or went with the other.
          }
        }
      }
    }, busybox));

  test('a session listens on the address that is set, and on no other', () =>
    inWorld(
      async (world) => {
        const specification = specificationOf(world, 'sleep 600', { session: { secret: 'a'.repeat(32) } });
        await world.resource.launch(specification);
        const { NetworkSettings } = JSON.parse(
          await world.engine.ask('GET', `/containers/uws-${specification.launchKey}/json`),
        );
        expect(NetworkSettings.Ports).toEqual({
          [`${sessionPort}/tcp`]: [{ HostIp: '127.0.0.2', HostPort: expect.stringMatching(/^\d+$/) }],
        });
      },
      { ...busybox, publishAddress: '127.0.0.2' },
    ));

  test('a container that was made from other settings and has not run is made anew', () =>
    inWorld(async (world) => {
      const before = specificationOf(world, 'echo before');
      const crash = new Error('The server ends here.');
      const steps = async (name: string) => {
        if (name === 'launch.start:before') throw crash;
      };
      await expect(world.make({ steps }).launch(before)).rejects.toBe(crash);
      const after = { ...specificationOf(world, 'echo after'), launchKey: before.launchKey };
      await world.resource.launch(after);
      expect(await ended(world.resource, after)).toMatchObject({ exitCode: 0 });
      expect(await outputOf(world.resource, after)).toBe('after\n');
    }, busybox));
});
