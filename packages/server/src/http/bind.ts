import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import Router from '@koa/router';
import {
  administrationOperations,
  type Operation,
  type OperationId,
  operations as operationsForAll,
  type RequestBody,
  schemas,
} from '@user-workspaces/schema';
import type { ParameterizedContext } from 'koa';
import type { Logger } from 'pino';
import type * as z from 'zod';
import type { Readers } from '../events/readers.js';
import type { Limits } from '../limits/limits.js';
import type { Metrics } from '../observability/metrics.js';
import { type AuditAction, actorOf, type Origin } from '../records/audit.js';
import type { ServerContext } from '../server-context.js';
import { type Idempotency, idempotency } from '../services/idempotency.js';
import { authenticate, notAuthenticated } from '../services/tokens.js';
import { AnswerTurns } from './answer-turns.js';
import { ApiError } from './api-error.js';
import type { Caller, HandlerContext, Handlers, RawAnswer } from './handler.js';
import { checkLists, parseJson, readBody, textOf, validate } from './json-body.js';
import { LargeAnswer } from './large-answer.js';
import { sendRaw } from './raw-answer.js';

/** What the middleware in front of the routes leaves for them. */
export interface RequestState {
  requestId: string;
  log: Logger;
  /** The operation that answers, for log and metrics. */
  operation?: string;
}

type Context = ParameterizedContext<RequestState>;

type Schemas = (typeof schemas.requests)[OperationId];

const operations = { ...operationsForAll, ...administrationOperations };

const handlerIds = Object.keys(operations).filter(
  (id): id is OperationId => operations[id as keyof typeof operations].servedBy === 'handler',
);

/** Values of a query as text; of a repeated one the last counts, as in the old service. */
function queryOf(context: Context): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(context.querystring));
}

function isRaw(answer: object): answer is RawAnswer {
  return 'status' in answer && 'headers' in answer;
}

/** Why work for a request ends when nobody waits for its answer any more: no failure of anybody's. */
export class CallerGone extends Error {
  override readonly name = 'CallerGone';
}

/** Aborts when the caller goes away before the answer is complete. */
function disconnectSignal({ res }: Context): AbortSignal {
  const controller = new AbortController();
  const onClose = (): void => {
    if (!res.writableFinished) controller.abort(new CallerGone('The caller went away.'));
  };
  // It may have happened while the token was looked up.
  if (res.closed) onClose();
  else res.once('close', onClose);
  return controller.signal;
}

/** So many listeners at the end of one answer are no leak. */
const closeListeners = 20;

/** Nobody needs to send much to get a token, and anybody may try. */
const signInBytes = 64 * 1024;

function limitsOfStrangers(limits: Limits): Limits {
  return { ...limits, json_bytes: Math.min(limits.json_bytes, signInBytes) };
}

function headersOf(request: IncomingMessage, parameter: string): Record<string, string> {
  const value = request.headers[parameter.toLowerCase()];
  return typeof value === 'string' ? { [parameter]: value } : {};
}

/**
 * Binds every handler to its method and path, as the specification has them: authentication, parameters, and the body's schema come from there.
 *
 * Errors are found in this order: method, authentication, then what the handler looks up, the body, and its fields.
 */
