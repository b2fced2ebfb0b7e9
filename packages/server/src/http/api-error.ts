import { AdapterError, type AdapterErrorKind } from '@user-workspaces/contract';
import type { Schema } from '@user-workspaces/schema';
import { StaleRowError } from '../records/stale-row-error.js';

export type ErrorCode = Schema<'ErrorCode'>;

const statuses: Readonly<Record<ErrorCode, number>> = {
  invalid_json: 400,
  invalid_field: 400,
  missing_field: 400,
  invalid_path: 400,
  link_refused: 400,
  unknown_job_type: 400,
  job_type_misconfigured: 400,
  unknown_action: 400,
  workspace_busy: 400,
  share_pending: 400,
  share_accepted: 400,
  job_not_active: 400,
  not_authenticated: 401,
  invalid_token: 401,
  sign_in_failed: 401,
  permission_denied: 403,
  not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  conflict: 409,
  idempotency_conflict: 409,
  precondition_failed: 412,
  too_large: 413,
  range_not_satisfiable: 416,
  invalid_options: 422,
  quota_exceeded: 429,
  rate_limited: 429,
  internal: 500,
  unsupported: 501,
  session_unreachable: 502,
  unavailable: 503,
  disk_full: 507,
};

export interface ApiErrorOptions {
  readonly field?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** An error that a caller is told as it is: one code of the specification, with its status. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ErrorCode;
  readonly status: number;
  readonly field: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, message: string, options: ApiErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = statuses[code];
    this.field = options.field;
    this.details = options.details;
    this.headers = options.headers ?? {};
  }

  /** The JSON body of the answer. */
  body(requestId: string): Schema<'ErrorAnswer'> {
    return {
      success: false,
      message: this.message,
      error: {
        code: this.code,
        ...(this.field !== undefined && { field: this.field }),
        ...(this.details && { details: { ...this.details } }),
      },
      request_id: requestId,
    };
  }
}

const adapterCodes: Readonly<Record<AdapterErrorKind, ErrorCode>> = {
  invalid: 'invalid_field',
  denied: 'permission_denied',
  not_found: 'not_found',
  conflict: 'conflict',
  no_space: 'disk_full',
  unsupported: 'unsupported',
  unavailable: 'unavailable',
  misconfigured: 'internal',
};

/** What a caller is told of any error: an unforeseen one never shows its text. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (AdapterError.is(error) && error.kind !== 'misconfigured') {
    const code = adapterCodes[error.kind];
    return new ApiError(code, error.message, {
      field: error.field,
      details: error.details,
      cause: error,
      ...(code === 'unavailable' && { headers: { 'Retry-After': '5' } }),
    });
  }
  if (error instanceof StaleRowError) {
    const message = 'Another request or another server has changed it meanwhile. Look again, or try again.';
    return new ApiError('unavailable', message, { headers: { 'Retry-After': '1' }, cause: error });
  }
  return new ApiError('internal', 'The server failed. Quote the request id to its operator.', { cause: error });
}

/** Runs file work, telling errors about paths by the code for paths. */
export async function withPathErrors<R>(work: Promise<R>): Promise<R> {
  try {
    return await work;
  } catch (error) {
    throw pathError(error);
  }
}

/** An adapter's refusal of a path as the specification names it; every other error unchanged. */
export function pathError(error: unknown): unknown {
  if (!AdapterError.is(error) || (error.kind !== 'invalid' && error.kind !== 'denied')) return error;
  return new ApiError('invalid_path', error.message, {
    field: error.field ?? 'path',
    details: error.details,
    cause: error,
  });
}
