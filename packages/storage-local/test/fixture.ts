import { chmod, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AdapterError, type Entry, type Storage, type WorkspaceDirectory } from '@user-workspaces/contract';
import { afterAll, expect } from 'vitest';
import { openLocalStorage } from '../src/create-local-storage.js';
import type { Confinement } from '../src/directory-handle.js';
import type { Ownership } from '../src/layout.js';
import { isRoot } from './setups.js';

export { isRoot, setups } from './setups.js';

export const uid = 12_345;
export const gid = 12_346;

/** The way that tests of one set-up use: what a server on this machine would. */
export const ownership: Ownership = isRoot ? 'chown' : 'none';

const made: string[] = [];
afterAll(async () => {
  for (const directory of made.splice(0)) await rm(directory, { recursive: true, force: true });
});

/** A directory of its own, removed after the tests of the file. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'uws-storage-'));
  made.push(directory);
  // Programs of other accounts must get to their workspaces.
  await chmod(directory, 0o711);
  return directory;
}

export interface Fixture {
  readonly storage: Storage;
  readonly base: string;
  readonly root: string;
  /** Allowed for links. */
  readonly data: string;
  readonly workspace: WorkspaceDirectory;
  /** Plain path of something in the workspace. */
  at(path: string): string;
  /** Another workspace of another account. */
  other(): WorkspaceDirectory;
}

export async function fixture(
  setup: { ownership?: Ownership; confinement?: Confinement; root?: string } = {},
): Promise<Fixture> {
  const base = await temporaryDirectory();
  const root = setup.root ?? join(base, 'storage');
  const data = join(base, 'data');
  await mkdir(data);
  const storage = await openLocalStorage(
    { name: 'test', rootDirectory: root, allowedLinkRoots: [data], ownership: setup.ownership ?? ownership },
    setup.confinement ?? 'directory-handles',
  );
  const place = (name: string, id: number, number: number): WorkspaceDirectory => {
    const account = { name, uid: uid + number, gid: gid + number };
    return { account, location: storage.locate(account, id) };
  };
  const workspace = place('alice', 7, 0);
  await storage.create(workspace);
  return {
    storage,
    base,
    root,
    data,
    workspace,
    at: (path) => join(workspace.location, path),
    other: () => place('bob', 8, 100),
  };
}

export async function* bytes(...chunks: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}

/** Gives some bytes and then fails as a broken connection does. */
export async function* breaking(...chunks: readonly string[]): AsyncGenerator<Uint8Array> {
  yield* bytes(...chunks);
  throw new Error('connection lost');
}

export async function textOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

export async function collect(entries: AsyncIterable<Entry>): Promise<Entry[]> {
  const all: Entry[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}

export async function pathsOf(entries: AsyncIterable<Entry>): Promise<string[]> {
  return (await collect(entries)).map(({ path }) => path).sort();
}

/** The adapter error that a call ends with; anything else fails the test. */
export async function refusal(call: Promise<unknown>): Promise<AdapterError> {
  const error = await call.then(
    (value) => expect.fail(`nothing was refused: ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  if (!AdapterError.is(error)) throw error;
  return error;
}

/** Names of what is in staging, of all workspaces. */
export async function staged(root: string): Promise<string[]> {
  const names: string[] = [];
  for (const location of await readdir(join(root, '.staging'))) {
    names.push(...(await readdir(join(root, '.staging', location))));
  }
  return names;
}

export async function openFiles(): Promise<number> {
  return (await readdir('/proc/self/fd')).length;
}

export const readText = (path: string): Promise<string> => readFile(path, 'utf8');
