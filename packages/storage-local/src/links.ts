import { realpath, rename } from 'node:fs/promises';
import { posix } from 'node:path';
import { AdapterError, type Entry } from '@user-workspaces/contract';
import { entryOf } from './entries.js';
import { errnoOf } from './errors.js';
import type { OpenWorkspace } from './layout.js';
import type { KeyedLock } from './locks.js';
import { withMadeDirectory } from './making.js';
import { type EntryPath, shown } from './paths.js';
import { moveToFreeName, removeStaged, stageLink } from './staging.js';

const maxTargetBytes = 4095;

/** Decides what links may point to. */
export class LinkTargets {
  readonly #roots: readonly string[];

  constructor(
    roots: readonly string[],
    /** The configuration key that holds the roots, for refusals. */
    private readonly rootsKey: string,
    /** Never linked to, even when an allowed root holds it: it is full of other people's workspaces. */
    private readonly storageRoot: string,
  ) {
    this.#roots = roots.map((root) => withoutTrailingSlash(posix.normalize(root)));
  }

  get areAllowed(): boolean {
    return this.#roots.length > 0;
  }

  /**
   * Gives the target as it is to be stored.
   *
   * Whether it is below a root is first decided by its text, so that nothing can be learnt about what exists outside; then by
   * what it resolves to, so that a link below a root leads nowhere else.
   */
  async check(target: string): Promise<string> {
    if (!this.areAllowed) {
      throw refused(
        `Links cannot be made: the operator has to set ${this.rootsKey} to the directories that links may point to.`,
      );
    }
    if (
      target.includes('\0') ||
      Buffer.byteLength(target) > maxTargetBytes ||
      Buffer.from(target).toString() !== target
    ) {
      throw new AdapterError('invalid', `The link target ${shown(target)} is not a path.`, { field: 'source_path' });
    }
    if (!target.startsWith('/') || target.split('/').includes('..')) {
      throw refused(`The link target ${shown(target)} is refused: it must be an absolute path without "..".`);
    }
    const path = withoutTrailingSlash(posix.normalize(target));
    const root = this.#roots.find((candidate) => isBelow(path, candidate));
    if (root === undefined || isBelow(path, this.storageRoot)) throw this.#outside(target);
    const real = await resolveExisting(path, root);
    if (!(await this.#isAllowed(real.path))) throw this.#outside(target);
    if (!real.isComplete) {
      throw new AdapterError('not_found', `Symlink path not found: ${target}`, { field: 'source_path' });
    }
    return path;
  }

  /** Whether a link that a user made may be copied; links that are relative never are. */
  async isAllowed(target: string): Promise<boolean> {
    try {
      await this.check(target);
      return true;
    } catch (error) {
      if (['not_found', 'denied', 'invalid'].some((kind) => error instanceof AdapterError && error.kind === kind)) {
        return false;
      }
      throw error;
    }
  }

  async #isAllowed(real: string): Promise<boolean> {
    const storage = await realOrSame(this.storageRoot);
    if (isBelow(real, storage)) return false;
    for (const root of this.#roots) {
      if (isBelow(real, await realOrSame(root))) return true;
    }
    return false;
  }

  #outside(target: string): AdapterError {
    return refused(
      `The link target ${shown(target)} is not below a directory that links may point to (${this.rootsKey}).`,
    );
  }
}

/** Makes a link, or replaces one. */
export async function makeLink(
  workspace: OpenWorkspace,
  path: string,
  { parents, name }: EntryPath,
  target: string,
  locks: KeyedLock,
): Promise<Entry> {
  return withMadeDirectory(workspace, parents, (parent) =>
    locks.run(`${workspace.location}\0${path}`, async () => {
      const present = await parent.stats(name);
      if (present && !present.isSymbolicLink()) throw taken(path);
      const staged = await stageLink(workspace.staging, target, workspace.owner);
      try {
        if (present) await rename(workspace.staging.at(staged), parent.at(name));
        else await moveToFreeName(workspace.staging, staged, parent, name);
      } catch (error) {
        const code = errnoOf(error);
        throw code === 'EEXIST' || code === 'EISDIR' ? taken(path, error) : error;
      } finally {
        await removeStaged(workspace.staging, staged);
      }
      const stats = await parent.stats(name);
      if (!stats?.isSymbolicLink()) throw taken(path);
      return entryOf(path, stats, target);
    }),
  );
}

/** Resolves a path or, when it does not exist, the deepest part of it that does. */
async function resolveExisting(path: string, root: string): Promise<{ path: string; isComplete: boolean }> {
  for (let part = path; ; part = posix.dirname(part)) {
    try {
      return { path: await realpath(part), isComplete: part === path };
    } catch (error) {
      const code = errnoOf(error);
      if (code === 'EACCES' || code === 'EPERM') {
        throw refused(
          `The link target ${shown(path)} cannot be checked: the server may not enter a directory above it.`,
          error,
        );
      }
      if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'ELOOP' && code !== 'ENAMETOOLONG') throw error;
      if (part === root) return { path: root, isComplete: false };
    }
  }
}

async function realOrSame(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return path;
    throw error;
  }
}

function isBelow(path: string, root: string): boolean {
  return path === root || path.startsWith(root === '/' ? root : `${root}/`);
}

function withoutTrailingSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

function refused(message: string, cause?: unknown): AdapterError {
  return new AdapterError('denied', message, { field: 'source_path', cause });
}

function taken(path: string, cause?: unknown): AdapterError {
  return new AdapterError('conflict', `${shown(path)} exists and is not a link. Choose another name.`, {
    field: 'path',
    cause,
  });
}
