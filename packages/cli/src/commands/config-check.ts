import type { LoadedConfiguration } from '../configuration/configuration.js';
import { effectiveSettings } from '../configuration/effective.js';

/** The configuration that holds and where each value comes from, for people. */
export function renderCheck(loaded: LoadedConfiguration): string {
  const rows = effectiveSettings(loaded).map(({ key, value, from }) => [key, JSON.stringify(value), from] as const);
  const widths = [0, 1].map((column) => Math.min(60, Math.max(...rows.map((row) => row[column]?.length ?? 0))));
  const lines = rows.map(
    ([key, value, from]) => `${key.padEnd(widths[0] ?? 0)}  ${value.padEnd(widths[1] ?? 0)}  ${from}`,
  );
  const notices = loaded.notices.map(({ level, message }) => `${level === 'warn' ? 'Warning: ' : 'Note: '}${message}`);
  const verdict = `The configuration is valid (${loaded.file ?? 'no file'}).`;
  return `${[...lines, '', ...notices, verdict].join('\n')}\n`;
}

/** The same for programs. */
export function renderCheckJson(loaded: LoadedConfiguration): string {
  const answer = {
    valid: true,
    file: loaded.file ?? null,
    settings: effectiveSettings(loaded),
    notices: loaded.notices,
  };
  return `${JSON.stringify(answer, null, 2)}\n`;
}
