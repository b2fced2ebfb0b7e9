import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { AdapterError, type JobRequest } from '@user-workspaces/contract';
import { describe, expect, test } from 'vitest';
import { jobTypeKinds, jupyterLabJob, localTestJob, terminalJob, webApplicationJob, yacJob } from '../src/index.js';

const request: JobRequest = {
  jobId: 7,
  jobDetails: {},
  workspacePath: '/data/ada/3',
  username: 'ada',
  nowMs: 1_700_000_000_999,
  sessionToken: 'token',
  basePath: '/passthrough/{host}/7',
};
const where = 'available_job_types.x.environment_details.main';
const jwtKey = "secret'key";
const yac = {
  sif_file_path: '/i.sif',
  backend_url: 'https://llm.example/v1',
  data_manifest_path: 'data/manifest.json',
  jwt_secret_key: jwtKey,
};
const valid: Record<string, Record<string, unknown>> = {
  JupyterLabJob: { module_manager: 'system' },
  AppyterJob: { sif_file_path: '/i.sif' },
  YACJob: yac,
  LocalTestJob: {},
  TerminalJob: {},
  WebApplicationJob: { command: ['true'] },
};

function thrown(run: () => unknown): AdapterError {
  try {
    run();
  } catch (error) {
    if (error instanceof AdapterError) return error;
    throw error;
  }
  throw new Error('Nothing was thrown.');
}

test('there is one kind for each word of the configuration', () => {
  expect(jobTypeKinds.map(({ kind }) => kind)).toEqual(Object.keys(valid));
});

test.for(jobTypeKinds)('$kind refuses a key that it does not know', (kind) => {
  const error = thrown(() => kind.configure({ ...valid[kind.kind], nonsense: 1 }, where));
  expect(error).toMatchObject({ kind: 'misconfigured', field: `${where}.nonsense` });
  expect(error.message).toContain('is not a known key. Allowed here: ');
});

describe('the configuration of the old service', () => {
  test("its example's virtual environment is accepted, packages under modules", () => {
    const example = {
      python_version: 'python3.10',
      module_manager: 'virtualenv',
      modules: ['jupyterlab'],
      time_limit: '60',
      environment_name: 'JupyterLabJob',
    };
    const { environment } = jupyterLabJob.configure(example, where).recipe(request);
    expect(environment).toMatchObject({ UWS_PYTHON: 'python3.10', UWS_PYTHON_PACKAGES: 'jupyterlab' });
  });

  test('the local test job serves no session', () => {
    expect(localTestJob.configure({}, where).recipe(request).session).toBeUndefined();
  });

  const base = { environment_name: 'e' };
  test.for<[kind: typeof jupyterLabJob, details: Record<string, unknown>, field: string, message: string]>([
    [jupyterLabJob, {}, 'module_manager', 'must be one of "tar", "lmod", "virtualenv", "system", but it is absent.'],
    [jupyterLabJob, { module_manager: 'rpm' }, 'module_manager', 'but it is "rpm".'],
    [jupyterLabJob, { ...base, module_manager: 'tar' }, 'tar_file_path', 'but it is absent.'],
    [
      jupyterLabJob,
      { ...base, module_manager: 'tar', tar_file_path: 'x' },
      'tar_file_path',
      'absolute path, but it is "x".',
    ],
    [jupyterLabJob, { ...base, module_manager: 'lmod', modules: [] }, 'modules', 'at least one module'],
    [jupyterLabJob, { ...base, module_manager: 'lmod', modules: ['-f'] }, 'modules.0', 'name of a module'],
    [jupyterLabJob, { ...base, module_manager: 'virtualenv' }, 'python_version', 'but it is absent.'],
    [jupyterLabJob, { ...base, module_manager: 'virtualenv', python_version: '3;ls' }, 'python_version', '"3;ls"'],
    [
      jupyterLabJob,
      { ...base, module_manager: 'virtualenv', python_version: '3', python_packages: ['--index-url=x'] },
      'python_packages.0',
      'not an option',
    ],
    [
      jupyterLabJob,
      { module_manager: 'tar', environment_name: '../x', tar_file_path: '/x' },
      'environment_name',
      'plain name',
    ],
    [jupyterLabJob, { module_manager: 'system', time_limit: 'long' }, 'time_limit', 'number of minutes'],
    [yacJob, { ...yac, backend_url: 'https://x\nVITE_AUTH_TOKEN=mine' }, 'backend_url', 'one line'],
    [yacJob, { ...yac, data_manifest_path: 'a"b' }, 'data_manifest_path', 'must not hold'],
    [webApplicationJob, {}, 'command', 'but it is absent.'],
    [webApplicationJob, { command: 'rm -rf /' }, 'command', 'a list of texts'],
    [webApplicationJob, { command: ['--x'] }, 'command', 'must begin with a program'],
    [webApplicationJob, { command: ['x'], environment: { UWS_SECRET: '1' } }, 'environment.UWS_SECRET', 'UWS_'],
    [
      webApplicationJob,
      { command: ['x'], readiness_statuses: [500, 200] },
      'readiness_statuses',
      'but it is [500,200].',
    ],
    [webApplicationJob, { command: ['x'], base_path: 'drop' }, 'base_path', '"keep" or "strip"'],
  ])('a mistake is named: $2 $1', ([kind, details, field, message]) => {
    const error = thrown(() => kind.configure(details, where));
    expect(error).toMatchObject({ kind: 'misconfigured', field: `${where}.${field}` });
    expect(error.message).toContain(`${where}.${field} `);
    expect(error.message).toContain(message);
  });
});

