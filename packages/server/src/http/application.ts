import cors from '@koa/cors';
import Koa, { type Middleware } from 'koa';
import type { Readers } from '../events/readers.js';
import type { Metrics } from '../observability/metrics.js';
import type { ServerContext } from '../server-context.js';
import { bindHandlers, type RequestState } from './bind.js';
import { boundRequest } from './bound-request.js';
import type { Handlers } from './handler.js';
import { endIdleReaders } from './idle-readers.js';
import { answerErrors, methodNotAllowed, secureHeaders } from './request-log.js';

const day = 24 * 60 * 60;

/** What a browser's page on another origin may send and read. */
const crossOrigin = cors({
  origin: '*',
  allowMethods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
  allowHeaders: [
    'UWS-Authorization',
    'Authorization',
    'Content-Type',
    'Idempotency-Key',
    'Last-Event-ID',
    'Range',
    'If-Match',
    'If-None-Match',
    'If-Range',
  ],
  exposeHeaders: ['X-Request-Id', 'Retry-After', 'ETag', 'Content-Range', 'X-Log-Offset'],
  maxAge: day,
});

/** Parts of the API that answer before its routes: pages and the specification. */
export type Extra = Middleware<RequestState>;

/** The API as a Koa application, to be served or mounted. */
export function createApplication(
  server: ServerContext,
  handlers: Handlers,
  metrics: Metrics,
  options: {
    readonly validateAnswers: boolean;
    readonly extras: readonly Extra[];
    /** Told of every request with a caller, so that it can be ended. */
    readonly requests: Readers;
  },
): Koa<RequestState> {
  const application = new Koa<RequestState>();
  application.silent = true;
  const router = bindHandlers(handlers, server, metrics, options);
  const routes = router.routes();
  application.use(endIdleReaders(server.limits.idle_seconds));
  application.use(answerErrors(server));
  application.use(crossOrigin);
  application.use(secureHeaders);
  application.use(boundRequest(server.admission));
  application.use(async (context, next) => {
    const matched = router.match(context.path, context.method);
    // What an operation answers is counted with its caller.
    if (!matched.route) server.admission.countStranger(context.req);
    await next();
    if (matched.route || context.status !== 404 || context.body !== undefined) return;
    const allowed = new Set(matched.path.flatMap((layer) => layer.methods));
    if (allowed.size > 0) throw methodNotAllowed(context.method, [...allowed, 'OPTIONS'].join(', '));
  });
  for (const extra of options.extras) application.use(extra);
  application.use(routes);
  return application;
}
