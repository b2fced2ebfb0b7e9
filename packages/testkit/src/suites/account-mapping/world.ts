import type { AccountMapping } from '@user-workspaces/contract';
import type { World } from '../../guarantee.js';

/** What a mapping may lack. */
export type AccountMappingCapability = 'cut_off' | 'makes_missing' | 'own_uids';

/**
 * A mapping of identities to accounts.
 *
 * @example
 * async function open(): Promise<AccountMappingWorld> {
 *   const directory = await mkdtemp('/tmp/accounts-');
 *   const reopen = async () => createReservedAccounts({ directory });
 *   const people = ['ada', 'bob', 'cy', 'dan', 'eve', 'fay'];
 *   return { accounts: await reopen(), reopen, people, close: () => rm(directory, { recursive: true }) };
 * }
 */
export interface AccountMappingWorld extends World {
  readonly accounts: AccountMapping;
  /** Another instance over the same accounts, as in another replica or after a restart. */
  reopen(): Promise<AccountMapping>;
  /** At least six user names that have an account or get one; none was asked for before. */
  readonly people: readonly string[];
  /** A user name that is fine and has no account, where the mapping makes none. */
  readonly stranger?: string;
  /** Capability `cut_off`: makes the directory of accounts unreachable; what it returns brings it back. */
  cutOff?(): Promise<() => Promise<void>>;
}
