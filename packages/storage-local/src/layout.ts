import type { BigIntStats } from 'node:fs';
import { chmod, mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Account, AdapterError, type WorkspaceDirectory } from '@user-workspaces/contract';
import { type Confinement, DirectoryHandle, type Identity, withBelow } from './directory-handle.js';
import { errnoOf } from './errors.js';
import { isAccountName, shown, stagingName } from './paths.js';
import { makeOwnedDirectory } from './staging.js';

/** `chown`: what is made belongs to the account, which takes root. `none`: it belongs to the server's own account. */
export type Ownership = 'chown' | 'none';

/** Who gets what is made; `undefined` leaves it with the server's own account. */
export type Owner = { readonly uid: number; readonly gid: number } | undefined;

/** A workspace held open for a change. */
export interface OpenWorkspace {
  readonly directory: DirectoryHandle;
  /** The server's own directory for unfinished things of this workspace, on the same file system. */
  readonly staging: DirectoryHandle;
  readonly owner: Owner;
  readonly location: string;
}

export const stagingDirectory = '.staging';

/** What the root was when the storage was opened. */
interface KnownRoot {
  readonly directory: Identity;
  /** Made once in a root, and so known again where the root itself has another number. */
  readonly staging: BigIntStats | undefined;
}

/** Knows where things are below the root: `<account>/<workspace id>` and `.staging/<hash of the location>`. */
export class Layout {
  readonly root: string;
  #known: KnownRoot | undefined;

  constructor(
    rootDirectory: string,
    readonly confinement: Confinement,
    readonly ownership: Ownership,
  ) {
    this.root = resolve(rootDirectory);
  }

  locate(account: Account, workspaceId: number): string {
    checkAccountName(account.name);
    if (!Number.isSafeInteger(workspaceId) || workspaceId < 0) {
      throw new AdapterError('invalid', `${workspaceId} is not the number of a workspace.`, { field: 'workspace_id' });
    }
    return `${this.root}/${account.name}/${workspaceId}`;
  }

  /**
   * Lends the root.
   *
   * @throws AdapterError `unavailable` when it is not the one of {@link rememberRoot}: what is not found in the empty directory below a file
   *   system that is not mounted is not gone.
   */
  async withRoot<T>(work: (root: DirectoryHandle) => Promise<T>): Promise<T> {
    const root = await this.#openRoot();
    try {
      if (!(await this.#isKnown(root))) throw this.#rootIsAway();
      return await work(root);
    } finally {
      await root.close();
    }
  }

  /** From now on the root must be the directory that it is now, also where its file system is mounted anew. */
  async rememberRoot(): Promise<void> {
    await this.withRoot(async (root) => {
      this.#known = { directory: await root.identity(), staging: await root.stats(stagingDirectory) };
    });
  }

  async #openRoot(): Promise<DirectoryHandle> {
    try {
      return await DirectoryHandle.open(this.root, this.confinement);
    } catch (error) {
      const code = errnoOf(error);
      throw this.#known && (code === 'ENOENT' || code === 'ENOTDIR') ? this.#rootIsAway(error) : error;
    }
  }

  async #isKnown(root: DirectoryHandle): Promise<boolean> {
    if (!this.#known) return true;
    const { directory, staging } = this.#known;
    const { dev, ino } = await root.identity();
    if (dev === directory.dev && ino === directory.ino) return true;
    // A file system that was mounted anew may have another number.
    const now = await root.stats(stagingDirectory);
    if (!now || !staging || now.ino !== staging.ino || now.birthtimeNs !== staging.birthtimeNs) return false;
    this.#known = { directory: { dev, ino }, staging };
    return true;
  }

  #rootIsAway(cause?: unknown): AdapterError {
    return new AdapterError(
      'unavailable',
      'The root directory of the storage is not the one with which the server was started: the operator has to mount its file system, or, if it was moved on purpose, to start the server again.',
      { cause },
    );
  }

  /** Opens a workspace's directory, for the caller to close. @throws AdapterError `not_found`. */
  async openWorkspace(directory: WorkspaceDirectory): Promise<DirectoryHandle> {
    const { accountName, workspaceName } = this.#parse(directory);
    try {
      return await this.withRoot((root) =>
        withBelow(root, [accountName], (parent) => parent.openDirectory(workspaceName)),
      );
    } catch (error) {
      const code = errnoOf(error);
      if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
      throw new AdapterError('not_found', 'The directory of the workspace does not exist.', { cause: error });
    }
  }

  /** Lends a workspace for reading. */
  async reading<T>(directory: WorkspaceDirectory, work: (directory: DirectoryHandle) => Promise<T>): Promise<T> {
    const workspace = await this.openWorkspace(directory);
    try {
      return await work(workspace);
    } finally {
      await workspace.close();
    }
  }

