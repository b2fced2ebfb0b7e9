import { errorCodes, schemas } from '@user-workspaces/schema';
import specification from '@user-workspaces/schema/openapi.json' with { type: 'json' };
import { describe, type Operation, operations, operationsAt } from './description.js';
import type { Exchange } from './exchange.js';
import type { FuzzRequest } from './requests.js';

/** Frames of stacks, words of SQL, paths of packages: what no answer and no line of the log may hold. */
export const insides = [
  /\bat .{0,200}\.[cm]?[jt]s:\d+:\d+/,
  /node:internal/,
  /node_modules/,
  /\bSQLITE_\w+/,
  /\b(insert into|select .+ from|update .+ set)\b/i,
];

/** The status of each code, as the specification's table has it. */
const statusOf = new Map(
  [...specification.components.schemas.ErrorCode.description.matchAll(/^\| `(\w+)` \| (\d{3}) \|/gm)].map(
    ([, code = '', status]) => [code, Number(status)],
  ),
);

/** A session's application may be gone, and is then told so; nothing else may fail. */
const failuresOfSessions = [502, 503, 504];

/** A schema of the package `schema`. */
interface Parser {
  safeParse(value: unknown): { readonly success: boolean; readonly error?: { readonly message: string } | undefined };
}

interface RequestSchemas {
  readonly path: Parser;
  readonly query: Parser;
  readonly body: Parser;
}

const requestSchemas: Readonly<Record<string, RequestSchemas>> = schemas.requests;
const answerSchemas: Readonly<Record<string, Readonly<Record<string, Parser>>>> = schemas.answers;

/** These two are all that a caller sees who is no longer welcome. */
const noAnswer = 'no answer';
const cutAnswer = 'an answer that was cut off';

export function isBreak(fault: string): boolean {
  return fault === noAnswer || fault === cutAnswer;
}

/** Whether a request goes on after its end, or has none: what is no HTTP in the middle of an answer ends the connection. */
function endsInDisorder({ framing, headers, body }: FuzzRequest): boolean {
  const isOdd = framing === 'short' || framing === 'broken' || framing === 'long';
  return (body !== undefined && isOdd) || headers.some(([name]) => name === 'Transfer-Encoding');
}

/** What is wrong with an answer; `undefined` if nothing is. */
export function faultOf(sent: FuzzRequest, answer: Exchange): string | undefined {
  const { status, headers } = answer;
  if (status === 0) return endsInDisorder(sent) ? undefined : noAnswer;
  const ending = sent.method === 'HEAD' && headers.connection === 'close' ? parse(answer.surplus) : undefined;
  // Of a head that cannot be understood, the server does not know that it asked for no body.
  if ([400, 408, 413].includes(status) && schemas.ErrorAnswer.safeParse(ending).success) return undefined;
  if (answer.surplus !== '') return `something after the answer: ${JSON.stringify(answer.surplus.slice(0, 100))}`;
  if (!answer.isWhole) return endsInDisorder(sent) ? undefined : cutAnswer;
  if ('x-injected' in headers) return 'a header that the request wrote';
  const reached = operationsAt(sent.method, sent.target);
  const isSession = reached.includes('openSession');
  if (status >= 500 && !(isSession && failuresOfSessions.includes(status))) return `status ${status}`;
  if (status === 101) return reached.includes('getJob') || isSession ? undefined : 'a change of protocol';
  // Answers of a session's application are its own affair; those of the server have a number.
  if (isSession && headers['x-request-id'] === undefined) return undefined;
  if (status >= 400) return faultOfError(answer, sent, isSession);
  if (sent.method === 'OPTIONS') return status === 204 || status === 200 ? undefined : `status ${status} for OPTIONS`;
  const faults = reached.map((id) => faultOfSuccess(id, sent, answer));
  if (faults.length === 0) return 'success at an address that the specification does not have';
  return faults.includes(undefined) ? undefined : faults.join('; ');
}

function faultOfError(answer: Exchange, sent: FuzzRequest, isSession: boolean): string | undefined {
  const { status, text, headers } = answer;
  const inside = insides.find((pattern) => pattern.test(text));
  if (inside) return `the server's inside, ${inside.source}`;
  if (headers['x-request-id'] === undefined) return 'an error without X-Request-Id';
  if (sent.method === 'HEAD') return undefined;
  const type = headers['content-type']?.split(';', 1)[0];
  if (isSession && type === 'text/html') return undefined;
  if (type !== 'application/json') return `an error of the type ${type}`;
  const result = schemas.ErrorAnswer.safeParse(parse(text));
  if (!result.success) return `an error outside the specification: ${result.error.message}`;
  const { error } = result.data;
  if (!errorCodes.includes(error.code)) return `the unknown code ${error.code}`;
  // The proxy has a time of its own for answers that are late.
  if (statusOf.get(error.code) !== status && status !== 504) return `${error.code} with status ${status}`;
  if (error.code === 'rate_limited' && headers['retry-after'] === undefined) return '429 without Retry-After';
  if (status === 401 && headers['www-authenticate'] === undefined && !isSession) return '401 without WWW-Authenticate';
  return status === 405 && headers.allow === undefined ? '405 without Allow' : undefined;
}

function faultOfSuccess(id: Operation, sent: FuzzRequest, answer: Exchange): string | undefined {
  const { status, headers, text } = answer;
  const response = describe(id).responses[status];
  if (!response) return `${id}: status ${status}, which the specification does not have`;
  const refusable = whyRefusable(id, sent);
  if (refusable !== undefined) return `${id}: done although ${refusable}`;
  const types = Object.keys(response.content ?? {});
  const type = headers['content-type']?.split(';', 1)[0] ?? '';
  if (types.length === 0) return text === '' ? undefined : `${id}: a body where none belongs`;
  if (!types.includes(type)) return `${id}: an answer of the type ${type}`;
  if (sent.method === 'HEAD') return undefined;
  if (type === 'text/event-stream') return faultOfEvents(text);
  if (type !== 'application/json') return undefined;
  const result = answerSchemas[id]?.[String(status)]?.safeParse(parse(text));
  if (!result) return `${id}: status ${status} without a schema`;
  return result.success ? undefined : `${id}: an answer outside the specification: ${result.error?.message}`;
}

/** What of a request breaks the specification, so that nothing may come of it. */
function whyRefusable(id: Operation, { target, headers, body }: FuzzRequest): string | undefined {
  const asked = requestSchemas[id];
  if (!asked) return undefined;
  const [, query = ''] = target.split('?', 2);
  if (!asked.query.safeParse(Object.fromEntries(new URLSearchParams(query))).success) return 'its query is wrong';
  const isJson = operations[id].body === 'json';
  if (!isJson || body === undefined || headers.some(([name]) => name === 'Content-Encoding')) return undefined;
  // A mark at its beginning is no part of a text (RFC 8259, section 8.1: it may be ignored).
  const text = body.toString().replace(/^\uFEFF/, '');
  const value = text.trim() === '' ? {} : parse(text);
  return asked.body.safeParse(value).success ? undefined : 'its body is wrong';
}

/** The last message may have been cut by us. */
function faultOfEvents(text: string): string | undefined {
  for (const block of text.split('\n\n').slice(0, -1)) {
    // Only a line feed ends a line here; for a regular expression's dot U+2028 does, too.
    const data = /^data: ?([^\n]*)/m.exec(block)?.[1];
    if (data === undefined) continue;
    const result = schemas.Event.safeParse(parse(data));
    if (!result.success) return `an event outside the specification: ${result.error.message}`;
  }
  return undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
