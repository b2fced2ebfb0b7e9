import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AdapterError,
  type Authentication,
  type Identity,
  type IdentityProblem,
  type SignInResult,
} from '@user-workspaces/contract';
import { authenticationSuite } from '@user-workspaces/testkit';
import { localAuthentication, openLocalAuthentication } from '../../../../auth-local/test/adapters.js';
import { altered } from '../altered.js';
import { testMutants } from '../mutants.js';
import { type Directory, identityOf, openPasswords } from './passwords.js';
import { openSignedHeader, signedHeader } from './signed-header.js';

const opening = (change: (authentication: Authentication) => Authentication['signIn']) => () =>
  openLocalAuthentication((authentication) => ({
    name: authentication.name,
    check: (signal) => authentication.check(signal),
    signIn: change(authentication),
  }));

/** The shipped sign-in with another check of identities. */
const checking =
  (check: (authentication: Authentication, identity: Partial<Identity>) => IdentityProblem | undefined) => () =>
    openLocalAuthentication((authentication) =>
      altered(authentication, { checkIdentity: (identity) => check(authentication, identity) }),
    );

testMutants(
  authenticationSuite,
  localAuthentication.differences,
  [
    {
      fault: 'believes any client token',
      open: opening(
        (authentication) => (body, context) =>
          authentication.signIn(body, {
            ...context,
            findApiClient: async (token) => (await context.findApiClient(token)) ?? { id: 1, name: 'anybody' },
          }),
      ),
      breaks: ['sign-in.altered', 'sign-in.changed-secret', 'sign-in.failures'],
    },
    {
      fault: 'remembers who signed in before',
      open: opening((authentication) => {
        let last: SignInResult | undefined;
        return async (body, context) => {
          const result = await authentication.signIn(body, context);
          if (result.kind === 'identity') last = result;
          return result.kind === 'refused' && last ? last : result;
        };
      }),
      breaks: ['sign-in.this-call', 'sign-in.changed-secret'],
    },
    {
      fault: 'takes a look-up that failed for a good token',
      open: opening(
        (authentication) => (body, context) =>
          authentication.signIn(body, {
            ...context,
            findApiClient: (token) => context.findApiClient(token).catch(() => ({ id: 0, name: 'unknown' })),
          }),
      ),
      breaks: ['sign-in.client-lookup'],
    },
    {
      fault: 'shows the client token in its message',
      open: opening((authentication) => async (body, context) => {
        const result = await authentication.signIn(body, context);
        if (result.kind !== 'refused') return result;
        return { ...result, message: `The client token ${String(body.client_token)} belongs to no portal.` };
      }),
      breaks: ['sign-in.secrets'],
    },
    {
      fault: 'does not hear that the caller went away',
      open: opening(
        (authentication) => (body, context) =>
          authentication.signIn(body, { ...context, signal: new AbortController().signal }),
      ),
      breaks: ['sign-in.aborted', 'sign-in.aborted-midway'],
    },
    {
      fault: 'does not look at the signal after the look-up',
      open: opening((authentication) => async (body, context) => {
        context.signal.throwIfAborted();
        return authentication.signIn(body, { ...context, signal: new AbortController().signal });
      }),
      breaks: ['sign-in.aborted-midway'],
    },
    {
      fault: 'mixes up who signs in at the same time',
      open: opening((authentication) => {
        let latest: Readonly<Record<string, unknown>> = {};
        return async (body, context) => {
          latest = body;
          await Promise.resolve();
          return authentication.signIn(latest, context);
        };
      }),
      breaks: ['sign-in.at-once', 'sign-in.this-call', 'sign-in.unavailable'],
    },
    {
      fault: 'stumbles over a list in place of a text',
      open: opening((authentication) => async (body, context) => {
        if (Array.isArray(body.user_info)) throw new TypeError('Cannot read properties of undefined');
        return authentication.signIn(body, context);
      }),
      breaks: ['sign-in.hostile-bodies'],
    },
    {
      fault: 'leaves a mark in the body that it is given',
      open: opening((authentication) => async (body, context) => {
        Object.assign(body, { seen: true });
        return authentication.signIn(body, context);
      }),
      breaks: ['sign-in.unchanged'],
    },
    {
      fault: 'says nothing of its health',
      open: () =>
        openLocalAuthentication((authentication) =>
          altered(authentication, { check: async () => ({ connected: true, message: '' }) }),
        ),
      breaks: ['check.health'],
    },
    {
      fault: 'finds fault with names under which people sign in',
      open: checking((authentication, identity) =>
        identity.username?.includes('-')
          ? { field: 'username', message: 'username must not have a dash.' }
          : authentication.checkIdentity?.(identity),
      ),
      breaks: ['identity.checked'],
    },
    {
      fault: 'finds fault with what is not given',
      open: checking((authentication, identity) =>
        identity.email === undefined
          ? { field: 'email', message: 'email is missing.' }
          : authentication.checkIdentity?.(identity),
      ),
      breaks: ['identity.checked'],
    },
    {
      fault: 'finds the fault of an address in the name',
      open: checking((authentication, identity) => {
        const problem = authentication.checkIdentity?.(identity);
        return problem && { ...problem, field: 'username' };
      }),
      breaks: ['identity.checked'],
    },
    {
      fault: 'calls what is missing refused',
      open: opening((authentication) => async (body, context) => {
        const result = await authentication.signIn(body, context);
        return result.kind === 'incomplete' ? { kind: 'refused', message: result.message } : result;
      }),
      breaks: ['sign-in.failures'],
    },
  ],
  8,
);

