import type { LoadedConfiguration } from './configuration.js';
import { masked } from './secrets.js';
import { settings } from './settings.js';

/** One value that holds, and why. */
export interface EffectiveSetting {
  /** Such as `port` or `available_storage.main_storage.root_dir`. */
  readonly key: string;
  /** Masked where it is a secret. */
  readonly value: unknown;
  readonly source: 'default' | 'file' | 'environment' | 'option';
  /** Such as `UWS_PORT in the environment`; `default`. */
  readonly from: string;
}

/** The configuration that holds, in the order of the table of settings: one entry per value, secrets masked. */
export function effectiveSettings({ configuration, given, origins }: LoadedConfiguration): EffectiveSetting[] {
  const values = new Map<string, unknown>(Object.entries(configuration));
  return [...settings.keys()].flatMap((key) => {
    const origin = origins.get(key);
    return leaves([key], values.get(key)).map(([path, value]): EffectiveSetting => {
      const name = path.join('.');
      const isGiven = origin !== undefined && isPresent(given, path);
      return {
        key: name,
        value: masked(name, value),
        source: isGiven ? origin.source : 'default',
        from: isGiven ? origin.place : 'default',
      };
    });
  });
}

/** The innermost values; lists of texts stay whole. */
function leaves(path: readonly string[], value: unknown): [readonly string[], unknown][] {
  const isPlain = typeof value !== 'object' || value === null;
  if (isPlain || (Array.isArray(value) && value.every((item) => typeof item !== 'object'))) {
    return [[path, value ?? null]];
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return [[path, value]];
  return entries.filter(([, item]) => item !== undefined).flatMap(([name, item]) => leaves([...path, name], item));
}

function isPresent(given: unknown, path: readonly string[]): boolean {
  let value = given;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return false;
    value = Reflect.get(value, part);
  }
  return true;
}
