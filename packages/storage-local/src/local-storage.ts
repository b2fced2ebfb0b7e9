import {
  type Account,
  AdapterError,
  type ByteRange,
  type Entry,
  type Health,
  type OpenFile,
  type Storage,
  type StorageCapabilities,
  type Survey,
  type WorkspaceDirectory,
  type WriteConditions,
} from '@user-workspaces/contract';
import { removeStaging } from './cleanup.js';
import { copyWorkspace } from './copying.js';
import { type DirectoryHandle, withBelow } from './directory-handle.js';
import { entryOf, findEntry, listChosen, listDirectory, walkDirectory } from './entries.js';
import { errnoOf, translated, translatedEach } from './errors.js';
import type { Layout } from './layout.js';
import { type LinkTargets, makeLink } from './links.js';
import { KeyedLock, Turns } from './locks.js';
import { makeDirectory } from './making.js';
import { highestNumber } from './numbers.js';
import { parseEntryPath, parsePath, shown, stagingName } from './paths.js';
import { readFile } from './reading.js';
import { removeEntry } from './removal.js';
import { renameEntry } from './renaming.js';
import { checkHealth } from './startup.js';
import { surveyLimit, surveyNameBytes, surveyOnce } from './survey.js';
import { Uploads } from './uploads.js';
import { WorkspaceWatch } from './watch.js';
import { writeFile } from './writing.js';

/** Watched workspaces that are read at the same moment, so that a start with many of them leaves room for requests. */
const surveysAtOnce = 2;

/** The contract's storage on local files: checks what came from outside, and hands over to the module that does it. */
export class LocalStorage implements Storage {
  readonly capabilities: StorageCapabilities;
  readonly #locks = new KeyedLock();
  readonly #uploads = new Uploads(this.#locks);
  readonly #turns = new Turns(surveysAtOnce);
  readonly #closing = new AbortController();
  readonly #watches = new Set<Promise<void>>();

  constructor(
    readonly name: string,
    private readonly layout: Layout,
    private readonly links: LinkTargets,
  ) {
    this.capabilities = { links: links.areAllowed, surveyLimit, surveyNameBytes, confinement: layout.confinement };
  }

  locate(account: Account, workspaceId: number): string {
    return this.layout.locate(account, workspaceId);
  }

  highestId(signal?: AbortSignal): Promise<number> {
    return translated('The directories of the storage cannot be listed', () => highestNumber(this.layout, signal));
  }

  async create(directory: WorkspaceDirectory, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await translated('The directory of the workspace cannot be made', () => this.layout.create(directory));
  }

  async destroy(directory: WorkspaceDirectory, signal?: AbortSignal): Promise<void> {
    await translated('The directory of the workspace cannot be removed', async () => {
      signal?.throwIfAborted();
      try {
        await this.layout.withAccountDirectory(directory, async (parent, name) => {
          // Nothing is made for what is gone already: once nobody knows of the workspace any more, it would stay after a crash.
          if (!(await parent.stats(name))) return;
          await this.layout.withStaging(directory, (staging) => removeEntry(staging, parent, name, signal));
        });
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') throw error;
      }
      await removeStaging(this.layout, stagingName(directory.location), signal);
    });
  }

  async copy(from: WorkspaceDirectory, to: WorkspaceDirectory, signal?: AbortSignal): Promise<void> {
    if (from.location === to.location) throw new AdapterError('invalid', 'A workspace cannot be copied into itself.');
    await translated('The workspace cannot be copied', async () => {
      await this.layout.create(to);
      const fromOwner = this.layout.ownerOf(from.account);
      await this.layout.reading(from, (source) =>
        this.layout.changing(to, (workspace) =>
          copyWorkspace(source, { to: workspace, fromOwner, links: this.links, signal }),
        ),
      );
    });
  }

