import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { AdapterError, type SignInResult } from '@user-workspaces/contract';
import type { AuthenticationWorld, PersonWhoSignsIn, SignIn } from './world.js';

/** What a check lends to a sign-in in place of what the server would. */
export interface Lending {
  readonly signal?: AbortSignal;
  /** Stands in for the server's look for the owner of a client token. */
  readonly findApiClient?: (token: string) => Promise<{ id: number; name: string } | undefined>;
}

export async function ownerOf(
  world: AuthenticationWorld,
  token: string,
): Promise<{ id: number; name: string } | undefined> {
  return token === world.clientToken ? { id: 1, name: 'portal' } : undefined;
}

export function attempt(
  world: AuthenticationWorld,
  { body, headers = {} }: SignIn,
  lending: Lending = {},
): Promise<SignInResult> {
  return world.authentication.signIn(body, {
    headers,
    signal: new AbortController().signal,
    findApiClient: (token) => ownerOf(world, token),
    ...lending,
  });
}

/** Asserts that a sign-in gives this person. */
export async function gives(
  world: AuthenticationWorld,
  { signIn, identity }: PersonWhoSignsIn,
  what = `The sign-in of ${identity.username}`,
  lending?: Lending,
): Promise<void> {
  assert.deepEqual(
    await attempt(world, signIn, lending),
    { kind: 'identity', identity },
    `${what} gives something else.`,
  );
}

/** Asserts that an attempt gives nobody, by an answer or an error of the contract, and resolves with that. */
export async function givesNobody(
  world: AuthenticationWorld,
  signIn: SignIn,
  what: string,
): Promise<SignInResult | AdapterError> {
  const end = await endOf(world, signIn, what);
  if (end instanceof Error) return end;
  assert.notEqual(end.kind, 'identity', `${what} signs somebody in: ${JSON.stringify(end)}`);
  return end;
}

/** How an attempt ends: with a well-formed answer, or an error of the contract. */
export async function endOf(
  world: AuthenticationWorld,
  signIn: SignIn,
  what: string,
): Promise<SignInResult | AdapterError> {
  try {
    const result = await attempt(world, signIn);
    const { kind } = result;
    assert.ok(['identity', 'continue', 'incomplete', 'refused'].includes(kind), `${what} ends with "${kind}".`);
    if (kind === 'incomplete') assert.ok(result.field, `${what} is incomplete, but no field is named.`);
    if (kind === 'incomplete' || kind === 'refused') assert.ok(result.message.trim(), `${what} has no message.`);
    return result;
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    assert.ok(AdapterError.is(error), `${what} threw ${String(error)}.`);
    return error;
  }
}

/** All that an answer or an error says to somebody: message, details and what caused it, too. An identity is what was asked for. */
export function textOf(end: SignInResult | AdapterError): string {
  if (!(end instanceof Error)) return end.kind === 'identity' ? '' : JSON.stringify(end);
  return [end.message, JSON.stringify(end.details ?? {}), inspect(end, { depth: 10, breakLength: Infinity })].join(
    '\n',
  );
}