export function bindHandlers(
  handlers: Handlers,
  server: ServerContext,
  metrics: Metrics,
  { validateAnswers, requests }: { readonly validateAnswers: boolean; readonly requests: Readers },
): Router<RequestState> {
  const turns = new AnswerTurns();
  const router = new Router<RequestState>({ ...(server.settings.prefix && { prefix: server.settings.prefix }) });
  for (const id of handlerIds) register(id);
  // A PUT with an unknown last segment is a known mistake, not an unknown path.
  router.put(['/workspaces/:id/:action', '/jobs/:id/:action', '/shared_workspaces/:id/:action'], async (context) => {
    if (!(await admit(context))) throw notAuthenticated();
    throw new ApiError('unknown_action', 'Invalid PUT type passed.', { field: String(context.params.action) });
  });
  return router;

  function admit(context: Context, origin?: Origin, isWatching = false): Promise<Caller | undefined> {
    const lookUp = () => authenticate(server, context.headers, origin);
    // Monitoring is answered without a caller rather than held up by a database that does not answer.
    const lookUpSoon = () => Promise.race([lookUp(), sleep(watchingPatienceMs, undefined, { ref: false })]);
    return server.admission.admit(context.req, isWatching ? lookUpSoon : lookUp, isWatching);
  }

  function register<Id extends OperationId>(id: Id): void {
    const operation = operations[id];
    const path = operation.path.replaceAll(/\{(\w+)\}/g, ':$1');
    // The router serves a path without its trailing slash, too; written without one, it serves both.
    router.register(path.length > 1 ? path.replace(/\/$/, '') : path, [operation.method], async (context: Context) => {
      context.state.operation = id;
      // Log, figures, counts, doors and streams each listen once for its end, together more than Node's ten.
      context.res.setMaxListeners(closeListeners);
      const startedAt = performance.now();
      let isCounted = false;
      const count = (status: number): void => {
        if (!isCounted) metrics.request({ operation: id, status }, (performance.now() - startedAt) / 1000);
        isCounted = true;
      };
      context.res.once('close', () => count(context.res.statusCode));
      await answer(id, context, count);
    });
  }

  /** A request ends when its caller is no longer welcome; the broken connection is all that there is to tell. */
  function endWithCaller(context: Context, caller: Caller): void {
    const open = requests.enter(caller, context.req);
    open.signal.addEventListener('abort', () => context.res.destroy(), { once: true });
    if (open.signal.aborted) context.res.destroy();
    context.res.once('close', () => open.leave());
  }

  async function answer<Id extends OperationId>(
    id: Id,
    context: Context,
    onHead: (status: number) => void,
  ): Promise<void> {
    const operation: Operation = operations[id];
    const requestSchemas: Schemas = schemas.requests[id];
    const origin = { address: server.clientAddressOf(context.req), requestId: context.state.requestId };
    const caller = await admit(context, origin, watchingOperations.has(id));
    if (caller) server.admission.hold('open_requests', caller, context.res);
    if (!caller && operation.authentication) throw notAuthenticated();
    if (caller) endWithCaller(context, caller);
    if (operation.role !== undefined && caller?.user.role !== operation.role) {
      server.metrics.administrationRefused();
      if (caller)
        await server.refusals.record(actorOf(caller), { action: 'administration', details: { operation: id } });
      throw new ApiError('permission_denied', `This needs the role ${operation.role}.`);
    }
    const path = requestSchemas.path.safeParse(context.params);
    if (!path.success) throw new ApiError('not_found', `There is nothing at ${context.path}.`);
    const query = validate(requestSchemas.query, queryOf(context));
    const limits = operation.authentication ? server.limits : limitsOfStrangers(server.limits);
    const held = server.admission.holdBody(context.req, caller);
    let bytes: Promise<readonly Uint8Array[]> | undefined;
    const bodyBytes = (): Promise<readonly Uint8Array[]> => {
      bytes ??= readBody(context.req, limits, held);
      return bytes;
    };
    const signal = disconnectSignal(context);
    const handlerContext = {
      get caller(): Caller {
        if (!caller) throw notAuthenticated();
        return caller;
      },
      path: path.data,
      query,
      request: context.req,
      response: context.res,
      requestId: context.state.requestId,
      origin,
      log: context.state.log,
      signal,
      async body(): Promise<RequestBody<Id>> {
        const value = parseJson(textOf(await bodyBytes()), limits);
        checkLists(requestSchemas.lists, value, limits);
        return validate(requestSchemas.body, value) as RequestBody<Id>;
      },
      async idempotency(): Promise<Idempotency | undefined> {
        const headers = validate(schemas.requests.createWorkspace.headers, headersOf(context.req, 'Idempotency-Key'));
        const key = headers['Idempotency-Key'];
        if (key === undefined || !caller) return undefined;
        const request = { userId: caller.user.id, operationId: id, key };
        return idempotency(server.database, request, [`${context.path}\n`, ...(await bodyBytes())], server.clock.now());
      },
    } as HandlerContext<Id>;
    const hasBytes =
      caller && listingOperations.has(id) ? await turns.enter(caller.user.id, context.res, signal) : undefined;
    const result: object = await handlers[id](handlerContext)
      .catch(async (error: unknown) => {
        if (caller) await noteQuotaRefusal(server, caller, id, path.data, error);
        throw error;
      })
      // Until now it was worked with, even if its sender has gone.
      .finally(() => held.release());
    if (validateAnswers && !isRaw(result)) checkAnswer(id, result instanceof LargeAnswer ? result.read() : result);
    const raw = result instanceof LargeAnswer ? result.raw() : result;
    if (isRaw(raw)) {
      // How long a stream or a download lasts says nothing of the server.
      onHead(raw.status);
      await sendRaw(context.req, context.res, raw);
      context.respond = false;
      return;
    }
    if (!hasBytes) {
      context.body = raw;
      return;
    }
    const json = Buffer.from(JSON.stringify(raw));
    hasBytes(json.length);
    context.type = 'json';
    context.body = json;
  }
}

/** So long the credentials of those are looked up. */
const watchingPatienceMs = 1_000;

/** What probes and monitoring ask for. */
const watchingOperations: ReadonlySet<OperationId> = new Set(['getHealth', 'getReadiness', 'getMetrics']);

/** What answers with all rows of a user, each of which may be long. */
const listingOperations: ReadonlySet<OperationId> = new Set([
  'listWorkspaces',
  'getWorkspace',
  'listJobs',
  'getJob',
  'listShares',
  'getShare',
]);

const actionsWithQuotas: Partial<Readonly<Record<OperationId, AuditAction>>> = {
  createWorkspace: 'workspace.create',
  updateWorkspace: 'file.write',
  uploadFiles: 'file.write',
  writeFile: 'file.write',
  createUpload: 'file.write',
  startWorkspace: 'job.start',
  extendJob: 'job.extend',
  createShares: 'share.create',
  acceptShare: 'share.accept',
};

/** Tells the metrics and the audit log of a refusal because of a quota. */
async function noteQuotaRefusal(
  server: ServerContext,
  caller: Caller,
  id: OperationId,
  path: Readonly<Record<string, unknown>>,
  error: unknown,
): Promise<void> {
  if (!(error instanceof ApiError) || error.code !== 'quota_exceeded') return;
  const details = schemas.QuotaExceeded.parse(error.details);
  server.metrics.quotaRefused(details.scope);
  const action = actionsWithQuotas[id];
  if (!action) throw new Error(`${id} was refused because of a quota and has no name in the audit log.`);
  const workspaceId = path.workspace_id;
  const subject = typeof workspaceId === 'number' ? { kind: 'workspace' as const, id: workspaceId } : undefined;
  await server.refusals.record(actorOf(caller), { action, details, ...(subject && { subject }) });
}

/** Throws when an answer is not what the specification says. */
function checkAnswer(id: OperationId, answer: unknown): void {
  const schema: Readonly<Record<string, z.ZodType>> = schemas.answers[id];
  const result = schema['200']?.safeParse(answer);
  if (result && !result.success) throw new Error(`${id} answered outside the specification: ${result.error.message}`);
}
