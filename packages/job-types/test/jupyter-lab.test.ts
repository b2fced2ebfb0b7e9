import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect } from 'vitest';
import { jupyterLabJob } from '../src/index.js';
import { testWith } from './support/needs.js';
import { makeDirectory, Resource, sessionToken, until, writeProgram } from './support/resource.js';

const resource = new Resource();
afterAll(() => resource.close());

const notebook = '/usr/bin/jupyter-notebook';
const lmod = '/usr/share/lmod/lmod/init/bash';
const python = '/usr/bin/python3';
const configure = (details: Record<string, unknown>) => jupyterLabJob.configure(details, 'jupyter');
const stub = `#!/bin/sh\nexec ${notebook} "$@"\n`;

/** A machine without any Jupyter on its PATH. */
function bareMachine(): Record<string, string> {
  const directory = makeDirectory(join(resource.root, 'bare-bin'));
  for (const name of [
    'mkdir',
    'cat',
    'rm',
    'ln',
    'mv',
    'tar',
    'gzip',
    'find',
    'od',
    'python3',
    'bash',
    'sh',
    'dirname',
  ]) {
    if (!existsSync(join(directory, name))) execFileSync('ln', ['-s', `/usr/bin/${name}`, join(directory, name)]);
  }
  return { PATH: directory };
}

/** The server lets in whoever has the token, nobody else, and serves this workspace. */
async function expectSession(base: string, workspace: string): Promise<void> {
  writeFileSync(join(workspace, 'seen.txt'), 'here');
  expect((await fetch(`${base}/api/contents/`)).status).toBe(403);
  const answer = await fetch(`${base}/api/contents/?token=${sessionToken}`);
  expect(answer.status).toBe(200);
  const { content } = (await answer.json()) as { content: { name: string }[] };
  expect(content.map(({ name }) => name)).toContain('seen.txt');
}

describe('system', () => {
  const test = testWith(notebook);

  test('runs the installed Notebook 6 below its base path and ends with TERM', async () => {
    const job = resource.start(configure({ module_manager: 'system' }), {
      workspaceName: 'system',
      basePath: '/passthrough/{host}/1',
    });
    const base = await job.ready();
    expect((await job.report()).path).toBe('/');
    expect(base).toMatch(/^http:\/\/127\.0\.0\.1:[0-9]+\/passthrough\/127\.0\.0\.1\/1$/);
    await expectSession(base, job.workspace);

    // The address that portals rebuild opens, with its two slashes.
    writeFileSync(join(job.workspace, 'x.ipynb'), '{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":5}');
    const rebuilt = await fetch(`${base}/tree//x.ipynb?token=${sessionToken}`, { redirect: 'manual' });
    expect(rebuilt.status).toBe(302);
    expect(rebuilt.headers.get('location')).toBe(`/passthrough/127.0.0.1/1/tree/x.ipynb?token=${sessionToken}`);
    const opened = await fetch(new URL(rebuilt.headers.get('location') ?? '', base), { redirect: 'manual' });
    expect(opened.headers.get('location')).toBe('/passthrough/127.0.0.1/1/notebooks/x.ipynb');
    expect((await fetch(`${base}/tree//x.ipynb`)).url).toContain('/login?next=');

    expect((await fetch(new URL('/api', base))).status).toBe(404);
    const processes = readFileSync(`/proc/${job.process.pid}/cmdline`, 'utf8');
    expect(processes).toContain('jupyter-notebook');
    expect(processes).not.toContain(sessionToken);
    expect(await job.terminate()).toEqual({ code: 0, signal: null });
  });

  test('takes the port that the resource assigns, and fails rather than take another', async () => {
    const first = resource.start(configure({ module_manager: 'system' }), { workspaceName: 'ports' });
    const { port } = await first.report();
    await first.ready();
    const second = resource.start(configure({ module_manager: 'system' }), { workspaceName: 'ports', port });
    expect((await second.report()).port).toBe(port);
    expect((await second.ended).code).toBe(1);
    expect(second.output).toContain(`port ${port} is already in use`);
  });

  test('keeps a hostile workspace name from being anything but a name', async () => {
    const name = `-a 'b' "c" $(touch hit) \`touch hit\` ;touch hit\n{host}`;
    const job = resource.start(configure({ module_manager: 'system' }), { jobId: 4, workspaceName: name });
    await expectSession(await job.ready(), job.workspace);
    expect(readdirSync(job.workspace).sort()).toEqual(['.4', 'seen.txt']);
  });

  test('a program named in the configuration is used', async () => {
    const command = writeProgram(join(resource.root, 'own dir', 'jupyter-notebook'), stub);
    const job = resource.start(configure({ module_manager: 'system', command }), {
      workspaceName: 'command',
      machine: bareMachine(),
    });
    await expectSession(await job.ready(), job.workspace);
  });

  test('says what is missing where no Jupyter is installed', async () => {
    const job = resource.start(configure({ module_manager: 'system' }), {
      workspaceName: 'missing',
      machine: bareMachine(),
    });
    expect((await job.ended).code).toBe(127);
    expect(job.output).toMatch(/^No Jupyter was found in PATH .*neither JupyterLab nor Notebook nor Jupyter Server/);
    expect(existsSync(join(job.directory, 'report'))).toBe(false);
  });
});

