import { createHmac } from 'node:crypto';
import type { Authentication } from '@user-workspaces/contract';
import type { AdapterUnderTest, AuthenticationCapability, AuthenticationWorld } from '@user-workspaces/testkit';
import { identityOf } from './passwords.js';

/** Knobs, so that each mutant differs from the right adapter in one place. */
export interface Reading {
  /** The text of the header, of which it may have come several. */
  readonly textOf: (header: string | readonly string[] | undefined) => string | undefined;
  readonly isSigned: (name: string, signature: string) => boolean;
}

const signatureOf = (name: string) => createHmac('sha256', 'key').update(name).digest('hex');

export const rightReading: Reading = {
  textOf: (header) => (typeof header === 'string' ? header : undefined),
  isSigned: (name, signature) => signature === signatureOf(name),
};

/** Signs in by a signed header, as one with a JSON Web Token does: `authorization: Bearer <name>.<signature>`. */
function createSignedHeaderAuthentication({ textOf, isSigned }: Reading): Authentication {
  return {
    name: 'signed header',
    async signIn(_body, { headers, signal }) {
      signal.throwIfAborted();
      const [, name, signature] = /^Bearer (\w+)\.([0-9a-f]*)$/.exec(textOf(headers.authorization) ?? '') ?? [];
      if (name === undefined || signature === undefined)
        return { kind: 'refused', message: 'There is no such header.' };
      if (!isSigned(name, signature)) return { kind: 'refused', message: 'The signature is wrong.' };
      return { kind: 'identity', identity: identityOf(name) };
    },
    async check() {
      return { connected: true, message: 'Nothing is asked.' };
    },
  };
}

const person = (name: string) => ({
  signIn: { body: {}, headers: { authorization: `Bearer ${name}.${signatureOf(name)}` } },
  identity: identityOf(name),
});

export async function openSignedHeader(changes: Partial<Reading> = {}): Promise<AuthenticationWorld> {
  return {
    authentication: createSignedHeaderAuthentication({ ...rightReading, ...changes }),
    people: [person('ada'), person('bob')],
    credentials: ['headers.authorization'],
    failures: [{ body: {}, kind: 'refused' }],
    close: async () => {},
  };
}

export const signedHeader: AdapterUnderTest<AuthenticationWorld, AuthenticationCapability> = {
  name: 'signed header',
  open: () => openSignedHeader(),
  differences: {
    cut_off: 'The signature is all that is looked at.',
    changed_secret: 'A signature is good as long as the key is.',
  },
};
