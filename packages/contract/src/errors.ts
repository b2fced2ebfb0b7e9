/** What kind of thing went wrong in an adapter; the server turns each into one error code of the specification. */
export type AdapterErrorKind =
  /** The caller's value cannot be accepted; asking again changes nothing. */
  | 'invalid'
  /** The caller may not do this. */
  | 'denied'
  /** The thing asked for does not exist. */
  | 'not_found'
  /** The thing exists already, or changed since the caller looked. */
  | 'conflict'
  /** No space, or no quota, is left. */
  | 'no_space'
  /** The adapter does not offer this. */
  | 'unsupported'
  /** The system behind the adapter cannot be reached or does not answer: nothing is known, asking again may help. */
  | 'unavailable'
  /** The operator's configuration is wrong. */
  | 'misconfigured';

/** Where an error belongs and what is known about it. Never holds a secret: it may reach a log or an answer. */
export interface AdapterErrorOptions {
  /** The field, option or configuration key that is at fault. */
  readonly field?: string;
  /** Machine-readable facts, such as `{ limit, used, requested }`. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/**
 * The one error that adapters throw for what they foresee. Its message is a full sentence for the person who
 * asked: what was wrong, where, and what to do next. Anything else an adapter throws is a defect and is answered as an
 * internal error, without its text.
 *
 * @example
 * throw new AdapterError('denied', 'Link target /etc is not below an allowed root.', { field: 'source_path' });
 */
export class AdapterError extends Error {
  override readonly name = 'AdapterError';
  readonly kind: AdapterErrorKind;
  readonly field: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(kind: AdapterErrorKind, message: string, options: AdapterErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.field = options.field;
    this.details = options.details;
  }

  /** True for an adapter error of any copy of this package, optionally of one kind. */
  static is(error: unknown, kind?: AdapterErrorKind): error is AdapterError {
    return error instanceof Error && error.name === 'AdapterError' && 'kind' in error && (!kind || error.kind === kind);
  }
}
