import assert from 'node:assert/strict';
import type { Storage, WorkspaceDirectory } from '@user-workspaces/contract';
import type { StepSource } from '../../faults/crash.js';
import type { Check, Guarantee, World } from '../../guarantee.js';

/** What a storage may lack, or what its world cannot do to it. */
export type StorageCapability =
  | 'links'
  | 'plainPaths'
  | 'races'
  | 'owners'
  | 'steps'
  | 'fullDisk'
  | 'cutOff'
  | 'highestId';

/** A storage to be tried: without workspaces, and for this test alone. */
export interface StorageWorld extends World {
  readonly storage: Storage;
  /** Workspaces of two accounts, as the storage locates them; their directories are not made yet. */
  readonly workspace: WorkspaceDirectory;
  readonly other: WorkspaceDirectory;
  /** Opens the same files once more, as another server process would. To be closed with the world. */
  reopen(): Promise<Storage>;
  /** With `links`. */
  readonly links?: LinkTargetsToTry;
  /** With `plainPaths`: workspaces are directories of this machine, which the suite looks at and changes as a user's own programs do. */
  readonly plain?: PlainPaths;
  /** With `steps`: where the storage can be ended. {@link fileSystemSteps} for one that works through `node:fs`. */
  readonly steps?: StepSource;
  /** With `fullDisk`: opens another storage, on a disk that can be filled. To be closed with the world. */
  readonly openOnSmallDisk?: () => Promise<StorageOnSmallDisk>;
  /**
   * With `cutOff`: makes the files unreachable for every storage of the world; what it returns brings them back as they were, and fails when
   * something was made in their place meanwhile.
   *
   * @example
   * // What is at the root while its disk is not mounted: an empty directory.
   * async cutOff() {
   *   await rename(root, `${root}.away`);
   *   await mkdir(root);
   *   return async () => {
   *     await rmdir(root);
   *     await rename(`${root}.away`, root);
   *   };
   * }
   */
  cutOff?(): Promise<() => Promise<void>>;
}

export interface LinkTargetsToTry {
  /** An existing target below an allowed root, in a directory that the suite may write to where it has `plain` paths. */
  readonly allowed: string;
  /** A target below an allowed root that does not exist. */
  readonly missing: string;
  /** Targets that are not below an allowed root, existing ones among them, and one beside a root whose name begins like the root's. */
  readonly forbidden: readonly string[];
}

export interface PlainPaths {
  /** The path of something in a workspace. */
  at(workspace: WorkspaceDirectory, path: string): string;
  /** An empty directory outside of all workspaces, on the same file system, that nothing may touch. */
  readonly outside: string;
  /** Names of unfinished things that the storage keeps, such as staged files and uploads: none when all is done. */
  leftovers(): Promise<readonly string[]>;
  /** How many files and directories the storage holds open; {@link openFilesBelow} counts them. */
  openFiles(): Promise<number>;
}

export interface StorageOnSmallDisk {
  readonly storage: Storage;
  readonly workspace: WorkspaceDirectory;
  fill(): Promise<void>;
  free(): Promise<void>;
}

export type StorageGuarantee = Guarantee<StorageWorld, StorageCapability>;

/** A check in a workspace that is made. */
export function inWorkspace(check: Check<StorageWorld>): Check<StorageWorld> {
  return async (world, tools) => {
    await world.storage.create(world.workspace);
    await check(world, tools);
  };
}

/** A part of the world that comes with a capability. */
export function offered<P>(part: P | undefined, capability: StorageCapability): P {
  assert.ok(part !== undefined, `The world does not offer what "${capability}" takes, nor is the difference declared.`);
  return part;
}
