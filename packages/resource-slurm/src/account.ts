import { type Account, AdapterError } from '@user-workspaces/contract';

/**
 * Refuses accounts that no job may run as.
 *
 * @throws AdapterError `denied` for root, `misconfigured` where the server is root and the account has no uid and gid.
 */
export function requireAccount({ name, uid, gid }: Account): void {
  if (uid === 0 || gid === 0 || name === 'root') {
    throw new AdapterError('denied', `The account ${name} is root or has its uid or gid: jobs never run as root.`, {
      field: 'account',
    });
  }
  if (!/^[A-Za-z0-9_][\w.@-]{0,63}$/.test(name)) {
    throw new AdapterError('invalid', 'The name of the account is no user name of the cluster.', { field: 'account' });
  }
  if (process.geteuid?.() === 0 && (uid === null || gid === null)) {
    throw new AdapterError(
      'misconfigured',
      `The account ${name} has no uid and gid: configure accounts that the cluster knows.`,
      {
        field: 'account',
      },
    );
  }
}
