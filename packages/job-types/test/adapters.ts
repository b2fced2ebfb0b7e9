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

export const yacWorld = {
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
  details: { ...webApplicationWorld.details, allow_command: true },
  refused: longWords.map((command) => ({ jobDetails: { command }, field: 'job_details.command' })),
};

const managers: Readonly<Record<string, Omit<JobTypeWorld, 'kind' | 'close'>>> = {
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
  ...Object.entries(managers).map(([name, world]) => jobType(`JupyterLabJob, ${name}`, jupyterLabJob, world)),
  jobType('AppyterJob', appyterJob, {
    details: image,
    mistakes: [
      { details: {}, key: 'sif_file_path' },
      { details: { sif_file_path: 'relative' }, key: 'sif_file_path' },
    ],
  }),
  jobType('YACJob', yacJob, yacWorld),
  jobType('TerminalJob', terminalJob, { details: {}, mistakes: unknownKey }),
  jobType('WebApplicationJob', webApplicationJob, webApplicationWorld),
  jobType('WebApplicationJob, allow_command', webApplicationJob, webApplicationOfRequestsWorld, {
    fixed_command: 'The operator lets requests bring their command (`allow_command`).',
  }),
  jobType(
    'LocalTestJob',
    localTestJob,
    { details: {}, mistakes: unknownKey },
    { session: 'It writes a line to a file and ends.' },
  ),
];
