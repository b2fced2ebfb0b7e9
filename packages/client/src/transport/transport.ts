import type { Answer, OperationId, PathParameters, QueryParameters, RequestBody } from '@user-workspaces/schema';
import ky from 'ky';
import { valueAt } from '../answers.js';
import { AuthenticationError, InvalidRequestError, ServerError, TimeoutError, UserWorkspacesError } from '../errors.js';
import type { SendBody } from './body.js';
import { toFailure } from './failure.js';
import { operationOf } from './operations.js';
import { isDoneAlready, mayRepeat, pauseMs, type Repetition, repetitionOf } from './repetition.js';

/** Where the SDK tells what it does: requests, retries, reconnections. Never a token, never a ticket. `console` fits. */
export interface Logger {
  debug(message: string): void;
  warn(message: string): void;
}

/** A token, or a function that gives the present one; asked for at every attempt. */
export type TokenSource = string | (() => string | undefined | Promise<string | undefined>);

/** What every call accepts. */
export interface RequestOptions {
  /** Ends the call with `AbortedError`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Time for one attempt, in **milliseconds**; for streams until the answer begins. `Infinity`: none.
   * @default 60_000 or the client's
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Further attempts after a failure that allows them.
   * @default 2 or the client's
   */
  readonly retries?: number | undefined;
}

export interface TransportOptions {
  readonly baseUrl: URL;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly fetch: typeof fetch | undefined;
  readonly logger: Logger | undefined;
}

type Given<Key extends string, Values> = keyof Values extends never
  ? { readonly [K in Key]?: undefined }
  : Record<never, never> extends Values
    ? { readonly [K in Key]?: Values | undefined }
    : { readonly [K in Key]: Values };

/** Everything an operation needs, typed by the specification. */
export type Input<Id extends OperationId> = Given<'path', PathParameters<Id>> &
  Given<'query', QueryParameters<Id>> &
  ([RequestBody<Id>] extends [object] ? { readonly json: RequestBody<Id> } : { readonly json?: undefined }) &
  Extras;

interface Extras {
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
  readonly body?: SendBody | undefined;
  readonly repetition?: Repetition | undefined;
}

interface LooseInput extends Extras {
  readonly path?: unknown;
  readonly query?: unknown;
  readonly json?: unknown;
}

/** Sends the specification's operations: addresses, credentials, time-outs, retries, errors. The only place that calls `fetch`. */
export class Transport {
  readonly options: TransportOptions;
  /** Replaced by signing in and out. */
  token: TokenSource | undefined;

  constructor(options: TransportOptions, token: TokenSource | undefined) {
    this.options = options;
    this.token = token;
  }

  /** The JSON answer of an operation, read whole within the attempt's time. */
  async call<Id extends OperationId>(id: Id, input: Input<Id>, options: RequestOptions = {}): Promise<Answer<Id>> {
    const response = await this.#send(id, input, options, false);
    const text = await response.text();
    try {
      const answer: Answer<Id> = JSON.parse(text);
      return answer;
    } catch (cause) {
      const message = 'The server answered with something else than JSON: check baseUrl.';
      throw new ServerError(message, { code: 'invalid_answer', status: response.status, cause });
    }
  }

  /** Carries an operation out whose answer says no more than that it succeeded. */
  async run<Id extends OperationId>(id: Id, input: Input<Id>, options: RequestOptions = {}): Promise<void> {
    await this.#send(id, input, options, false);
  }

  /** The answer of an operation as soon as it begins; its body is still to be read, and must be read or cancelled. */
  stream<Id extends OperationId>(id: Id, input: Input<Id>, options: RequestOptions = {}): Promise<Response> {
    return this.#send(id, input, options, true);
  }

  /** The address of an operation. */
  url(id: OperationId, path: unknown, query?: unknown): URL {
    const filled = operationOf(id).path.replace(/\{(\w+)\}/g, (_, name: string) => segment(name, valueAt(path, name)));
    const url = new URL(this.options.baseUrl);
    url.pathname = url.pathname.replace(/\/+$/, '') + filled;
    for (const [name, value] of Object.entries(query ?? {}))
      if (value !== undefined) url.searchParams.set(name, String(value));
    return url;
  }

  /** The present token, checked so that no runtime quotes it in an error about bad headers. */
  async currentToken(): Promise<string | undefined> {
    let token: string | undefined;
    try {
      token = typeof this.token === 'function' ? await this.token() : this.token;
    } catch (cause) {
      const message = 'The function given as `token` failed; its error is the cause.';
      throw new AuthenticationError(message, { code: 'not_authenticated', cause });
    }
    if (token && !/^[\x21-\x7e]+$/.test(token)) {
      const message = 'The token holds characters that cannot be sent: was it cut or quoted on its way?';
      throw new AuthenticationError(message, { code: 'invalid_token', field: 'token' });
    }
    return token || undefined;
  }