  /** Lends a workspace for a change. */
  async changing<T>(directory: WorkspaceDirectory, work: (workspace: OpenWorkspace) => Promise<T>): Promise<T> {
    const owner = this.ownerOf(directory.account);
    return this.reading(directory, (opened) =>
      this.withStaging(directory, (staging) =>
        work({ directory: opened, staging, owner, location: directory.location }),
      ),
    );
  }

  /** Lends the staging directory of a location, made if it is missing. */
  async withStaging<T>(directory: WorkspaceDirectory, work: (staging: DirectoryHandle) => Promise<T>): Promise<T> {
    this.#parse(directory);
    return this.withRoot(async (root) => {
      await makePrivate(root, stagingDirectory);
      return withBelow(root, [stagingDirectory], async (all) => {
        const name = stagingName(directory.location);
        await makePrivate(all, name);
        return withBelow(all, [name], work);
      });
    });
  }

  /** Lends the directory that holds the account's workspaces, which is absent until the first is made. */
  async withAccountDirectory<T>(
    directory: WorkspaceDirectory,
    work: (parent: DirectoryHandle, workspaceName: string) => Promise<T>,
  ): Promise<T> {
    const { accountName, workspaceName } = this.#parse(directory);
    return this.withRoot((root) => withBelow(root, [accountName], (parent) => work(parent, workspaceName)));
  }

  /** Makes a workspace's directory. An existing one is fine if it is the account's. */
  async create(directory: WorkspaceDirectory): Promise<void> {
    const { accountName } = this.#parse(directory);
    const owner = this.ownerOf(directory.account);
    await this.withRoot(async (root) => {
      // Others pass through the account's directory but neither list nor change it, so its user cannot swap workspaces.
      await makeWithMode(root, accountName, this.passableMode);
    });
    await this.withStaging(directory, (staging) =>
      this.withAccountDirectory(directory, async (parent, workspaceName) => {
        if (!(await parent.stats(workspaceName))) {
          await makeOwnedDirectory(staging, parent, workspaceName, owner, 0o700);
        }
        const stats = await withBelow(parent, [workspaceName], (made) => made.ownStats());
        if (owner && Number(stats.uid) !== owner.uid) {
          throw new AdapterError(
            'conflict',
            `The directory of the workspace exists already and belongs to uid ${stats.uid}, not to uid ${owner.uid}. Ask the operator to look at it.`,
          );
        }
      }),
    );
  }

  ownerOf(account: Account): Owner {
    if (this.ownership === 'none') return undefined;
    const { uid, gid } = account;
    if (uid === null || gid === null) {
      throw new AdapterError(
        'misconfigured',
        `The account ${shown(account.name)} has no uid and gid, but the storage gives files to accounts. Map accounts to system users, or set the storage's ownership to "none".`,
      );
    }
    if (!Number.isSafeInteger(uid) || !Number.isSafeInteger(gid) || uid < 1 || gid < 0) {
      throw new AdapterError('denied', `Files are never given to uid ${uid} and gid ${gid}.`);
    }
    return { uid, gid };
  }

  /** Mode of the directories above workspaces. */
  get passableMode(): number {
    return this.ownership === 'chown' ? 0o711 : 0o700;
  }

  /** The location comes from a row, so it is read as strictly as a request. */
  #parse({ location, account }: WorkspaceDirectory): { accountName: string; workspaceName: string } {
    checkAccountName(account.name);
    const prefix = `${this.root === '/' ? '' : this.root}/${account.name}/`;
    const workspaceName = location.startsWith(prefix) ? location.slice(prefix.length) : '';
    if (!/^[0-9]{1,16}$/.test(workspaceName)) {
      throw new AdapterError(
        'denied',
        `The location of the workspace is not one of this storage for the account ${shown(account.name)}. If the storage's root directory was changed, change it back or move the locations too.`,
        { field: 'location' },
      );
    }
    return { accountName: account.name, workspaceName };
  }
}

/** Makes a directory that only the server enters. An existing one is fine. */
export async function makePrivate(parent: DirectoryHandle, name: string): Promise<void> {
  await makeWithMode(parent, name, 0o700);
}

async function makeWithMode(parent: DirectoryHandle, name: string, mode: number): Promise<void> {
  try {
    await mkdir(parent.at(name), mode);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return;
    throw error;
  }
  // The process's umask may have taken bits away.
  await withBelow(parent, [name], (made) => chmod(made.self, mode));
}

function checkAccountName(name: string): void {
  if (isAccountName(name)) return;
  throw new AdapterError(
    'invalid',
    `The account name ${shown(name)} cannot be used as the name of a directory: it may have letters, digits, "_", "-", ".", "@" and "+", and begins with a letter, digit or "_".`,
    { field: 'account' },
  );
}
