import { AdapterError } from '@user-workspaces/contract';

/** What a driver's error means for the caller. */
export type Failure =
  /** A unique key exists already; `field` holds its columns where they are known. */
  | { readonly kind: 'unique'; readonly field: string | undefined }
  /** Another transaction is in the way: the same work may well succeed when it is run again. */
  | { readonly kind: 'transient' }
  | { readonly kind: 'unreachable' }
  /** It answers, and takes no writes. */
  | { readonly kind: 'read_only' }
  | { readonly kind: 'no_space' }
  | { readonly kind: 'misconfigured'; readonly advice: string }
  /** A defect, of this package or of its caller. */
  | { readonly kind: 'unexpected' };

/** Says "run it again" to {@link withRetries}; `reason` is what the caller gets when there is no more time for that. */
export class Transient extends Error {
  override readonly name = 'Transient';
  constructor(readonly reason: unknown) {
    super('The work met another transaction and may be run again.');
  }
}

const NETWORK_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
]);

/** True for what says, in the words of Node or Knex, that there is no connection to be had. */
export function isConnectionFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    NETWORK_CODES.has(codeOf(error)) ||
    error.name === 'KnexTimeoutError' ||
    error.message === 'Unable to acquire a connection' ||
    error.message === 'aborted'
  );
}

/** The error's `code`, or an empty text. */
export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

/** What its cause adds to an error whose message reaches any caller: where the database is. That is for the log, and for whoever starts the server. */
class Located extends Error {
  override readonly name = 'Located';
}

/** An error for whoever configures the database, and may know where it is. */
export function forOperator(error: unknown): unknown {
  if (!AdapterError.is(error) || !(error.cause instanceof Located)) return error;
  return new AdapterError(error.kind, error.cause.message, { cause: error.cause.cause });
}

/** The contract's error for a failure, without the place of the database; an unexpected one is returned as it is. */
export function asAdapterError(failure: Failure, cause: unknown, product: string, place: string): unknown {
  if (AdapterError.is(cause)) return cause;
  switch (failure.kind) {
    case 'unique':
      return new AdapterError('conflict', `A row with the same ${failure.field ?? 'unique key'} exists already.`, {
        ...(failure.field === undefined ? {} : { field: failure.field }),
        cause,
      });
    case 'transient':
      return new AdapterError('unavailable', `${product} is busy with other transactions; try again.`, { cause });
    case 'unreachable': {
      const located = new Located(`${product} at ${place} cannot be reached; try again later.`, { cause });
      return new AdapterError('unavailable', `${product} cannot be reached; try again later.`, { cause: located });
    }
    case 'read_only': {
      const reasons =
        'it is a standby, or somebody (at times its host, when its disk is nearly full) made it read-only';
      const located = new Located(`${product} at ${place} takes no writes: ${reasons}.`, { cause });
      return new AdapterError('unavailable', `${product} takes no writes at present; try again later.`, {
        cause: located,
      });
    }
    case 'no_space': {
      const located = new Located(`${product} at ${place} has no space left; free some and try again.`, { cause });
      return new AdapterError('no_space', `${product} has no space left; try again later.`, { cause: located });
    }
    case 'misconfigured':
      return new AdapterError('misconfigured', `${product} at ${place}: ${failure.advice}`, { cause });
    case 'unexpected':
      return cause;
  }
}

/** Whoever reads it has configured a server, or passed options to this package. */
export const REFUSED_ACCESS: Failure = {
  kind: 'misconfigured',
  advice:
    'the user, password or database name is refused. Correct its address: database_url (UWS_DATABASE_URL) of the server, "connection" of this adapter.',
};

export const MISSING_TABLES: Failure = {
  kind: 'misconfigured',
  advice: 'the tables are missing. Run migrate() before anything else.',
};
