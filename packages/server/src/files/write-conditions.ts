import type { IncomingMessage } from 'node:http';
import { AdapterError, type Entry, type WriteConditions } from '@user-workspaces/contract';
import { ApiError } from '../http/api-error.js';
import type { OpenWorkspace } from '../services/workspace-access.js';
import { matchesStrongly, matchesWeakly, parseTags } from './entity-tags.js';
import { findEntry } from './find-entry.js';

/** The error for a condition that does not hold. */
export function preconditionFailed(path: string, present: Entry | undefined): ApiError {
  const state = present ? 'is not the version that was asked for' : 'does not exist';
  return new ApiError('precondition_failed', `${path} ${state}. Read it again before replacing it.`, {
    field: 'path',
    details: { etag: present?.etag ?? null },
  });
}

/**
 * The conditions of a request that writes a file. They are tried before the body is read, and again by the storage when
 * the file is put in place.
 *
 * @throws ApiError `precondition_failed`, `invalid_field`
 */
export async function writeConditions(
  request: IncomingMessage,
  open: OpenWorkspace,
  path: string,
  signal: AbortSignal,
): Promise<WriteConditions> {
  const ifMatch = request.headers['if-match'];
  const ifNoneMatch = request.headers['if-none-match'];
  if (ifMatch === undefined && ifNoneMatch === undefined) return {};
  const present = await findEntry(open, path, signal);
  if (present?.kind === 'directory') throw new ApiError('conflict', `${path} is a directory.`, { field: 'path' });
  if (ifMatch !== undefined) {
    if (!present || !matchesStrongly(parseTags(ifMatch, 'If-Match'), present.etag)) {
      throw preconditionFailed(path, present);
    }
    return { ifMatch: present.etag };
  }
  const unwanted = parseTags(ifNoneMatch ?? '', 'If-None-Match');
  if (present && matchesWeakly(unwanted, present.etag)) throw preconditionFailed(path, present);
  return unwanted === '*' ? { ifMatch: null } : {};
}

/** Runs a conditional write; a conflict then means that the condition no longer holds. */
export async function conditionally<R>(
  open: OpenWorkspace,
  path: string,
  { ifMatch }: WriteConditions,
  work: Promise<R>,
): Promise<R> {
  try {
    return await work;
  } catch (error) {
    if (ifMatch === undefined || !AdapterError.is(error, 'conflict')) throw error;
    const present = await findEntry(open, path);
    throw present?.kind === 'directory' ? error : preconditionFailed(path, present);
  }
}

/** Runs a write that has room only in place of the present file, which the caller asked for no condition of; a conflict then means that it went elsewhere. */
export async function ofPresentFile<R>(open: OpenWorkspace, path: string, work: Promise<R>): Promise<R> {
  try {
    return await work;
  } catch (error) {
    if (!AdapterError.is(error, 'conflict') || (await findEntry(open, path))?.kind === 'directory') throw error;
    const message = `${path} was changed, renamed or removed while its new content arrived, and your quota of disk space has no room for both. Look what is there, and send it again.`;
    throw new ApiError('conflict', message, { field: 'path', cause: error });
  }
}
