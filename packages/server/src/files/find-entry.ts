import { AdapterError, type Entry } from '@user-workspaces/contract';
import type { OpenWorkspace } from '../services/workspace-access.js';

/** What is at a path, or `undefined`. */
export async function findEntry(
  { storage, directory }: OpenWorkspace,
  path: string,
  signal?: AbortSignal,
): Promise<Entry | undefined> {
  try {
    return await storage.stat(directory, path, signal);
  } catch (error) {
    if (AdapterError.is(error, 'not_found')) return undefined;
    throw error;
  }
}
