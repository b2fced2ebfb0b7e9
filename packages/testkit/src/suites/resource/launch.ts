import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LaunchSpecification, Resource } from '@user-workspaces/contract';
import { refused, rejectedByAbort } from '../../expectation.js';
import { beating, type Jobs, referenceTo } from './jobs.js';
import { type ResourceGuarantee, timeoutMs, withJobs } from './world.js';

const stepsAtOnce = 4;

/** Leaves a line each time it starts. */
const countStart = `echo started >> starts; ${beating()}`;

/** Launches under the same key until it works, as the server does after it has asked what is known. */
async function launchAfterAll(jobs: Jobs, specification: LaunchSpecification, resource: Resource): Promise<void> {
  const before = await jobs.observe(specification, resource);
  assert.ok(before.kind !== 'ended', `The job has ended by itself: ${JSON.stringify(before)}.`);
  await resource.launch(specification);
  await jobs.running(specification, resource);
  await jobs.written('starts');
  assert.equal(await jobs.starts(), 1, 'The job was not started exactly once.');
}

async function abandonLaunches(jobs: Jobs): Promise<void> {
  const abandon = async (delayMs: number): Promise<void> => {
    const specification = jobs.specification(`echo started >> starts-${delayMs}; ${beating()}`);
    const caller = new AbortController();
    const launching = jobs.world.resource.launch(specification, caller.signal).catch(() => undefined);
    await (Number.isFinite(delayMs) ? sleep(delayMs) : launching);
    caller.abort(new Error('The caller went away.'));
    const next = await jobs.world.reopen();
    await next.launch(specification);
    await jobs.running(specification, next);
    await jobs.written(`starts-${delayMs}`);
    await launching;
    assert.equal(await jobs.starts(`starts-${delayMs}`), 1, 'The job was not started exactly once.');
  };
  await Promise.all([0, 5, 20, 60, 150, Number.POSITIVE_INFINITY].map(abandon));
}

