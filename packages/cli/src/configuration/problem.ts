import { AdapterError } from '@user-workspaces/contract';
import { shownValue } from './secrets.js';

/** Where a setting's value came from. */
export type Source = 'default' | 'file' | 'environment' | 'option';

/** One thing that is wrong with the configuration. */
export interface Problem {
  /** Key as in the file, such as `available_storage.main_storage.root_dir`. */
  readonly key: string;
  /** A full sentence that names the key, the value and what is allowed. */
  readonly sentence: string;
}

/**
 * @param message Says what is allowed; the key is its subject: `must be …`.
 * @param place Where the value stands, such as `UWS_PORT in the environment`.
 */
export function problem(key: string, message: string, value: unknown, place: string): Problem {
  return { key, sentence: `${key} ${message}; it is ${shownValue(key, value)} (${place}).` };
}

/** Everything that is wrong, as one error whose message an operator reads in the terminal. */
export function configurationError(problems: readonly Problem[]): AdapterError {
  const [first] = problems;
  return new AdapterError(
    'misconfigured',
    problems.map(({ sentence }) => sentence).join('\n'),
    first ? { field: first.key } : {},
  );
}
