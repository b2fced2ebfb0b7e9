import type { TerminalRuntime } from '@user-workspaces/job-types';
import { filesProgramPlaceholder, nodePlaceholder } from './default-sections.js';

type Details = Readonly<Record<string, unknown>>;

/** Puts the paths of the programs that the server brings for jobs into the `command` of a job type. */
export function fillPlaceholders(details: Details, runtime: TerminalRuntime): Details {
  const { command } = details;
  if (!Array.isArray(command)) return details;
  const paths = new Map([
    [nodePlaceholder, runtime.node],
    [filesProgramPlaceholder, runtime.filesProgram],
  ]);
  return {
    ...details,
    command: command.map((part: unknown) => (typeof part === 'string' ? (paths.get(part) ?? part) : part)),
  };
}
