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
    const failure = byCode(textAt(cause, 'code'), error) ?? byName(textAt(cause, 'name'), error);
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

const connectionCodes: Readonly<Record<string, readonly [ErrorCode, retryable: boolean, sentence: string]>> = {
  ECONNREFUSED: ['connection_refused', true, 'Nobody listens at the address: is the server running?'],
  ENOTFOUND: ['host_not_found', false, 'The host name has no address: check baseUrl.'],
  EAI_AGAIN: ['host_not_found', true, 'The host name could not be looked up.'],
  ECONNRESET: ['connection_reset', true, 'The connection was reset before the answer was complete.'],
  ECONNABORTED: ['connection_reset', true, 'The connection was aborted before the answer was complete.'],
  EPIPE: ['connection_reset', true, 'The connection was closed before the request was complete.'],
  UND_ERR_SOCKET: ['connection_reset', true, 'The connection was closed before the answer was complete.'],
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: ['connection_reset', true, 'The answer is shorter or longer than announced.'],
  ENETUNREACH: ['connection_failed', true, 'The network is unreachable.'],
  EHOSTUNREACH: ['connection_failed', true, 'The host is unreachable.'],
  ENETDOWN: ['connection_failed', true, 'The network is down.'],
  EHOSTDOWN: ['connection_failed', true, 'The host is down.'],
};

const timeoutCodes = ['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'];

function byCode(code: string, cause: unknown): UserWorkspacesError | undefined {
  const known = Object.hasOwn(connectionCodes, code) ? connectionCodes[code] : undefined;
  if (known) return new ConnectionError(`${known[2]} (${code})`, { code: known[0], retryable: known[1], cause });
  if (timeoutCodes.includes(code)) {
    return new TimeoutError(`The server did not answer in time (${code}).`, { code: 'timeout', retryable: true, cause });
  }
  if (/^(ERR_SSL_|ERR_TLS_|EPROTO|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_)/.test(code)) {
    const message = `No secure connection (${code}): check the scheme of baseUrl and the server's certificate.`;
    return new ConnectionError(message, { code: 'tls_failed', cause });
  }
  if (code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW') {
    const message = `What listens there does not speak HTTP as expected (${code}): check baseUrl.`;
    return new ConnectionError(message, { code: 'invalid_answer', cause });
  }
  return undefined;
}

function byName(name: string, cause: unknown): UserWorkspacesError | undefined {
  if (name === 'AbortError') return aborted(cause);
  if (name === 'TimeoutError') {
    return new TimeoutError('The server did not answer in time.', { code: 'timeout', retryable: true, cause });
  }
  return undefined;
}

/** The error, what caused it, and so on; the deepest are the most telling, so they come first. */
function* causes(error: unknown, depth = 0): Generator<unknown> {
  if (error === null || typeof error !== 'object' || depth > 8) return;
  const several: unknown = Reflect.get(error, 'errors');
  if (Array.isArray(several)) for (const one of several) yield* causes(one, depth + 1);
  yield* causes(Reflect.get(error, 'cause'), depth + 1);
  yield error;
}

function because(chain: readonly unknown[]): string {
  const message = textAt(chain[0], 'message');
  return message ? ` (${message})` : '';
}

function textAt(holder: unknown, key: string): string {
  const value: unknown = typeof holder === 'object' && holder !== null ? Reflect.get(holder, key) : undefined;
  return typeof value === 'string' ? value : '';
}
