import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LaunchSpecification, Resource } from '@user-workspaces/contract';
import { afterAll, expect, test, vi } from 'vitest';
import { busyboxImage, whatEngineNeeds } from '../../../test/backends/docker-engine.js';
import { observe, referenceTo, specificationOf } from '../../../test/support/launches.js';
import { describeUnless } from '../../../test/support/requirements.js';
import { ended, outputOf, until } from './jobs.js';
import { Registry } from './registry.js';
import { inWorld, stopSharedEngine } from './world.js';

const busybox = { defaults: { image: busyboxImage } } as const;

describeUnless(whatEngineNeeds(), 'a container engine', () => {
  afterAll(stopSharedEngine);

  test('the answer of create or start is lost: the job is started once all the same', () =>
    inWorld(async (world) => {
      for (const [index, lost] of [/^POST .*\/containers\/create/, /^POST .*\/start/].entries()) {
        const specification = specificationOf(world, `echo started >> starts-${index}; sleep 60`);
        world.link.loseNext(lost);
        await expect(world.resource.launch(specification)).rejects.toMatchObject({ kind: 'unavailable' });
        await world.make().launch(specification);
        await until(async () => (await observe(world.resource, specification)).kind === 'running' || undefined);
        await sleep(300);
        expect(await readFile(`${world.workspacePath}/starts-${index}`, 'utf8')).toBe('started\n');
      }
    }));

  test('a workspace whose directory is not there is told apart from one that the account may not enter', () =>
    inWorld(async (world) => {
      const gone = specificationOf(world, 'true', { workspacePath: `${world.workspacePath}/gone` });
      await expect(world.resource.launch(gone)).rejects.toMatchObject({
        kind: 'invalid',
        message: 'The directory of the workspace is not there: it was moved or removed, or is not mounted.',
      });
      const closedPath = await mkdtemp(`${tmpdir()}/uws-closed-`);
      try {
        const closed = specificationOf(world, 'true', { workspacePath: closedPath });
        await world.resource.launch(closed);
        expect(await ended(world.resource, closed)).toMatchObject({
          cause: 'launch_failed',
          reason: 'The account of the job may not enter the workspace.',
        });
      } finally {
        await rm(closedPath, { recursive: true });
      }
    }, busybox));

  test('the answer to the order to deliver TERM is lost: it is delivered by the next call', () =>
    inWorld(async (world) => {
      const specification = specificationOf(
        world,
        "trap 'exit 9' TERM; echo ready > ready; while :; do sleep 0.1; done",
      );
      await world.resource.launch(specification);
      await until(async () => readFile(`${world.workspacePath}/ready`, 'utf8').catch(() => undefined));
      world.link.loseNext(/^POST .*\/containers\/.*\/exec/);
      const stop = () => world.resource.stop(referenceTo(specification), 600_000);
      await expect(stop()).rejects.toMatchObject({ kind: 'unavailable' });
      await stop();
      expect(await ended(world.resource, specification)).toMatchObject({ exitCode: 9, cause: 'stopped' });
    }, busybox));

  test('a reader of output who stops reading holds up what comes from the engine; when it goes on, nothing is missing', () =>
    inWorld(async (world) => {
      const lines = 4_000;
      const script = `awk 'BEGIN { for (n = 0; n < ${lines}; n++) printf "%05d %7993s\\n", n, "" }'; touch written; while :; do echo more; sleep 0.1; done`;
      const specification = specificationOf(world, script);
      await world.resource.launch(specification);
      const leaving = new AbortController();
      const range = { fromByte: 0, follow: true };
      const reading = world.resource.logs(referenceTo(specification), range, leaving.signal)[Symbol.asyncIterator]();
      const first = await reading.next();
      await until(async () =>
        readFile(`${world.workspacePath}/written`).then(
          () => true,
          () => undefined,
        ),
      );
      // What sockets and streams hold.
      const most = 2 * 1024 * 1024;
      let taken = -1;
      await until(async () => {
        const before = taken;
        taken = world.link.answeredBytes;
        await sleep(300);
        return taken === before || taken > most || undefined;
      });
      expect(taken).toBeLessThan(most);
      let [rest, next] = ['', 0];
      for (let piece = first; !piece.done && next < lines; piece = await reading.next()) {
        const whole = (rest + Buffer.from(piece.value.content).toString()).split('\n');
        rest = whole.pop() ?? '';
        for (const line of whole) if (line !== 'more') expect(Number(line.slice(0, 5))).toBe(next++);
      }
      expect(next).toBe(lines);
      leaving.abort();
      await reading.return?.().catch(() => undefined);
    }, busybox));

  test("the engine is the configured one, whatever the server's environment says", () =>
    inWorld(async (world) => {
      vi.stubEnv('DOCKER_HOST', 'tcp://127.0.0.1:9');
      try {
        expect(await world.make().check()).toMatchObject({ connected: true });
      } finally {
        vi.unstubAllEnvs();
      }
    }));

  test('a container that has run is never started again, whoever starts it', () =>
    inWorld(async (world) => {
      const specification = specificationOf(world, 'echo started >> starts; exit 3');
      const { handle } = await world.resource.launch(specification);
      await ended(world.resource, specification);
      await world.engine.ask('POST', `/containers/${handle}/start`);
      await sleep(500);
      expect(await readFile(`${world.workspacePath}/starts`, 'utf8')).toBe('started\n');
    }));

  test("a job can gain no right, write nowhere but in its workspace and /tmp, and is in none of root's groups", () =>
    inWorld(
      async (world) => {
        const script =
          'grep -E "^(Cap|NoNewPrivs|Groups|Uid)" /proc/self/status; touch /tmp/a && echo tmp; touch here && echo here; touch /etc/a 2>/dev/null || echo refused; env | grep -c UWS_START';
        const specification = specificationOf(world, script);
        await world.resource.launch(specification);
        await ended(world.resource, specification);
        const output = await outputOf(world.resource, specification);
        for (const name of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
          expect(output).toMatch(new RegExp(`${name}:\\s0{16}\n`));
        }
        expect(output).toMatch(/NoNewPrivs:\s1\n/);
        expect(output).toMatch(/Uid:\s12345\s12345\s12345\s12345\n/);
        expect(output).not.toMatch(/Groups:.*\b0\b/);
        expect(output.trim().split('\n').slice(-4)).toEqual(['tmp', 'here', 'refused', '0']);
      },
      { defaults: { image: busyboxImage, read_only_root: true } },
    ));

  test('an image of one static program: exit codes, signals and a stop are told apart as elsewhere', () =>
    inWorld(async (world) => {
      const codes = specificationOf(world, 'exit 143');
      const signal = specificationOf(world, 'kill -SEGV $$');
      const obeys = specificationOf(world, "trap 'exit 9' TERM; echo ready > ready; while :; do sleep 0.1; done");
      for (const each of [codes, signal, obeys]) await world.resource.launch(each);
      expect(await ended(world.resource, codes)).toMatchObject({ exitCode: 143, signal: null, cause: 'exited' });
      expect(await ended(world.resource, signal)).toMatchObject({ exitCode: null, signal: 'SIGSEGV', cause: 'exited' });
      await until(async () => readFile(`${world.workspacePath}/ready`, 'utf8').catch(() => undefined));
      await world.resource.stop(referenceTo(obeys), 60_000);
      expect(await ended(world.resource, obeys)).toMatchObject({ exitCode: 9, signal: null, cause: 'stopped' });
    }, busybox));

  test('a job with a GPU asks the engine for it, and one without GPUs refuses it', () =>
    inWorld(async (world) => {
      const specification = specificationOf(world, 'true', { limits: { gpus: 1 } });
      const inspect = async (): Promise<unknown> =>
        JSON.parse(await world.engine.ask('GET', `/containers/uws-${specification.launchKey}/json`));
      const seen: unknown[] = [];
      const steps = async (name: string) => {
        if (name === 'launch.start:before') seen.push(await inspect());
      };
      await expect(world.make({ steps }).launch(specification)).rejects.toMatchObject({
        kind: 'invalid',
        message: expect.stringContaining('gpu'),
      });
      const request = { Driver: '', Count: 1, DeviceIDs: null, Capabilities: [['gpu']], Options: null };
      expect(seen).toMatchObject([{ HostConfig: { DeviceRequests: [request] } }]);
      const without = specificationOf(world, 'true');
      await world.resource.launch(without);
      expect(await ended(world.resource, without)).toMatchObject({ exitCode: 0, gpuHours: 0 });
    }, busybox));

  test('a job that kills all it can reach does not outlive its time limit', () =>
    inWorld(async (world) => {
      const script =
        'n=0; while [ $n -lt 100 ]; do n=$((n+1)); for p in $(ls /proc | grep ^[0-9]); do [ $p = $$ ] || kill -KILL $p; done 2>/dev/null; sleep 0.2; done; echo survived > survived';
      const specification = specificationOf(world, script, { limits: { timeLimitMinutes: 4 / 60 } });
      await world.resource.launch(specification);
      const seen = await ended(world.resource, specification);
      expect(seen.cause).toBe('time_limit');
      await expect(readFile(`${world.workspacePath}/survived`)).rejects.toThrow();
    }, busybox));

  test('an image that is not there: refused, fetched with its progress told, or told why not', async () => {
    const registry = await Registry.open(busyboxArchive());
    try {
      await inWorld(async (world) => {
        const resourceDetails = { image: `${registry.address}/one:1` };
        const never = specificationOf(world, 'true', { resourceDetails: { ...resourceDetails, pull_policy: 'never' } });
        await expect(world.resource.launch(never)).rejects.toMatchObject({ kind: 'invalid' });
        const unknown = specificationOf(world, 'true', { resourceDetails: { image: `${registry.address}/other:1` } });
        const message = new RegExp(`^The image ${registry.address}/other:1 cannot be fetched: .*(unknown|not found)`);
        await expect(launchUntilKnown(world.resource, unknown)).rejects.toMatchObject({
          kind: 'invalid',
          message: expect.stringMatching(message),
        });
        const away = specificationOf(world, 'true', { resourceDetails: { image: '127.0.0.1:9/one:1' } });
        await expect(world.resource.launch(away)).rejects.toMatchObject({ kind: 'unavailable' });

        const fetched = specificationOf(world, 'echo fetched', { resourceDetails });
        const told: string[] = [];
        const watching = new AbortController();
        const ready = new Promise<void>((resolve) => {
          world.resource.watch((keys) => keys.includes(fetched.launchKey) && resolve(), watching.signal);
        });
        await until(async () => {
          const reason = await world.resource.launch(fetched).then(
            () => 'launched',
            (error: unknown) => (error instanceof Error ? error.message : ''),
          );
          told.push(reason);
          return /being fetched: \d+ % of \d+\.\d MB/.test(reason) || undefined;
        });
        expect(await observe(world.resource, fetched)).toEqual({ kind: 'absent' });
        registry.release();
        await ready;
        await launchUntilKnown(world.resource, fetched);
        watching.abort();
        expect(await ended(world.resource, fetched)).toMatchObject({ exitCode: 0 });
      }, busybox);
    } finally {
      registry.release();
      registry.close();
    }
  });

  test('an image that was fetched for a launch which did not come back is fetched anew for the next one', async () => {
    const registry = await Registry.open(busyboxArchive('old'));
    try {
      await inWorld(async (world) => {
        const resourceDetails = { image: `${registry.address}/one:1`, pull_policy: 'always' };
        const left = specificationOf(world, 'true', { resourceDetails });
        const watching = new AbortController();
        const ready = new Promise<void>((resolve) => {
          world.resource.watch((keys) => keys.includes(left.launchKey) && resolve(), watching.signal);
        });
        const isFetching = { kind: 'unavailable', message: expect.stringContaining('is being fetched') };
        await expect(world.resource.launch(left)).rejects.toMatchObject(isFetching);
        registry.release();
        await ready;
        watching.abort();
        registry.replace(busyboxArchive('new'));
        const next = specificationOf(world, 'cat /version', { resourceDetails });
        await launchUntilKnown(world.resource, next);
        await ended(world.resource, next);
        expect(await outputOf(world.resource, next)).toBe('new\n');
      }, busybox);
    } finally {
      registry.release();
      registry.close();
    }
  });

  test.each([
    'SIGKILL',
    'SIGTERM',
  ] as const)('%s to the daemon: nothing is known until it is back, then everything is as it was', (end) =>
    inWorld(async (world) => {
      const goesOn = specificationOf(world, 'while :; do echo beat >> beats; sleep 0.2; done');
      const ends = specificationOf(world, 'while [ ! -e end ]; do sleep 0.1; done; exit 3');
      for (const each of [goesOn, ends]) await world.resource.launch(each);
      const before = await until(async () => {
        const seen = await observe(world.resource, goesOn);
        return seen.kind === 'running' ? seen : undefined;
      });
      const told: string[] = [];
      world.resource.watch((keys) => told.push(...keys), new AbortController().signal);
      await world.engine.kill(end);
      expect((await observe(world.resource, goesOn)).kind).toBe('unknown');
      await expect(world.resource.stop(referenceTo(goesOn), 0)).rejects.toMatchObject({ kind: 'unavailable' });
      execFileSync('touch', [`${world.workspacePath}/end`]);
      await sleep(500);
      const beats = (await readFile(`${world.workspacePath}/beats`)).length;
      await world.engine.run();
      const after = await until(async () => {
        const seen = await observe(world.resource, goesOn);
        return seen.kind === 'running' ? seen : undefined;
      });
      expect([after.handle, after.startedAtMs]).toEqual([before.handle, before.startedAtMs]);
      expect(await ended(world.resource, ends)).toMatchObject({ exitCode: 3, cause: 'exited' });
      expect((await readFile(`${world.workspacePath}/beats`)).length).toBeGreaterThan(beats);
      // Events come again from the new daemon.
      await until(async () => {
        await world.resource.stop(referenceTo(goesOn), 0);
        return told.includes(goesOn.launchKey) || undefined;
      });
      expect(await ended(world.resource, goesOn)).toMatchObject({ cause: 'stopped' });
    }, busybox));
});

/** As the server does: again while nothing is known. */
async function launchUntilKnown(resource: Resource, specification: LaunchSpecification): Promise<void> {
  await until(async () => {
    try {
      await resource.launch(specification);
      return true;
    } catch (error) {
      if (error instanceof Error && 'kind' in error && error.kind === 'unavailable') return undefined;
      throw error;
    }
  });
}

/** The files of an image: a shell, in one program, and its version. */
function busyboxArchive(version = ''): Buffer {
  const script =
    'd=$(mktemp -d); mkdir -p $d/bin $d/tmp; cp /usr/bin/busybox $d/bin/busybox; for a in $(busybox --list); do [ $a = busybox ] || ln -s busybox $d/bin/$a; done; echo "$1" > $d/version; tar -C $d -cf - --numeric-owner --owner=0 --group=0 .; rm -rf $d';
  return execFileSync('/bin/sh', ['-c', script, 'archive', version], { maxBuffer: 64 * 1024 * 1024 });
}
