import type { administrationOperations } from './administration.gen.js';
import type { operations as operationTable } from './operations.gen.js';
import type { components, operations } from './types.gen.js';

/** Every component of the specification by name, for example `Schema<'Workspace'>`. */
export type Schema<Name extends keyof components['schemas']> = components['schemas'][Name];

type OperationTable = typeof operationTable & typeof administrationOperations;

/** The operations that handlers serve; the session proxy's own is not among them. */
export type OperationId = {
  [Id in keyof OperationTable]: OperationTable[Id]['servedBy'] extends 'handler' ? Id : never;
}[keyof OperationTable];

/** What client and server need to know of an operation besides its types. */
export interface Operation {
  readonly method: string;
  readonly path: string;
  /** A token is needed. */
  readonly authentication: boolean;
  readonly query: readonly string[];
  readonly idempotencyKey: boolean;
  readonly body: 'none' | 'json' | 'binary' | 'multipart';
  readonly answer: 'none' | 'json' | 'binary' | 'text' | 'events';
  readonly servedBy: 'handler' | 'proxy';
  /** The role that the caller needs; absent: any. */
  readonly role?: Schema<'Role'>;
}

type Parameters<Id extends OperationId, Place extends 'path' | 'query'> = operations[Id]['parameters'] extends {
  [Key in Place]?: infer Values;
}
  ? [NonNullable<Values>] extends [never]
    ? Record<never, never>
    : NonNullable<Values>
  : Record<never, never>;

/** Values of the path's placeholders. */
export type PathParameters<Id extends OperationId> = Parameters<Id, 'path'>;

/** Values of the query. */
export type QueryParameters<Id extends OperationId> = Parameters<Id, 'query'>;

/** The JSON body of a request, `undefined` for an operation without one. */
export type RequestBody<Id extends OperationId> = operations[Id] extends {
  requestBody?: { content: { 'application/json': infer Body } };
}
  ? Body
  : undefined;

/** The JSON body of a successful answer, `never` for an operation that answers otherwise. */
export type Answer<Id extends OperationId> = operations[Id] extends {
  responses: { 200: { content: { 'application/json': infer Body extends object } } };
}
  ? Body
  : never;
