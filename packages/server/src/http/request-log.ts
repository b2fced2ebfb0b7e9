import type { Context, Middleware, Next } from 'koa';
import { limitOf } from '../limits/limits.js';
import type { ServerContext } from '../server-context.js';
import { ApiError, toApiError } from './api-error.js';
import { CallerGone, type RequestState } from './bind.js';

/** Gives each request an id, turns errors into answers, and logs one line per request. */
export function answerErrors(server: ServerContext): Middleware<RequestState> {
  return async (context, next) => {
    const requestId = Buffer.from(server.clock.random(9)).toString('base64url');
    context.state.requestId = requestId;
    context.state.log = server.log.child({ requestId });
    context.set('X-Request-Id', requestId);
    const startedAt = performance.now();
    try {
      await next();
      if (context.status === 404 && context.body === undefined && context.respond !== false) {
        throw new ApiError('not_found', `There is nothing at ${context.path}.`);
      }
    } catch (error) {
      if (error instanceof CallerGone) {
        giveUp(context);
        return;
      }
      const refusal = toApiError(error);
      const limit = limitOf(refusal);
      if (limit) server.metrics.limitRefused(limit);
      answerError(context, refusal, requestId);
      // A limit that is reached is no failure, and whoever reaches it must not fill the log.
      if (context.status >= 500 && !limit)
        context.state.log.error({ err: error, path: pathWithoutTokens(context.path) }, 'request failed');
    } finally {
      context.state.log.info(
        {
          method: context.method,
          path: pathWithoutTokens(context.path),
          operation: context.state.operation,
          status: context.respond === false ? context.res.statusCode : context.status,
          client: server.clientAddressOf(context.req),
          durationMs: Math.round(performance.now() - startedAt),
        },
        'request',
      );
    }
  };
}

/** A token belongs in a header; a client that puts one into the path (`/me/tokens/<token>/`), percent-encoded or not, must not bring it into the log. */
function pathWithoutTokens(path: string): string {
  const plain = plainText(path);
  return plain.includes('uws_') ? plain.replaceAll(/uws_[\w-]+/g, 'uws_…') : path;
}

/** So often a path is decoded; what was encoded more often, in ways that no program does, stays as it is. */
const decodings = 4;

/** A path with its printable ASCII characters decoded, percent signs that were encoded again and again too; what decodes to nothing stays. */
function plainText(path: string): string {
  let plain = path;
  for (let count = 0; count < decodings; count++) {
    plain = plain.replaceAll(/%(?:25)*([2-7][0-9a-f])/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }
  return plain;
}

/** Nobody waits for an answer. The status is what reverse proxies write for this. */
function giveUp(context: Context): void {
  context.res.destroy();
  context.respond = false;
  context.res.statusCode = 499;
}

function answerError(context: Context, error: ApiError, requestId: string): void {
  if (context.res.headersSent) {
    // Too late for an answer: a cut connection is the only honest sign.
    context.res.destroy();
    context.respond = false;
    return;
  }
  context.status = error.status;
  context.set({ ...error.headers });
  context.body = error.body(requestId);
}

/** The error for a method that a path does not have. */
export function methodNotAllowed(method: string, allowed: string): ApiError {
  return new ApiError('method_not_allowed', `Method "${method}" not allowed.`, { headers: { Allow: allowed } });
}

/** Sets the headers that keep an API answer from being taken for a page, and from being kept: it may hold tickets and tokens. What has a rule of its own sets it later. */
export async function secureHeaders(context: Context, next: Next): Promise<void> {
  context.set('Cache-Control', 'no-store');
  context.set('X-Content-Type-Options', 'nosniff');
  context.set('Referrer-Policy', 'no-referrer');
  await next();
}
