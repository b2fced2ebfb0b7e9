import { PassThrough, type Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { SessionTarget } from './addresses.js';
import type { OwnAnswer } from './answers.js';
import type { HttpRequest, HttpResponse } from './options.js';
import { hasBody } from './request-head.js';
import { browserHead } from './response-head.js';
import type { Session } from './sessions.js';
import type { Visitor } from './visitor.js';

export interface ExchangeContext {
  readonly session: Session;
  readonly target: SessionTarget;
  readonly visitor: Visitor;
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  /** Request target for the application. */
  readonly path: string;
  /** Head for the application, names and values in turn. */
  readonly head: string[];
  /** Set-Cookie of ours to add to the answer. */
  readonly renewal: string | undefined;
  readonly onTraffic: () => void;
  /** The application did not answer, so the proxy does. */
  readonly onFailed: (own: OwnAnswer, reason: Error, unreachable: boolean) => void;
}

const lostConnection = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);
const tookTooLong = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'ETIMEDOUT']);
/** Failures that tell nothing of whether the application is there. */
const notItsSilence = new Set([
  'UND_ERR_HEADERS_OVERFLOW',
  'UND_ERR_ABORTED',
  'UND_ERR_INVALID_ARG',
  'TOO_MANY_INTERIM_ANSWERS',
]);
/** 1xx answers before the answer. Each of them begins the wait for it anew, so without a bound it may never come. */
const maxInterimAnswers = 16;
/** Asking twice changes nothing; another method may have done its work before the connection broke. */
const repeatable = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * One HTTP request to an application and its answer back, streamed both ways; each side is read only as fast as the other takes it. When the browser
 * leaves, the request to the application is given up; when the application breaks off, so does the answer.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #context: ExchangeContext;
  #controller: Dispatcher.DispatchController | undefined;
  #repeats = 1;
  #flowing = false;
  #interimAnswers = 0;

  constructor(context: ExchangeContext) {
    this.#context = context;
  }

  start(): void {
    const { request, response } = this.#context;
    response.once('close', () => {
      if (!response.writableFinished) this.#controller?.abort(new Error('The browser left.'));
    });
    response.on('drain', () => this.#controller?.resume());
    this.#dispatch(hasBody(request) ? bodyOf(request) : null);
  }

  #dispatch(body: Readable | null): void {
    const { session, request, path, head } = this.#context;
    const method = request.method ?? 'GET';
    session.pool
      .then((pool) => pool.dispatch({ path, method, headers: head, body }, this))
      .catch((error: Error) => this.onResponseError(undefined, error));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#context.response.destroyed) controller.abort(new Error('The browser left.'));
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    reason: string | undefined,
  ): void {
    if (status < 200) {
      this.#interimAnswers += 1;
      if (this.#interimAnswers <= maxInterimAnswers) return;
      const message = `The application sent ${this.#interimAnswers} interim answers and no final one.`;
      controller.abort(Object.assign(new Error(message), { code: 'TOO_MANY_INTERIM_ANSWERS' }));
      return;
    }
    const { response, target, visitor, renewal } = this.#context;
    const head = browserHead(plain(controller.rawHeaders), target, visitor);
    if (renewal !== undefined) head.push('Set-Cookie', renewal);
    try {
      response.writeHead(status, printable(reason), head);
    } catch (error) {
      controller.abort(new Error('The application sent a head that HTTP does not allow.', { cause: error }));
      return;
    }
    // A stream may send its head long before its first bytes; usually both come together and leave in one piece.
    process.nextTick(() => {
      if (!this.#flowing && !response.writableEnded && !response.destroyed) response.flushHeaders();
    });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#flowing = true;
    this.#context.onTraffic();
    if (!this.#context.response.write(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    this.#context.response.end();
  }

  onResponseError(_controller: unknown, error: Error): void {
    const { request, response, onFailed } = this.#context;
    if (response.destroyed || response.writableEnded) return;
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
    // A connection kept from an earlier request may be closed by the application just as it is used again.
    if (lostConnection.has(code) && this.#repeats > 0 && repeatable.has(request.method ?? '') && !hasBody(request)) {
      this.#repeats -= 1;
      this.#dispatch(null);
      return;
    }
    const spoke = error.name === 'HTTPParserError' || notItsSilence.has(code);
    onFailed(failureOf(code, spoke, this.#context.target.route.jobId), error, !spoke);
  }
}

function failureOf(code: string, spoke: boolean, jobId: number): OwnAnswer {
  if (code === 'UND_ERR_INVALID_ARG') {
    return {
      status: 400,
      code: 'invalid_field',
      message: 'The head of the request holds something that HTTP does not allow.',
    };
  }
  if (spoke) {
    const message = `The server of job ${jobId} sent an answer that is not valid HTTP. Look into the job's log.`;
    return { status: 502, code: 'session_unreachable', message };
  }
  const late = tookTooLong.has(code);
  const message = late
    ? `The server of job ${jobId} has not answered in time. The job's status is being checked.`
    : `The server of job ${jobId} does not answer. It may have ended; the job's status is being checked.`;
  return { status: late ? 504 : 502, code: 'session_unreachable', message, retryAfterSeconds: 10 };
}

/**
 * The request's body as a stream of its own, as what is given up towards the application is destroyed, and the browser's connection is still
 * needed for the answer.
 */
function bodyOf(request: HttpRequest): Readable {
  const body = new PassThrough();
  body.on('error', () => request.unpipe(body));
  request.on('error', (error) => body.destroy(error));
  request.once('close', () => {
    if (!request.complete) body.destroy(new Error('The browser left.'));
  });
  return request.pipe(body);
}

/** Header bytes as Node reads and writes them: one character each. */
function plain(raw: Dispatcher.DispatchController['rawHeaders']): string[] {
  if (!Array.isArray(raw)) return [];
  return raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')));
}

function printable(reason: string | undefined): string {
  return reason !== undefined && /^[\t\x20-\x7e]*$/.test(reason) ? reason : '';
}
