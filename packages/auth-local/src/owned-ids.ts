import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AdapterError } from '@user-workspaces/contract';

/** Where things are that belong to accounts. */
export interface OwnedPlace {
  /** Absolute path; absent is empty. */
  readonly directory: string;
  /** How deep they are: 1 for the entries of the directory itself. What is deeper is not looked at. */
  readonly levels: number;
}

/** So many entries are looked at together. */
const atOnce = 64;

/**
 * The highest uid from `first` to `last` that owns something in one of the places or that a process has; 0 when there is none.
 *
 * @throws AdapterError `unavailable` when a place cannot be looked at.
 */
export async function highestOwner(places: readonly OwnedPlace[], first: number, last: number): Promise<number> {
  let highest = 0;
  const see = (uid: number): void => {
    if (uid >= first && uid <= last) highest = Math.max(highest, uid);
  };
  for (const { directory, levels } of places) await lookBelow(directory, levels, see);
  await lookAtProcesses(see);
  return highest;
}

async function lookBelow(directory: string, levels: number, see: (uid: number) => void): Promise<void> {
  let level = [directory];
  for (let depth = 1; depth <= levels; depth += 1) {
    const below: string[] = [];
    await eachOf(level, async (parent) => {
      const names = await unlessGone(readdir(parent), parent);
      for (const name of names ?? []) below.push(join(parent, name));
    });
    const directories: string[] = [];
    await eachOf(below, async (path) => {
      const entry = await unlessGone(lstat(path), path);
      if (!entry) return;
      see(entry.uid);
      if (entry.isDirectory()) directories.push(path);
    });
    level = directories;
  }
}

/** By their status: /proc says of some that they are root's. Without /proc, as on macOS, none is seen. */
async function lookAtProcesses(see: (uid: number) => void): Promise<void> {
  const names = (await unlessGone(readdir('/proc'), '/proc')) ?? [];
  const pids = names.filter((name) => /^\d+$/.test(name));
  await eachOf(pids, async (pid) => {
    const path = `/proc/${pid}/status`;
    const status = (await unlessGone(readFile(path, 'utf8'), path)) ?? '';
    for (const uid of /^Uid:\s+(.+)$/m.exec(status)?.[1]?.split(/\s+/) ?? []) see(Number(uid));
  });
}

async function eachOf(paths: readonly string[], look: (path: string) => Promise<void>): Promise<void> {
  for (let start = 0; start < paths.length; start += atOnce) {
    await Promise.all(paths.slice(start, start + atOnce).map(look));
  }
}

async function unlessGone<T>(looking: Promise<T>, path: string): Promise<T | undefined> {
  try {
    return await looking;
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    const message = `Whose ${path} is cannot be told (${code}), so nobody can be given a uid: it might be the one that owns it.`;
    throw new AdapterError('unavailable', message, { cause });
  }
}
