import { type FSWatcher, watch as watchDirectory } from 'node:fs';
import { AdapterError, type Survey } from '@user-workspaces/contract';
import { type DirectoryHandle, withBelow } from './directory-handle.js';
import { errnoOf } from './errors.js';
import type { Turns } from './locks.js';
import { type DirectoryFigures, namesTo, SurveyTree, versionOf } from './survey.js';

/** Directories of a workspace that the kernel watches for us; the others are looked at now and then. */
const maxWatchers = 512;
/** Between two reports, and at least between two readings. */
const minPauseMs = 1_000;
/** A workspace that takes long to read is read less often: the pause is this many times what the reading took. */
const pauseFactor = 5;
/** Lets a burst of changes end before it is read. */
const settleMs = 100;
const pollIntervalMs = 10_000;
/** Per poll: unwatched directories whose times are compared, and of those how many are read whole, for files that grew in place. */
const maxCompared = 2_000;
const maxReread = 50;

/** Follows one workspace. */
export class WorkspaceWatch {
  readonly #watchers = new Map<DirectoryFigures, FSWatcher>();
  readonly #dirty = new Set<DirectoryFigures>();
  #tree: SurveyTree | undefined;
  #last: Survey | undefined;
  #wake: (() => void) | undefined;
  /** Where among the unwatched directories the next poll goes on. */
  #pollFrom = 0;

  constructor(
    private readonly open: () => Promise<DirectoryHandle>,
    private readonly changed: (survey: Survey) => void,
    private readonly turns: Turns,
    private readonly signal: AbortSignal,
  ) {}

