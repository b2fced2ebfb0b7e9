import { bodyFor, type Framing } from './bodies.js';
import { describe, type Operation, operationIds, operations, type Parameter } from './description.js';
import { hostileHeaders } from './headers.js';
import { type Known, kindOf } from './known.js';
import type { Random } from './random.js';
import { oddText, type Suggest, validValue, wildValue } from './values.js';

const manners = ['valid', 'almost', 'wild'] as const;

export interface FuzzRequest {
  readonly operation: Operation;
  /** As the specification says; with one thing in it wrong; or with most of it wrong. */
  readonly manner: (typeof manners)[number];
  readonly method: string;
  /** As it is sent, one byte for each character. */
  readonly target: string;
  /** The same. `{token}`, `{clientToken}`, `{ticket}` and `{cookie}` stand for the sender's own. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer | undefined;
  readonly framing: Framing;
}

/** A header, as an address says it, that carries the sender's token. */
const credentials: readonly (readonly [string, string])[] = [
  ['UWS-Authorization', 'Token {token}'],
  ['UWS-Authorization', 'Token {token}'],
  ['UWS-Authorization', 'Token {token}'],
  ['UWS-Authorization', 'bearer {token}'],
  ['Authorization', 'Bearer {token}'],
];

/** Credentials that are none. */
const oddCredentials: readonly (readonly [string, string])[] = [
  ['UWS-Authorization', 'Token'],
  ['UWS-Authorization', 'Token  {token}'],
  ['UWS-Authorization', 'Token {token} {token}'],
  ['UWS-Authorization', 'Token {clientToken}'],
  ['UWS-Authorization', `Token ${'x'.repeat(4_000)}`],
  ['UWS-Authorization', "Token ' OR 1=1 --"],
  ['UWS-Authorization', 'Token \xff\xfe'],
  ['Authorization', 'Basic e3Rva2VufTo='],
  ['Authorization', 'Digest username="{token}"'],
  ['Cookie', '{cookie}'],
  ['Cookie', 'uws_session={token}'],
];

/** Rare ones, so that there is something left to ask about. */
const destructive: readonly Operation[] = ['deleteWorkspace', 'revokeToken', 'stopJob', 'adminRevokeTokens'];
const constructive: readonly Operation[] = ['createWorkspace', 'startWorkspace', 'createUpload', 'createShares'];

/** What every operation is asked in turn, so that none is left out by chance; each round begins one later, so that every sender comes to each. */
function operationFor(number: number, random: Random): Operation {
  const round = Math.floor(number / operationIds.length);
  const inTurn = operationIds[(number + round) % operationIds.length] ?? 'getMe';
  if (destructive.includes(inTurn) && random.chance(0.6)) return random.pick(constructive);
  return inTurn;
}

/** The request of a number, about what is known. */
export function makeRequest(number: number, random: Random, known: Known): FuzzRequest {
  const operation = operationFor(number, random);
  const manner = random.pick(['valid', 'valid', 'valid', 'almost', 'almost', 'wild'] as const);
  const { parameters, content } = describe(operation);
  const textOf = textsFor(operation, manner, random, known);
  const target = targetFor(operation, manner, random, textOf, parameters);
  const headers: (readonly [string, string])[] = [credentialsFor(manner, random)];
  for (const one of parameters) {
    if (one.in === 'header' && random.chance(0.4)) headers.push([one.name, latin1(textOf(one))]);
  }
  const suggest = suggestions(operation, random, known);
  const { body, framing, types } = bodyFor(operation, content, manner, random, suggest);
  headers.push(...types);
  if (random.chance(manner === 'wild' ? 0.7 : 0.15)) headers.push(...hostileHeaders(random, manner, known));
  return { operation, manner, method: methodFor(operation, manner, random), target, headers, body, framing };
}

function credentialsFor(manner: FuzzRequest['manner'], random: Random): readonly [string, string] {
  if (random.chance(manner === 'valid' ? 0.04 : 0.1)) return ['X-No-Credentials', '1'];
  return random.pick(random.chance(manner === 'valid' ? 0.02 : 0.1) ? oddCredentials : credentials);
}

/** What to write for a parameter. */
function textsFor(operation: Operation, manner: FuzzRequest['manner'], random: Random, known: Known) {
  return ({ name, schema }: Parameter): string => {
    if (manner === 'wild' && random.chance(0.6))
      return String(random.chance(0.5) ? oddText(random) : JSON.stringify(wildValue(random)));
    if (manner === 'almost' && random.chance(0.3)) return oddText(random);
    const found = known.pick(kindOf(operation, name), random);
    if (found !== undefined && random.chance(0.85)) return String(found);
    return String(validValue(schema, random));
  };
}

/** Values of properties that mean something to the server under test. */
function suggestions(operation: Operation, random: Random, known: Known): Suggest {
  return (property) => {
    switch (property) {
      case 'job_type':
      case 'default_job_type':
        return random.pick(['local_test_job', 'local_test_job', 'terminal', 'web_app', 'unknown']);
      case 'resource':
        return 'main_resource';
      case 'resource_options':
        return { num_cpus: random.int(1, 2), memory_mb: 256, time_limit_minutes: random.int(1, 720) };
      case 'time_limit_minutes':
        return random.int(1, 720);
      case 'original_workspace_id':
        return known.pick('workspace_id', random);
      case 'shared_user_ids':
        return [known.pick('user_id', random)];
      case 'source_path':
        return known.pick('source_path', random);
      case 'size_bytes':
        return random.int(0, 64);
      case 'if_match':
        return null;
      case 'path':
      case 'from':
        return known.pick('path', random);
      case 'username':
        return operation === 'adminCreateUser' ? `made${random.int(1, 200)}` : undefined;
      case 'email':
        return operation === 'adminSetEmail' || operation === 'adminCreateUser'
          ? `u${random.int(0, 5)}@example.org`
          : undefined;
      case 'disk_space':
      case 'core_hours':
      case 'active_jobs':
      case 'workspaces':
        return operation === 'adminSetQuotas' ? random.pick([null, 5, 1_000_000_000]) : undefined;
      default:
        return undefined;
    }
  };
}

function targetFor(
  operation: Operation,
  manner: FuzzRequest['manner'],
  random: Random,
  textOf: (parameter: Parameter) => string,
  parameters: readonly Parameter[],
): string {
  let path: string = operations[operation].path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const parameter = parameters.find((one) => one.in === 'path' && one.name === name);
    if (!parameter) return '';
    const text = textOf(parameter);
    return name === 'path'
      ? text
          .split('/')
          .map((part) => encode(part, random, manner))
          .join('/')
      : encode(text, random, manner);
  });
  if (random.chance(0.1)) path = path.replace(/\/$/, '');
  if (manner === 'wild' && random.chance(0.05))
    path = random.pick([`/${path}`, `${path}//`, `http://evil.example${path}`, `${path}/../..`, '*']);
  const query = parameters
    .filter((one) => one.in === 'query')
    .filter((one) => (one.required || random.chance(0.4)) && !(manner === 'almost' && random.chance(0.1)))
    .map((one) => `${one.name}=${encode(textOf(one), random, manner)}`);
  if (manner === 'wild' && random.chance(0.3)) query.push(`${encode(oddText(random), random, manner)}=1`);
  if (manner === 'wild' && random.chance(0.1)) query.push('token={token}', 'uws_ticket={ticket}');
  if (manner === 'wild' && random.chance(0.1)) query.push(...query);
  return query.length > 0 ? `${path}?${query.join('&')}` : path;
}

function methodFor(operation: Operation, manner: FuzzRequest['manner'], random: Random): string {
  const { method } = operations[operation];
  if (method === 'GET' && random.chance(0.05)) return 'HEAD';
  if (manner !== 'wild' || random.chance(0.85)) return method;
  return random.pick(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND', 'TRACE', 'get', 'X\x00']);
}

/** Percent-encoded; now and then too little. */
function encode(text: string, random: Random, manner: FuzzRequest['manner']): string {
  // Mostly within the limit of addresses.
  const short = text.slice(0, manner === 'wild' && random.chance(0.05) ? 70_000 : 3_000);
  if (manner === 'wild' && random.chance(0.3)) return latin1(short);
  return encodeURIComponent(Buffer.from(short).toString());
}

/** UTF-8, a character for each byte, as text goes into a head as it is. */
export function latin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}
