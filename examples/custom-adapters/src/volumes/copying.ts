import { AdapterError, type Entry, type Storage, type WorkspaceDirectory } from '@user-workspaces/contract';

/** A workspace and the storage that keeps it. */
export interface Place {
  readonly storage: Storage;
  readonly workspace: WorkspaceDirectory;
}

/**
 * Copies a workspace into one of another storage, as {@link Storage.copy} does within one: without hidden entries, links as links, and what is there
 * already is replaced. It is made of the storages' other calls, each of which happens whole or not at all, so it may be called again after a crash. Modes and
 * times of files are not part of the contract, and do not come along.
 *
 * What cannot be read, and links that may not be made, are left out.
 */
export async function copyBetween(from: Place, to: Place, signal?: AbortSignal): Promise<void> {
  await to.storage.create(to.workspace, signal);
  // Grows while it is gone through: parents come before what is in them.
  const directories = [''];
  for (const directory of directories) {
    for await (const entry of visibleEntries(from, directory, signal)) {
      if (entry.kind === 'directory') {
        await makeRoom(to, entry, signal);
        await to.storage.makeDirectory(to.workspace, entry.path, signal);
        directories.push(entry.path);
      } else if (entry.kind === 'symlink') {
        await copyLink(to, entry, signal);
      } else if (entry.kind === 'file') {
        await copyFile(from, to, entry, signal);
      }
    }
  }
}

async function* visibleEntries(
  { storage, workspace }: Place,
  directory: string,
  signal?: AbortSignal,
): AsyncGenerator<Entry> {
  try {
    for await (const entry of storage.list(workspace, directory, signal)) {
      if (!entry.path.slice(entry.path.lastIndexOf('/') + 1).startsWith('.')) yield entry;
    }
  } catch (error) {
    if (directory === '' || !isRefusal(error)) throw error;
    // The user's programs have removed it meanwhile, or put something else there.
  }
}

async function copyLink(to: Place, { path, kind, target = '' }: Entry, signal?: AbortSignal): Promise<void> {
  const isAllowed = await unlessRefused(to.storage.checkLinkTarget(target, signal).then(() => true));
  if (!isAllowed) return;
  await makeRoom(to, { path, kind }, signal);
  await to.storage.link(to.workspace, path, target, signal);
}

async function copyFile(from: Place, to: Place, { path, kind }: Entry, signal?: AbortSignal): Promise<void> {
  const file = await unlessRefused(from.storage.read(from.workspace, path, undefined, signal));
  if (!file) return;
  try {
    await makeRoom(to, { path, kind }, signal);
    await to.storage.write(to.workspace, path, file.content, {}, signal);
  } finally {
    await file.content[Symbol.asyncIterator]().return?.();
  }
}

/** Removes what would not be replaced: an entry of another kind, such as a directory in place of a file. */
async function makeRoom(
  { storage, workspace }: Place,
  { path, kind }: Pick<Entry, 'path' | 'kind'>,
  signal?: AbortSignal,
): Promise<void> {
  const present = await storage.stat(workspace, path, signal).catch((error: unknown) => {
    if (AdapterError.is(error, 'not_found')) return undefined;
    throw error;
  });
  if (present && present.kind !== kind) await storage.remove(workspace, path, signal);
}

async function unlessRefused<T>(call: Promise<T>): Promise<T | undefined> {
  return call.catch((error: unknown) => {
    if (isRefusal(error)) return undefined;
    throw error;
  });
}

function isRefusal(error: unknown): boolean {
  return AdapterError.is(error) && ['denied', 'invalid', 'not_found', 'unsupported'].includes(error.kind);
}
