import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { AuthenticationWorld, PersonWhoSignsIn, SignIn } from './world.js';

/** A sign-in that is not as it should be, with words for what was done to it. */
export type Attempt = readonly [what: string, signIn: SignIn];

/** What is at `body.a.b` or `headers.x`. */
export function valueAt(signIn: SignIn, path: string): unknown {
  let value: unknown = signIn;
  for (const key of path.split('.')) {
    value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  }
  return value;
}

function proofAt(signIn: SignIn, path: string): string {
  const proof = valueAt(signIn, path);
  assert.ok(typeof proof === 'string', `The sign-in of the world has no text at ${path}.`);
  return proof;
}

/** A sign-in with another value at a path; `undefined` takes it away. */
export function changed(signIn: SignIn, path: string, value: unknown): SignIn {
  const copy = structuredClone({ headers: {}, ...signIn });
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  const holder = valueAt(copy, keys.join('.'));
  assert.ok(typeof holder === 'object' && holder !== null, `The sign-in has nothing at ${path}.`);
  if (value === undefined) Reflect.deleteProperty(holder, last);
  else Reflect.set(holder, last, value);
  return copy;
}

const isHeader = (path: string): boolean => path.startsWith('headers.');

/** The good sign-ins with each proof missing, emptied or of another type. Headers are always text, or lists of it where they came twice. */
export function withoutProof({ people, credentials }: AuthenticationWorld): Attempt[] {
  return people.flatMap(({ signIn, identity: { username } }) =>
    credentials.flatMap((path) => {
      const proof = proofAt(signIn, path);
      const wrong: [how: string, value: unknown][] = isHeader(path)
        ? [
            ['twice', [proof, proof]],
            ['twice, then wrong', [proof, 'wrong']],
            ['twice, first wrong', ['wrong', proof]],
            ['twice, first empty', ['', proof]],
          ]
        : [null, 0, true, {}, [proof], { length: 5 }].map((value) => [
            `of type ${Array.isArray(value) ? 'list' : value === null ? 'null' : typeof value}`,
            value,
          ]);
      const empty: [how: string, value: unknown][] = [
        ['missing', undefined],
        ['empty', ''],
        ['as an empty list', []],
      ];
      return [...empty, ...wrong].map(
        ([how, value]): Attempt => [`The sign-in of ${username} with ${path} ${how}`, changed(signIn, path, value)],
      );
    }),
  );
}

/** The good sign-ins with each proof altered. What was altered is told, the proof is not. */
export function alteredProofs({ people, credentials }: Pick<AuthenticationWorld, 'people' | 'credentials'>): Attempt[] {
  const good = people.map(({ signIn }) => signIn);
  return people.flatMap(({ signIn, identity: { username } }) =>
    credentials.flatMap((path) =>
      alterationsOf(proofAt(signIn, path), isHeader(path))
        .map(([how, text]): Attempt => [`The sign-in of ${username} with ${path} ${how}`, changed(signIn, path, text)])
        .filter(([, each]) => !good.some((one) => isDeepStrictEqual({ headers: {}, ...one }, each))),
    ),
  );
}

/** White space around a header's value, and in some schemes its case, mean nothing; in a body each character counts. */
function alterationsOf(proof: string, inHeader: boolean): [how: string, text: string][] {
  const inBody: [string, string][] = [
    ['after a blank', ` ${proof}`],
    ['in capitals', proof.toUpperCase()],
    ['with a NUL at its end', `${proof}\0`],
  ];
  const all: [string, string][] = [
    ['made longer', `${proof}x`],
    ['cut at its end', proof.slice(0, -1)],
    ['cut at its beginning', proof.slice(1)],
    ['cut to its half', proof.slice(0, Math.ceil(proof.length / 2))],
    ...partsOf(proof).flatMap(([index, part]): [string, string][] => [
      [`of which a byte of part ${index} is another`, withPart(proof, index, otherByteInTheMiddle(part))],
      [`of which part ${index} is empty`, withPart(proof, index, '')],
    ]),
    ...(inHeader ? [] : inBody),
  ];
  return all.filter(([, text]) => text !== proof);
}

const separators = /([\s.:;,|]+)/;

/** What stands between the separators that tokens use, such as scheme, name and signature. */
function partsOf(text: string): [index: number, part: string][] {
  return text.split(separators).flatMap((part, index) => (index % 2 === 0 && part !== '' ? [[index, part]] : []));
}

