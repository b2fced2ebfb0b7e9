import { AdapterError } from '@user-workspaces/contract';
import type { DirectoryHandle, Identity } from './directory-handle.js';
import { errnoOf } from './errors.js';
import type { Name } from './names.js';

/** Handles held per traversal; a tree may be deeper, so that nobody uses up the server's files by nesting directories. */
const maxHeld = 32;

/** A directory that a traversal has reached. */
export interface Visit<T> {
  readonly directory: DirectoryHandle;
  /** 0 for the start. */
  readonly depth: number;
  readonly data: T;
  /** To be filled by the visitor: the subdirectories to visit next, each with what the visitor wants to have there. */
  readonly children: { readonly name: Name; readonly data: T }[];
}

/**
 * Visits directories depth first, each reached through a handle on the one above. What vanished, became a link, cannot be
 * entered or is mounted from elsewhere is not visited. Memory grows with the breadth, handles do not with the depth.
 */
export async function* traverse<T>(start: DirectoryHandle, data: T): AsyncGenerator<Visit<T>> {
  const cursor = await TreeCursor.at(start);
  try {
    const first: Visit<T> = { directory: start, depth: 0, data, children: [] };
    yield first;
    const pending = [first.children];
    for (let top = pending.at(-1); top; top = pending.at(-1)) {
      const next = top.pop();
      if (!next) {
        pending.pop();
        if (pending.length > 0) await cursor.leave();
      } else if (await cursor.enter(next.name)) {
        const visit: Visit<T> = { directory: cursor.directory, depth: cursor.depth, data: next.data, children: [] };
        yield visit;
        pending.push(visit.children);
      }
    }
  } finally {
    await cursor.close();
  }
}

/** What is read of a visited directory; it ends early where the server, if it is not root, may not read that. The start must be readable. */
export async function* unlessClosed<T>({ depth }: Visit<unknown>, content: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* content;
  } catch (error) {
    if (depth === 0 || errnoOf(error) !== 'EACCES') throw error;
  }
}

interface Level {
  readonly identity: Identity;
  handle: DirectoryHandle | undefined;
}

/** A place in a tree that moves down and up again, with a bounded number of open handles. */
export class TreeCursor {
  readonly #start: Level & { readonly handle: DirectoryHandle };
  /** The levels below the start. */
  readonly #levels: Level[] = [];

  private constructor(start: Level & { readonly handle: DirectoryHandle }) {
    this.#start = start;
  }

  /** The start stays the caller's to close. */
  static async at(start: DirectoryHandle): Promise<TreeCursor> {
    return new TreeCursor({ identity: await start.identity(), handle: start });
  }

  get depth(): number {
    return this.#levels.length;
  }

  get directory(): DirectoryHandle {
    const top = this.#levels.at(-1) ?? this.#start;
    if (!top.handle) throw new RangeError('The innermost directory is always held.');
    return top.handle;
  }

  /** Goes down; false, and nothing moved, when there is no such directory to be entered. */
  async enter(name: Name): Promise<boolean> {
    let child: DirectoryHandle;
    try {
      child = await this.directory.openDirectory(name);
    } catch (error) {
      if (AdapterError.is(error, 'denied') || ['ENOENT', 'ENOTDIR', 'EACCES'].includes(errnoOf(error) ?? ''))
        return false;
      throw error;
    }
    const identity = await child.identity();
    this.#levels.push({ identity, handle: child });
    const furthest = this.#levels.at(-1 - maxHeld);
    if (furthest?.handle) {
      await furthest.handle.close();
      furthest.handle = undefined;
    }
    return true;
  }

  /** Goes up. @throws AdapterError `conflict` when the directory was moved, so that it is in another one now. */
  async leave(): Promise<void> {
    const left = this.#levels.pop();
    if (!left?.handle) throw new RangeError('There is no level to leave.');
    try {
      const above = this.#levels.at(-1);
      if (!above || above.handle) return;
      const parent = await left.handle.openParent();
      const { dev, ino } = await parent.identity();
      if (dev !== above.identity.dev || ino !== above.identity.ino) {
        await parent.close();
        throw new AdapterError('conflict', 'Directories were moved while they were read. Try again.', {
          field: 'path',
        });
      }
      above.handle = parent;
    } finally {
      await left.handle.close();
    }
  }

  async close(): Promise<void> {
    for (const { handle } of this.#levels) await handle?.close();
    this.#levels.length = 0;
  }
}
