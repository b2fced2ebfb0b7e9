import type { JobRecipe, JobType, JobTypeKind, LaunchFile, SessionActivity } from '@user-workspaces/contract';
import * as z from 'zod';
import { absolutePath, line, oldTimeLimit, readConfiguration } from './configuration.js';
import { script, sessionScript } from './script.js';

const environmentName = z
  .string('must be a text')
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be a plain name of letters, digits, ".", "_" and "-"');
const pythonVersion = z
  .string('must be a text')
  .regex(
    /^(?:(?:python)?[0-9]+(?:\.[0-9]+){0,2}|\/[^\p{Cc}]+)$/u,
    'must be a Python such as "python3.10" or "3.10", or the absolute path of one',
  );
const moduleName = z
  .string('must be a text')
  .regex(/^[A-Za-z0-9][A-Za-z0-9._+/@-]*$/, 'must be the name of a module, such as "python/3.10"');
const pythonPackage = line().regex(/^[^-\s]/, 'must be a package, not an option');

/** Keys that the old service takes with any module manager. */
const shared = {
  module_manager: z.enum(['tar', 'lmod', 'virtualenv', 'system'], {
    error: 'must be one of "tar", "lmod", "virtualenv", "system"',
  }),
  environment_name: environmentName.optional(),
  python_version: pythonVersion.optional(),
  modules: z.array(moduleName, 'must be a list of modules').optional(),
  python_packages: z.array(pythonPackage, 'must be a list of packages').optional(),
  tar_file_path: absolutePath().optional(),
  time_limit: oldTimeLimit.optional(),
};

const managers = {
  tar: z.strictObject({ ...shared, environment_name: environmentName, tar_file_path: absolutePath() }),
  lmod: z.strictObject({
    ...shared,
    environment_name: environmentName,
    modules: z.array(moduleName, 'must be a list of modules').min(1, 'must name at least one module'),
  }),
  // In the old service's example the packages of a virtual environment stand under `modules`.
  virtualenv: z.strictObject({
    ...shared,
    environment_name: environmentName,
    python_version: pythonVersion,
    modules: z.array(pythonPackage, 'must be a list of packages').optional(),
  }),
  system: z.strictObject({ ...shared, command: absolutePath().optional() }),
};

const startFile = script('jupyter.sh', 'start.sh');
/** Makes Notebook 6 open `/tree//<file>`, as portals write it. */
const extensionFiles = [script('uws_double_slash.py'), script('jupyter_notebook_config.json')];
const environmentFile = script('environment.sh');
const managerFiles = {
  tar: script('module-manager-tar.sh', 'module-manager.sh'),
  lmod: script('module-manager-lmod.sh', 'module-manager.sh'),
  virtualenv: script('module-manager-virtualenv.sh', 'module-manager.sh'),
  system: script('module-manager-system.sh', 'module-manager.sh'),
};

const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
const kernels = z.array(z.object({ last_activity: time, execution_state: z.string() }));
const terminals = z.array(z.object({ last_activity: time.optional() }));
const newest = (times: readonly number[]): number | null => (times.length === 0 ? null : Math.max(...times));

/** An open page asks for lists by itself: only what changes something, the messages of kernels and terminals, and kernels at work count. */
const activity: SessionActivity = {
  traffic: ['writes', 'sockets'],
  questions: [
    {
      path: '/api/kernels',
      read(value) {
        const list = kernels.parse(value);
        const busy = list.filter(({ execution_state }) => execution_state === 'busy').length;
        if (busy > 0)
          return { kind: 'busy', reason: busy === 1 ? 'A kernel is at work.' : `${busy} kernels are at work.` };
        return { kind: 'idle', lastUsedAtMs: newest(list.map(({ last_activity }) => last_activity)) };
      },
    },
    {
      path: '/api/terminals',
      read: (value) => ({
        kind: 'idle',
        lastUsedAtMs: newest(terminals.parse(value).flatMap(({ last_activity }) => last_activity ?? [])),
      }),
    },
  ],
};

/** `python3.10` and `3.10` name the same program; a path is left alone. */
const pythonProgram = (version: string): string => (/^[0-9]/.test(version) ? `python${version}` : version);

function jupyter(
  shell: '/bin/sh' | '/bin/bash',
  files: readonly LaunchFile[],
  environment: Readonly<Record<string, string>>,
): JobType {
  return {
    activity,
    recipe: ({ basePath, sessionToken }): JobRecipe => ({
      command: [shell, '{job_directory}/start.sh'],
      files: [startFile, sessionScript, ...extensionFiles, ...files],
      environment: { ...environment, UWS_BASE_PATH: basePath, JUPYTER_TOKEN: sessionToken },
      session: {
        basePath: 'keep',
        // Gives the version, to anybody: answers once the server is up, without the token.
        readiness: { path: '/api', statuses: [200, 200] },
        query: { token: sessionToken },
      },
    }),
  };
}

/**
 * JupyterLab, or what Jupyter the environment holds: Notebook (6 or 7) or Jupyter Server, in this order.
 *
 * `module_manager` says where it comes from: `tar` (a packed conda environment), `lmod` (modules, with `python_packages` also an environment
 * of its own), `virtualenv` (with `python_packages`, by default JupyterLab), `system` (what is installed; `command` may name a program).
 * Environments are made once per workspace, in `.environments/<environment_name>`; a new `environment_name` makes a new one.
 *
 * @example
 * jupyterLabJob.configure({ module_manager: 'system' }, 'available_job_types.jupyter_lab.environment_details.local');
 */
export const jupyterLabJob: JobTypeKind = {
  kind: 'JupyterLabJob',
  configure(details, where) {
    const { module_manager: manager } = readConfiguration(
      z.object(shared).pick({ module_manager: true }),
      details,
      where,
    );
    switch (manager) {
      case 'system': {
        const { command } = readConfiguration(managers.system, details, where);
        return jupyter('/bin/sh', [managerFiles.system], command === undefined ? {} : { UWS_JUPYTER_COMMAND: command });
      }
      case 'tar': {
        const settings = readConfiguration(managers.tar, details, where);
        // The activation scripts of conda are written for bash.
        return jupyter('/bin/bash', [environmentFile, managerFiles.tar], {
          UWS_ENVIRONMENT_NAME: settings.environment_name,
          UWS_TAR_FILE: settings.tar_file_path,
        });
      }
      case 'lmod': {
        const settings = readConfiguration(managers.lmod, details, where);
        const python = pythonProgram(settings.python_version ?? 'python3');
        return jupyter('/bin/bash', [environmentFile, managerFiles.lmod], {
          UWS_ENVIRONMENT_NAME: settings.environment_name,
          UWS_MODULES: settings.modules.join('\n'),
          UWS_PYTHON: python,
          UWS_CONDA_PYTHON: python.replace(/^python(?=[0-9])/, 'python='),
          UWS_PYTHON_PACKAGES: (settings.python_packages ?? []).join('\n'),
        });
      }
      case 'virtualenv': {
        const settings = readConfiguration(managers.virtualenv, details, where);
        const listed = [...(settings.modules ?? []), ...(settings.python_packages ?? [])];
        const unset = settings.modules === undefined && settings.python_packages === undefined;
        return jupyter('/bin/sh', [environmentFile, managerFiles.virtualenv], {
          UWS_ENVIRONMENT_NAME: settings.environment_name,
          UWS_PYTHON: pythonProgram(settings.python_version),
          UWS_PYTHON_PACKAGES: (unset ? ['jupyterlab'] : listed).join('\n'),
        });
      }
    }
  },
};