  async stat(directory: WorkspaceDirectory, path: string, signal?: AbortSignal): Promise<Entry> {
    const segments = parsePath(path);
    signal?.throwIfAborted();
    return translated(`${shown(path)} cannot be looked up`, () =>
      this.layout.reading(directory, async (workspace) => {
        const name = segments.pop();
        if (name === undefined) return entryOf('', await workspace.ownStats());
        const entry = await withBelow(workspace, segments, (parent) => findEntry(parent, name, path));
        if (!entry) throw new AdapterError('not_found', `${shown(path)} does not exist.`, { field: 'path' });
        return entry;
      }),
    );
  }

  list(directory: WorkspaceDirectory, path: string, signal?: AbortSignal): AsyncIterable<Entry> {
    return this.#each(directory, path, (opened) => listDirectory(opened, path, signal));
  }

  listChosen(
    directory: WorkspaceDirectory,
    path: string,
    choose: (names: AsyncIterable<string>) => Promise<readonly string[]>,
    signal?: AbortSignal,
  ): AsyncIterable<Entry> {
    return this.#each(directory, path, (opened) => listChosen(opened, path, choose, signal));
  }

  walk(directory: WorkspaceDirectory, path: string, signal?: AbortSignal): AsyncIterable<Entry> {
    return this.#each(directory, path, (opened) => walkDirectory(opened, path, signal));
  }

  async read(directory: WorkspaceDirectory, path: string, range?: ByteRange, signal?: AbortSignal): Promise<OpenFile> {
    if (path === '') throw new AdapterError('invalid', 'The workspace itself is not a file.', { field: 'path' });
    const { parents, name } = parseEntryPath(path);
    signal?.throwIfAborted();
    const owner = this.layout.ownerOf(directory.account);
    return translated(`${shown(path)} cannot be read`, () =>
      this.layout.reading(directory, (workspace) =>
        withBelow(workspace, parents, (parent) => readFile(parent, name, path, owner, range, signal)),
      ),
    );
  }

