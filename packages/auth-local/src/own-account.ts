import { type AccountMapping, AdapterError } from '@user-workspaces/contract';
import { requireUserName } from './names.js';

/**
 * Gives every identity a directory name of its own, and leaves all files and processes to the account that the server
 * runs under. Jobs can read each other's files, so {@link AccountMapping.shared} is true.
 *
 * @throws AdapterError `misconfigured` when the server is root: jobs never run as root.
 */
export function createOwnAccount(): AccountMapping {
  if (process.geteuid?.() === 0) {
    const message =
      "The server runs as root, and jobs must not: use system accounts or reserved accounts, not the server's own.";
    throw new AdapterError('misconfigured', message, { field: 'accounts' });
  }
  return {
    shared: true,
    async resolve(identity, signal) {
      signal?.throwIfAborted();
      return { name: requireUserName(identity.username), uid: null, gid: null };
    },
  };
}
