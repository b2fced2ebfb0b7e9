import type { SignInContext } from '@user-workspaces/contract';
import { describe, expect, it } from 'vitest';
import { createLocalAuthentication } from '../src/index.js';

const GOOD_TOKEN = 'c0ffee0000000000000000000000000000000000';
const auth = createLocalAuthentication({ name: 'portal' });
const asked: string[] = [];
const context: SignInContext = {
  headers: {},
  signal: new AbortController().signal,
  async findApiClient(clientToken) {
    asked.push(clientToken);
    return clientToken === GOOD_TOKEN ? { id: 1, name: 'portal' } : undefined;
  },
};
const alice = { username: 'alice', email: 'alice@x.org' };
const signIn = (body: Record<string, unknown>) => auth.signIn(body, context);
const signInAs = (changes: Record<string, unknown>) =>
  signIn({ client_token: GOOD_TOKEN, user_info: { ...alice, ...changes } });

describe('local authentication', () => {
  it('believes a portal that it knows', async () => {
    expect(await signInAs({ first_name: 'Alice', last_name: 'Ämes-O’Neill' })).toEqual({
      kind: 'identity',
      identity: { username: 'alice', email: 'alice@x.org', firstName: 'Alice', lastName: 'Ämes-O’Neill' },
    });
    expect(await signInAs({ first_name: null, extra: 1 })).toMatchObject({
      kind: 'identity',
      identity: { firstName: '', lastName: '' },
    });
    for (const username of ['jane.doe', 'Jane_Doe', 'jane@example.org', '0123', 'a', 'x'.repeat(64), 'admin']) {
      expect(await signInAs({ username }), username).toMatchObject({ kind: 'identity', identity: { username } });
    }
  });

  it('says what is missing, in the words of the old service', async () => {
    expect(await signIn({ user_info: alice })).toEqual({
      kind: 'incomplete',
      field: 'client_token',
      message: 'Missing client_token. Please have admin generate a token for you.',
    });
    expect(await signIn({ client_token: GOOD_TOKEN })).toEqual({
      kind: 'incomplete',
      field: 'user_info',
      message: 'Missing user_info. Please provide user_info to get user_token.',
    });
  });

  it.each([
    [{ client_token: 5, user_info: alice }, 'client_token'],
    [{ client_token: { length: 1 }, user_info: alice }, 'client_token'],
    [{ client_token: GOOD_TOKEN, user_info: 'alice' }, 'user_info'],
    [{ client_token: GOOD_TOKEN, user_info: [alice] }, 'user_info'],
    [{ client_token: GOOD_TOKEN, user_info: { ...alice, username: 7 } }, 'user_info.username'],
    [{ client_token: GOOD_TOKEN, user_info: { ...alice, email: ['a@b'] } }, 'user_info.email'],
    [{ client_token: GOOD_TOKEN, user_info: { ...alice, first_name: {} } }, 'user_info.first_name'],
    [{ client_token: GOOD_TOKEN, user_info: { ...alice, last_name: 'x'.repeat(151) } }, 'user_info.last_name'],
    [{ client_token: GOOD_TOKEN, user_info: { ...alice, first_name: 'A\u0000' } }, 'user_info.first_name'],
    [{ client_token: GOOD_TOKEN, user_info: { ...alice, first_name: '\ud800' } }, 'user_info.first_name'],
  ])('names the field of a wrong type: %j', async (body, field) => {
    expect(await signIn(body)).toMatchObject({ kind: 'incomplete', field });
  });

  it.each([
    '../evil',
    '..',
    '.hidden',
    '-rf',
    'a/b',
    'a\\b',
    'a b',
    ' alice',
    'alice\n',
    'a\0b',
    'älice',
    'x'.repeat(65),
    '@home',
    '$(id)',
    '%2e%2e',
  ])('never lets an unsafe user name in: %j', async (username) => {
    expect(await signInAs({ username })).toMatchObject({ kind: 'incomplete', field: 'user_info.username' });
    expect(auth.checkIdentity?.({ username })).toMatchObject({ field: 'username' });
  });

  it('refuses a portal that it does not know, before it looks at the user', async () => {
    expect(await signIn({ client_token: 'x', user_info: alice })).toMatchObject({ kind: 'refused' });
    expect(await signIn({ client_token: 'x', user_info: { username: '../evil' } })).toMatchObject({ kind: 'refused' });
    asked.length = 0;
    expect(await signIn({ client_token: 'x'.repeat(100_000), user_info: alice })).toMatchObject({ kind: 'refused' });
    expect(asked).toEqual([]);
  });

  it.each([
    [{ username: undefined }],
    [{ username: '' }],
    [{ username: null }],
    [{ email: undefined }],
    [{ email: '' }],
    [{ email: 'alice' }],
    [{ email: 'alice@' }],
    [{ email: 'a b@x.org' }],
    [{ email: 'a@b@x.org' }],
    [{ email: 'alice@x.org\r\nBcc: all@x.org' }],
    [{ email: `${'a'.repeat(250)}@x.org` }],
  ])('refuses a user without a name or an address: %j', async (changes) => {
    expect(await signInAs(changes)).toMatchObject({ kind: 'refused' });
    const email = 'email' in changes ? changes.email : undefined;
    if (email !== undefined) expect(auth.checkIdentity?.({ email })).toMatchObject({ field: 'email' });
  });

  it('passes on that clients cannot be looked up, and an abort', async () => {
    const down = new Error('down');
    const failing = { ...context, findApiClient: () => Promise.reject(down) };
    const body = { client_token: GOOD_TOKEN, user_info: alice };
    await expect(auth.signIn(body, failing)).rejects.toBe(down);
    await expect(auth.signIn(body, { ...context, signal: AbortSignal.abort(down) })).rejects.toBe(down);
    expect(await auth.check()).toMatchObject({ connected: true });
  });
});
