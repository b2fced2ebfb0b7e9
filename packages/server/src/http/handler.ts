import type { IncomingMessage, ServerResponse } from 'node:http';
import type { UserRow } from '@user-workspaces/contract';
import type { Answer, OperationId, PathParameters, QueryParameters, RequestBody } from '@user-workspaces/schema';
import type { Logger } from 'pino';
import type { Origin } from '../records/audit.js';
import type { Idempotency } from '../services/idempotency.js';
import type { LargeAnswer } from './large-answer.js';

/** Who calls, as the token says. */
export interface Caller {
  readonly user: UserRow;
  readonly tokenId: number;
  readonly origin: Origin;
}

/** A successful answer that is not JSON. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Absent for answers without a body. Destroyed when the caller goes away. */
  readonly body?: AsyncIterable<Uint8Array> | string;
}

/** What a handler gets: everything typed by its operation. */
export interface HandlerContext<Id extends OperationId> {
  /** @throws ApiError on public operations called without a token; elsewhere always there. */
  readonly caller: Caller;
  readonly path: PathParameters<Id>;
  readonly query: QueryParameters<Id>;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Reads and checks the JSON body: call it only once the object is known to exist, since errors are found in that order. */
  body(): Promise<RequestBody<Id>>;
  /** Set when the request carries an `Idempotency-Key` and the operation takes one; reads the body. */
  idempotency(): Promise<Idempotency | undefined>;
  readonly requestId: string;
  readonly origin: Origin;
  readonly log: Logger;
  /** Aborts when the caller goes away. */
  readonly signal: AbortSignal;
}

type HandlerResult<Id extends OperationId> = [Answer<Id>] extends [never] ? RawAnswer : Answer<Id> | LargeAnswer;

export type Handler<Id extends OperationId> = (context: HandlerContext<Id>) => Promise<HandlerResult<Id>>;

/** One handler per operation: a missing or an extra one does not compile. */
export type Handlers = { readonly [Id in OperationId]: Handler<Id> };
