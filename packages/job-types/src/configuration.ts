import { AdapterError } from '@user-workspaces/contract';
import * as z from 'zod';

/** Text in one line: what goes through environment variables, argument lists or files of settings must not break out of its line. */
export const line = (): z.ZodString =>
  z
    .string('must be a text')
    .min(1, 'must not be empty')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
    .regex(/^[^\u0000-\u001f\u007f]*$/, 'must be one line without control characters');

/** An absolute path of a file on the resource. */
export const absolutePath = (): z.ZodString => line().startsWith('/', 'must be an absolute path');

/** The default time limit of the old service, in minutes; accepted so that its configurations keep working. */
export const oldTimeLimit = z
  .union([z.string(), z.number()], 'must be a number of minutes, such as "60"')
  .refine((minutes) => /^[0-9]+$/.test(String(minutes)), 'must be a number of minutes, such as "60"');

/** Values that must never reach a message. */
const secretKeys = new Set(['jwt_secret_key']);

/**
 * Checks one job type's `environment_details` and returns what the schema makes of them.
 *
 * @param where The configuration key of `details`.
 * @throws AdapterError `misconfigured` that names the key, its value and what is allowed.
 */
export function readConfiguration<S extends z.ZodObject>(
  schema: S,
  details: Readonly<Record<string, unknown>>,
  where: string,
): z.output<S> {
  const result = schema.safeParse(details);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  if (!issue) throw result.error;
  if (issue.code === 'unrecognized_keys') {
    const key = `${where}.${issue.keys[0] ?? ''}`;
    const allowed = Object.keys(schema.shape).join(', ') || 'none';
    throw new AdapterError('misconfigured', `${key} is not a known key. Allowed here: ${allowed}.`, { field: key });
  }
  const key = [where, ...issue.path].join('.');
  const message = `${key} ${issue.message}, but it is ${shown(details, issue.path)}.`;
  throw new AdapterError('misconfigured', message, { field: key });
}

function shown(details: unknown, path: readonly PropertyKey[]): string {
  if (path.some((key) => secretKeys.has(String(key)))) return 'something else (not shown, it is a secret)';
  let value = details;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return 'absent';
    value = Reflect.get(value, key);
  }
  if (value === undefined) return 'absent';
  const text = JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
