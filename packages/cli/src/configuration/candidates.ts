import { resolve } from 'node:path';
import type { Notice, Origin } from './configuration.js';
import type { ConfigurationFile } from './configuration-file.js';
import { environmentName, settings } from './settings.js';

/** What was set and where, before anything is checked. */
export interface Candidates {
  readonly values: Readonly<Record<string, unknown>>;
  readonly origins: ReadonlyMap<string, Origin>;
  readonly notices: readonly Notice[];
}

/** Where relative paths of a value start. */
export function baseDirectory(origin: Origin | undefined, file: ConfigurationFile | undefined, cwd: string): string {
  return origin?.source === 'file' && file ? file.directory : cwd;
}

/** Collects settings: the command line beats the environment, the environment the file. An empty variable counts as unset. */
export function collectCandidates(
  options: Readonly<Record<string, string | undefined>>,
  environment: Readonly<Record<string, string | undefined>>,
  file: ConfigurationFile | undefined,
  cwd: string,
): Candidates {
  const values: Record<string, unknown> = { ...file?.content };
  const origins = new Map<string, Origin>();
  for (const key of Object.keys(values)) origins.set(key, { source: 'file', place: `in ${file?.path}` });
  for (const [key, description] of settings) {
    const name = environmentName(key);
    const option = options[key];
    const variable = environment[name];
    if (option !== undefined) {
      values[key] = description.fromText(option);
      const flag = description.option?.split(' ')[0] ?? key;
      origins.set(key, { source: 'option', place: `${flag} on the command line` });
    } else if (variable !== undefined && variable !== '') {
      values[key] = description.fromText(variable);
      origins.set(key, { source: 'environment', place: `${name} in the environment` });
    }
    const value = values[key];
    if (description.isPath && typeof value === 'string') {
      values[key] = resolve(baseDirectory(origins.get(key), file, cwd), value);
    }
  }
  return { values, origins, notices: unknownVariables(environment) };
}

/** A misspelt variable would otherwise be silently without effect. */
function unknownVariables(environment: Readonly<Record<string, string | undefined>>): Notice[] {
  const known = new Set(['UWS_CONFIG', ...[...settings.keys()].map(environmentName)]);
  return Object.keys(environment)
    .filter((name) => name.startsWith('UWS_') && !known.has(name))
    .sort()
    .map((name) => ({ level: 'warn', message: `${name} in the environment is not a setting and has no effect.` }));
}