describe('flavours, by programs that answer as the real ones do', () => {
  const test = testWith(python);
  const cases = [
    { program: 'jupyter-lab', version: '4.2.5', app: 'ServerApp', path: '/lab' },
    { program: 'jupyter-lab', version: '2.3.2', app: 'NotebookApp', path: '/lab' },
    { program: 'jupyter-notebook', version: '7.2.1', app: 'ServerApp', path: '/' },
    { program: 'jupyter-notebook', version: '6.4.12', app: 'NotebookApp', path: '/' },
    { program: 'jupyter-server', version: '1.23.3', app: 'ServerApp', path: '/' },
  ];
  test.for(cases)('$program $version', async ({ program, version, app, path }) => {
    const directory = join(resource.root, `${program}-${version}`);
    writeProgram(
      join(directory, program),
      `#!/bin/sh\n[ "$1" = --version ] && echo ${version} || printf '<%s>' "$@"\n`,
    );
    const machine = { PATH: `${directory}:${bareMachine().PATH}` };
    const job = resource.start(configure({ module_manager: 'system' }), { machine, basePath: '/base' });
    expect((await job.ended).code).toBe(0);
    expect((await job.report()).path).toBe(path);
    expect(job.output).toContain(`<--${app}.base_url=/base/>`);
    expect(job.output).toContain(`<--${app}.${app === 'ServerApp' ? 'root_dir' : 'notebook_dir'}=${job.workspace}>`);
    expect(job.output).toContain(`<--${app}.ip=127.0.0.1><--${app}.base_url`);
  });
});

