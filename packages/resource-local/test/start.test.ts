import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { lchown } from 'node:fs/promises';
import { AdapterError, type AdapterErrorKind, type LaunchSpecification } from '@user-workspaces/contract';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bundleChild } from './bundle.js';
import { account, type Bench, ended, isRoot, jobUid, logText, makeBench, running, until } from './support.js';

let bench: Bench;
beforeEach(async () => {
  bench = await makeBench();
});
afterEach(() => bench.end());

/** Runs a job to its end and returns its output. */
async function output(command: LaunchSpecification['command'], changes: Partial<LaunchSpecification> = {}) {
  const specification = bench.specification(command, changes);
  await bench.resource.launch(specification);
  const end = await ended(bench.resource, specification);
  return { text: await logText(bench.resource, specification), end, specification };
}

describe('starting exactly once', () => {
  const countStarts: LaunchSpecification['command'] = ['sh', '-c', 'echo started >> starts; exec sleep 100'];
  let child: Awaited<ReturnType<typeof bundleChild>>;
  beforeAll(async () => {
    child = await bundleChild();
  });
  afterAll(() => child.remove());

  it('from 20 calls at once', async () => {
    const specification = bench.specification(countStarts);
    // Recorded already, so that each call finds it unclaimed and spawns a supervisor of its own.
    const order = { recordsDirectory: bench.recordsDirectory, specification, call: 'launch' } as const;
    await child.run({ ...order, dieAt: 'launch.record:after' });
    const answers = await Promise.all(Array.from({ length: 20 }, () => bench.resource.launch(specification)));
    expect(new Set(answers.map(({ handle }) => handle)).size).toBe(1);
    await running(bench.resource, specification);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(readFileSync(`${bench.workspacePath}/starts`, 'utf8')).toBe('started\n');
    expect(await bench.resource.launch(specification)).toEqual(answers[0]);
  });

  it('from two processes at once, and the job outlives both', async () => {
    const specification = bench.specification(countStarts);
    const order = { recordsDirectory: bench.recordsDirectory, specification, call: 'launch' } as const;
    const [one, other] = await Promise.all([child.run(order), child.run(order)]);
    expect(one.answer).toEqual(other.answer);
    const observation = await running(bench.resource, specification);
    expect(one.answer).toEqual({ handle: observation.handle, resourceJobId: observation.resourceJobId });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(readFileSync(`${bench.workspacePath}/starts`, 'utf8')).toBe('started\n');
  });
});

