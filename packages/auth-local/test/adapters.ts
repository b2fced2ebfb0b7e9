import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AccountMapping, Authentication } from '@user-workspaces/contract';
import type {
  AccountMappingCapability,
  AccountMappingWorld,
  AdapterUnderTest,
  AuthenticationCapability,
  AuthenticationWorld,
} from '@user-workspaces/testkit';
import {
  createLocalAuthentication,
  createOwnAccount,
  createReservedAccounts,
  createSystemAccounts,
} from '../src/index.js';

const firstClientToken = 'c0ffee0000000000000000000000000000000000';
const user = { username: 'alice', email: 'alice@x.org', first_name: 'Alice', last_name: 'Ämes-O’Neill' };
const otherUser = { username: 'bob', email: 'bob@x.org' };
const unsafeNames = ['../evil', '..', '.hidden', '-rf', 'a/b', 'a\\b', 'a b', ' alice', 'alice\n', 'a\0b', 'älice'];

/** Signing in on the word of a portal; altered for tests of the tests. */
export async function openLocalAuthentication(
  alter: (authentication: Authentication) => Authentication = (authentication) => authentication,
): Promise<AuthenticationWorld> {
  let clientToken = firstClientToken;
  const withUser = (changes: Record<string, unknown>) => ({
    client_token: firstClientToken,
    user_info: { ...user, ...changes },
  });
  return {
    authentication: alter(createLocalAuthentication({ name: 'portal' })),
    get clientToken() {
      return clientToken;
    },
    people: [
      {
        signIn: { body: withUser({}) },
        identity: { username: 'alice', email: 'alice@x.org', firstName: 'Alice', lastName: 'Ämes-O’Neill' },
      },
      {
        signIn: { body: { client_token: firstClientToken, user_info: otherUser } },
        identity: { username: 'bob', email: 'bob@x.org', firstName: '', lastName: '' },
      },
    ],
    credentials: ['body.client_token'],
    failures: [
      { body: { user_info: user }, kind: 'incomplete' },
      { body: { client_token: firstClientToken }, kind: 'incomplete' },
      { body: { client_token: 5, user_info: user }, kind: 'incomplete' },
      { body: { client_token: 'wrong', user_info: user }, kind: 'refused' },
      { body: withUser({ username: '' }), kind: 'refused' },
      { body: withUser({ email: 'alice@x.org\r\nBcc: all@x.org' }), kind: 'refused' },
      ...unsafeNames.map((username) => ({ body: withUser({ username }), kind: 'incomplete' as const })),
    ],
    // As when an administrator gives the portal another client token.
    async changeSecret() {
      clientToken = 'decaf00000000000000000000000000000000000';
      return { body: { client_token: clientToken, user_info: user } };
    },
    close: async () => {},
  };
}

export const localAuthentication: AdapterUnderTest<AuthenticationWorld, AuthenticationCapability> = {
  name: 'auth-local',
  open: () => openLocalAuthentication(),
  differences: {
    cut_off: 'It asks no other system; the look-up of client tokens is the server’s.',
    own_secrets: 'The client token is the portal’s, which vouches for all of its users.',
  },
};

const people = ['ada', 'bob', 'cy', 'dan', 'eve', 'fay'];

/** Reserved accounts over a directory of their own; altered for tests of the tests. */
export async function openReservedAccounts(
  alter: (accounts: AccountMapping) => AccountMapping = (accounts) => accounts,
): Promise<AccountMappingWorld> {
  const root = await mkdtemp(join(tmpdir(), 'uws-kit-accounts-'));
  const directory = join(root, 'store');
  const reopen = async () => alter(createReservedAccounts({ directory }));
  return {
    accounts: await reopen(),
    reopen,
    people,
    async cutOff() {
      const away = `${directory}.away`;
      // It is made when it is first needed.
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await rename(directory, away);
      await writeFile(directory, '');
      return async () => {
        await rm(directory);
        await rename(away, directory);
      };
    },
    close: () => rm(root, { recursive: true }),
  };
}

let worlds = 0;

/** Accounts of this machine, which are removed afterwards. */
async function openSystemAccounts(createMissing: boolean): Promise<AccountMappingWorld> {
  worlds += 1;
  const prefix = `uwskit${process.pid}w${worlds}`;
  const names = people.map((name) => `${prefix}${name}`);
  if (!createMissing) for (const name of names) execFileSync('useradd', ['--shell', '/usr/sbin/nologin', name]);
  const reopen = async () => createSystemAccounts({ createMissing });
  return {
    accounts: await reopen(),
    reopen,
    people: names,
    stranger: `${prefix}gus`,
    async close() {
      const known = readFileSync('/etc/passwd', 'utf8').split('\n');
      const made = known.map((entry) => entry.split(':')[0] ?? '').filter((name) => name.startsWith(prefix));
      for (const name of made) execFileSync('userdel', ['--remove', '--force', name], { stdio: 'ignore' });
    },
  };
}

type Mapping = AdapterUnderTest<AccountMappingWorld, AccountMappingCapability>;

/** The mappings that this process may use: some need root, one refuses it. */
export const localAccounts: readonly Mapping[] =
  process.geteuid?.() === 0
    ? [
        { name: 'reserved accounts', open: () => openReservedAccounts() },
        {
          name: 'system accounts, made when missing',
          open: () => openSystemAccounts(true),
          differences: { cut_off: 'The test cannot take the system’s directory of accounts away.' },
        },
        {
          name: 'system accounts',
          open: () => openSystemAccounts(false),
          differences: {
            cut_off: 'The test cannot take the system’s directory of accounts away.',
            makes_missing: 'An administrator makes them.',
          },
        },
      ]
    : [
        {
          name: 'own account',
          open: async () => ({
            accounts: createOwnAccount(),
            reopen: async () => createOwnAccount(),
            people,
            close: async () => {},
          }),
          differences: { cut_off: 'It asks nobody.', own_uids: 'All jobs run as the server’s own account.' },
        },
      ];
