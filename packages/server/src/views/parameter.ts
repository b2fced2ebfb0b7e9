import type { Schema } from '@user-workspaces/schema';
import type { ParameterEntry } from '../options.js';

/** An option of starts as the API shows it. */
export function viewParameter({ aliases: _, ...parameter }: ParameterEntry): Schema<'Parameter'> {
  return parameter;
}