  async write(
    directory: WorkspaceDirectory,
    path: string,
    source: AsyncIterable<Uint8Array>,
    conditions: WriteConditions = {},
    signal?: AbortSignal,
  ): Promise<Entry> {
    const entryPath = parseEntryPath(path);
    return translated(`${shown(path)} cannot be written`, () =>
      this.layout.changing(directory, (workspace) =>
        writeFile(workspace, path, entryPath, source, conditions, this.#locks, signal),
      ),
    );
  }

  async uploadedBytes(directory: WorkspaceDirectory, uploadId: string, signal?: AbortSignal): Promise<number> {
    signal?.throwIfAborted();
    return translated('The upload cannot be looked up', () =>
      this.layout.withStaging(directory, (staging) => this.#uploads.length(staging, uploadId)),
    );
  }

  async appendUpload(
    directory: WorkspaceDirectory,
    uploadId: string,
    offset: number,
    source: AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<number> {
    return translated('The upload cannot be stored', () =>
      this.layout.changing(directory, ({ staging, location }) =>
        this.#uploads.append(staging, location, uploadId, offset, source, signal),
      ),
    );
  }

  async finishUpload(
    directory: WorkspaceDirectory,
    uploadId: string,
    path: string,
    conditions: WriteConditions = {},
    signal?: AbortSignal,
  ): Promise<Entry> {
    const entryPath = parseEntryPath(path);
    signal?.throwIfAborted();
    return translated(`${shown(path)} cannot be written`, () =>
      this.layout.changing(directory, (workspace) =>
        this.#uploads.finish(workspace, uploadId, path, entryPath, conditions),
      ),
    );
  }

  async abandonUpload(directory: WorkspaceDirectory, uploadId: string, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await translated('The upload cannot be removed', () =>
      this.layout.withStaging(directory, (staging) => this.#uploads.abandon(staging, directory.location, uploadId)),
    );
  }

  async makeDirectory(directory: WorkspaceDirectory, path: string, signal?: AbortSignal): Promise<Entry> {
    const segments = parsePath(path);
    signal?.throwIfAborted();
    return translated(`${shown(path)} cannot be made`, () =>
      this.layout.changing(directory, (workspace) => makeDirectory(workspace, segments)),
    );
  }

  async link(directory: WorkspaceDirectory, path: string, target: string, signal?: AbortSignal): Promise<Entry> {
    const entryPath = parseEntryPath(path);
    signal?.throwIfAborted();
    return translated(`The link ${shown(path)} cannot be made`, async () => {
      const checked = await this.links.check(target);
      return this.layout.changing(directory, (workspace) => makeLink(workspace, path, entryPath, checked, this.#locks));
    });
  }

  async checkLinkTarget(target: string, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await translated(`The link target ${shown(target)} cannot be checked`, () => this.links.check(target));
  }

  async rename(directory: WorkspaceDirectory, from: string, to: string, signal?: AbortSignal): Promise<Entry> {
    parseEntryPath(from);
    parseEntryPath(to);
    signal?.throwIfAborted();
    return translated(`${shown(from)} cannot be renamed`, () =>
      this.layout.changing(directory, (workspace) => renameEntry(workspace, from, to, this.#locks)),
    );
  }

  async remove(directory: WorkspaceDirectory, path: string, signal?: AbortSignal): Promise<void> {
    const { parents, name } = parseEntryPath(path);
    signal?.throwIfAborted();
    await translated(`${shown(path)} cannot be removed`, () =>
      this.layout.changing(directory, (workspace) =>
        withBelow(workspace.directory, parents, (parent) => removeEntry(workspace.staging, parent, name, signal)),
      ),
    );
  }

  async survey(directory: WorkspaceDirectory, signal?: AbortSignal): Promise<Survey> {
    signal?.throwIfAborted();
    return translated('The workspace cannot be surveyed', () =>
      this.layout.reading(directory, (workspace) => surveyOnce(workspace, signal)),
    );
  }

  watch(directory: WorkspaceDirectory, changed: (survey: Survey) => void, signal: AbortSignal): void {
    const ended = AbortSignal.any([signal, this.#closing.signal]);
    const open = (): Promise<DirectoryHandle> =>
      translated('The workspace cannot be watched', () => this.layout.openWorkspace(directory));
    const running = new WorkspaceWatch(open, changed, this.#turns, ended).run();
    this.#watches.add(running);
    // Only a defect rejects, and that must be seen: so nothing here catches it.
    void running.finally(() => this.#watches.delete(running));
  }

  async check(signal?: AbortSignal): Promise<Health> {
    signal?.throwIfAborted();
    return checkHealth(this.layout, this.name);
  }

  /** Ends all watches. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#watches);
  }

  #each(
    directory: WorkspaceDirectory,
    path: string,
    entries: (opened: DirectoryHandle) => AsyncIterable<Entry>,
  ): AsyncIterable<Entry> {
    const { layout } = this;
    return translatedEach(`${shown(path)} cannot be listed`, async function* () {
      const segments = parsePath(path);
      const workspace = await layout.openWorkspace(directory);
      try {
        const opened = await openToList(workspace, segments, path);
        try {
          yield* entries(opened);
        } finally {
          if (opened !== workspace) await opened.close();
        }
      } finally {
        await workspace.close();
      }
    });
  }
}

async function openToList(workspace: DirectoryHandle, segments: string[], path: string): Promise<DirectoryHandle> {
  const name = segments.pop();
  if (name === undefined) return workspace;
  return withBelow(workspace, segments, async (parent) => {
    try {
      return await parent.openDirectory(name);
    } catch (error) {
      if (errnoOf(error) !== 'ENOTDIR') throw error;
      throw new AdapterError('invalid', `${shown(path)} is not a directory, so it cannot be listed.`, {
        field: 'path',
        cause: error,
      });
    }
  });
}
