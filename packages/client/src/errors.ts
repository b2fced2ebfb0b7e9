import type { Schema } from '@user-workspaces/schema';
import type { Job } from './shapes.js';

/** What went wrong on the way, before or instead of an answer of the API. */
export type ClientErrorCode =
  /** The request is wrong, and the answer does not say how (old servers, proxies). */
  | 'invalid_request'
  /** The SDK itself refused an argument; nothing was sent. */
  | 'invalid_argument'
  /** Nobody listens at `baseUrl`. */
  | 'connection_refused'
  /** The connection broke before the answer was complete. */
  | 'connection_reset'
  /** The host name of `baseUrl` has no address. */
  | 'host_not_found'
  /** The two ends cannot agree on TLS, or the certificate is not trusted. */
  | 'tls_failed'
  /** Any other failure of the network; in browsers all of them, and refusals by CORS. */
  | 'connection_failed'
  /** The server answered, but not as this API does: is `baseUrl` right? */
  | 'invalid_answer'
  /** The server wants the request elsewhere; redirects are not followed, so that the token cannot leak. */
  | 'unexpected_redirect'
  | 'timeout'
  | 'aborted'
  /** A job ended before it was ready. */
  | 'job_ended'
  /** A defect, of this SDK or of a callback given to it; see `cause`. */
  | 'client_failure';

/** Every code that `UserWorkspacesError.code` can have: the specification's and the client's own. */
export type ErrorCode = Schema<'ErrorCode'> | ClientErrorCode;

/** What is known about an error besides its message. */
export interface ErrorFacts {
  readonly code: ErrorCode;
  readonly status?: number | undefined;
  readonly requestId?: string | undefined;
  readonly field?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly retryable?: boolean | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/**
 * The root of everything this SDK throws. Its message is a full sentence, the server's own where there is one, and never
 * holds a token.
 *
 * @example
 * try {
 *   await client.workspaces.get(7);
 * } catch (error) {
 *   if (error instanceof NotFoundError) return undefined;
 *   if (error instanceof UserWorkspacesError) console.error(error.code, error.requestId, error.message);
 *   throw error;
 * }
 */
export class UserWorkspacesError extends Error {
  override readonly name: string = 'UserWorkspacesError';
  /** What went wrong, for programs. */
  readonly code: ErrorCode;
  /** The HTTP status, if there was an answer. */
  readonly status: number | undefined;
  /** The server's number of the request; quote it to the operator. */
  readonly requestId: string | undefined;
  /** The field or parameter at fault. */
  readonly field: string | undefined;
  /** Facts for programs, such as `limit`, `used` and `requested`. */
  readonly details: Readonly<Record<string, unknown>> | undefined;
  /** True when the same request may succeed later, unchanged. */
  readonly retryable: boolean;
  /** How long the server asks to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, facts: ErrorFacts) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = facts.code;
    this.status = facts.status;
    this.requestId = facts.requestId;
    this.field = facts.field;
    this.details = facts.details;
    this.retryable = facts.retryable ?? false;
    this.retryAfterMs = facts.retryAfterMs;
  }

  /**
   * The typed error for an answer that is not a success. Reads the answer's body. Works with the old service's answers
   * and with a proxy's HTML pages too: what the body does not say is derived from the status.
   */
  static async fromResponse(response: Response): Promise<UserWorkspacesError> {
    const text = await response.text();
    const body = jsonObject(text);
    const error = objectAt(body, 'error');
    const status = response.status;
    const code = knownCode(error['code']) ?? codeOfStatus(status);
    const facts: ErrorFacts = {
      code,
      status,
      requestId: stringAt(body, 'request_id') ?? response.headers.get('x-request-id') ?? undefined,
      field: stringAt(error, 'field'),
      details: 'details' in error ? objectAt(error, 'details') : undefined,
      retryable: [408, 425, 429, 502, 503, 504].includes(status) && code !== 'quota_exceeded',
      retryAfterMs: retryAfterMs(response.headers.get('retry-after')),
    };
    const message = stringAt(body, 'message') || sentenceForStatus(status, response.statusText);
    return new (classOf(status))(message, facts);
  }
}

/** 401: no credentials, wrong ones, or a token that has expired or was revoked. Sign in again. */
export class AuthenticationError extends UserWorkspacesError {
  override readonly name = 'AuthenticationError';
}

/** 403: the caller is known and may not do this. */
export class PermissionError extends UserWorkspacesError {
  override readonly name = 'PermissionError';
}

/** 404, or a read by id that found nothing: there is no such thing, or it is someone else's. */
export class NotFoundError extends UserWorkspacesError {
  override readonly name = 'NotFoundError';
}

/** 400, 405, 416, 422 and the like, and arguments that the SDK refused: the request must be changed. */
export class InvalidRequestError extends UserWorkspacesError {
  override readonly name = 'InvalidRequestError';
}

/** 409 and 412: the thing exists already, or changed meanwhile. */
export class ConflictError extends UserWorkspacesError {
  override readonly name = 'ConflictError';
}

/** 413, 429 and 507: too large, too many, or no quota or space is left; `details` has the figures. */
export class LimitError extends UserWorkspacesError {
  override readonly name = 'LimitError';
}

/** 5xx, and answers that this API does not give. */
export class ServerError extends UserWorkspacesError {
  override readonly name = 'ServerError';
}

/** No answer, or not a whole one: the network, TLS, or nobody listens. */
export class ConnectionError extends UserWorkspacesError {
  override readonly name = 'ConnectionError';
}

/** The time given by `timeoutMs` has passed. What was asked for may have happened all the same. */
export class TimeoutError extends UserWorkspacesError {
  override readonly name = 'TimeoutError';
}

/** The caller's `signal` was aborted; its reason is the `cause`. */
export class AbortedError extends UserWorkspacesError {
  override readonly name = 'AbortedError';
}

/** A job ended, or is being stopped, before it was ready; `job` tells why (`status_reason`, `status_message`, `last_log_lines`). */
export class JobEndedError extends UserWorkspacesError {
  override readonly name = 'JobEndedError';
  readonly job: Job;

