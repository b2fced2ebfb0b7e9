import type { Account } from './account.js';
import type { Health } from './health.js';

/** A workspace's directory: where it is, and whose. */
export interface WorkspaceDirectory {
  /** What {@link Storage.locate} gave; opaque to the server except that jobs on this storage's hosts find their files there. */
  readonly location: string;
  readonly account: Account;
}

/** One entry of a directory. */
export interface Entry {
  /** Path relative to the workspace, segments separated by `/`, without a leading slash; the workspace itself is `''`. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
  /** Changes whenever the content may have changed; strong, unquoted. */
  readonly etag: string;
  /** Where a link points to, exactly as stored. */
  readonly target?: string;
  /** Set by {@link Storage.walk} for a directory that cannot be read: nothing of what is in it follows. */
  readonly isClosed?: true;
}

/** An inclusive range of bytes. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** A file opened for reading. `content` must be consumed or cancelled (`return()`), which closes the file. */
export interface OpenFile {
  readonly entry: Entry;
  readonly content: AsyncIterable<Uint8Array>;
}

/** What is in a workspace: the figures and lists that `GET /workspaces/` shows. */
export interface Survey {
  /** Space taken by everything in the workspace, dot files included, in bytes; links count as nothing. */
  readonly diskSpaceBytes: number;
  /**
   * Names with a leading slash, without dot files and what is in dot directories, sorted. Together with `symlinks` at most
   * {@link StorageCapabilities.surveyLimit}, of {@link StorageCapabilities.surveyNameBytes}.
   */
  readonly files: readonly string[];
  readonly symlinks: readonly string[];
}

/** Conditions on the file that a write would replace. */
export interface WriteConditions {
  /** The write happens only if the present file has this etag. `null`: only if there is none. */
  readonly ifMatch?: string | null;
}

export interface StorageCapabilities {
  /** Links to data outside the workspace can be made. */
  readonly links: boolean;
  /** Names of files and links kept per survey; what is beyond is counted in bytes but not listed. */
  readonly surveyLimit: number;
  /** Bytes of these names, as JSON: each change of a workspace is told with all of them. What is beyond is not listed, either. */
  readonly surveyNameBytes: number;
  /** What "nothing outside the workspace is touched" rests on. */
  readonly confinement: 'directory-handles' | 'resolved-paths' | 'remote';
}

/**
 * Keeps the files of workspaces.
 *
 * Guarantees the server relies on, whatever names, links or concurrent changes (the user's own jobs included) occur:
 * - nothing outside the workspace's directory is read, written, removed or re-owned; no path component is followed
 *   through a link, with one exception: none. Reading through a link is refused with `denied`;
 * - links are made only to existing targets below a configured root;
 * - everything made belongs to the account;
 * - a file appears at its name whole or not at all; a broken write leaves the old file as it was;
 * - `create`, `copy`, `destroy`, `abandonUpload` can be called again after a crash at any point and then finish the work;
 * - memory use does not depend on the size of a file.
 *
 * Paths are relative to the workspace, `/`-separated. The adapter itself refuses, with `invalid` and a `field`, empty
 * segments, `.`, `..`, a leading slash, NUL, and segments over 255 bytes.
 */
export interface Storage {
  readonly name: string;
  readonly capabilities: StorageCapabilities;

  /** Where the workspace of this account is or would be. Pure: the same arguments always give the same place. */
  locate(account: Account, workspaceId: number): string;
  /**
   * The highest number of a workspace that has a directory here, whoever's, empty ones and half destroyed ones included; 0 when there is none. What is no such directory
   * is passed over; what cannot be read is an error, since a number that is too low would be believed. After a backup of the database was restored, numbers may be in
   * use that it does not know: with this function new workspaces get others from the start on. Without it a new workspace whose place is taken is refused, and made
   * with the next number when it is asked for again.
   *
   * @throws AdapterError `unavailable` while the files cannot be reached.
   */
  highestId?(signal?: AbortSignal): Promise<number>;
  /** Makes the empty directory, owned by the account. An existing one is fine. */
  create(directory: WorkspaceDirectory, signal?: AbortSignal): Promise<void>;
  /** Removes the directory and everything in it, never following a link. An absent one is fine. */
  destroy(directory: WorkspaceDirectory, signal?: AbortSignal): Promise<void>;
  /** Copies a workspace without dot files and dot directories into another (made if missing); links are copied as links. Entries already there are replaced. */
  copy(from: WorkspaceDirectory, to: WorkspaceDirectory, signal?: AbortSignal): Promise<void>;