  /** Resolves when the signal has come, or the workspace is gone, and everything is closed. */
  async run(): Promise<void> {
    try {
      for (let pollAtMs = Date.now() + pollIntervalMs; !this.signal.aborted; ) {
        const startedAtMs = Date.now();
        const outcome = await this.turns.run(() => this.#update(startedAtMs >= pollAtMs));
        if (outcome === 'gone') return;
        if (startedAtMs >= pollAtMs) pollAtMs = Date.now() + pollIntervalMs;
        if (outcome === 'read') this.#report();
        await this.#pause(Math.max(minPauseMs, pauseFactor * (Date.now() - startedAtMs)), false);
        if (outcome === 'failed') await this.#pause(pollIntervalMs, false);
        if (this.#dirty.size === 0) await this.#pause(pollAtMs - Date.now(), true);
        if (this.#dirty.size > 0) await this.#pause(settleMs, false);
      }
    } finally {
      for (const watcher of this.#watchers.values()) watcher.close();
      this.#watchers.clear();
    }
  }

  /** Reads what changed. A storage that fails for a moment leaves it for the next time; that the workspace is gone ends the watch. */
  async #update(isPoll: boolean): Promise<'read' | 'failed' | 'gone'> {
    if (this.signal.aborted) return 'gone';
    let workspace: DirectoryHandle;
    try {
      workspace = await this.open();
    } catch (error) {
      if (AdapterError.is(error, 'not_found') || AdapterError.is(error, 'denied')) return 'gone';
      return failed(error);
    }
    try {
      const { ino } = await workspace.identity();
      const tree = this.#treeOf(ino);
      if (isPoll) await this.#poll(tree, workspace);
      for (const figures of tree.withRoom()) this.#dirty.add(figures);
      for (const figures of [...this.#dirty]) {
        // One that an earlier reading dropped is no longer in the set.
        if (this.#dirty.delete(figures)) await this.#read(tree, figures, workspace);
        if (this.signal.aborted) return 'gone';
      }
      return 'read';
    } catch (error) {
      // A reading that the end of the watch cut short is no failure.
      return this.signal.aborted ? 'gone' : failed(error);
    } finally {
      await workspace.close();
    }
  }

  async #read(tree: SurveyTree, figures: DirectoryFigures, workspace: DirectoryHandle): Promise<void> {
    try {
      await withBelow(workspace, namesTo(figures), (directory) => tree.read(figures, directory, this.signal));
    } catch (error) {
      if (figures.parent && isMissing(error)) {
        this.#dirty.add(figures.parent);
        return;
      }
      this.#dirty.add(figures);
      throw error;
    }
  }

  #treeOf(rootInode: bigint): SurveyTree {
    if (this.#tree?.root.ino === rootInode) return this.#tree;
    if (this.#tree) this.#tree.drop(this.#tree.root);
    this.#tree = new SurveyTree(rootInode, {
      reading: (figures, directory) => this.#follow(figures, directory),
      dropped: (figures) => {
        this.#dirty.delete(figures);
        this.#unfollow(figures);
      },
    });
    this.#dirty.add(this.#tree.root);
    return this.#tree;
  }

  #follow(figures: DirectoryFigures, directory: DirectoryHandle): void {
    if (this.#watchers.has(figures) || this.#watchers.size >= maxWatchers) return;
    let watcher: FSWatcher;
    try {
      // Through the handle, so that the kernel watches the very directory that is read and never what a link points to.
      watcher = watchDirectory(directory.self);
    } catch (error) {
      // The machine's watches are used up, or the directory may not be read: the poll takes care of it.
      if (errnoOf(error) === undefined) throw error;
      return;
    }
    watcher.on('change', () => this.#mark(figures));
    watcher.on('error', () => {
      this.#unfollow(figures);
      this.#mark(figures);
    });
    this.#watchers.set(figures, watcher);
  }

  #unfollow(figures: DirectoryFigures): void {
    this.#watchers.get(figures)?.close();
    this.#watchers.delete(figures);
  }

  #mark(figures: DirectoryFigures): void {
    this.#dirty.add(figures);
    this.#wake?.();
  }

  /** Looks at directories that nobody watches, some at each poll. */
  async #poll(tree: SurveyTree, workspace: DirectoryHandle): Promise<void> {
    const unwatched = [...tree.all()].filter((figures) => !this.#watchers.has(figures));
    if (unwatched.length === 0) return;
    const count = Math.min(maxCompared, unwatched.length);
    for (let index = 0; index < count; index += 1) {
      const figures = unwatched[(this.#pollFrom + index) % unwatched.length];
      if (figures && (index < maxReread || (await this.#isStale(figures, workspace)))) this.#dirty.add(figures);
      if (this.signal.aborted) return;
    }
    // By fewer than were compared, so that every directory is among the first some time.
    this.#pollFrom = (this.#pollFrom + Math.min(maxReread, count)) % unwatched.length;
  }

  async #isStale(figures: DirectoryFigures, workspace: DirectoryHandle): Promise<boolean> {
    try {
      return await withBelow(
        workspace,
        namesTo(figures),
        async (directory) => versionOf(await directory.ownStats()) !== figures.version,
      );
    } catch (error) {
      if (isMissing(error)) return true;
      throw error;
    }
  }

  #report(): void {
    const survey = this.#tree?.toSurvey();
    if (!survey || this.signal.aborted || (this.#last && isSame(survey, this.#last))) return;
    this.#last = survey;
    this.changed(survey);
  }

  /** Waits for a time or the signal and, where asked to, no longer than until something changes. */
  async #pause(durationMs: number, isEndedByChange: boolean): Promise<void> {
    if (this.signal.aborted || durationMs <= 0) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.signal.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, durationMs);
      this.signal.addEventListener('abort', done, { once: true });
      if (isEndedByChange) this.#wake = done;
    });
  }
}

function isMissing(error: unknown): boolean {
  return AdapterError.is(error, 'denied') || ['ENOENT', 'ENOTDIR', 'EACCES'].includes(errnoOf(error) ?? '');
}

/** Passes on what is not the storage's: defects, and the signal. */
function failed(error: unknown): 'failed' {
  if (errnoOf(error) === undefined && !AdapterError.is(error)) throw error;
  return 'failed';
}

function isSame(a: Survey, b: Survey): boolean {
  return a.diskSpaceBytes === b.diskSpaceBytes && isSameList(a.files, b.files) && isSameList(a.symlinks, b.symlinks);
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index]);
}
