/** Who signed in, as the authentication adapter says. */
export interface Identity {
  readonly username: string;
  readonly email: string;
  readonly firstName: string;
  readonly lastName: string;
}

/** The identity's name, uid and gid where files and processes live. */
export interface Account {
  /** Name of the directory that holds the account's workspaces; passes the name rule of {@link AccountMapping}. */
  readonly name: string;
  /** Owner of files and processes, or `null` where the server cannot or need not change owners (it is not root). */
  readonly uid: number | null;
  readonly gid: number | null;
  /** Home directory of the account, if it has one of its own. */
  readonly home?: string;
}

/**
 * Maps identities to accounts.
 *
 * Guarantees the server relies on:
 * - the same identity always gets the same account, from every replica, also when two ask at once;
 * - two identities never share an account name; they share a uid only where {@link shared} says so;
 * - never uid 0, never a system account, never a name that is not a plain directory name.
 */
export interface AccountMapping {
  /** True where all identities share one operating-system account, so that their jobs can read each other's files. */
  readonly shared: boolean;
  /**
   * The account of an identity; makes a missing one where the operator allowed that.
   *
   * @throws AdapterError `denied` when there is none and none may be made, `invalid` when the name breaks the rule,
   *   `unavailable` when the directory of accounts cannot be asked.
   */
  resolve(identity: Identity, signal?: AbortSignal): Promise<Account>;
}