describe('tar', () => {
  const test = testWith(notebook);

  /** A packed environment in small: `bin/activate`, `bin/conda-unpack` and a Jupyter. */
  function pack(name: string, files: Record<string, string>): string {
    const source = join(resource.root, `${name}-source`);
    for (const [path, content] of Object.entries(files)) writeProgram(join(source, path), content);
    const archive = join(resource.root, `${name}.tar.gz`);
    execFileSync('tar', ['-czf', archive, '-C', source, '.']);
    return archive;
  }
  const environment = {
    'bin/activate': 'PATH=$(dirname "$BASH_SOURCE"):$PATH ACTIVATED=yes\nexport PATH ACTIVATED\n',
    'bin/conda-unpack': '#!/bin/sh\necho unpacked >>"$UWS_WORKSPACE/unpacked.log"\n',
    'bin/jupyter-notebook': stub,
  };
  const settings = (archive: string) =>
    configure({ module_manager: 'tar', environment_name: 'packed', tar_file_path: archive });

  test('is unpacked once per workspace, also when two jobs begin at once', async () => {
    const type = settings(pack('good', environment));
    const jobs = [1, 2].map((jobId) => resource.start(type, { jobId, workspaceName: 'tar' }));
    for (const job of jobs) await expectSession(await job.ready(), job.workspace);
    const log = join(resource.workspace('tar'), 'unpacked.log');
    const before = readFileSync(log, 'utf8');
    const third = resource.start(type, { jobId: 3, workspaceName: 'tar' });
    await third.ready();
    expect(readFileSync(log, 'utf8')).toBe(before);
    // One environment and the link that names it: the copy of whoever came second is gone.
    expect(readdirSync(join(resource.workspace('tar'), '.environments'))).toHaveLength(2);
  });

  test('a half-unpacked environment is never used', async () => {
    const archive = pack('broken', environment);
    const whole = readFileSync(archive);
    writeFileSync(archive, whole.subarray(0, whole.length - 60));
    const failing = resource.start(settings(archive), { jobId: 1, workspaceName: 'broken' });
    expect((await failing.ended).code).toBe(1);
    expect(failing.output).toContain('The environment packed could not be prepared');
    expect(readdirSync(join(resource.workspace('broken'), '.environments'))).toEqual([]);

    // What a killed job left does not matter either.
    makeDirectory(join(resource.workspace('broken'), '.environments', '.packed-1', 'bin'));
    writeFileSync(archive, whole);
    const job = resource.start(settings(archive), { jobId: 2, workspaceName: 'broken' });
    await expectSession(await job.ready(), job.workspace);
  });

  test('a job that is stopped while it unpacks leaves nothing', async () => {
    const archive = pack('slow', { ...environment, 'bin/conda-unpack': '#!/bin/sh\nexec sleep 30\n' });
    const job = resource.start(settings(archive), { jobId: 1, workspaceName: 'slow' });
    const environments = join(job.workspace, '.environments');
    await until(
      () => (existsSync(join(environments, '.packed-1/bin/activate')) ? true : undefined),
      5_000,
      () => job.output,
    );
    if (job.process.pid !== undefined) process.kill(-job.process.pid, 'SIGTERM');
    await job.ended;
    expect(readdirSync(environments)).toEqual([]);
  });

  test.for([
    {
      title: 'no such file',
      archive: () => '/nowhere/env.tar.gz',
      sentence: 'The packed environment /nowhere/env.tar.gz does not exist',
    },
    { title: 'no activate', archive: () => pack('other', { 'bin/x': '' }), sentence: 'it has no bin/activate' },
    {
      title: 'no Jupyter in it, though the machine has one',
      archive: () => pack('empty', { 'bin/activate': 'true\n' }),
      sentence: 'No Jupyter was found in ',
    },
  ])('says what is wrong: $title', async ({ archive, sentence }) => {
    const job = resource.start(settings(archive()), { workspaceName: `wrong ${sentence.length}` });
    expect((await job.ended).code).toBeGreaterThan(0);
    expect(job.output).toContain(sentence);
  });
});

describe('lmod', () => {
  const test = testWith(lmod, notebook);

  /** A module in a directory of the test that puts these programs on PATH. */
  function modules(programs: Record<string, string>): Record<string, string> {
    const root = join(resource.root, `modules-${Object.keys(programs).length}`);
    for (const [name, content] of Object.entries(programs)) writeProgram(join(root, 'bin', name), content);
    mkdirSync(join(root, 'files/notebook'), { recursive: true });
    writeFileSync(
      join(root, 'files/notebook/6.4.lua'),
      `prepend_path("PATH", "${root}/bin")\nsetenv("LOADED", "yes")\n`,
    );
    return { ...bareMachine(), MODULEPATH: join(root, 'files'), PATH: '/usr/local/bin:/usr/bin:/bin' };
  }

  test('loads the modules and runs the Jupyter that they bring', async () => {
    const type = configure({ module_manager: 'lmod', environment_name: 'unused', modules: ['notebook/6.4'] });
    const marked = `#!/bin/sh\n[ "$LOADED" = yes ] || exit 9\ntouch "$UWS_WORKSPACE/.by-module"\nexec ${notebook} "$@"\n`;
    const job = resource.start(type, { workspaceName: 'lmod', machine: modules({ 'jupyter-notebook': marked }) });
    await expectSession(await job.ready(), job.workspace);
    expect(existsSync(join(job.workspace, '.by-module'))).toBe(true);
    expect(existsSync(join(job.workspace, '.environments'))).toBe(false);
  });

  test('a module that does not exist ends the job with its name', async () => {
    const type = configure({ module_manager: 'lmod', environment_name: 'unused', modules: ['nowhere/1'] });
    const job = resource.start(type, { workspaceName: 'lmod-missing', machine: modules({}) });
    expect((await job.ended).code).toBe(1);
    expect(job.output).toContain('The module nowhere/1 could not be loaded');
  });

  test('with packages, conda makes the environment and pip fills it', async () => {
    // A stand-in made from conda's documented command line: info --base, create --prefix, and the function of conda.sh.
    const conda = [
      '#!/bin/bash',
      'base=$(dirname "$(dirname "$0")")/conda-base',
      'case $1 in',
      '  info) echo "$base" ;;',
      '  create)',
      '    printf "%s " "$@" >>"$UWS_WORKSPACE/conda.log"',
      '    mkdir -p "$5/bin" "$5/conda-meta" || exit',
      `    printf '#!/bin/sh\\nprintf "%%s\\\\n" "$@" >>"$UWS_WORKSPACE/pip.log"\\n' >"$5/bin/pip"`,
      `    printf '#!/bin/sh\\n[ "$CONDA_PREFIX" = "%s" ] && exec ${notebook} "$@"\\n' "$5" >"$5/bin/jupyter-notebook"`,
      '    chmod +x "$5/bin/pip" "$5/bin/jupyter-notebook" ;;',
      'esac',
    ].join('\n');
    const machine = modules({ conda, other: '' });
    const base = join(String(machine.MODULEPATH), '../conda-base/etc/profile.d');
    mkdirSync(base, { recursive: true });
    writeFileSync(join(base, 'conda.sh'), 'conda() { export CONDA_PREFIX="$2" PATH="$2/bin:$PATH"; }\n');
    const type = configure({
      module_manager: 'lmod',
      environment_name: 'science',
      modules: ['notebook'],
      python_version: 'python3.10',
      python_packages: ['jupyterlab', 'numpy<2; touch hit'],
    });
    const job = resource.start(type, { workspaceName: 'conda', machine });
    await expectSession(await job.ready(), job.workspace);
    expect(readFileSync(join(job.workspace, 'conda.log'), 'utf8')).toMatch(
      /^create --yes --quiet --prefix \S+ python=3\.10 pip $/,
    );
    expect(readFileSync(join(job.workspace, 'pip.log'), 'utf8')).toContain('\njupyterlab\nnumpy<2; touch hit\n');
    expect(existsSync(join(job.workspace, 'hit'))).toBe(false);
  });
});