export const launchGuarantees: readonly ResourceGuarantee[] = [
  {
    id: 'launch.once',
    promise: 'A key that was launched before starts nothing, and gets the first answer.',
    trial: 'A key is launched three times, by two instances: while the job runs, and when it has ended.',
    timeoutMs,
    check: withJobs(async (jobs, { resource, reopen }) => {
      const specification = jobs.specification('echo started >> starts; while [ ! -e end ]; do sleep 0.2; done');
      const first = await resource.launch(specification);
      await jobs.running(specification);
      const other = await reopen();
      assert.deepEqual(await other.launch(specification), first, 'The second answer is not the first.');
      await jobs.write('end');
      await jobs.ended(specification);
      for (const instance of [resource, other]) {
        assert.deepEqual(await instance.launch(specification), first, 'An ended launch is answered otherwise.');
      }
      assert.equal(await jobs.starts(), 1, 'The job was not started exactly once.');
    }),
  },
  {
    id: 'launch.at-once',
    promise: 'A key is launched once, also when several calls and instances launch it at once.',
    trial: 'Ten calls, by two instances, launch the same key at the same moment.',
    timeoutMs,
    check: withJobs(async (jobs, { resource, reopen }) => {
      const other = await reopen();
      const specification = jobs.specification(countStart);
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, index) => (index % 2 ? other : resource).launch(specification)),
      );
      for (const answer of answers) assert.deepEqual(answer, answers[0], 'Two callers got different answers.');
      await jobs.running(specification);
      await jobs.written('starts');
      assert.equal(await jobs.starts(), 1, 'The job was not started exactly once.');
    }),
  },
  {
    id: 'launch.lost-answer',
    promise: 'A key whose answer was lost is launched once when it is asked for again.',
    trial:
      'The caller goes away 0 to 150 ms after the call, and after the answer; another instance launches the key again.',
    timeoutMs,
    check: withJobs(abandonLaunches),
  },
  {
    id: 'launch.handle',
    promise: 'The handle of an answer is a help in finding the launch: with it, all is as with the key alone.',
    trial: 'A launch is observed, read, stopped and forgotten with the handle of its answer, by two instances.',
    timeoutMs,
    check: withJobs(async (jobs, { resource, reopen }) => {
      const specification = jobs.specification(`echo output; ${beating()}`);
      const { handle } = await resource.launch(specification);
      await jobs.running(specification);
      await jobs.written('beats');
      const named = { ...referenceTo(specification), handle };
      const other = await reopen();
      const kindOf = async (instance: Resource): Promise<string | undefined> =>
        (await instance.observe([named])).get(named.launchKey)?.kind;
      const outputOf = async (instance: Resource): Promise<string> =>
        (await jobs.logs(specification, undefined, { resource: instance, reference: named })).text;
      for (const instance of [resource, other]) assert.equal(await kindOf(instance), 'running', 'It is not found.');
      await jobs.until(
        async () => ((await outputOf(other)) === 'output\n' ? true : undefined),
        'Its output is not found.',
      );
      await jobs.until(async () => {
        await other.stop(named, 0);
        return (await kindOf(resource)) === 'ended' ? true : undefined;
      }, 'It is not stopped.');
      assert.equal(await outputOf(resource), 'output\n', 'The output of the ended launch is not found.');
      await other.forget(named);
      // A back end may find what has ended by its own name for ever.
      assert.equal((await jobs.observe(specification)).kind, 'absent', 'It is not forgotten.');
    }),
  },
  {
    id: 'launch.crash',
    promise: 'A key is launched once, also after a crash at any point of the first launch.',
    trial: 'The adapter stops for good at each of its steps in turn; another instance launches the key again.',
    timeoutMs,
    check: withJobs((jobs) =>
      atEachStep(
        jobs,
        async () => jobs.specification(`echo started >> starts-$UWS_JOB_ID; ${beating()}`),
        (resource, specification) => resource.launch(specification),
        async (specification, next) => {
          await next.launch(specification);
          await jobs.running(specification, next);
          await jobs.written(`starts-${specification.jobId}`);
          assert.equal(await jobs.starts(`starts-${specification.jobId}`), 1, 'The job was not started exactly once.');
        },
      ),
    ),
    without: {
      capability: 'steps',
      trial: 'Six launches are given up at moments of a launch; another instance launches each key again.',
      check: withJobs(abandonLaunches),
    },
  },
  {
    id: 'launch.unavailable',
    promise: 'While the back end cannot be asked, a launch is `unavailable`; later it starts once.',
    trial: 'A key is launched while the back end is cut off, and again when it is back.',
    timeoutMs,
    check: withJobs(async (jobs, { resource, cutOff }) => {
      assert.ok(cutOff, 'The world has no `cutOff`; declare the difference `cut_off` if there is none.');
      const specification = jobs.specification(countStart);
      const bringBack = await cutOff();
      try {
        await refused(resource.launch(specification), 'unavailable', 'A launch on a back end that is cut off');
      } finally {
        await bringBack();
      }
      await launchAfterAll(jobs, specification, resource);
    }),
    without: {
      capability: 'cut_off',
      trial: 'The caller goes away in the middle of launches; each key is launched again.',
      check: withJobs(abandonLaunches),
    },
  },
  {
    id: 'launch.aborted',
    promise: 'A launch whose signal is aborted is given up with the reason of the signal, and starts nothing.',
    trial: 'A key is launched with an aborted signal.',
    timeoutMs,
    check: withJobs(async (jobs, { resource }) => {
      const specification = jobs.specification('echo started >> starts');
      await rejectedByAbort((signal) => resource.launch(specification, signal), 'launch');
      assert.equal(await jobs.starts(), 0, 'A launch that was given up started its job.');
      assert.equal((await jobs.observe(specification)).kind, 'absent');
    }),
  },
  {
    id: 'launch.name',
    promise: 'The answer to a launch names it as its observations do.',
    trial: 'Handle and number of the answer are compared with those of a running and of an ended job.',
    timeoutMs,
    check: withJobs(async (jobs, { resource }) => {
      const specification = jobs.specification('while [ ! -e end ]; do sleep 0.2; done');
      const { handle, resourceJobId } = await resource.launch(specification);
      assert.ok(handle !== '', 'The handle is empty.');
      assert.ok(Number.isSafeInteger(resourceJobId), 'The number of the job is not a whole number.');
      const running = await jobs.running(specification);
      await jobs.write('end');
      const ended = await jobs.ended(specification);
      for (const seen of [running, ended]) {
        assert.deepEqual([seen.handle, seen.resourceJobId], [handle, resourceJobId], `A ${seen.kind} job is renamed.`);
      }
    }),
  },
  {
    id: 'launch.command',
    promise: 'Program and arguments reach the system as they are, `{job_directory}` replaced; no shell reads them.',
    trial: 'A job gets arguments full of shell syntax, an empty one, and the placeholder, and writes them down.',
    timeoutMs,
    check: withJobs(async (jobs, { workspacePath }) => {
      const hostile = [
        "it's",
        '"$HOME" $(touch hit) `touch hit`; touch hit',
        '',
        '-n',
        'two\nlines',
        '*',
        '\\',
        'é',
        '{job_directory}/x',
      ];
      const script = 'for word; do printf "%s|" "$word"; done > words; echo "|" >> words';
      const { specification, end } = await jobs.finished(['/bin/sh', '-c', script, 'name', ...hostile]);
      assert.equal(end.exitCode, 0);
      const directory = `${workspacePath.replace(/\/+$/, '')}/.${specification.jobId}`;
      const expected = [...hostile.slice(0, -1), `${directory}/x`].map((word) => `${word}|`).join('');
      assert.equal(await jobs.read('words'), `${expected}|\n`, 'The arguments were changed on their way.');
      assert.equal(await jobs.read('hit'), '');
      await assert.rejects(stat(jobs.path('hit')), 'A shell has run what is in an argument.');
    }),
  },
  {
    id: 'launch.files',
    promise:
      'The files of a launch are in its job directory before it starts, with content and mode, and belong to the account.',
    trial: 'A job runs one of its files as a program, and writes down content, mode and owner of the others.',
    timeoutMs,
    check: withJobs(async (jobs, { account }) => {
      const odd = 'a "b" $(c) ü';
      const content = 'no newline at its end; $HOME `id` \\ é';
      const script = `#!/bin/sh\ncd "$UWS_JOB_DIRECTORY"\ncat ${JSON.stringify(odd).replace('$', '\\$')} > ../content\nstat -c '%a %u' run.sh ${JSON.stringify(odd).replace('$', '\\$')} > ../modes\n`;
      const { end } = await jobs.finished(['{job_directory}/run.sh'], {
        files: [
          { name: 'run.sh', content: script, mode: 0o700 },
          { name: odd, content, mode: 0o640 },
        ],
      });
      assert.equal(end.exitCode, 0, `The program in the job directory did not run: ${JSON.stringify(end)}.`);
      assert.equal(await jobs.read('content'), content, 'The content of a file was changed.');
      const modes = (await jobs.read('modes')).trim().split('\n');
      assert.deepEqual(
        modes.map((line) => line.split(' ')[0]),
        ['700', '640'],
        'The modes of the files are wrong.',
      );
      if (account.uid === null) return;
      for (const line of modes) assert.equal(line.split(' ')[1], String(account.uid), 'A file has another owner.');
    }),
  },
  {
    id: 'launch.environment',
    promise: 'A job finds what its launch and the contract promise in its environment, and nothing of the server.',
    trial: 'A job writes its environment down, with and without a session, while the server has a secret in its own.',
    timeoutMs,
    check: withJobs(async (jobs, { workspacePath }) => {
      const secret = 'S'.repeat(43);
      const nasty = `'; "$(id)" \`id\` \\ é\nsecond line`;
      const ofServer = `of-the-server-${randomBytes(6).toString('hex')}`;
      // Its name is this trial's own: several may run side by side.
      const variable = `UWS_TESTKIT_${randomBytes(6).toString('hex')}`;
      process.env[variable] = ofServer;
      try {
        const write = 'printf "%s" "$NASTY" > nasty; env -0 > environment-$UWS_JOB_ID';
        const served = await jobs.finished(write, { environment: { NASTY: nasty }, session: { secret } });
        const bare = await jobs.finished(write);
        const environmentOf = async ({ jobId }: LaunchSpecification) =>
          new Map(
            (await jobs.read(`environment-${jobId}`))
              .split('\0')
              .filter((line) => line.includes('='))
              .map((line): [string, string] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
          );
        for (const { specification } of [served, bare]) {
          const environment = await environmentOf(specification);
          const directory = `${workspacePath.replace(/\/+$/, '')}/.${specification.jobId}`;
          assert.equal(environment.get('UWS_JOB_ID'), String(specification.jobId));
          assert.equal(environment.get('UWS_WORKSPACE'), workspacePath);
          assert.equal(environment.get('UWS_JOB_DIRECTORY'), directory);
          assert.ok(![...environment.values()].includes(ofServer), "The job sees the server's own environment.");
        }
        const environment = await environmentOf(served.specification);
        assert.equal(environment.get('NASTY'), nasty, 'A value of the environment was changed.');
        assert.equal(environment.get('UWS_SECRET'), secret);
        assert.ok(environment.get('UWS_HOST'), 'UWS_HOST is missing.');
        assert.ok(environment.get('UWS_REPORT')?.startsWith('/'), 'UWS_REPORT is not an absolute path.');
        const port = environment.get('UWS_PORT');
        if (port !== undefined) assert.ok(Number(port) >= 1024 && Number(port) <= 65535, `UWS_PORT is ${port}.`);
        for (const name of ['UWS_HOST', 'UWS_PORT', 'UWS_SECRET', 'UWS_REPORT']) {
          assert.equal((await environmentOf(bare.specification)).get(name), undefined, `${name} without a session.`);
        }
      } finally {
        delete process.env[variable];
      }
    }),
  },
  {
    id: 'launch.account',
    promise: 'Jobs run as the account.',
    trial: 'A job writes down its uid and gid; where the account has none, they are not those of root.',
    timeoutMs,
    check: withJobs(async (jobs, { account }) => {
      const { output } = await jobs.finished('id -u; id -g');
      const [uid, gid] = output.trim().split('\n').map(Number);
      if (account.uid !== null) assert.equal(uid, account.uid, 'The job runs under another uid.');
      if (account.gid !== null) assert.equal(gid, account.gid, 'The job runs under another gid.');
      assert.ok(Number.isInteger(uid) && uid !== 0, `The job runs with uid ${uid}.`);
    }),
  },
  {
    id: 'launch.never-root',
    promise: 'Jobs never run as root.',
    trial: 'Launches for accounts with uid 0 or gid 0.',
    timeoutMs,
    check: withJobs(async (jobs, { resource, account }) => {
      for (const root of [
        { uid: 0, gid: 0 },
        { uid: 0, gid: account.gid ?? 1000 },
        { uid: account.uid ?? 1000, gid: 0 },
      ]) {
        const specification = jobs.specification('echo started >> starts', { account: { ...account, ...root } });
        const what = `A launch with uid ${root.uid} and gid ${root.gid}`;
        await refused(resource.launch(specification), ['denied', 'invalid', 'misconfigured'], what);
      }
      assert.equal(await jobs.starts(), 0, 'A job was started for root.');
    }),
  },
  {
    id: 'launch.invalid',
    promise: 'A launch that can never succeed is `invalid`, and starts nothing.',
    trial:
      'Keys that are none, relative workspaces, file names with a slash, values with NUL, names of variables that are none.',
    timeoutMs,
    check: withJobs(async (jobs, { resource }) => {
      const key = randomBytes(16).toString('hex');
      const wrong: readonly Partial<LaunchSpecification>[] = [
        { launchKey: '' },
        { launchKey: `../${key.slice(3)}` },
        { launchKey: key.replace(/^./, 'A') },
        { workspacePath: 'relative' },
        { workspacePath: '/tmp/../etc' },
        { command: ['/bin/sh', '-c', 'echo started >> starts', 'a\0b'] },
        { files: [{ name: '../up', content: '', mode: 0o600 }] },
        { files: [{ name: 'a/b', content: '', mode: 0o600 }] },
        { environment: { 'NO NAME': '' } },
        { environment: { NUL: 'a\0b' } },
      ];
      for (const changes of wrong) {
        const specification = { ...jobs.specification('echo started >> starts'), ...changes };
        const what = `A launch with ${JSON.stringify(changes)}`;
        await refused(resource.launch(specification), 'invalid', what);
      }
      assert.equal(await jobs.starts(), 0, 'A launch that was refused started its job.');
    }),
  },
  {
    id: 'launch.failed',
    promise: 'A job whose program cannot be run has failed, with a reason or an exit code that is not 0.',
    trial: 'A program that does not exist is launched.',
    timeoutMs,
    check: withJobs(async (jobs) => {
      const { end } = await jobs.finished(['/no/such/program']);
      if (end.exitCode === null) {
        assert.equal(end.cause, 'launch_failed');
        assert.ok(end.reason, 'Nothing says why the launch failed.');
      } else assert.notEqual(end.exitCode, 0, 'A program that does not exist is said to have ended well.');
    }),
  },
];

