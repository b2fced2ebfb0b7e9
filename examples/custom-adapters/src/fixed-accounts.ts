import { type Account, type AccountMapping, AdapterError } from '@user-workspaces/contract';

/**
 * Accounts from a list that the operator keeps: a user name and its uid. Who is not in it gets in nowhere.
 *
 * The list is checked once, here, so that `resolve` cannot give away an account that it must not: no uid below 1000, no uid twice, no
 * name that is not a plain directory name.
 *
 * @throws AdapterError `misconfigured`, naming the entry.
 */
export function createFixedAccounts(uids: Readonly<Record<string, number>>): AccountMapping {
  const accounts = new Map<string, Account>();
  const taken = new Set<number>();
  for (const [name, uid] of Object.entries(uids)) {
    const isFine = /^[A-Za-z0-9_][\w.@-]{0,63}$/.test(name) && Number.isSafeInteger(uid) && uid >= 1000 && uid < 60_000;
    if (!isFine || taken.has(uid)) {
      throw new AdapterError('misconfigured', `The account "${name}" with uid ${uid} cannot be used.`, { field: name });
    }
    taken.add(uid);
    accounts.set(name, { name, uid, gid: uid });
  }
  return {
    shared: false,
    async resolve({ username }, signal) {
      signal?.throwIfAborted();
      const account = accounts.get(username);
      if (account) return account;
      // The rule is told apart from the list: a name that never can have an account, and one that has none.
      if (!/^[A-Za-z0-9_][\w.@-]{0,63}$/.test(username)) {
        throw new AdapterError('invalid', 'The user name is not a plain name.', { field: 'username' });
      }
      throw new AdapterError('denied', `There is no account for ${username}; ask an administrator for one.`, {
        field: 'username',
      });
    },
  };
}
