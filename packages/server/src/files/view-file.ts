import type { Entry } from '@user-workspaces/contract';
import type { Schema } from '@user-workspaces/schema';
import { isoTime } from '../views/time.js';

/** The last part of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** An entry as the API shows it. */
export function viewFile({ path, kind, sizeBytes, modifiedAtMs, etag, target }: Entry): Schema<'File'> {
  return {
    path,
    name: nameOf(path),
    kind,
    size_bytes: sizeBytes,
    // Files may carry times that no calendar has.
    datetime_modified: isoTime(Math.min(Math.max(modifiedAtMs, -8.64e15), 8.64e15)),
    etag,
    ...(target !== undefined && { target }),
  };
}