  constructor(job: Job) {
    const reason = job.status_message ?? job.job_details.current_job_details.message ?? job.status_reason;
    super(`Job ${job.id} is ${job.status} and has no session${reason ? `: ${reason}` : '.'}`, { code: 'job_ended' });
    this.job = job;
  }
}

function classOf(status: number): new (message: string, facts: ErrorFacts) => UserWorkspacesError {
  if (status < 400) return ConnectionError;
  if (status >= 500 && status !== 507) return ServerError;
  switch (status) {
    case 401:
      return AuthenticationError;
    case 403:
      return PermissionError;
    case 404:
      return NotFoundError;
    case 409:
    case 412:
      return ConflictError;
    case 413:
    case 429:
    case 507:
      return LimitError;
    default:
      return InvalidRequestError;
  }
}

/** For answers without a code. Several codes share 400 and 401: there the general one. */
function codeOfStatus(status: number): ErrorCode {
  const codes: Readonly<Record<number, ErrorCode>> = {
    401: 'not_authenticated',
    403: 'permission_denied',
    404: 'not_found',
    405: 'method_not_allowed',
    409: 'conflict',
    412: 'precondition_failed',
    413: 'too_large',
    416: 'range_not_satisfiable',
    422: 'invalid_options',
    429: 'rate_limited',
    501: 'unsupported',
    502: 'unavailable',
    503: 'unavailable',
    504: 'unavailable',
    507: 'disk_full',
  };
  if (status < 400) return 'unexpected_redirect';
  return codes[status] ?? (status < 500 ? 'invalid_request' : 'internal');
}

function sentenceForStatus(status: number, statusText: string): string {
  if (status < 400) {
    return 'The server redirects this request, and redirects are not followed: set baseUrl to the final address.';
  }
  return `The server answered ${`${status} ${statusText}`.trim()} without an explanation.`;
}

/** `Retry-After` as milliseconds from now: seconds or a date. */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = Number(header);
  const ms = Number.isNaN(seconds) ? Date.parse(header) - Date.now() : seconds * 1000;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

function jsonObject(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    // An HTML page of a proxy, or nothing: the status says what can be said.
    return {};
  }
}

function objectAt(holder: object, key: string): Readonly<Record<string, unknown>> {
  const value: unknown = Reflect.get(holder, key);
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function stringAt(holder: object, key: string): string | undefined {
  const value: unknown = Reflect.get(holder, key);
  return typeof value === 'string' ? value : undefined;
}

/** A code this version does not know is kept: a newer server may have more, and it is more telling than the status. */
function knownCode(value: unknown): Schema<'ErrorCode'> | undefined {
  return isCode(value) ? value : undefined;
}

function isCode(value: unknown): value is Schema<'ErrorCode'> {
  return typeof value === 'string' && /^[a-z_]+$/.test(value);
}