describe('what a job is given', () => {
  it('is no file that whoever started the server had open', async () => {
    const secret = `${bench.recordsDirectory}/log-of-root`;
    writeFileSync(secret, '', { mode: 0o600 });
    const specification = bench.specification(['sh', '-c', 'ls -l /proc/self/fd; exec 3>&50; echo written >&3']);
    const child = await bundleChild();
    const order = { recordsDirectory: bench.recordsDirectory, specification, call: 'launch' } as const;
    await child.run(order, `50>>${secret} 7<${secret} 200<${secret}`);
    await child.remove();
    await ended(bench.resource, specification);
    expect(await logText(bench.resource, specification)).not.toContain('log-of-root');
    expect(readFileSync(secret, 'utf8')).toBe('');
  });

  it('runs as the account, with no other group, no way back to privileges, and no capability', async () => {
    const { text } = await output([
      'sh',
      '-c',
      'id -u; id -g; id -G; grep -E "NoNewPrivs|CapEff|CapBnd" /proc/self/status',
    ]);
    const [uid, gid, groups, ...status] = text.trim().split('\n');
    expect(Number(uid)).toBe(jobUid);
    expect(status).toContain('NoNewPrivs:\t1');
    expect(status).toContain('CapEff:\t0000000000000000');
    if (isRoot) {
      expect([gid, groups]).toEqual(['12346', '12346']);
      expect(status).toContain('CapBnd:\t0000000000000000');
    }
  });

  it('passes every value through unread', async () => {
    const nasty = `'; touch "$HOME/pwned" #\n$(touch pwned)\`touch pwned\`\\ "x" \t é ${'%s'} -n`;
    const { text } = await output(
      [
        process.execPath,
        '-e',
        'console.log(JSON.stringify([process.argv.slice(1), process.env.NASTY]))',
        '--',
        nasty,
        '',
        '{job_directory}/x',
      ],
      { environment: { NASTY: nasty, LD_PRELOAD_NOT: '' } },
    );
    const jobDirectory = JSON.parse(text)[0][2];
    expect(JSON.parse(text)).toEqual([[nasty, '', jobDirectory], nasty]);
    expect(jobDirectory).toMatch(new RegExp(`^${bench.workspacePath}/\\.\\d+/x$`));
    expect(existsSync(`${bench.workspacePath}/pwned`)).toBe(false);
  });

  it('has a clean environment: what was asked for, what the contract promises, nothing of the server', async () => {
    process.env.UWS_TEST_SERVER_SECRET = 'of the server';
    const { text, specification } = await output([process.execPath, '-e', 'console.log(JSON.stringify(process.env))'], {
      environment: { COLOUR: 'red', PATH: '/usr/bin:/bin' },
      session: { secret: 'a'.repeat(43) },
    });
    delete process.env.UWS_TEST_SERVER_SECRET;
    const { PWD, SHLVL: _level, _: _last, UWS_PORT, ...environment } = JSON.parse(text);
    const jobDirectory = `${bench.workspacePath}/.${specification.jobId}`;
    expect(PWD).toBe(bench.workspacePath);
    expect(Number(UWS_PORT)).toBeGreaterThan(1023);
    expect(environment).toEqual({
      PATH: '/usr/bin:/bin',
      HOME: bench.workspacePath,
      USER: 'alice',
      LOGNAME: 'alice',
      SHELL: expect.stringMatching(/sh$/),
      LANG: 'C.UTF-8',
      TERM: 'dumb',
      COLOUR: 'red',
      UWS_JOB_ID: String(specification.jobId),
      UWS_WORKSPACE: bench.workspacePath,
      UWS_JOB_DIRECTORY: jobDirectory,
      UWS_HOST: '127.0.0.1',
      UWS_SECRET: 'a'.repeat(43),
      UWS_REPORT: `${jobDirectory}/session`,
    });
  });

  it('cannot be made to load code into a process of root by its environment', async () => {
    const { text } = await output(['sh', '-c', 'echo "$LD_PRELOAD"'], {
      environment: { LD_PRELOAD: `${bench.workspacePath}/evil.so` },
    });
    // The loader of the account's own programs complains; those of root before it did not see the variable.
    const supervisorLog = readFileSync(`${bench.recordsDirectory}/${await onlyKey()}/supervisor.log`, 'utf8');
    expect(supervisorLog).toBe('');
    expect(text).toContain('evil.so');
  });

  it('finds its files in the job directory, owned by the account, with their modes', async () => {
    const { specification } = await output(['sh', '-c', './.$UWS_JOB_ID/run.sh'], {
      files: [
        { name: 'run.sh', content: "#!/bin/sh\necho 'it ran' > ran\n", mode: 0o755 },
        { name: '-x $(id)', content: '', mode: 0o600 },
      ],
    });
    expect(readFileSync(`${bench.workspacePath}/ran`, 'utf8')).toBe('it ran\n');
    const directory = `${bench.workspacePath}/.${specification.jobId}`;
    for (const [path, mode] of [
      [directory, 0o700],
      [`${directory}/run.sh`, 0o755],
      [`${directory}/-x $(id)`, 0o600],
    ] as const) {
      expect([statSync(path).uid, statSync(path).mode & 0o777]).toEqual([jobUid, mode]);
    }
  });

  it('does not write through a link in place of the job directory, or of a file in it', async () => {
    const outside = `${bench.root}/outside`;
    mkdirSync(outside, { mode: 0o777 });
    const files = [{ name: 'note', content: 'new', mode: 0o600 }];
    const specification = bench.specification(['true'], { files });
    symlinkSync(outside, `${bench.workspacePath}/.${specification.jobId}`);
    await bench.resource.launch(specification);
    expect(await ended(bench.resource, specification)).toMatchObject({ cause: 'launch_failed' });
    expect(existsSync(`${outside}/note`)).toBe(false);

    const other = bench.specification(['true'], { files });
    const directory = `${bench.workspacePath}/.${other.jobId}`;
    mkdirSync(directory);
    symlinkSync(`${outside}/note`, `${directory}/note`);
    if (isRoot) for (const path of [directory, `${directory}/note`]) await lchown(path, 12345, 12346);
    await bench.resource.launch(other);
    expect(await ended(bench.resource, other)).toMatchObject({ cause: 'exited', exitCode: 0 });
    expect(existsSync(`${outside}/note`)).toBe(false);
    expect(readFileSync(`${directory}/note`, 'utf8')).toBe('new');
  });

  it('cannot reach the records', async () => {
    const { text } = await output([
      'sh',
      '-c',
      `cat ${bench.recordsDirectory}/*/start ${bench.recordsDirectory}/${'0'.repeat(32)}/x; echo > ${bench.recordsDirectory}/mine; echo over`,
    ]);
    expect(text.endsWith('over\n')).toBe(true);
    if (isRoot) expect(existsSync(`${bench.recordsDirectory}/mine`)).toBe(false);
  });

  it('may open its standard output anew', async () => {
    const { text } = await output(['sh', '-c', 'echo one > /dev/stdout; echo two >> /dev/stderr']);
    expect(text).toContain('two');
  });

  it('shows no secret in a command line', async () => {
    const secret = 'S'.repeat(43);
    const specification = bench.specification(['sh', '-c', 'cat /proc/[0-9]*/cmdline > seen; sleep 100'], {
      session: { secret },
    });
    await bench.resource.launch(specification);
    await running(bench.resource, specification);
    await until(() => existsSync(`${bench.workspacePath}/seen`) && statSync(`${bench.workspacePath}/seen`).size > 0);
    expect(readFileSync(`${bench.workspacePath}/seen`, 'utf8')).not.toContain(secret);
  });
});