describe('virtualenv', () => {
  const test = testWith(python, notebook);
  const offline = { PIP_NO_INDEX: '1', PIP_RETRIES: '0' };

  /** A real wheel, made here, whose only content is a `jupyter-notebook` that runs the installed one. */
  function wheel(): string {
    const path = join(resource.root, 'stub_jupyter-1.0-py3-none-any.whl');
    const build = [
      'import sys, zipfile',
      'w = zipfile.ZipFile(sys.argv[1], "w")',
      'd = "stub_jupyter-1.0.dist-info/"',
      'w.writestr(d + "METADATA", "Metadata-Version: 2.1\\nName: stub-jupyter\\nVersion: 1.0\\n")',
      'w.writestr(d + "WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")',
      's = zipfile.ZipInfo("stub_jupyter-1.0.data/scripts/jupyter-notebook")',
      's.external_attr = 0o100755 << 16',
      'w.writestr(s, sys.argv[2])',
      'w.writestr(d + "RECORD", "")',
    ].join('\n');
    execFileSync(python, ['-c', build, path, stub]);
    return path;
  }

  test('is made once, with the packages, by real venv and pip', { timeout: 60_000 }, async () => {
    const details = { module_manager: 'virtualenv', environment_name: 'env', python_version: 'python3' };
    const type = configure({ ...details, python_packages: [wheel()] });
    // Modules of Python in the workspace must not be taken for Python's own.
    for (const name of ['socket.py', 'venv.py', 'pip.py']) {
      writeFileSync(join(resource.workspace('venv'), name), 'raise SystemExit("taken from the workspace")\n');
    }
    const first = resource.start(type, { jobId: 1, workspaceName: 'venv', machine: offline });
    await expectSession(await first.ready(40_000), first.workspace);
    expect(first.output).toContain('Preparing the environment env');
    const second = resource.start(type, { jobId: 2, workspaceName: 'venv', machine: offline });
    await expectSession(await second.ready(), second.workspace);
    expect(second.output).not.toContain('Preparing the environment env');

    const more = configure({ ...details, python_packages: [wheel(), 'not-to-be-had'] });
    const third = resource.start(more, { jobId: 3, workspaceName: 'venv', machine: offline });
    expect((await third.ended).code).toBe(1);
    expect(third.output).toContain('The packages of the environment env could not be installed');
  });

  test('a Python that is not there is named', async () => {
    const type = configure({ module_manager: 'virtualenv', environment_name: 'env', python_version: '2.99' });
    const job = resource.start(type, { workspaceName: 'no-python', machine: bareMachine() });
    expect((await job.ended).code).toBe(127);
    expect(job.output).toContain('python2.99 is not installed');
  });
});
