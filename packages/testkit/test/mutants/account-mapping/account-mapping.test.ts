import type { AccountMapping } from '@user-workspaces/contract';
import { accountMappingSuite } from '@user-workspaces/testkit';
import { describe } from 'vitest';
import { localAccounts, openReservedAccounts } from '../../../../auth-local/test/adapters.js';
import { testMutants } from '../mutants.js';

let servers = 0;

const opening = (change: (accounts: AccountMapping) => AccountMapping['resolve']) => () =>
  openReservedAccounts((accounts) => ({ shared: accounts.shared, resolve: change(accounts) }));

// The shipped mapping that the mutants are made of is for servers that run as root.
describe.runIf(process.geteuid?.() === 0)('mutants of reserved accounts', () => {
  testMutants(
    accountMappingSuite,
    localAccounts[0]?.differences,
    [
      {
        fault: 'takes names that differ in case for the same',
        open: opening(
          (accounts) => (identity, signal) =>
            accounts.resolve({ ...identity, username: identity.username.toLowerCase() }, signal),
        ),
        breaks: ['account.alike'],
      },
      {
        isLong: true,
        fault: 'gives everybody the same uid',
        open: opening((accounts) => async (identity, signal) => {
          const account = await accounts.resolve(identity, signal);
          return { ...account, uid: 1_900_000_000, gid: 1_900_000_000 };
        }),
        breaks: ['account.alike', 'account.apart', 'account.apart-at-once'],
      },
      {
        fault: 'makes root of who is called root',
        open: opening((accounts) => async (identity, signal) => {
          const account = await accounts.resolve(identity, signal);
          return account.name === 'root' ? { ...account, uid: 0, gid: 0 } : account;
        }),
        breaks: ['account.never-system'],
      },
      {
        fault: 'numbers the accounts of each server anew',
        open: opening((accounts) => {
          servers += 1;
          const firstUid = 1_900_000_000 + servers * 1000;
          const uids = new Map<string, number>();
          return async (identity, signal) => {
            const account = await accounts.resolve(identity, signal);
            const uid = uids.get(account.name) ?? firstUid + uids.size;
            uids.set(account.name, uid);
            return { ...account, uid, gid: uid };
          };
        }),
        breaks: ['account.same', 'account.at-once', 'account.apart', 'account.apart-at-once'],
      },
      {
        fault: 'makes something else of unsafe names',
        open: opening(
          (accounts) => (identity, signal) =>
            accounts.resolve({ ...identity, username: identity.username.replaceAll(/[^\w.@-]/g, '_') }, signal),
        ),
        breaks: ['account.names'],
      },
      {
        isLong: true,
        fault: 'does not hear that the caller went away',
        open: opening((accounts) => (identity) => accounts.resolve(identity)),
        breaks: ['account.aborted'],
      },
    ],
    6,
  );
});