/**
 * Lets a call of the adapter stop for good at each of its steps in turn, each time for a new launch, and then has another instance go on.
 *
 * @param goOn Carries the launch on by an instance that knows nothing of the first one's call.
 */
export async function atEachStep(
  jobs: Jobs,
  prepare: () => Promise<LaunchSpecification>,
  call: (resource: Resource, specification: LaunchSpecification) => Promise<unknown>,
  goOn: (specification: LaunchSpecification, next: Resource) => Promise<void>,
): Promise<void> {
  const { openStepping, reopen } = jobs.world;
  assert.ok(openStepping, 'The world has no `openStepping`; declare the difference `steps` if there is none.');
  const next = await reopen();
  /** Runs the call until its n-th step, or to its end: then false. */
  const crashedAt = async (count: number): Promise<boolean> => {
    const specification = await prepare();
    let seen = 0;
    let isArmed = false;
    let crashed: (() => void) | undefined;
    const crash = new Promise<'crashed'>((resolve) => {
      crashed = () => resolve('crashed');
    });
    const resource = await openStepping(async () => {
      if (!isArmed) return;
      seen += 1;
      if (seen < count) return;
      crashed?.();
      await new Promise(() => {});
    });
    isArmed = true;
    const ended = call(resource, specification).then(() => 'ended' as const);
    ended.catch(() => {});
    const outcome = await Promise.race([ended, crash]);
    await goOn(specification, next);
    return outcome === 'crashed';
  };
  // Each has a launch of its own, so that some can be tried side by side.
  for (let first = 1; ; first += stepsAtOnce) {
    const crashed = await Promise.all(Array.from({ length: stepsAtOnce }, (_, index) => crashedAt(first + index)));
    assert.ok(first > 1 || crashed[0], 'The call has no step at which it could be stopped.');
    if (crashed.includes(false)) return;
  }
}
