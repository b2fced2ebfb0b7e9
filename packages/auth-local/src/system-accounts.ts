import { setTimeout as sleep } from 'node:timers/promises';
import { type Account, type AccountMapping, AdapterError } from '@user-workspaces/contract';
import { isSystemName, SYSTEM_NAME_RULE } from './names.js';
import { findAccount, runCommand, type SystemAccount } from './user-database.js';

export interface SystemAccountsOptions {
  /** Makes an account with useradd for an identity that has none. */
  readonly createMissing: boolean;
  /**
   * Accounts with a lower uid belong to the system and are refused.
   * @default 1000
   */
  readonly minimumUid?: number;
  /**
   * Accounts whose primary group has a lower gid are refused. Set it to 100 where that is the group `users`.
   * @default 1000
   */
  readonly minimumGid?: number;
  /** Refused besides the names that are always refused, such as root, admin and nobody. */
  readonly deniedNames?: readonly string[];
  /** When given, all other names are refused. */
  readonly allowedNames?: readonly string[];
}

/** Accounts and groups that give power over the machine, whatever their number. */
const ALWAYS_DENIED = ['root', 'toor', 'admin', 'administrator', 'adm', 'sudo', 'wheel', 'staff', 'operator'].concat(
  ['nobody', 'nogroup', 'nfsnobody', 'daemon', 'bin', 'sys', 'sync', 'mail', 'backup', 'shadow', 'disk', 'kmem', 'tty'],
  ['docker', 'lxd', 'libvirt', 'kvm', 'www-data', 'nginx', 'apache', 'postgres', 'mysql', 'redis', 'slurm', 'munge'],
  ['sshd', 'messagebus', 'polkitd', 'systemd-network', 'systemd-resolve', 'systemd-timesync', 'systemd-journal'],
);
/** The overflow ids: whatever has no name of its own shows up as these. */
const OVERFLOW_IDS: ReadonlySet<number> = new Set([65_534, 65_535]);

const LOCK_WAIT_S = 15;
const LOCK_LIMIT_MS = LOCK_WAIT_S * 1000;
const LOCK_PAUSE_MS = 200;
/** The exit code that we give to flock, and those of useradd. */
const OTHER_IS_SLOW = 75;
const CANNOT_LOCK = 1;
const NAME_IN_USE = 9;

/**
 * Maps a user name to the operating-system account of the same name, so that users are kept apart by the system itself.
 *
 * The account is looked up anew each time, so a change in the directory counts at once. With `createMissing`, accounts
 * are made with a home directory, a group of their own, a locked password and no login shell.
 *
 * @throws AdapterError `misconfigured` when the server is not root, which alone may act for other accounts.
 *
 * @example
 * const accounts = createSystemAccounts({ createMissing: true });
 * await accounts.resolve(identity); // { name: 'jane', uid: 1003, gid: 1003, home: '/home/jane' }
 */
export function createSystemAccounts(options: SystemAccountsOptions): AccountMapping {
  if (process.geteuid?.() !== 0) {
    const message =
      "System accounts need a server that runs as root; start it as root, or use the server's own account.";
    throw new AdapterError('misconfigured', message, { field: 'accounts' });
  }
  const minimumUid = checkFloor('minimumUid', options.minimumUid ?? 1000);
  const minimumGid = checkFloor('minimumGid', options.minimumGid ?? 1000);
  const denied = new Set([...ALWAYS_DENIED, ...(options.deniedNames ?? [])]);
  const allowed = options.allowedNames && new Set(options.allowedNames);
  const creating = new Map<string, Promise<void>>();

  const create = (name: string): Promise<void> => {
    // Not tied to the signal of one caller: another one may be waiting for the same account.
    const made = creating.get(name) ?? addAccount(name, minimumUid, minimumGid).finally(() => creating.delete(name));
    creating.set(name, made);
    return made;
  };
  const usable = (account: SystemAccount): Account => {
    const { name, uid, gid, home } = account;
    if (uid < minimumUid || gid < minimumGid || OVERFLOW_IDS.has(uid) || OVERFLOW_IDS.has(gid)) {
      const message = `The account ${name} belongs to the system (uid ${uid}, gid ${gid}); sign in under another user name.`;
      throw new AdapterError('denied', message, { field: 'username' });
    }
    return { name, uid, gid, ...(home === '' ? {} : { home }) };
  };

  return {
    shared: false,
    async resolve(identity, signal) {
      signal?.throwIfAborted();
      const name = identity.username;
      if (!isSystemName(name)) {
        const message = `The user name cannot be that of an operating-system account: ${SYSTEM_NAME_RULE}.`;
        throw new AdapterError('invalid', message, { field: 'username' });
      }
      if (denied.has(name) || (allowed && !allowed.has(name))) {
        const message = `The account ${name} may not be used; ask an administrator to allow it.`;
        throw new AdapterError('denied', message, { field: 'username' });
      }
      const existing = await findAccount(name, signal);
      if (existing) return usable(existing);
      if (!options.createMissing) {
        const message = `There is no account ${name} on this system; ask an administrator to make one.`;
        throw new AdapterError('denied', message, { field: 'username' });
      }
      await create(name);
      signal?.throwIfAborted();
      const made = await findAccount(name, signal);
      if (made) return usable(made);
      throw new AdapterError('unavailable', `The account ${name} was made but is not found yet; try again.`);
    },
  };
}

async function addAccount(name: string, minimumUid: number, minimumGid: number): Promise<void> {
  const wanted = ['--create-home', '--user-group', '--shell', '/usr/sbin/nologin', '--comment', 'User Workspaces'];
  const floors = ['--key', `UID_MIN=${minimumUid}`, '--key', `GID_MIN=${Math.max(minimumGid, 1000)}`];
  // Jobs need no subordinate ids, and the ranges that useradd hands out are finite.
  const withoutSubordinates = ['--key', 'SUB_UID_COUNT=0', '--key', 'SUB_GID_COUNT=0'];
  // useradd looks for the name before it takes its own lock: of two at once, the second would give the account another uid.
  const oneAtATime = ['--wait', String(LOCK_WAIT_S), '--conflict-exit-code', String(OTHER_IS_SLOW), '/etc'];
  for (const deadlineMs = performance.now() + LOCK_LIMIT_MS; ; ) {
    const useradd = ['useradd', ...wanted, ...floors, ...withoutSubordinates, '--', name];
    const result = await runCommand('flock', [...oneAtATime, ...useradd]);
    if (result.exitCode === 0) return;
    // Another server process, or an administrator, may have made it meanwhile.
    if (result.exitCode === NAME_IN_USE && (await findAccount(name))) return;
    const reason = result.stderr.trim();
    if (result.exitCode !== CANNOT_LOCK || performance.now() > deadlineMs) {
      const isBusy = result.exitCode === CANNOT_LOCK || result.exitCode === OTHER_IS_SLOW;
      const kind = isBusy ? 'unavailable' : 'denied';
      const message = `The account ${name} could not be made; ask an administrator to make it (${reason || 'others are being made'}).`;
      throw new AdapterError(kind, message, { field: 'username', details: { exitCode: result.exitCode } });
    }
    await sleep(LOCK_PAUSE_MS * (0.5 + Math.random()));
  }
}

function checkFloor(field: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 100) return value;
  throw new AdapterError('misconfigured', `${field} is ${value}; it must be a whole number, 100 or more.`, { field });
}