  /** @throws AdapterError `not_found`. */
  stat(directory: WorkspaceDirectory, path: string, signal?: AbortSignal): Promise<Entry>;
  /** The entries directly in a directory, in no order; streamed, so that a million entries need no memory. @throws AdapterError `not_found`. */
  list(directory: WorkspaceDirectory, path: string, signal?: AbortSignal): AsyncIterable<Entry>;
  /**
   * Of the entries that {@link list} gives those that `choose` picks by their names, in its order, so that a page of a large directory costs no look at all the
   * others; what vanishes meanwhile is left out. Without this function the server picks from what {@link list} gives.
   */
  listChosen?(
    directory: WorkspaceDirectory,
    path: string,
    choose: (names: AsyncIterable<string>) => Promise<readonly string[]>,
    signal?: AbortSignal,
  ): AsyncIterable<Entry>;
  /** Everything below a directory, parents before children; links are yielded, not followed. What is in a directory that cannot be read is left out. */
  walk(directory: WorkspaceDirectory, path: string, signal?: AbortSignal): AsyncIterable<Entry>;
  /** Opens a regular file. @throws AdapterError `not_found`, `denied` (a link in the way), `invalid` (not a file, range outside it). */
  read(directory: WorkspaceDirectory, path: string, range?: ByteRange, signal?: AbortSignal): Promise<OpenFile>;

  /**
   * Writes a whole file from a stream and puts it in place atomically; missing parent directories are made.
   *
   * @throws AdapterError `conflict` (a condition fails; a directory has this name), `no_space`, and what the source throws.
   */
  write(
    directory: WorkspaceDirectory,
    path: string,
    source: AsyncIterable<Uint8Array>,
    conditions?: WriteConditions,
    signal?: AbortSignal,
  ): Promise<Entry>;

  /** Bytes of an upload that are safely stored; 0 for one that has not begun. */
  uploadedBytes(directory: WorkspaceDirectory, uploadId: string, signal?: AbortSignal): Promise<number>;
  /**
   * Appends to an upload and returns its new length. What arrived before the source broke off stays, so that the caller
   * can go on from {@link uploadedBytes}. `uploadId` is made by the server: 32 lower-case hexadecimal digits.
   *
   * @throws AdapterError `conflict` when `offset` is not the present length, `no_space`.
   */
  appendUpload(
    directory: WorkspaceDirectory,
    uploadId: string,
    offset: number,
    source: AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<number>;
  /** Puts an upload in place, as {@link write} does; afterwards the upload is gone. */
  finishUpload(
    directory: WorkspaceDirectory,
    uploadId: string,
    path: string,
    conditions?: WriteConditions,
    signal?: AbortSignal,
  ): Promise<Entry>;
  /** Removes what an upload has stored. An absent one is fine. */
  abandonUpload(directory: WorkspaceDirectory, uploadId: string, signal?: AbortSignal): Promise<void>;

  /** Makes a directory and its missing parents. An existing directory is fine. @throws AdapterError `conflict` when another kind of entry has the name. */
  makeDirectory(directory: WorkspaceDirectory, path: string, signal?: AbortSignal): Promise<Entry>;
  /** Makes or replaces a link. Missing parents are made. @throws AdapterError `not_found` (no such target), `denied` (target not below an allowed root), `conflict` (a file or directory has the name), `unsupported`. */
  link(directory: WorkspaceDirectory, path: string, target: string, signal?: AbortSignal): Promise<Entry>;
  /** Checks a link target as {@link link} does and makes nothing. */
  checkLinkTarget(target: string, signal?: AbortSignal): Promise<void>;
  /** Renames within the workspace; missing parents of the new name are made. @throws AdapterError `not_found`, `conflict` when the new name exists. */
  rename(directory: WorkspaceDirectory, from: string, to: string, signal?: AbortSignal): Promise<Entry>;
  /** Removes an entry; a directory with all that is in it; a link, never its target. @throws AdapterError `not_found`. */
  remove(directory: WorkspaceDirectory, path: string, signal?: AbortSignal): Promise<void>;

  /** Lists and measures the whole workspace. */
  survey(directory: WorkspaceDirectory, signal?: AbortSignal): Promise<Survey>;
  /**
   * Reports changes of a workspace's content, so that surveys follow without rescanning what is unchanged: each call of
   * `changed` carries the new survey, at most one a second per workspace, and one soon after watching began. Ends with
   * the signal. The adapter keeps per-directory figures and reads again only what changed.
   */
  watch(directory: WorkspaceDirectory, changed: (survey: Survey) => void, signal: AbortSignal): void;

  check(signal?: AbortSignal): Promise<Health>;
  close(): Promise<void>;
}
