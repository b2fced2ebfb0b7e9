import { type AccountMapping, AdapterError } from '@user-workspaces/contract';
import { accountMappingSuite } from '@user-workspaces/testkit';
import { describe } from 'vitest';
import { localAccounts, openReservedAccounts } from '../../../../auth-local/test/adapters.js';
import { altered } from '../altered.js';
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
        breaks: ['account.same', 'account.at-once', 'account.apart', 'account.apart-at-once', 'account.unavailable'],
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
        fault: 'gives out an account while it cannot read who has which',
        open: opening((accounts) => async (identity, signal) => {
          try {
            return await accounts.resolve(identity, signal);
          } catch (error) {
            if (!AdapterError.is(error, 'unavailable')) throw error;
            return { name: identity.username, uid: 1_950_000_000, gid: 1_950_000_000 };
          }
        }),
        breaks: ['account.unavailable'],
      },
      {
        fault: 'denies an account while it cannot read who has which',
        open: opening((accounts) => async (identity, signal) => {
          try {
            return await accounts.resolve(identity, signal);
          } catch (error) {
            throw AdapterError.is(error, 'unavailable') ? new AdapterError('denied', error.message) : error;
          }
        }),
        breaks: ['account.unavailable'],
      },
      {
        fault: 'says that all share one uid, though each has one',
        open: () => openReservedAccounts((accounts) => altered(accounts, { shared: true })),
        breaks: ['account.own-uid'],
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
