import type { IncomingMessage } from 'node:http';
import type * as z from 'zod';
import { bodyOf } from '../files/request-body.js';
import type { HeldBody } from '../limits/held-bodies.js';
import { defaultLimits, type LimitName, type Limits, tooLarge } from '../limits/limits.js';
import { ApiError } from './api-error.js';

/** Small pieces of a body are kept together in blocks of so many bytes; each by itself would take a multiple of what it holds. */
const blockBytes = 64 * 1024;

/**
 * Reads a request's body, whatever its content type says, as bytes one after the other. They take little more memory than what was sent, in
 * however small pieces it came.
 *
 * @param held Told of each piece before it is kept.
 * @throws ApiError `too_large`, `request_timeout`, and what `held` throws.
 */
export async function readBody(request: IncomingMessage, limits: Limits, held: HeldBody): Promise<Uint8Array[]> {
  const bounds = { limits, bytes: ['json_bytes', 'The body'], seconds: 'json_seconds' } as const;
  const full: Uint8Array[] = [];
  let block = new Uint8Array(0);
  let used = 0;
  let size = 0;
  for await (const piece of bodyOf(request, bounds)) {
    held.add(piece.length);
    for (let rest = piece; rest.length > 0; ) {
      if (used === block.length) {
        full.push(block);
        block = new Uint8Array(Math.max(rest.length, Math.min(size, blockBytes)));
        used = 0;
      }
      const part = rest.subarray(0, block.length - used);
      block.set(part, used);
      used += part.length;
      size += part.length;
      rest = rest.subarray(part.length);
    }
  }
  return [...full, block.subarray(0, used)];
}

/** The text of a body. @throws ApiError `invalid_json` when the bytes are not UTF-8. */
export function textOf(body: readonly Uint8Array[]): string {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  try {
    for (const bytes of body) text += decoder.decode(bytes, { stream: true });
    return text + decoder.decode();
  } catch (error) {
    if (error instanceof TypeError && 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
      throw new ApiError('invalid_json', 'Invalid JSON: the body is not UTF-8.', { cause: error });
    }
    throw error;
  }
}

/** Parses a JSON body; an empty one counts as an empty object. @throws ApiError `invalid_json`, `too_large` when it is too deep or holds too much. */
export function parseJson(text: string, limits: Limits = defaultLimits): unknown {
  if (text.trim() === '') return {};
  const { depth, values } = measure(text);
  if (depth > limits.json_depth) throw tooLarge(limits, 'json_depth', 'The JSON body', depth);
  if (values > limits.json_values) throw tooLarge(limits, 'json_values', 'The JSON body', values);
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
 * How many objects and lists are inside each other, and how many values there are in all. Looked for in the text, since what is very
 * deep, or millions of small values, take the parser a multiple of its length in memory, and whoever walks through it later the stack or
 * minutes. Of what is no JSON the figures mean nothing, but are no larger than the text.
 */
function measure(text: string): { readonly depth: number; readonly values: number } {
  let depth = 0;
  let deepest = 0;
  let values = 1;
  let isFirst = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at);
    if (character <= space) continue;
    const isEnd = character === closeList || character === closeObject;
    // A list or object has one value more than commas, unless it is empty.
    if (character === comma || (isFirst && !isEnd)) values += 1;
    isFirst = character === openList || character === openObject;
    if (character === quote) at = endOfString(text, at);
    else if (isEnd) depth -= 1;
    else if (isFirst) depth += 1;
    if (depth > deepest) deepest = depth;
  }
  return { depth: deepest, values };
}

const space = 0x20;
const comma = 0x2c;
const openList = 0x5b;
const closeList = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;
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

/** A list in a body, and what bounds its length. */
interface BoundedList {
  readonly path: readonly string[];
  readonly limit: LimitName;
}

/** Refuses a list that is too long before anybody looks at its elements, each of which may be wrong. @throws ApiError `too_large` */
export function checkLists(lists: readonly BoundedList[], body: unknown, limits: Limits): void {
  for (const { path, limit } of lists) {
    const list = path.reduce(memberOf, body);
    const field = fieldOf(path);
    if (Array.isArray(list) && list.length > limits[limit]) throw tooLarge(limits, limit, field, list.length, field);
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
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
