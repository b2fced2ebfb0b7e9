import type { Authentication, SignInResult } from '@user-workspaces/contract';
import { authenticationSuite } from '@user-workspaces/testkit';
import { localAuthentication, openLocalAuthentication } from '../../../../auth-local/test/adapters.js';
import { testMutants } from '../mutants.js';

const opening = (change: (authentication: Authentication) => Authentication['signIn']) => () =>
  openLocalAuthentication((authentication) => ({
    name: authentication.name,
    check: (signal) => authentication.check(signal),
    signIn: change(authentication),
  }));

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
      breaks: ['sign-in.nobody', 'sign-in.this-call', 'sign-in.failures', 'sign-in.secrets', 'sign-in.unavailable'],
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
      breaks: ['sign-in.this-call', 'sign-in.unavailable'],
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
      breaks: ['sign-in.aborted'],
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
      breaks: ['sign-in.this-call', 'sign-in.unavailable'],
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
