import '../in-memory.js';
import { join } from 'node:path';
import type { Storage, WorkspaceDirectory } from '@user-workspaces/contract';
import { stagingName } from '../../../../storage-local/src/paths.js';
import { setups } from '../../../../storage-local/test/setups.js';
import { storageUnderTest } from '../../../../storage-local/test/world.js';
import { altered } from '../altered.js';

const [setup] = setups;
export const { differences } = await storageUnderTest(setup);

/** The shipped storage with some of its calls replaced. */
export function opening(change: (storage: Storage) => Partial<Storage>) {
  const adapter = storageUnderTest(setup, (storage) => altered(storage, change(storage)));
  return async () => (await adapter).open();
}

/** The path of something in a workspace, for what mutants do to it behind the storage's back. */
export const pathIn = ({ location }: WorkspaceDirectory, path: string): string => join(location, path);

/** Where the storage keeps the unfinished things of a workspace: `<root>/.staging/…`, for `<root>/<account>/<number>`. */
export const stagingOf = ({ location }: WorkspaceDirectory): string =>
  join(location, '../../.staging', stagingName(location));

/** What an asynchronous source gives, in one piece. */
export async function wholeOf(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}
