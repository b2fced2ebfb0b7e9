import { AdapterError, type Entry } from '@user-workspaces/contract';
import type { OpenWorkspace } from '../services/workspace-access.js';
import { findEntry } from './find-entry.js';

/**
 * Checks that files and links can be put at these paths, so that a request that cannot be carried out as a whole changes
 * nothing.
 *
 * @throws AdapterError `conflict`, `denied`, `invalid`
 */
export async function checkPlaces(
  open: OpenWorkspace,
  files: readonly string[],
  links: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const paths = [...files, ...links];
  const taken = new Set(paths);
  const parents = new Set(paths.flatMap(parentsOf));
  if (taken.size < paths.length || new Set(links).size < links.length) {
    throw conflict(
      links.find((path, index) => files.includes(path) || links.indexOf(path) < index) ?? '',
      'is asked for twice',
    );
  }
  for (const path of taken) if (parents.has(path)) throw conflict(path, 'is asked for as a directory, too');
  for (const path of parents) {
    const present = await findEntry(open, path, signal);
    if (present && present.kind !== 'directory') throw occupied(path, present);
  }
  for (const path of files) {
    const present = await findEntry(open, path, signal);
    if (present && present.kind !== 'file') throw occupied(path, present);
  }
  for (const path of links) {
    const present = await findEntry(open, path, signal);
    if (present && present.kind !== 'symlink') throw occupied(path, present);
  }
}

function parentsOf(path: string): string[] {
  const segments = path.split('/');
  return segments.slice(1).map((_, index) => segments.slice(0, index + 1).join('/'));
}

const kinds: Readonly<Record<Entry['kind'], string>> = {
  file: 'a file',
  directory: 'a directory',
  symlink: 'a link',
  other: 'something else',
};

function occupied(path: string, { kind }: Entry): AdapterError {
  if (kind === 'symlink') {
    return new AdapterError('denied', `${path} is a link, and links are never written through. Remove it first.`, {
      field: 'path',
    });
  }
  return conflict(path, `exists and is ${kinds[kind]}`);
}

function conflict(path: string, reason: string): AdapterError {
  return new AdapterError('conflict', `${path} ${reason}. Choose another name.`, { field: 'path' });
}