describe('what is refused', () => {
  const key = 'a'.repeat(32);
  const refusals: readonly (readonly [string, Partial<LaunchSpecification>, AdapterErrorKind])[] = [
    ['a key that is a path', { launchKey: `../${'a'.repeat(29)}` }, 'invalid'],
    ['an upper-case key', { launchKey: key.toUpperCase() }, 'invalid'],
    ['a relative workspace', { workspacePath: 'x' }, 'invalid'],
    ['a workspace with ..', { workspacePath: '/tmp/../etc' }, 'invalid'],
    ['a program that is an option', { command: ['-c', 'x'] as [string, string] }, 'invalid'],
    ['NUL in an argument', { command: ['true', 'a\0b'] as [string, string] }, 'invalid'],
    ['a file name that is a path', { files: [{ name: '../x', content: '', mode: 0o600 }] }, 'invalid'],
    ['a file in place of the report', { files: [{ name: 'session', content: '', mode: 0o600 }] }, 'invalid'],
    ['a set-user-id file', { files: [{ name: 'x', content: '', mode: 0o4755 }] }, 'invalid'],
    ['a variable that is shell syntax', { environment: { 'A=$(id);B': '' } }, 'invalid'],
    ['a time limit of 0', { limits: { timeLimitMinutes: 0 } }, 'invalid'],
    ['no memory', { limits: { memoryMb: Number.NaN } }, 'invalid'],
    ['root', { account: { ...account, uid: 0, gid: 0 } }, 'denied'],
    ["root's group", { account: { ...account, uid: 12345, gid: 0 } }, 'denied'],
    ...(isRoot
      ? [
          [
            'no uid from a server that is root',
            { account: { ...account, uid: null, gid: null } },
            'misconfigured',
          ] as const,
        ]
      : [
          [
            'another uid from a server that is not root',
            { account: { ...account, uid: jobUid + 1, gid: 1 } },
            'denied',
          ] as const,
        ]),
  ];
  it.each(refusals)('%s', async (_what, changes, kind) => {
    const specification = { ...bench.specification(['true']), ...changes };
    const error = await bench.resource.launch(specification).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(AdapterError.is(error, kind)).toBe(true);
  });

  it('a records directory that others may write to', async () => {
    mkdirSync(`${bench.root}/open`, { mode: 0o777 });
    const { chmodSync } = await import('node:fs');
    chmodSync(`${bench.root}/open`, 0o777);
    await expect(bench.open({ recordsDirectory: `${bench.root}/open` })).rejects.toMatchObject({
      kind: 'misconfigured',
    });
    await expect(bench.open({ recordsDirectory: 'relative' })).rejects.toMatchObject({ kind: 'misconfigured' });
  });
});

async function onlyKey(): Promise<string> {
  const { readdirSync } = await import('node:fs');
  const keys = readdirSync(bench.recordsDirectory).filter((name) => name.length === 32);
  if (keys.length !== 1 || keys[0] === undefined) throw new Error('More than one launch.');
  return keys[0];
}
