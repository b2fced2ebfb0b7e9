import type { Schema } from '@user-workspaces/schema';
import { textAt, valueAt } from './answers.js';
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
    const body = parsed(await response.text());
    const error = valueAt(body, 'error');
    const details = valueAt(error, 'details');
    const { status, headers } = response;
    const [Failure, usualCode] = familyOf(status);
    const given = valueAt(error, 'code');
    const code = isCode(given) ? given : usualCode;
    return new Failure(textAt(body, 'message') || sentenceFor(response), {
      code,
      status,
      requestId: textAt(body, 'request_id') ?? headers.get('x-request-id') ?? undefined,
      field: textAt(error, 'field'),
      details: typeof details === 'object' && details !== null ? { ...details } : undefined,
      retryable: [408, 425, 429, 502, 503, 504].includes(status) && code !== 'quota_exceeded',
      retryAfterMs: retryAfterMs(headers.get('retry-after')),
    });
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

type Family = readonly [new (message: string, facts: ErrorFacts) => UserWorkspacesError, ErrorCode];

/** The class for a status, and the code for answers that name none: several codes share 400 and 401, there the general one. */
function familyOf(status: number): Family {
  const families: Readonly<Record<number, Family>> = {
    401: [AuthenticationError, 'not_authenticated'],
    403: [PermissionError, 'permission_denied'],
    404: [NotFoundError, 'not_found'],
    405: [InvalidRequestError, 'method_not_allowed'],
    409: [ConflictError, 'conflict'],
    412: [ConflictError, 'precondition_failed'],
    413: [LimitError, 'too_large'],
    416: [InvalidRequestError, 'range_not_satisfiable'],
    422: [InvalidRequestError, 'invalid_options'],
    429: [LimitError, 'rate_limited'],
    501: [ServerError, 'unsupported'],
    502: [ServerError, 'unavailable'],
    503: [ServerError, 'unavailable'],
    504: [ServerError, 'unavailable'],
    507: [LimitError, 'disk_full'],
  };
  if (status < 400) return [ConnectionError, 'unexpected_redirect'];
  return families[status] ?? (status < 500 ? [InvalidRequestError, 'invalid_request'] : [ServerError, 'internal']);
}

function sentenceFor({ status, statusText }: Response): string {
  if (status < 400) return 'The server redirects, and redirects are not followed: set baseUrl to the final address.';
  return `The server answered ${`${status} ${statusText}`.trim()} without an explanation.`;
}

/** `Retry-After` as milliseconds from now: seconds or a date. */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = Number(header);
  const ms = Number.isNaN(seconds) ? Date.parse(header) - Date.now() : seconds * 1000;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // An HTML page of a proxy, or nothing: the status says what can be said.
    return undefined;
  }
}

/** A code that this version does not know is kept: it tells more than the status. */
function isCode(value: unknown): value is Schema<'ErrorCode'> {
  return typeof value === 'string' && /^[a-z_]+$/.test(value);
}
