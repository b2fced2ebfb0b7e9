import type { IncomingMessage } from 'node:http';
import type * as z from 'zod';
import { ApiError } from './api-error.js';

/**
 * Reads a request's body as text, whatever its content type says.
 *
 * @throws ApiError `too_large`, and `invalid_field` when the bytes are not UTF-8.
 */
export async function readText(request: IncomingMessage, limitBytes: number): Promise<string> {
  const tooLarge = (): ApiError =>
    new ApiError('too_large', `The body is larger than the limit of ${limitBytes} bytes.`, {
      details: { limit: limitBytes },
      headers: { Connection: 'close' },
    });
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) throw tooLarge();
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  let sizeBytes = 0;
  try {
    for await (const chunk of request) {
      if (!(chunk instanceof Uint8Array)) throw new TypeError('A request gave text where bytes were expected.');
      sizeBytes += chunk.length;
      if (sizeBytes > limitBytes) throw tooLarge();
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  } catch (error) {
    if (error instanceof TypeError && 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
      throw new ApiError('invalid_json', 'Invalid JSON: the body is not UTF-8.', { cause: error });
    }
    throw error;
  }
}

/** Parses a JSON body; an empty one counts as an empty object. @throws ApiError `invalid_json`. */
export function parseJson(text: string): unknown {
  if (text.trim() === '') return {};
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
