import { createHash } from 'node:crypto';
import { AdapterError } from '@user-workspaces/contract';

const maxSegmentBytes = 255;

/** Splits a path of the caller's into its segments; the workspace itself has none. @throws AdapterError `invalid`. */
export function parsePath(path: string): string[] {
  if (path === '') return [];
  if (Buffer.from(path).toString() !== path) throw invalidPath(path, 'it is not valid Unicode');
  const segments = path.split('/');
  if (segments[0] === '') throw invalidPath(path, 'it begins with a slash; paths are relative to the workspace');
  for (const segment of segments) {
    if (segment === '') throw invalidPath(path, 'it has an empty part');
    if (segment === '.' || segment === '..') throw invalidPath(path, `it has the part "${segment}"`);
    if (segment.includes('\0')) throw invalidPath(path, 'it has a NUL character');
    if (Buffer.byteLength(segment) > maxSegmentBytes) throw invalidPath(path, 'it has a part of more than 255 bytes');
  }
  return segments;
}

/** Where an entry is: the directories above it, and its name. */
export interface EntryPath {
  readonly parents: readonly string[];
  readonly name: string;
}

/** Like {@link parsePath}, for what cannot be done to the workspace itself. */
export function parseEntryPath(path: string): EntryPath {
  const segments = parsePath(path);
  const name = segments.pop();
  if (name === undefined) throw invalidPath(path, 'it is the workspace itself; name something in it');
  return { parents: segments, name };
}

export function joinPath(parent: string, name: string): string {
  return parent === '' ? name : `${parent}/${name}`;
}

/** A name that is safe as a directory next to those of the storage itself, which begin with a dot. */
export function isAccountName(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._@+-]{0,254}$/.test(name);
}

export function isUploadId(uploadId: string): boolean {
  return /^[0-9a-f]{32}$/.test(uploadId);
}

/** The directory, in the storage's own staging directory, that belongs to a location. */
export function stagingName(location: string): string {
  return createHash('sha256').update(location).digest('hex').slice(0, 32);
}

/** A path as it is shown in messages: quoted, and bounded. */
export function shown(path: string): string {
  return JSON.stringify(path.length > 300 ? `${path.slice(0, 300)}…` : path);
}

function invalidPath(path: string, reason: string): AdapterError {
  return new AdapterError('invalid', `The path ${shown(path)} cannot be used: ${reason}.`, { field: 'path' });
}
