import { resolve } from 'node:path';
import { baseDirectory, collectCandidates } from './candidates.js';
import { complete } from './complete.js';
import type { LoadedConfiguration, Machine, Origin } from './configuration.js';
import { readConfigurationFile } from './configuration-file.js';
import { configurationError, type Problem, problem } from './problem.js';
import { checkReferences } from './references.js';
import { type SettingValues, settings, settingsSchema } from './settings.js';

/** Where settings come from. */
export interface LoadInput {
  /** Settings from the command line, by key; `config` is the path of the file. */
  readonly options: Readonly<Record<string, string | undefined>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly machine: Machine;
}

/**
 * Reads the configuration from the command line, the environment and the file, in this order of precedence, and fills in
 * the rest. Nothing is written and nothing outside the file is opened.
 *
 * @throws AdapterError `misconfigured`; its message names, for everything that is wrong, the key, the value and what is allowed.
 */
export async function loadConfiguration({
  options,
  environment,
  cwd,
  machine,
}: LoadInput): Promise<LoadedConfiguration> {
  const path = options.config ?? (environment.UWS_CONFIG || undefined);
  const file = path === undefined ? undefined : await readConfigurationFile(resolve(cwd, path));
  const candidates = collectCandidates(options, environment, file, cwd);
  const values = checkedValues(candidates.values, candidates.origins);
  const storageBase = baseDirectory(candidates.origins.get('available_storage'), file, cwd);
  const { configuration, notices, problems } = complete(values, candidates.origins, machine, storageBase);
  const adapters = file?.adapters ?? {};
  problems.push(...checkReferences(configuration, candidates.origins, adapters));
  if (problems.length > 0) throw configurationError(problems);
  return {
    configuration,
    adapters,
    file: file?.path,
    given: candidates.values,
    origins: candidates.origins,
    notices: [...candidates.notices, ...notices],
  };
}

function checkedValues(values: Readonly<Record<string, unknown>>, origins: ReadonlyMap<string, Origin>): SettingValues {
  const result = settingsSchema.safeParse(values);
  if (result.success) return result.data;
  const problems: Problem[] = [];
  for (const issue of result.error.issues) {
    if (issue.code === 'unrecognized_keys') {
      const allowed = issue.path.length === 0 ? [...settings.keys()] : ['name', 'job_type', 'environment_details'];
      for (const name of issue.keys) {
        const path = [...issue.path, name];
        problems.push(describe(path, `is not a known key (allowed are ${allowed.join(', ')})`, values, origins));
      }
    } else {
      // A key of a record that is not a name: the message about the name is inside.
      const message =
        issue.code === 'invalid_key' ? `${issue.issues[0]?.message ?? 'must be a name'} here` : issue.message;
      problems.push(describe(issue.path, message, values, origins));
    }
  }
  throw configurationError(problems);
}

function describe(
  path: readonly PropertyKey[],
  message: string,
  values: Readonly<Record<string, unknown>>,
  origins: ReadonlyMap<string, Origin>,
): Problem {
  let value: unknown = values;
  for (const part of path) value = typeof value === 'object' && value !== null ? Reflect.get(value, part) : undefined;
  const place = origins.get(String(path[0]))?.place ?? 'by default';
  return problem(path.map(String).join('.'), message, value, place);
}