/** Passwords in a directory, with another `signIn`. */
const passwords = (change: (authentication: Authentication, directory: Directory) => Authentication['signIn']) => () =>
  openPasswords((authentication, directory) => altered(authentication, { signIn: change(authentication, directory) }));

testMutants(
  authenticationSuite,
  undefined,
  [
    {
      fault: 'takes people who sign in at the same moment for each other',
      open: passwords((authentication) => {
        let latest: Identity | undefined;
        return async (body, context) => {
          const result = await authentication.signIn(body, context);
          if (result.kind !== 'identity') return result;
          latest = result.identity;
          await sleep(1);
          return { kind: 'identity', identity: latest };
        };
      }),
      breaks: ['sign-in.at-once', 'sign-in.this-call', 'sign-in.aborted-midway'],
    },
    {
      fault: "takes anybody's password",
      open: passwords((authentication, directory) => (body, context) => {
        const isAnybodys = [...directory.passwords.values()].some((password) => password === body.password);
        const own = directory.passwords.get(String(body.username));
        return authentication.signIn(isAnybodys && own !== undefined ? { ...body, password: own } : body, context);
      }),
      breaks: ['sign-in.another'],
    },
    {
      fault: 'remembers proofs that were good',
      open: passwords((authentication) => {
        const good = new Map<string, SignInResult>();
        return async (body, context) => {
          const key = JSON.stringify([body.username, body.password]);
          const result = good.get(key) ?? (await authentication.signIn(body, context));
          if (result.kind === 'identity') good.set(key, result);
          return result;
        };
      }),
      breaks: ['sign-in.changed-secret', 'sign-in.unavailable'],
    },
    {
      fault: 'refuses a wrong password while the directory is cut off',
      open: passwords((authentication, directory) => async (body, context) => {
        const isWrong = directory.passwords.get(String(body.username)) !== body.password;
        if (directory.isCutOff && isWrong) return { kind: 'refused', message: 'The password is wrong.' };
        return authentication.signIn(body, context);
      }),
      breaks: ['sign-in.unavailable'],
    },
    {
      fault: 'tells the password when the directory does not answer',
      open: passwords(
        (authentication) => (body, context) =>
          authentication.signIn(body, context).catch((error: unknown) => {
            if (!AdapterError.is(error, 'unavailable')) throw error;
            throw new AdapterError('unavailable', `The bind as ${body.username}:${body.password} timed out.`);
          }),
      ),
      breaks: ['sign-in.secrets'],
    },
    {
      fault: 'has the password in the details of its error',
      open: passwords((authentication) => async (body, context) => {
        const result = await authentication.signIn(body, context);
        if (result.kind !== 'refused') return result;
        throw new AdapterError('denied', 'The password is wrong.', { details: { tried: body.password } });
      }),
      breaks: ['sign-in.secrets', 'sign-in.failures'],
    },
    {
      fault: 'tells most of the password',
      open: passwords((authentication) => async (body, context) => {
        const result = await authentication.signIn(body, context);
        if (result.kind !== 'refused') return result;
        return { ...result, message: `The password ${String(body.password).slice(0, -1)}… is wrong.` };
      }),
      breaks: ['sign-in.secrets'],
    },
    {
      fault: 'does not hear a signal that comes midway',
      open: passwords((authentication) => async (body, context) => {
        context.signal.throwIfAborted();
        return authentication.signIn(body, { ...context, signal: new AbortController().signal });
      }),
      breaks: ['sign-in.aborted-midway'],
    },
    {
      fault: 'signs in whom the directory cannot be asked about',
      open: passwords((authentication, directory) => async (body, context) => {
        if (!directory.isCutOff || !body.password) return authentication.signIn(body, context);
        return { kind: 'identity', identity: identityOf(String(body.username)) };
      }),
      breaks: ['sign-in.unavailable'],
    },
  ],
  8,
);

testMutants(
  authenticationSuite,
  signedHeader.differences,
  [
    {
      fault: 'does not look at the signature',
      open: () => openSignedHeader({ isSigned: () => true }),
      breaks: ['sign-in.altered', 'sign-in.another'],
    },
    {
      fault: 'looks at the length of the signature only',
      open: () => openSignedHeader({ isSigned: (_, signature) => signature.length === 64 }),
      breaks: ['sign-in.altered', 'sign-in.another'],
    },
    {
      fault: 'looks at the beginning of the signature only',
      open: () =>
        openSignedHeader({
          isSigned: (name, signature) =>
            signature.length >= 32 &&
            createHmac('sha256', 'key').update(name).digest('hex').startsWith(signature.slice(0, 32)),
        }),
      breaks: ['sign-in.altered'],
    },
    {
      fault: 'takes the first of a header that comes twice',
      open: () =>
        openSignedHeader({
          textOf: (header) => (typeof header === 'string' ? header : header?.find((text) => text !== '')),
        }),
      breaks: ['sign-in.nobody', 'sign-in.this-call', 'sign-in.unavailable'],
    },
  ],
  8,
);
