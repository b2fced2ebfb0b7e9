import { type Account, AdapterError } from '@user-workspaces/contract';

/** The uid and gid that a job changes to; `null` to stay what the server is. */
export type Identity = { readonly uid: number; readonly gid: number } | null;

/**
 * Whom the job of an account runs as, for a server with this uid: never root.
 *
 * @throws AdapterError `denied` for uid or gid 0 or an account that the server cannot change to, `misconfigured` when a server that is
 *   root is given no uid.
 */
export function identityOf(account: Account, serverUid: number): Identity {
  const { uid, gid } = account;
  if (uid === 0 || gid === 0) {
    throw new AdapterError('denied', `The account ${account.name} has uid or gid 0: jobs never run as root.`, {
      field: 'account',
    });
  }
  if (serverUid !== 0) {
    if (uid === null || uid === serverUid) return null;
    throw new AdapterError(
      'denied',
      `The server runs with uid ${serverUid} and cannot run jobs as uid ${uid}. Start it as root, or map all accounts to its own.`,
      { field: 'account' },
    );
  }
  if (uid === null || gid === null) {
    throw new AdapterError(
      'misconfigured',
      `The server is root and the account ${account.name} has no uid and gid: configure the account that its jobs run under.`,
      { field: 'account' },
    );
  }
  if (
    !Number.isInteger(uid) ||
    !Number.isInteger(gid) ||
    uid < 0 ||
    gid < 0 ||
    uid >= 2 ** 32 - 1 ||
    gid >= 2 ** 32 - 1
  ) {
    throw new AdapterError('misconfigured', `The account ${account.name} has no valid uid and gid.`, {
      field: 'account',
    });
  }
  return { uid, gid };
}
