import type { JobTypeKind } from '@user-workspaces/contract';
import type { AdapterUnderTest, JobTypeCapability, JobTypeWorld } from '@user-workspaces/testkit';
import { appyterJob, jupyterLabJob, localTestJob, terminalJob, webApplicationJob, yacJob } from '../src/index.js';

type Adapter = AdapterUnderTest<JobTypeWorld, JobTypeCapability>;

/** A kind as it is, or altered, for tests of the tests. */
export function jobType(
  name: string,
  kind: JobTypeKind,
  world: Omit<JobTypeWorld, 'kind' | 'close'>,
  differences?: Adapter['differences'],
): Adapter {
  return { name, open: async () => ({ ...world, kind, close: async () => {} }), ...(differences && { differences }) };
}

const base = { environment_name: 'e' };
const image = { sif_file_path: '/images/i.sif' };

/** What most kinds lack. */
export const readsNoDetails = { refuses_details: 'It reads nothing of job_details.' };

const noFields: JobTypeWorld['rightDetails'] = [{}];

export const yacWorld = {
  rightDetails: noFields,
  details: {
    ...image,
    backend_url: 'https://llm.example/v1',
    data_manifest_path: 'data/manifest.json',
    jwt_secret_key: "secret'key",
  },
  mistakes: [
    { details: { ...image }, key: 'backend_url' },
    { details: { ...image, backend_url: 'https://x\nVITE_AUTH_TOKEN=mine' }, key: 'backend_url' },
  ],
  secretKeys: ['jwt_secret_key'],
};

export const webApplicationWorld = {
  rightDetails: noFields,
  details: { command: ['serve', '{port}'], environment: { COLOUR: 'red' }, readiness_path: '/ready' },
  mistakes: [
    { details: {}, key: 'command' },
    { details: { command: 'rm -rf /' }, key: 'command' },
    { details: { command: ['--x'] }, key: 'command' },
    { details: { command: ['x'], environment: { UWS_SECRET: '1' } }, key: 'environment.UWS_SECRET' },
    { details: { command: ['x'], nonsense: 1 }, key: 'nonsense' },
  ],
  refused: [{ jobDetails: { command: ['ls'] }, field: 'job_details.command' }],
};

const longWords: readonly unknown[] = ['ls', [''], ['-c', 'ls'], ['a\0b'], [1], null, [], ['x'.repeat(70_000)]];

export const webApplicationOfRequestsWorld = {
  ...webApplicationWorld,
  rightDetails: [{}, { command: ['serve', '--port', '{port}', 'page.html'] }] satisfies JobTypeWorld['rightDetails'],
  details: { ...webApplicationWorld.details, allow_command: true },
  refused: longWords.map((command) => ({ jobDetails: { command }, field: 'job_details.command' })),
};

const at = '2026-01-02T03:04:05.678Z';
const kernel = { id: 'a1', name: 'python3', connections: 1, last_activity: at };

/** What Jupyter Server 2 answers at these paths. */
export const jupyterAnswers: JobTypeWorld['answers'] = [
  { path: '/api/kernels', answer: [], use: { kind: 'idle', lastUsedAtMs: null } },
  {
    path: '/api/kernels',
    answer: [{ ...kernel, execution_state: 'idle' }],
    use: { kind: 'idle', lastUsedAtMs: Date.parse(at) },
  },
  {
    path: '/api/kernels',
    answer: [
      { ...kernel, execution_state: 'busy' },
      { ...kernel, execution_state: 'starting' },
    ],
    use: { kind: 'busy', reason: 'A kernel is at work.' },
  },
  {
    path: '/api/terminals',
    answer: [{ name: '1', last_activity: at }],
    use: { kind: 'idle', lastUsedAtMs: Date.parse(at) },
  },
];

const managers: Readonly<Record<string, Pick<JobTypeWorld, 'details' | 'mistakes'>>> = {
  system: {
    details: { module_manager: 'system', command: '/usr/bin/jupyter-lab' },
    mistakes: [
      { details: {}, key: 'module_manager' },
      { details: { module_manager: 'system', time_limit: 'long' }, key: 'time_limit' },
    ],
  },
  tar: {
    details: { ...base, module_manager: 'tar', tar_file_path: '/environments/e.tar.gz' },
    mistakes: [
      { details: { ...base, module_manager: 'tar', tar_file_path: 'x' }, key: 'tar_file_path' },
      { details: { environment_name: '../x', module_manager: 'tar', tar_file_path: '/x' }, key: 'environment_name' },
    ],
  },
  lmod: {
    details: { ...base, module_manager: 'lmod', modules: ['python/3.10'], python_packages: ['numpy'] },
    mistakes: [{ details: { ...base, module_manager: 'lmod', modules: ['-f'] }, key: 'modules.0' }],
  },
  virtualenv: {
    details: { ...base, module_manager: 'virtualenv', python_version: 'python3.10', python_packages: ['jupyterlab'] },
    mistakes: [
      { details: { ...base, module_manager: 'virtualenv', python_version: '3;ls' }, key: 'python_version' },
      {
        details: { ...base, module_manager: 'virtualenv', python_version: '3', python_packages: ['--index-url=x'] },
        key: 'python_packages.0',
      },
    ],
  },
};

const unknownKey = [{ details: { nonsense: 1 }, key: 'nonsense' }];

/** Every kind of this package, each way that it can be configured. */
export const shippedJobTypes: readonly Adapter[] = [
  ...Object.entries(managers).map(([name, world]) =>
    jobType(
      `JupyterLabJob, ${name}`,
      jupyterLabJob,
      { ...world, rightDetails: noFields, answers: jupyterAnswers },
      readsNoDetails,
    ),
  ),
  jobType(
    'AppyterJob',
    appyterJob,
    {
      rightDetails: noFields,
      details: image,
      mistakes: [
        { details: {}, key: 'sif_file_path' },
        { details: { sif_file_path: 'relative' }, key: 'sif_file_path' },
      ],
    },
    readsNoDetails,
  ),
  jobType('YACJob', yacJob, yacWorld, readsNoDetails),
  jobType(
    'TerminalJob',
    terminalJob,
    {
      rightDetails: noFields,
      details: {},
      mistakes: unknownKey,
      answers: [
        {
          path: '/activity',
          answer: { busy: 'vim', last_used_ms: 1 },
          use: { kind: 'busy', reason: 'vim runs in a terminal.' },
        },
        { path: '/activity', answer: { busy: null, last_used_ms: 5 }, use: { kind: 'idle', lastUsedAtMs: 5 } },
        { path: '/activity', answer: { busy: null, last_used_ms: null }, use: { kind: 'idle', lastUsedAtMs: null } },
      ],
    },
    readsNoDetails,
  ),
  jobType('WebApplicationJob', webApplicationJob, webApplicationWorld),
  jobType('WebApplicationJob, allow_command', webApplicationJob, webApplicationOfRequestsWorld, {
    fixed_command: 'The operator lets requests bring their command (`allow_command`).',
  }),
  jobType(
    'LocalTestJob',
    localTestJob,
    { rightDetails: noFields, details: {}, mistakes: unknownKey },
    { ...readsNoDetails, session: 'It writes a line to a file and ends.' },
  ),
];
