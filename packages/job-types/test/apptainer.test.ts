import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect } from 'vitest';
import { appyterJob, localTestJob, yacJob } from '../src/index.js';
import { testWith } from './support/needs.js';
import { type Job, makeDirectory, Resource, secret, until, writeProgram } from './support/resource.js';

const resource = new Resource();
afterAll(() => resource.close());
const test = testWith('/usr/bin/python3');

const standIn = writeProgram(
  join(resource.root, 'bin', 'apptainer'),
  `#!/usr/bin/python3 -I
# A stand-in for Apptainer, made from its documented command line: apptainer run [--writable-tmpfs] [--bind source:target]... IMAGE.
# It records how it was called and then serves HTTP, as the images do that it would run.
import http.server, json, os, sys

arguments = sys.argv[1:]
binds = [arguments[i + 1].split(":") for i, a in enumerate(arguments) if a == "--bind"]
assert arguments[0] == "run" and os.path.isfile(arguments[-1]) and all(len(b) == 2 and os.path.exists(b[0]) for b in binds)
with open(os.path.join(os.environ["UWS_JOB_DIRECTORY"], "called.json"), "w") as file:
    json.dump({"arguments": arguments, "environment": dict(os.environ), "cwd": os.getcwd()}, file)

port = int(os.environ.get("APPYTER_PORT") or os.environ["YAC_PORT"])
http.server.HTTPServer(("127.0.0.1", port), http.server.SimpleHTTPRequestHandler).serve_forever()
`,
);
const machine = { PATH: `${join(standIn, '..')}:/usr/bin:/bin` };
const image = join(makeDirectory(join(resource.root, "image's dir")), '-$(touch hit).sif');
writeFileSync(image, '');

interface Call {
  readonly arguments: readonly string[];
  readonly environment: Record<string, string>;
  readonly cwd: string;
}
const called = (job: Job): Call => JSON.parse(readFileSync(join(job.directory, 'called.json'), 'utf8')) as Call;

describe('Appyter', () => {
  const type = appyterJob.configure({ sif_file_path: image }, 'appyter');

  test('runs the image over the workspace on the reported port', async () => {
    const job = resource.start(type, { workspaceName: "it's $(touch hit) mine", machine, basePath: '/p/{host}/1' });
    const base = await job.ready();
    const { port, path } = await job.report();
    expect(path).toBe('/');
    expect(base).toContain(`:${port}/p/127.0.0.1/1`);
    const call = called(job);
    expect(call.arguments).toEqual(['run', '--writable-tmpfs', image]);
    expect(call.cwd).toBe(job.workspace);
    expect(call.environment).toMatchObject({
      APPYTER_DATA_DIR: job.workspace,
      APPTAINERENV_APPYTER_DATA_DIR: job.workspace,
      APPYTER_PORT: String(port),
      APPTAINERENV_APPYTER_PORT: String(port),
      APPYTER_PREFIX: '/p/127.0.0.1/1/',
    });
    expect(JSON.stringify(call.environment)).not.toContain(secret);
    expect(readdirSync(job.workspace)).toEqual(['.1']);
    expect((await job.terminate()).signal).toBe('SIGTERM');
  });

  test('says what is missing', async () => {
    const bare = resource.start(type, { workspaceName: 'bare', machine: { PATH: '/usr/bin:/bin' } });
    expect((await bare.ended).code).toBe(127);
    expect(bare.output).toBe('apptainer is not installed here, and Appyter jobs need it.\n');
    const absent = resource.start(appyterJob.configure({ sif_file_path: '/no.sif' }, 'x'), {
      workspaceName: 'bare',
      machine,
    });
    expect((await absent.ended).code).toBe(66);
    expect(absent.output).toContain('The image /no.sif does not exist');
  });
});

describe('YAC', () => {
  const details = {
    sif_file_path: image,
    backend_url: 'https://llm.example',
    data_manifest_path: 'manifest.json',
    jwt_secret_key: 'the-key-itself',
  };
  const type = yacJob.configure(details, 'yac');

  test('runs the image with its build directory and its settings', async () => {
    const job = resource.start(type, { workspaceName: 'yac', machine, basePath: '/p/{host}/1' });
    expect((await fetch(await job.ready())).status).toBe(200);
    const call = called(job);
    expect(call.arguments).toEqual([
      'run',
      '--writable-tmpfs',
      '--bind',
      `${job.directory}/build:/app/dist`,
      '--bind',
      `${job.directory}/.env:/app/.env`,
      image,
    ]);
    expect(readdirSync(join(job.directory, 'build'))).toEqual([]);
    expect(call.environment.YAC_PORT).toBe(String((await job.report()).port));
    expect(JSON.stringify(call)).not.toContain('the-key-itself');
    expect(JSON.stringify(call.environment)).not.toContain('VITE_');
  });

  test('a path that apptainer would split is refused', async () => {
    const job = resource.start(type, { workspaceName: 'a:b', machine });
    expect((await job.ended).code).toBe(65);
    expect(job.output).toContain('a colon or a comma');
  });

  test('a build directory that is there already is not trusted', async () => {
    mkdirSync(join(resource.workspace('again'), '.9/build'), { recursive: true });
    const job = resource.start(type, { jobId: 9, workspaceName: 'again', machine });
    expect((await job.ended).code).toBe(1);
    expect(existsSync(join(job.directory, 'report'))).toBe(false);
  });
});

describe('local test', () => {
  test('writes its greeting, reports nothing and goes on for ten seconds', { timeout: 15_000 }, async () => {
    const begunMs = Date.now();
    const job = resource.start(localTestJob.configure({}, 'test'), { jobId: 41, workspaceName: 'local' });
    const output = join(job.directory, 'LocalTest_41_output.log');
    await until(
      () => (existsSync(output) ? true : undefined),
      2_000,
      () => job.output,
    );
    expect(await job.ended).toEqual({ code: 0, signal: null });
    expect(Date.now() - begunMs).toBeGreaterThanOrEqual(10_000);
    expect(readFileSync(output, 'utf8')).toBe('Hello World\n');
    expect(readdirSync(job.directory).sort()).toEqual(['LocalTest_41_output.log', 'start.sh']);
  });
});