  async #send(id: OperationId, input: LooseInput, options: RequestOptions, streamed: boolean): Promise<Response> {
    const { method, path } = operationOf(id);
    const signal = options.signal;
    const repetition = input.body?.once ? 'never' : (input.repetition ?? repetitionOf(id));
    let attempts = 0;
    let failure: UserWorkspacesError | undefined;
    const describe = (error: unknown) => {
      if (error !== failure) failure = this.#locate(toFailure(error, signal), method, path);
      return failure;
    };
    try {
      signal?.throwIfAborted();
      return await ky(this.url(id, input.path, input.query), {
        method,
        // Fetch keeps our header on its way to another origin, so a redirect could carry the token off.
        redirect: 'manual',
        throwHttpErrors: false,
        headers: { accept: 'application/json', ...input.headers },
        timeout: attemptTimeout((options.timeoutMs ?? this.options.timeoutMs) + (input.body?.extraTimeMs ?? 0)),
        ...(signal ? { signal } : {}),
        ...(input.json === undefined ? {} : { json: input.json }),
        hooks: { beforeRequest: [(request) => this.#authorise(id, request)] },
        fetch: async (request, init) => {
          attempts += 1;
          this.options.logger?.debug(`${method} ${path}${attempts > 1 ? `, attempt ${attempts}` : ''}`);
          // The body joins here: ky would clone a streamed one, and the copy would keep it all in memory.
          const body = input.body?.init(request instanceof Request ? request.signal : undefined);
          const send = this.options.fetch ?? globalThis.fetch;
          return whileHeld(request, signal, async (held) =>
            this.#receive(await send(request, { ...init, ...body, ...held }), streamed),
          );
        },
        retry: {
          limit: Math.max(0, options.retries ?? this.options.retries),
          methods: [method],
          shouldRetry: ({ error }) => {
            const known = describe(error);
            const again = known !== undefined && mayRepeat(known, repetition, attempts);
            if (again) this.options.logger?.warn(`${method} ${path} failed and may be repeated: ${known.message}`);
            return again;
          },
          delay: (failures) => pauseMs(failures, failure),
        },
      });
    } catch (error) {
      const known = describe(error) ?? toFailure(error, signal);
      if (isDoneAlready(id, known, attempts)) return new Response('{}');
      throw known;
    } finally {
      // Not waited for: a source that hangs must not keep its caller from the error.
      input.body
        ?.end()
        .catch((error: unknown) => this.options.logger?.warn(`A source did not close: ${String(error)}`));
    }
  }

  /** Turns an unsuccessful answer into its error, and reads what is to be read whole while the attempt's time runs. */
  async #receive(response: Response, streamed: boolean): Promise<Response> {
    // A browser shows a redirect that is not followed as an answer of status 0.
    const redirected = response.type === 'opaqueredirect' || (response.status >= 300 && response.status < 400);
    if (redirected) {
      await response.body?.cancel();
      throw await UserWorkspacesError.fromResponse(new Response(null, { status: 307, headers: response.headers }));
    }
    if (!response.ok) throw await UserWorkspacesError.fromResponse(response);
    if (streamed) return response;
    const text = await response.text();
    const { status, headers } = response;
    return new Response([204, 205].includes(status) ? null : text, { status, headers });
  }

  async #authorise(id: OperationId, request: Request): Promise<void> {
    if (!operationOf(id).authentication) return;
    const token = await this.currentToken();
    if (token !== undefined) request.headers.set('uws-authorization', `Token ${token}`);
  }

  /** ky's own time-out error names the whole address, with its query: ours names the operation. */
  #locate(failure: UserWorkspacesError, method: string, path: string): UserWorkspacesError {
    if (failure.name !== 'TimeoutError' || failure.cause === undefined) return failure;
    const { code, retryable } = failure;
    return new TimeoutError(`${method} ${path}: ${failure.message}`, { code, retryable });
  }
}

/** One value in a path. Ids are numbers or short words, so nothing that could change the path is let through. */
function segment(name: string, value: unknown): string {
  const text = String(value);
  if (!/^[\w-]+$/.test(text)) {
    const message = `"${text}" cannot be a ${name}.`;
    throw new InvalidRequestError(message, { code: 'invalid_argument', field: name });
  }
  return text;
}

/** The longest time a timer can be set to; a longer one would fire at once. */
const longestTimerMs = 2_147_483_647;

function attemptTimeout(timeoutMs: number): number | false {
  return timeoutMs > longestTimerMs ? false : timeoutMs;
}

/**
 * Gives `work` a signal that ends with the request's and with the caller's. The request's alone is not enough: it follows the
 * caller's by way of an `AbortSignal.any` that nobody holds, and once that is collected as garbage nothing reaches it any more.
 */
async function whileHeld<Result>(
  request: unknown,
  signal: AbortSignal | null | undefined,
  work: (held: { readonly signal?: AbortSignal }) => Promise<Result>,
): Promise<Result> {
  if (!signal || !(request instanceof Request)) return work({});
  const ending = new AbortController();
  const own = request.signal;
  const end = () => ending.abort(signal.aborted ? signal.reason : own.reason);
  own.addEventListener('abort', end);
  signal.addEventListener('abort', end);
  if (signal.aborted || own.aborted) end();
  try {
    return await work({ signal: ending.signal });
  } finally {
    signal.removeEventListener('abort', end);
  }
}