function withPart(text: string, index: number, part: string): string {
  return text.split(separators).with(index, part).join('');
}

/** In the middle: the last characters of Base64 hold bits that mean nothing. */
function otherByteInTheMiddle(part: string): string {
  const middle = Math.floor((part.length - 1) / 2);
  const byte = part.charAt(middle);
  // Of the same kind, so that it is not the form that gives it away.
  const others = /\d/.test(byte) ? '01' : /[A-Z]/.test(byte) ? 'AB' : 'ab';
  const other = byte === others.charAt(0) ? others.charAt(1) : others.charAt(0);
  return part.slice(0, middle) + other + part.slice(middle + 1);
}

/** The sign-in of each with the proof of another: empty where the proof is all that a sign-in holds. */
export function withProofOfAnother({
  people,
  credentials,
}: Pick<AuthenticationWorld, 'people' | 'credentials'>): Attempt[] {
  return pairsOf(people).flatMap(([one, other]) => {
    const what = `The sign-in of ${one.identity.username} with what proves ${other.identity.username}`;
    const whole = credentials.reduce((signIn, path) => changed(signIn, path, proofAt(other.signIn, path)), one.signIn);
    const single = credentials.map(
      (path): Attempt => [`${what} at ${path}`, changed(one.signIn, path, proofAt(other.signIn, path))],
    );
    return unlessGood(people, [[what, whole], ...single]);
  });
}

/** The sign-in of each with one part of another's proof, such as the signature, or the name that was signed. */
export function withPartOfAnother({ people, credentials }: AuthenticationWorld): Attempt[] {
  return pairsOf(people).flatMap(([one, other]) =>
    credentials.flatMap((path) => {
      const [mine, theirs] = [proofAt(one.signIn, path), proofAt(other.signIn, path)];
      if (mine.split(separators).length !== theirs.split(separators).length) return [];
      const spliced = partsOf(theirs).map(
        ([index, part]): Attempt => [
          `The sign-in of ${one.identity.username} with part ${index} of what proves ${other.identity.username} at ${path}`,
          changed(one.signIn, path, withPart(mine, index, part)),
        ],
      );
      return unlessGood(people, spliced);
    }),
  );
}

function pairsOf(people: readonly PersonWhoSignsIn[]): [PersonWhoSignsIn, PersonWhoSignsIn][] {
  return people.flatMap((one) =>
    people.filter((other) => other !== one).map((other): [PersonWhoSignsIn, PersonWhoSignsIn] => [one, other]),
  );
}

/** A mixture may come out as somebody's own sign-in. */
function unlessGood(people: readonly PersonWhoSignsIn[], attempts: readonly Attempt[]): Attempt[] {
  const good = people.map(({ signIn }) => ({ headers: {}, ...signIn }));
  return attempts.filter(([, signIn]) => !good.some((each) => isDeepStrictEqual(each, { headers: {}, ...signIn })));
}

/** What is the same in the sign-ins of all: it cannot prove who somebody is. */
export function commonPart({ people: [first, ...others] }: AuthenticationWorld): SignIn {
  return others.reduce(
    (common: SignIn, { signIn: { body, headers = {} } }) => ({
      body: commonOf(common.body, body),
      headers: Object.fromEntries(
        Object.entries(common.headers ?? {}).filter(([name, value]) => isDeepStrictEqual(value, headers[name])),
      ),
    }),
    first.signIn,
  );
}

function commonOf(
  one: Readonly<Record<string, unknown>>,
  other: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(one).flatMap(([name, value]): [string, unknown][] => {
      const theirs = other[name];
      if (isObject(value) && isObject(theirs)) return [[name, commonOf(value, theirs)]];
      return isDeepStrictEqual(value, theirs) ? [[name, value]] : [];
    }),
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The sign-in with another text wherever it holds this one. */
export function withText({ body, headers = {} }: SignIn, text: string, other: string): SignIn {
  const replaced = (value: unknown): unknown => {
    if (value === text) return other;
    if (Array.isArray(value)) return value.map(replaced);
    return isObject(value)
      ? Object.fromEntries(Object.entries(value).map(([key, each]) => [key, replaced(each)]))
      : value;
  };
  return {
    body: Object.fromEntries(Object.entries(body).map(([key, value]) => [key, replaced(value)])),
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value === text ? other : value])),
  };
}
