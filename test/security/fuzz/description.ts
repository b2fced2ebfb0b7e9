// What the specification says of its operations, in the form that requests are made from and answers are judged by.
import { administrationOperations, operations as operationsForAll } from '@user-workspaces/schema';
import specification from '@user-workspaces/schema/openapi.json' with { type: 'json' };

/** The part of JSON schema that the specification uses. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly pattern?: string;
  readonly format?: string;
}

export interface Parameter {
  readonly $ref?: string;
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema: Schema;
}

type Content = Readonly<Record<string, { readonly schema: Schema }>>;

interface DescribedResponse {
  readonly $ref?: string;
  readonly content?: Content;
}

export interface Described {
  readonly parameters: readonly Parameter[];
  /** Of its body, by media type. */
  readonly content: Content;
  readonly responses: Readonly<Record<string, DescribedResponse>>;
}

/** All operations, those of administration too. */
export const operations = { ...operationsForAll, ...administrationOperations };

export type Operation = keyof typeof operations;

function isOperation(id: string): id is Operation {
  return Object.hasOwn(operations, id);
}

export const operationIds = Object.keys(operations).filter(isOperation);

/** What a reference within the specification stands for. */
export function resolve<T extends object>(value: T & { readonly $ref?: string }): T {
  if (value.$ref === undefined) return value;
  let found: unknown = specification;
  for (const name of value.$ref.slice(2).split('/')) {
    found = typeof found === 'object' && found !== null ? Reflect.get(found, name) : undefined;
  }
  if (typeof found !== 'object' || found === null) throw new Error(`${value.$ref} is not in the specification.`);
  return resolve(found as T);
}

interface Item {
  readonly parameters?: readonly Parameter[];
  readonly [method: string]: unknown;
}

interface OperationItem {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, DescribedResponse>>;
}

function isOperationItem(value: unknown): value is OperationItem {
  return typeof value === 'object' && value !== null && 'operationId' in value;
}

function readDescriptions(): Map<Operation, Described> {
  const found = new Map<Operation, Described>();
  const paths: Readonly<Record<string, Item>> = JSON.parse(JSON.stringify(specification.paths));
  for (const item of Object.values(paths)) {
    for (const part of Object.values(item)) {
      if (!isOperationItem(part) || !isOperation(part.operationId)) continue;
      const parameters = [...(item.parameters ?? []), ...(part.parameters ?? [])].map((one) => resolve(one));
      const responses = Object.entries(part.responses).map(([status, one]) => [status, resolve(one)] as const);
      found.set(part.operationId, {
        parameters,
        content: part.requestBody?.content ?? {},
        responses: Object.fromEntries(responses),
      });
    }
  }
  return found;
}

const descriptions = readDescriptions();

export function describe(id: Operation): Described {
  const described = descriptions.get(id);
  if (!described) throw new Error(`${id} is not in the specification.`);
  return described;
}

const patterns = operationIds.map((id) => {
  const { path, method } = operations[id];
  const text = path.replace(/\/$/, '').replaceAll(/[.]/g, '\\.');
  // The path of a session is whatever follows, slashes included.
  const pattern = text.replaceAll(/\{(\w+)\}/g, (_, name: string) => (name === 'path' ? '.*' : '[^/]+'));
  return { id, method: String(method), pattern: new RegExp(`^${pattern}/?$`, 'i') };
});

/** The operations that a request may have reached. */
export function operationsAt(method: string, target: string): Operation[] {
  const path = target.replace(/^https?:\/\/[^/]*/i, '').split(/[?#]/, 1)[0] ?? '';
  const asked = method === 'HEAD' ? 'GET' : method;
  return patterns
    .filter(({ id, method: own, pattern }) => (own === asked || id === 'openSession') && pattern.test(path))
    .map(({ id }) => id);
}
