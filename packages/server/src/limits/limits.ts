import { AdapterError, type JsonObject } from '@user-workspaces/contract';
import type { Schema } from '@user-workspaces/schema';
import specification from '@user-workspaces/schema/openapi.json' with { type: 'json' };
import { ApiError, type ErrorCode } from '../http/api-error.js';

/** Bounds of what a caller may send, open and ask, by their names in the specification, where each is explained. */
export type Limits = Schema<'Limits'>;

export type LimitName = keyof Limits;

const kib = 1024;
const mib = 1024 * kib;
const gib = 1024 * mib;

/**
 * Meant never to be met by people: twenty tabs of a portal that asks every second make 1,200 requests a minute, and a
 * workspace has 150 data sets at most. A JSON body has room for as many files and links as a request may have (6,000 values)
 * and for the contents of notebooks; larger files have routes of their own. Eight users with the largest bodies that they may send at a time
 * need not take more memory than a small machine has: of each body its bytes are held and, while the request is worked on, its strings. What a row keeps of a request is little: rows are
 * read by the hundred, and each of their events holds all of it.
 */
export const defaultLimits: Limits = {
  header_bytes: 32 * kib,
  headers: 200,
  url_bytes: 16 * kib,
  json_bytes: 16 * mib,
  json_depth: 100,
  json_values: 100_000,
  open_json_bytes: 32 * mib,
  all_json_bytes: 256 * mib,
  job_details_bytes: 64 * kib,
  workspace_details_bytes: 256 * kib,
  list_bytes: 64 * mib,
  file_bytes: 1024 * gib,
  chunk_bytes: gib,
  files_per_request: 1_000,
  links_per_request: 1_000,
  links_per_workspace: 10_000,
  shares_per_request: 100,
  requests_per_minute: 30_000,
  failed_sign_ins_per_minute: 100,
  open_requests: 500,
  open_event_streams: 100,
  open_job_sockets: 100,
  open_archives: 8,
  open_uploads: 2_000,
  open_shares: 200,
  open_shares_to_one: 25,
  open_session_requests: 256,
  open_session_sockets: 256,
  all_session_sockets: 20_000,
  header_seconds: 30,
  json_seconds: 300,
  idle_seconds: 60,
};

export function isLimitName(name: string): name is LimitName {
  return Object.hasOwn(defaultLimits, name);
}

/** What a limit bounds, in the specification's words. */
export function explainLimit(name: LimitName): string {
  return specification.components.schemas.Limits.properties[name].description;
}

/** The values that a limit can have, both ends included. */
export function rangeOfLimit(name: LimitName): readonly [min: number, max: number] {
  if (name === 'header_bytes') return [kib, mib];
  if (name.endsWith('_seconds')) return [1, 24 * 60 * 60];
  return [1, name.endsWith('_bytes') ? 999_999_999_999_999 : 1_000_000_000];
}

/** The given limits and the defaults of the others. @throws AdapterError `misconfigured` */
export function completeLimits(given: Partial<Limits> = {}): Limits {
  for (const [name, value] of Object.entries(given)) {
    const [min, max] = isLimitName(name) ? rangeOfLimit(name) : [0, 0];
    if (Number.isInteger(value) && value >= min && value <= max) continue;
    const message = `limits.${name} is ${value}; ${max === 0 ? 'there is no such limit' : `a whole number from ${min} to ${max} is needed`}.`;
    throw new AdapterError('misconfigured', message, { field: `limits.${name}` });
  }
  return { ...defaultLimits, ...given };
}

/** The error for what is larger, or holds more, than a limit allows. `what` begins the sentence, such as "The body". */
export function tooLarge<N extends LimitName>(
  limits: LimitsWith<N>,
  name: N,
  what: string,
  requested?: number,
  field?: string,
): ApiError {
  const limit = limits[name];
  const unit = name.endsWith('_bytes') ? ' bytes' : '';
  const amount = requested === undefined ? 'more' : `${requested}${unit}, more`;
  return new ApiError('too_large', `${what} has ${amount} than the limit of ${limit}${unit} (${name}).`, {
    field,
    details: { name, limit, ...(requested !== undefined && { requested }) },
  });
}

/** Refuses what a row would have to keep of a request. @throws ApiError `too_large` */
export function checkKept(
  limits: Limits,
  name: 'job_details_bytes' | 'workspace_details_bytes',
  kept: JsonObject,
  field: string,
): void {
  const bytes = Buffer.byteLength(JSON.stringify(kept));
  if (bytes > limits[name]) throw tooLarge(limits, name, field, bytes, field);
}

const refusing: ReadonlySet<ErrorCode> = new Set(['too_large', 'rate_limited', 'unavailable']);

/** The limit that an error tells of, if it is one of {@link tooLarge}, {@link tooMany} or {@link full}. */
export function limitOf({ code, details }: ApiError): LimitName | undefined {
  const name = refusing.has(code) ? details?.name : undefined;
  return typeof name === 'string' && isLimitName(name) ? name : undefined;
}

/** Bounds of which an error needs one only. */
type LimitsWith<N extends LimitName> = Readonly<Record<N, number>>;

/** The error for a caller who has, or asks, too much at a time. `message` says what, and what to do. */
export function tooMany<N extends LimitName>(
  limits: LimitsWith<N>,
  name: N,
  message: string,
  retryAfterSeconds: number,
  figures?: Figures,
): ApiError {
  return beyond('rate_limited', limits[name], name, message, retryAfterSeconds, figures);
}

/** The error when all callers together have so much that there is no room for one more. */
export function full<N extends LimitName>(
  limits: LimitsWith<N>,
  name: N,
  message: string,
  retryAfterSeconds: number,
  figures?: Figures,
): ApiError {
  return beyond('unavailable', limits[name], name, message, retryAfterSeconds, figures);
}

/** What a caller, or all together, have of something, and how much more was asked for. */
interface Figures {
  readonly used: number;
  readonly requested: number;
}

function beyond(
  code: ErrorCode,
  limit: number,
  name: LimitName,
  message: string,
  retryAfterSeconds: number,
  { used, requested }: Figures = { used: limit, requested: 1 },
): ApiError {
  return new ApiError(code, `${message} The limit is ${limit} (${name}).`, {
    details: { name, limit, used, requested },
    headers: { 'Retry-After': String(retryAfterSeconds) },
  });
}
