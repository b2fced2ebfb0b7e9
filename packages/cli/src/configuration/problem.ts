import { AdapterError } from '@user-workspaces/contract';
import { shownValue } from './secrets.js';

/** Where a setting's value came from. */
export type Source = 'default' | 'file' | 'environment' | 'option';

/** One thing that is wrong with the configuration, and where. */
export interface Problem {
  /** Key as in the file, such as `available_storage.main_storage.root_dir`. */
  readonly key: string;
  /** Where the value stands, such as `UWS_PORT in the environment`. */
  readonly place: string;
  /** Says what is wrong and what is allowed; the key is its subject. */
  readonly message: string;
  readonly value: unknown;
}

/** Everything that was wrong, as one error whose message an operator reads in the terminal. */
export function configurationError(problems: readonly Problem[]): AdapterError {
  const lines = problems.map(
    ({ key, place, message, value }) => `${key} ${message}, but it is ${shownValue(key, value)} (${place}).`,
  );
  const [first] = problems;
  return new AdapterError('misconfigured', lines.join('\n'), first ? { field: first.key } : {});
}
