import { textAt, valueAt } from '../answers.js';
import { AbortedError, ConnectionError, type ErrorCode, TimeoutError, UserWorkspacesError } from '../errors.js';

/**
 * The typed error for whatever a request, or the reading of its answer, threw. Runtimes wrap the network's errors in
 * others, several deep and sometimes many at once, so the whole chain of causes is looked at.
 */
export function toFailure(error: unknown, signal?: AbortSignal | undefined): UserWorkspacesError {
  if (signal?.aborted) return aborted(signal.reason);
  if (error instanceof UserWorkspacesError) return error;
  const chain = [...causes(error)];
  for (const cause of chain) {
    const failure = ofKind(textAt(cause, 'code') ?? textAt(cause, 'name') ?? '', error);
    if (failure) return failure;
  }
  // `fetch` reports a failed exchange as a TypeError, in browsers without saying more.
  if (chain.some((cause) => cause instanceof TypeError)) {
    return new ConnectionError(`The connection to the server failed${because(chain)}. Is the server reachable?`, {
      code: 'connection_failed',
      retryable: true,
      cause: error,
    });
  }
  return new UserWorkspacesError(`The request failed in an unforeseen way${because(chain)}.`, {
    code: 'client_failure',
    cause: error,
  });
}

/** True if the request certainly was not carried out: it never arrived, or was refused as a whole. */
export function wasNotCarriedOut(failure: UserWorkspacesError): boolean {
  return (
    failure.code === 'connection_refused' ||
    failure.code === 'host_not_found' ||
    failure.status === 429 ||
    failure.status === 503
  );
}

/** The error for an aborted signal; `AbortSignal.timeout()` aborts with a reason of its own. */
export function aborted(reason: unknown): UserWorkspacesError {
  if (reason instanceof UserWorkspacesError) return reason;
  if (textAt(reason, 'name') === 'TimeoutError') {
    return new TimeoutError('The time of the given signal has passed.', { code: 'timeout', cause: reason });
  }
  return new AbortedError('The call was aborted by its signal.', { code: 'aborted', cause: reason });
}

type Kind = readonly [marks: RegExp, code: ErrorCode, retryable: boolean, sentence: string];

/** Told by the codes of Node's sockets, resolver, TLS, HTTP parser and fetch, or by an error's name where it has no code. */
const kinds: readonly Kind[] = [
  [/^ECONNREFUSED$/, 'connection_refused', true, 'Nobody listens at baseUrl: is the server running?'],
  [
    /^(ECONN|EPIPE|UND_ERR_SOCKET|UND_ERR_RES_)/,
    'connection_reset',
    true,
    'The connection broke before the answer was complete.',
  ],
  [/^(ENOTFOUND|EAI_)/, 'host_not_found', true, 'The host name of baseUrl has no address.'],
  [/^E(NET|HOST)/, 'connection_failed', true, 'The host of baseUrl cannot be reached.'],
  [/^(ETIMEDOUT|UND_ERR_.*_TIMEOUT|TimeoutError)$/, 'timeout', true, 'The server did not answer in time.'],
  [
    /^(ERR_SSL|ERR_TLS|EPROTO|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO)/,
    'tls_failed',
    false,
    "No secure connection: check the scheme of baseUrl and the server's certificate.",
  ],
  [
    /^(HPE_|HTTPParserError|UND_ERR_HEADERS_OVERFLOW)/,
    'invalid_answer',
    false,
    'What listens at baseUrl does not speak HTTP.',
  ],
];

function ofKind(mark: string, cause: unknown): UserWorkspacesError | undefined {
  if (mark === 'AbortError') return aborted(cause);
  const kind = kinds.find(([marks]) => marks.test(mark));
  if (!kind) return undefined;
  const [, code, retryable, sentence] = kind;
  const Failure = code === 'timeout' ? TimeoutError : ConnectionError;
  return new Failure(`${sentence} (${mark})`, { code, retryable, cause });
}

/** The error, what caused it, and so on; the deepest are the most telling, so they come first. */
function* causes(error: unknown, depth = 0): Generator<unknown> {
  if (typeof error !== 'object' || depth > 8) return;
  const several = valueAt(error, 'errors');
  if (Array.isArray(several)) for (const one of several) yield* causes(one, depth + 1);
  yield* causes(valueAt(error, 'cause'), depth + 1);
  yield error;
}

function because(chain: readonly unknown[]): string {
  const message = textAt(chain[0], 'message');
  return message ? ` (${message})` : '';
}
