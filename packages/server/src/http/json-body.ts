import type { IncomingMessage } from 'node:http';
import type * as z from 'zod';
import { bodyOf } from '../files/request-body.js';
import { defaultLimits, type Limits, tooLarge } from '../limits/limits.js';
import { ApiError } from './api-error.js';

/**
 * Reads a request's body as text, whatever its content type says.
 *
 * @throws ApiError `too_large`, `request_timeout`, and `invalid_json` when the bytes are not UTF-8.
 */
export async function readText(request: IncomingMessage, limits: Limits): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const bounds = { limits, bytes: ['json_bytes', 'The body'], seconds: 'json_seconds' } as const;
  let text = '';
  try {
    for await (const chunk of bodyOf(request, bounds)) text += decoder.decode(chunk, { stream: true });
    return text + decoder.decode();
  } catch (error) {
    if (error instanceof TypeError && 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
      throw new ApiError('invalid_json', 'Invalid JSON: the body is not UTF-8.', { cause: error });
    }
    throw error;
  }
}

/** Parses a JSON body; an empty one counts as an empty object. @throws ApiError `invalid_json`, `too_large` when it is too deep. */
export function parseJson(text: string, limits: Limits = defaultLimits): unknown {
  if (text.trim() === '') return {};
  const depth = depthOf(text);
  if (depth > limits.json_depth) throw tooLarge(limits, 'json_depth', 'The JSON body', depth);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ApiError('invalid_json', `Invalid JSON: ${error instanceof Error ? error.message : 'not readable'}`, {
      cause: error,
    });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ApiError('invalid_json', 'Invalid JSON: the body must be an object.');
  }
  return value;
}

/**
 * How many objects and lists are inside each other. Looked for in the text, since what is very deep takes the parser a
 * multiple of its length in memory, and whoever walks through it later the stack.
 */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case quote:
        at = endOfString(text, at);
        break;
      case 0x5b: // [
      case 0x7b: // {
        depth += 1;
        if (depth > deepest) deepest = depth;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth -= 1;
        break;
    }
  }
  return deepest;
}

const quote = 0x22;

/** Where the string ends that begins at `start`; strings may be long, so they are jumped over. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text[end - 1 - slashes] === '\\') slashes += 1;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}

function fieldOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (field, key) =>
      typeof key === 'number' ? `${field}[${key}]` : field === '' ? String(key) : `${field}.${String(key)}`,
    '',
  );
}

/** Checks a value by its schema. @throws ApiError that names the first field at fault. */
export function validate<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = fieldOf(issue?.path ?? []);
  const message = issue?.message ?? 'Invalid value';
  // Messages of our own are sentences; the library's begin with one of these words.
  const isLibraryMessage = /^(Invalid|Too|Unrecognized|not )/.test(message) && !message.endsWith('specified');
  const missing = issue !== undefined && 'input' in issue && issue.input === undefined;
  throw new ApiError(
    missing ? 'missing_field' : 'invalid_field',
    isLibraryMessage && field ? `${field}: ${message}` : message,
    {
      ...(field !== '' && { field }),
    },
  );
}
