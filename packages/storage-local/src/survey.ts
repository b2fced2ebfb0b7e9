import type { BigIntStats } from 'node:fs';
import type { Survey } from '@user-workspaces/contract';
import type { DirectoryHandle } from './directory-handle.js';
import { readDirectory } from './entries.js';
import { errnoOf } from './errors.js';
import { isHidden, keyOf, type Name } from './names.js';
import { traverse } from './traversal.js';

/** Names listed per survey. */
export const surveyLimit = 10_000;

/** Bytes of the names listed per survey, as JSON: names can be long, and are told with each change of the workspace. */
export const surveyNameBytes = 256 * 1024;

/** One directory of a surveyed workspace: what is directly in it, and the directories below. */
export interface DirectoryFigures {
  readonly name: Name;
  readonly parent: DirectoryFigures | undefined;
  readonly ino: bigint;
  /** What comes before the names of its entries, ending in a slash; `undefined` when they are not listed. */
  readonly prefix: string | undefined;
  readonly children: Map<string, DirectoryFigures>;
  bytes: number;
  files: string[];
  symlinks: string[];
  /** What the names of files and links take. */
  nameBytes: number;
  /** What the shortest name takes of those that are missing because a limit was reached; `undefined` when none is. */
  leftOutBytes: number | undefined;
  /** The directory's own times when it was last read, to see whether entries came or went. */
  version: string;
}

/** Hooks for whoever follows the tree. */
export interface SurveyObserver {
  /** Called before a directory is read, so that no change after the reading goes unseen. */
  reading?(figures: DirectoryFigures, directory: DirectoryHandle): void;
  dropped?(figures: DirectoryFigures): void;
}

/** Figures of a workspace, kept per directory, so that one directory can be read again alone. */
export class SurveyTree {
  readonly root: DirectoryFigures;
  #listed = 0;
  #listedBytes = 0;

  constructor(
    rootInode: bigint,
    private readonly observer: SurveyObserver = {},
  ) {
    this.root = newFigures('', undefined, rootInode);
  }

  /** Reads a directory, and those below it that are not known yet. */
  async read(figures: DirectoryFigures, directory: DirectoryHandle, signal?: AbortSignal): Promise<void> {
    for await (const visit of traverse(directory, figures)) {
      for (const child of await this.#readOne(visit.data, visit.directory, signal)) {
        visit.children.push({ name: child.name, data: child });
      }
    }
  }

  /** Forgets a directory that vanished, and all below it. */
  drop(figures: DirectoryFigures): void {
    figures.parent?.children.delete(keyOf(figures.name));
    for (const dropped of below(figures)) {
      this.#unlist(dropped);
      this.observer.dropped?.(dropped);
    }
  }

  /** Directories whose names were left out although there is room for them now. */
  withRoom(): DirectoryFigures[] {
    if (this.#listed >= surveyLimit) return [];
    return [...below(this.root)].filter(({ leftOutBytes }) => leftOutBytes !== undefined && this.#fits(leftOutBytes));
  }

  all(): Iterable<DirectoryFigures> {
    return below(this.root);
  }

  toSurvey(): Survey {
    let bytes = 0;
    const files: string[] = [];
    const symlinks: string[] = [];
    for (const figures of below(this.root)) {
      bytes += figures.bytes;
      for (const name of figures.files) files.push(`${figures.prefix}${name}`);
      for (const name of figures.symlinks) symlinks.push(`${figures.prefix}${name}`);
    }
    // Sparse files can claim any size; the contract's numbers end at 2^53.
    return { diskSpaceBytes: Math.min(bytes, Number.MAX_SAFE_INTEGER), files: files.sort(), symlinks: symlinks.sort() };
  }

  async #readOne(
    figures: DirectoryFigures,
    directory: DirectoryHandle,
    signal: AbortSignal | undefined,
  ): Promise<DirectoryFigures[]> {
    this.observer.reading?.(figures, directory);
    const version = versionOf(await directory.ownStats());
    this.#unlist(figures);
    Object.assign(figures, { bytes: 0, files: [], symlinks: [], nameBytes: 0, leftOutBytes: undefined, version });
    const gone = new Map(figures.children);
    const fresh: DirectoryFigures[] = [];
    try {
      for await (const { name, stats } of readDirectory(directory, signal)) {
        if (stats.isFile()) figures.bytes += Number(stats.size);
        if (stats.isDirectory()) {
          const key = keyOf(name);
          const known = gone.get(key);
          if (known?.ino !== stats.ino) {
            fresh.push(newFigures(name, figures, stats.ino));
          } else {
            gone.delete(key);
            // Known, but never read: an earlier reading was broken off.
            if (known.version === '') fresh.push(known);
          }
        } else if (stats.isFile()) this.#list(figures, figures.files, name);
        else if (stats.isSymbolicLink()) this.#list(figures, figures.symlinks, name);
      }
    } catch (error) {
      // Only where the server is not root, or on somebody's private mount: what cannot be read counts as nothing.
      if (errnoOf(error) !== 'EACCES') throw error;
    }
    for (const figuresGone of gone.values()) this.drop(figuresGone);
    for (const child of fresh) figures.children.set(keyOf(child.name), child);
    return fresh;
  }

  #list(figures: DirectoryFigures, names: string[], name: Name): void {
    if (figures.prefix === undefined || isHidden(name) || typeof name !== 'string') return;
    const bytes = Buffer.byteLength(JSON.stringify(`${figures.prefix}${name}`));
    if (this.#listed >= surveyLimit || !this.#fits(bytes)) {
      figures.leftOutBytes = Math.min(bytes, figures.leftOutBytes ?? bytes);
      return;
    }
    names.push(name);
    figures.nameBytes += bytes;
    this.#listed += 1;
    this.#listedBytes += bytes;
  }

  #fits(bytes: number): boolean {
    return this.#listedBytes + bytes <= surveyNameBytes;
  }

  /** What a directory has listed counts no more. */
  #unlist({ files, symlinks, nameBytes }: DirectoryFigures): void {
    this.#listed -= files.length + symlinks.length;
    this.#listedBytes -= nameBytes;
  }
}

/** Surveys a workspace once. */
export async function surveyOnce(directory: DirectoryHandle, signal?: AbortSignal): Promise<Survey> {
  const tree = new SurveyTree((await directory.identity()).ino);
  await tree.read(tree.root, directory, signal);
  return tree.toSurvey();
}

/** Changes when entries come or go. */
export function versionOf(stats: BigIntStats): string {
  return `${stats.ino}-${stats.mtimeNs}-${stats.ctimeNs}`;
}

/** The names that lead from the workspace to a directory. */
export function namesTo(figures: DirectoryFigures): Name[] {
  const names: Name[] = [];
  for (let at: DirectoryFigures | undefined = figures; at?.parent; at = at.parent) names.unshift(at.name);
  return names;
}

function newFigures(name: Name, parent: DirectoryFigures | undefined, ino: bigint): DirectoryFigures {
  const isListed = !parent || (parent.prefix !== undefined && typeof name === 'string' && !isHidden(name));
  const prefix = isListed ? (parent ? `${parent.prefix}${name.toString()}/` : '/') : undefined;
  return {
    name,
    parent,
    ino,
    prefix,
    children: new Map(),
    bytes: 0,
    files: [],
    symlinks: [],
    nameBytes: 0,
    leftOutBytes: undefined,
    version: '',
  };
}

function* below(figures: DirectoryFigures): Generator<DirectoryFigures> {
  const pending = [figures];
  for (let next = pending.pop(); next; next = pending.pop()) {
    yield next;
    for (const child of next.children.values()) pending.push(child);
  }
}
