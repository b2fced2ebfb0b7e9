import assert from 'node:assert/strict';
import type { Authentication, Identity } from '@user-workspaces/contract';
import type { World } from '../../guarantee.js';
import { valueAt } from './proofs.js';

/** What a way of signing in may lack. */
export type AuthenticationCapability = 'cut_off' | 'changed_secret' | 'own_secrets' | 'unforgeable';

/** A sign-in as it comes from outside. */
export interface SignIn {
  readonly body: Readonly<Record<string, unknown>>;
  /** Names in lower case. A list is a header that came several times. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

/** Somebody who can sign in. */
export interface PersonWhoSignsIn {
  /** A sign-in that succeeds. */
  readonly signIn: SignIn;
  /** Whom it gives. */
  readonly identity: Identity;
}

/**
 * A way of signing in, with people who can and attempts that must fail.
 *
 * @example
 * const person = (username: string, password: string): PersonWhoSignsIn => ({
 *   signIn: { body: { username, password } },
 *   identity: { username, email: `${username}@x.org`, firstName: '', lastName: '' },
 * });
 * const open = async (): Promise<AuthenticationWorld> => {
 *   const directory = await startDirectory({ ada: 'correct horse', bob: 'battery staple' });
 *   return {
 *     authentication: createDirectoryAuthentication({ url: directory.url }),
 *     people: [person('ada', 'correct horse'), person('bob', 'battery staple')],
 *     credentials: ['body.password'],
 *     failures: [
 *       { body: { username: 'ada' }, kind: 'incomplete' },
 *       { body: { username: 'ada', password: 'wrong' }, kind: 'refused' },
 *     ],
 *     changeSecret: async () => {
 *       await directory.setPassword('ada', 'another horse');
 *       return person('ada', 'another horse').signIn;
 *     },
 *     cutOff: () => directory.disconnect(),
 *     close: () => directory.stop(),
 *   };
 * };
 */
export interface AuthenticationWorld extends World {
  readonly authentication: Authentication;
  /** The one client token that belongs to a portal; looked at whenever the adapter asks for its owner. */
  readonly clientToken?: string;
  /** Two people or more. Without the capability `own_secrets` their proofs may be the same. */
  readonly people: readonly [PersonWhoSignsIn, PersonWhoSignsIn, ...PersonWhoSignsIn[]];
  /** Where in each sign-in the texts are that prove who calls, such as `body.client_token` or `headers.x-remote-user`. At least one. */
  readonly credentials: readonly string[];
  /** Sign-ins that fail, and how. At least one. */
  readonly failures: readonly (SignIn & { readonly kind: 'incomplete' | 'refused' })[];
  /** Capability `changed_secret`: makes the proof of the first of `people` good no more, and resolves with the sign-in of theirs that succeeds from now on. */
  changeSecret?(): Promise<SignIn>;
  /** Capability `cut_off`: makes the system behind it unreachable; what it returns brings it back. */
  cutOff?(): Promise<() => Promise<void>>;
}

/** Throws for a world with which the trials would try nothing: what they find in it would be no proof. */
export function assertSound({ people, credentials, failures }: AuthenticationWorld): void {
  assert.ok(people.length >= 2, 'The world needs two `people` at least: one alone cannot be taken for another.');
  const names = people.map(({ identity }) => identity.username);
  assert.equal(
    new Set(names).size,
    people.length,
    `The \`people\` of the world are not different: ${names.join(', ')}.`,
  );
  assert.ok(credentials.length > 0, 'The world names no `credentials`: say where in a sign-in the proof is.');
  assert.ok(failures.length > 0, 'The world names no `failures`: give sign-ins that must fail, an empty one at least.');
  for (const { signIn, identity } of people) {
    for (const path of credentials) {
      const proof = valueAt(signIn, path);
      const isText = typeof proof === 'string' && proof !== '';
      assert.ok(isText, `The sign-in of ${identity.username} in the world has no text at ${path}.`);
    }
  }
}
