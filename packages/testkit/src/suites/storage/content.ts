import type { Entry, Storage, WorkspaceDirectory } from '@user-workspaces/contract';

/** A source of these pieces. */
export async function* bytes(...pieces: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield typeof piece === 'string' ? Buffer.from(piece) : piece;
}

/** A source that gives some pieces and then fails. */
export async function* breaking(error: Error, ...pieces: readonly string[]): AsyncGenerator<Uint8Array> {
  yield* bytes(...pieces);
  throw error;
}

export async function textOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of content) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

/** The text of a file, read through the storage. */
export async function readText(storage: Storage, workspace: WorkspaceDirectory, path: string): Promise<string> {
  return textOf((await storage.read(workspace, path)).content);
}

export async function collect(entries: AsyncIterable<Entry>): Promise<Entry[]> {
  const all: Entry[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}

/** Sorted. */
export async function pathsOf(entries: AsyncIterable<Entry>): Promise<string[]> {
  return (await collect(entries)).map(({ path }) => path).sort();
}