describe('YAC', () => {
  test('puts a token for six hours, signed with the key, into a file of its own, and the key nowhere', () => {
    const recipe = yacJob.configure(yac, where).recipe(request);
    const settings = recipe.files.find(({ name }) => name === '.env');
    expect(settings?.mode).toBe(0o600);
    const token = /^VITE_AUTH_TOKEN=(.*)$/m.exec(settings?.content ?? '')?.[1] ?? '';
    const [header = '', claims = '', signature] = token.split('.');
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ alg: 'HS256', typ: 'JWT' });
    const times = { iat: 1_700_000_000, exp: 1_700_021_600 };
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toEqual(times);
    expect(signature).toBe(createHmac('sha256', jwtKey).update(`${header}.${claims}`).digest('base64url'));
    expect(settings?.content).toBe(
      [
        'VITE_LLM_API_BASE_URL=https://llm.example/v1',
        'VITE_LLM_API_PORT=443',
        'VITE_DATA_PACKAGE_PATH=data/manifest.json',
        'VITE_PRODUCTION=true',
        `VITE_AUTH_TOKEN=${token}`,
        '',
      ].join('\n'),
    );
    expect(JSON.stringify(recipe)).not.toContain(jwtKey);
  });

  test('a wrong key is not shown', () => {
    const error = thrown(() => yacJob.configure({ ...yac, jwt_secret_key: 424242 }, where));
    expect(error.message).toContain('jwt_secret_key must be a text');
    expect(error.message).not.toContain('424242');
  });
});

describe('a command from the request', () => {
  const allowed = webApplicationJob.configure({ command: ['default'], allow_command: true }, where);
  const fixed = webApplicationJob.configure({ command: ['default'] }, where);
  const withCommand = (command: unknown): JobRequest => ({ ...request, jobDetails: { command } });

  test('is taken only where the operator allows it', () => {
    expect(allowed.recipe(withCommand(['a', '$(b)'])).command.slice(2)).toEqual(['a', '$(b)']);
    expect(allowed.recipe(request).command.slice(2)).toEqual(['default']);
    expect(fixed.recipe(request).command.slice(2)).toEqual(['default']);
    const error = thrown(() => fixed.recipe(withCommand(['a'])));
    expect(error).toMatchObject({ kind: 'invalid', field: 'job_details.command' });
  });

  test.for([
    [[]],
    ['ls'],
    [['']],
    [['-c', 'ls']],
    [['a\0b']],
    [[1]],
    [null],
    [['x'.repeat(70_000)]],
    [Array(300).fill('x')],
  ])('is refused when it is no command: %j', ([command]) => {
    const error = thrown(() => allowed.recipe(withCommand(command)));
    expect(error).toMatchObject({ kind: 'invalid', field: 'job_details.command' });
  });
});

test('the token of a session is in no command line', () => {
  const types = [terminalJob, jupyterLabJob, webApplicationJob].map((kind) =>
    kind.configure(valid[kind.kind] ?? {}, where),
  );
  for (const type of types)
    expect(type.recipe({ ...request, sessionToken: 'T0K3N' }).command.join(' ')).not.toContain('T0K3N');
});

test('no script runs a value as shell text', () => {
  const directory = fileURLToPath(new URL('../scripts/', import.meta.url));
  for (const name of readdirSync(directory).filter((name) => name.endsWith('.sh'))) {
    expect(readFileSync(directory + name, 'utf8'), name).not.toMatch(/\beval\b|\bsh -c\b|`/);
    const shells = name.includes('lmod') || name.includes('tar') ? ['bash'] : ['sh', 'bash'];
    for (const shell of shells) execFileSync(shell, ['-n', directory + name]);
    expect(statSync(directory + name).isFile()).toBe(true);
  }
});
