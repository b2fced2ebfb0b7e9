import { type Account, AdapterError } from '@user-workspaces/contract';

/**
 * Whom a container runs as: `<uid>:<gid>`, never root.
 *
 * @throws AdapterError `denied` for uid or gid 0, `misconfigured` for an account without them.
 */
export function userOf(account: Account): string {
  const { name, uid, gid } = account;
  if (uid === 0 || gid === 0) {
    throw new AdapterError('denied', `The account ${name} has uid or gid 0: jobs never run as root.`, {
      field: 'account',
    });
  }
  const isId = (id: number | null) => id !== null && Number.isInteger(id) && id > 0 && id < 2 ** 32 - 1;
  if (isId(uid) && isId(gid)) return `${uid}:${gid}`;
  const message = `The account ${name} has no uid and gid, and a container needs them: start the server as root, or configure accounts that have them.`;
  throw new AdapterError('misconfigured', message, { field: 'account' });
}
