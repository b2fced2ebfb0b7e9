import type { Storage } from '@user-workspaces/contract';
import { removeStale } from './cleanup.js';
import type { Confinement } from './directory-handle.js';
import { Layout, type Ownership } from './layout.js';
import { LinkTargets } from './links.js';
import { LocalStorage } from './local-storage.js';
import { checkSettings, findConfinement, prepareRoot } from './startup.js';

/**
 * What a crash left, and nobody else knows of, is removed after this time, at the next start. Longer than any server is down: what was accepted and not yet put in place
 * waits for that start, too.
 */
const staleAfterMs = 90 * 24 * 60 * 60 * 1000;

/** How {@link createLocalStorage} is set up. */
export interface LocalStorageOptions {
  /** The storage's name in the configuration. */
  readonly name: string;
  /** Absolute path of the directory that holds all workspaces, on one file system; made if it is missing. */
  readonly rootDirectory: string;
  /** Absolute paths below which links may point; with none, links are refused. */
  readonly allowedLinkRoots: readonly string[];
  /**
   * The configuration key that holds the link roots, named when a link is refused.
   *
   * @default '`allowed_link_roots` of the storage or `UWS_ALLOWED_LINK_ROOTS`'
   */
  readonly linkRootsKey?: string;
  /** Whether files are given to the accounts' uid and gid, which takes root, or stay the server's. */
  readonly ownership: Ownership;
}

/**
 * Opens a storage that keeps workspaces in `<rootDirectory>/<account name>/<workspace id>`.
 *
 * Proves first that the file system does what the guarantees rest on, and removes what unfinished work of more than
 * ninety days ago left behind.
 *
 * @throws AdapterError `misconfigured`, with the option in `field`, when the settings or the file system will not do.
 *
 * @example
 * const storage = await createLocalStorage({
 *   name: 'main', rootDirectory: '/srv/workspaces', allowedLinkRoots: ['/data'], ownership: 'chown',
 * });
 */
export async function createLocalStorage(options: LocalStorageOptions): Promise<Storage> {
  return openLocalStorage(options, await findConfinement());
}

/** Opens a storage with a way of confinement that is not necessarily the best of this system. */
export async function openLocalStorage(options: LocalStorageOptions, confinement: Confinement): Promise<Storage> {
  const { name, rootDirectory, allowedLinkRoots, ownership } = options;
  const linkRootsKey = options.linkRootsKey ?? '`allowed_link_roots` of the storage or `UWS_ALLOWED_LINK_ROOTS`';
  checkSettings(rootDirectory, allowedLinkRoots, linkRootsKey, ownership);
  const layout = new Layout(rootDirectory, confinement, ownership);
  await prepareRoot(layout);
  await layout.rememberRoot();
  await removeStale(layout, staleAfterMs);
  return new LocalStorage(name, layout, new LinkTargets(allowedLinkRoots, linkRootsKey, layout.root));
}

/**
 * Removes what crashed writes, broken removals and abandoned uploads left in the staging directories of a storage, if it was not
 * touched for the given time, and returns how many entries that were. {@link createLocalStorage} does it with ninety days.
 */
export async function removeStaleStaging(
  rootDirectory: string,
  olderThanMs: number,
  signal?: AbortSignal,
): Promise<number> {
  return removeStale(new Layout(rootDirectory, await findConfinement(), 'none'), olderThanMs, signal);
}
