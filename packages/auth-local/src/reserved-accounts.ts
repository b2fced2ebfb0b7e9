import { type Account, type AccountMapping, AdapterError } from '@user-workspaces/contract';
import { Claims } from './claims.js';
import { requireUserName } from './names.js';
import { highestOwner, type OwnedPlace } from './owned-ids.js';
import { readSubordinateRanges } from './subordinate-ids.js';
import { isIdTaken } from './user-database.js';

export interface ReservedAccountsOptions {
  /** Directory of the server that keeps who has which uid; made with mode 0700 when missing. Back it up with the files. */
  readonly directory: string;
  /**
   * First uid of the range.
   * @default 1_900_000_000, above what systemd and user namespaces use
   */
  readonly firstUid?: number;
  /**
   * How many identities there may ever be.
   * @default 100_000
   */
  readonly count?: number;
  /**
   * Where files of accounts are, such as the root of the storage (two levels: accounts, workspaces). Nobody new gets a uid that owns something there, even if the
   * directory of claims was restored from a backup that is older. What processes have is left out in any case.
   * @default []
   */
  readonly ownedBelow?: readonly OwnedPlace[];
}

const LOWEST_UID = 1_000;
/** Above, some tools take a uid for a negative number. */
const HIGHEST_UID = 2_147_483_647;
const OVERFLOW_IDS: ReadonlySet<number> = new Set([65_534, 65_535]);

/**
 * Gives every identity a uid of its own (and the gid of the same number), without an account of the operating system:
 * the system keeps users apart, and nothing needs to be configured. For a server that runs as root.
 *
 * An identity keeps its uid for ever, across restarts and from every process that shares the directory; no two get the
 * same one, and none gets one that an account, a group, or a range of /etc/subuid or /etc/subgid has, nor one that owns
 * a process or something {@link ReservedAccountsOptions.ownedBelow} names: whose that is, older claims may not know any more.
 *
 * @throws AdapterError `misconfigured` when the server is not root, or the range is none.
 *
 * @example
 * const accounts = createReservedAccounts({ directory: '/var/lib/user-workspaces/accounts' });
 * await accounts.resolve(identity); // { name: 'jane.doe', uid: 1900000000, gid: 1900000000 }
 */
export function createReservedAccounts(options: ReservedAccountsOptions): AccountMapping {
  if (process.geteuid?.() !== 0) {
    const message =
      "Reserved accounts need a server that runs as root; start it as root, or use the server's own account.";
    throw new AdapterError('misconfigured', message, { field: 'accounts' });
  }
  const { firstUid, lastUid } = checkRange(options.firstUid ?? 1_900_000_000, options.count ?? 100_000);
  const claims = new Claims(options.directory);
  const known = new Map<string, Promise<Account>>();

  /** What this process has claimed, or is about to: who comes at the same time takes the next, and does not ask the system for what others get. */
  const taken = new Set<number>();

  /** False when the uid is somebody else's. */
  const claimUid = async (uid: number, name: string): Promise<boolean> => {
    if (OVERFLOW_IDS.has(uid) || taken.has(uid)) return false;
    taken.add(uid);
    let isClaimed = false;
    try {
      isClaimed = !(await isIdTaken(uid)) && (await claims.claimUid(uid, name));
      return isClaimed;
    } finally {
      if (!isClaimed) taken.delete(uid);
    }
  };

  let owned: Promise<number> | undefined;
  /** Looked for once: what came to be owned since was claimed in the directory as it is now. */
  const highestOwned = (): Promise<number> => {
    owned ??= highestOwner(options.ownedBelow ?? [], firstUid, lastUid).catch((error: unknown) => {
      owned = undefined;
      throw error;
    });
    return owned;
  };

  const assign = async (name: string): Promise<number> => {
    const ranges = await readSubordinateRanges();
    const highest = Math.max(await claims.highestUid(), await highestOwned());
    let uid = highest >= firstUid && highest <= lastUid ? highest + 1 : firstUid;
    while (uid <= lastUid) {
      const lent = ranges.find(({ first, count }) => uid >= first && uid < first + count);
      if (lent) {
        uid = lent.first + lent.count;
      } else if (!(await claimUid(uid, name))) {
        uid += 1;
      } else if (await claims.claimName(name, uid)) {
        return uid;
      } else {
        await claims.releaseUid(uid);
        taken.delete(uid);
        const winner = await claims.uidOf(name);
        if (winner !== undefined) return winner;
      }
    }
    const message = `No uid is left between ${firstUid} and ${lastUid} for another user; enlarge the range of reserved accounts.`;
    throw new AdapterError('misconfigured', message, { field: 'count', details: { firstUid, lastUid } });
  };

  const find = async (name: string): Promise<Account> => {
    const uid = await claims.uidOf(name);
    if (uid === undefined) {
      const assigned = await assign(name);
      return { name, uid: assigned, gid: assigned };
    }
    if (await isIdTaken(uid)) {
      const message = `The uid ${uid}, reserved for ${name}, is now that of an account or group of the system; remove one of the two.`;
      throw new AdapterError('misconfigured', message, { details: { uid } });
    }
    return { name, uid, gid: uid };
  };

  return {
    shared: false,
    async resolve(identity, signal) {
      signal?.throwIfAborted();
      const name = requireUserName(identity.username);
      let account = known.get(name);
      if (!account) {
        account = find(name);
        known.set(name, account);
        // What failed is tried again by the next caller; this one hears of it below.
        account.catch(() => known.delete(name));
      }
      const found = await account;
      signal?.throwIfAborted();
      return found;
    },
  };
}

function checkRange(firstUid: number, count: number): { firstUid: number; lastUid: number } {
  const lastUid = firstUid + count - 1;
  if (!Number.isSafeInteger(firstUid) || firstUid < LOWEST_UID || firstUid > HIGHEST_UID) {
    const message = `firstUid is ${firstUid}; it must be a whole number from ${LOWEST_UID} to ${HIGHEST_UID}.`;
    throw new AdapterError('misconfigured', message, { field: 'firstUid' });
  }
  if (!Number.isSafeInteger(count) || count < 1 || lastUid > HIGHEST_UID) {
    const message = `count is ${count}; it must be 1 or more, and the last uid at most ${HIGHEST_UID}.`;
    throw new AdapterError('misconfigured', message, { field: 'count' });
  }
  return { firstUid, lastUid };
}
