import { AdapterError, type Entry, type WriteConditions } from '@user-workspaces/contract';
import type { DirectoryHandle } from './directory-handle.js';
import { errnoOf } from './errors.js';
import type { OpenWorkspace } from './layout.js';
import type { KeyedLock } from './locks.js';
import { type EntryPath, isUploadId } from './paths.js';
import { writeFrom } from './source.js';
import { openStaged, removeStaged } from './staging.js';
import { putInPlace } from './writing.js';

/** Keeps uploads: files in staging that grow, named by their id. */
export class Uploads {
  /** Uploads that a request of this process is working on. */
  readonly #busy = new Set<string>();

  constructor(private readonly locks: KeyedLock) {}

  async length(staging: DirectoryHandle, uploadId: string): Promise<number> {
    checkUploadId(uploadId);
    return Number((await staging.stats(uploadId))?.size ?? 0n);
  }

  async append(
    staging: DirectoryHandle,
    location: string,
    uploadId: string,
    offset: number,
    source: AsyncIterable<Uint8Array>,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    return this.#alone(location, uploadId, async () => {
      const present = await staging.stats(uploadId);
      const length = Number(present?.size ?? 0n);
      // After a crash while it was put in place, the upload and the file in the workspace are one.
      if (present && present.nlink > 1n) throw conflict('The upload is complete already. Finish it.', length);
      if (offset !== length) {
        throw conflict(
          `The upload has ${length} bytes, so it cannot go on at byte ${offset}. Go on from there.`,
          length,
        );
      }
      const file = await openStaged(staging, uploadId, present ? 'existing' : 'new');
      try {
        return await writeFrom(source, file, offset, signal);
      } finally {
        // What arrived counts, also when the source broke off.
        await file.datasync().finally(() => file.close());
      }
    });
  }

  async finish(
    workspace: OpenWorkspace,
    uploadId: string,
    path: string,
    entryPath: EntryPath,
    conditions: WriteConditions,
  ): Promise<Entry> {
    return this.#alone(workspace.location, uploadId, async () => {
      const file = await openStaged(workspace.staging, uploadId, 'existing').catch((error: unknown) => {
        if (errnoOf(error) !== 'ENOENT') throw error;
        throw new AdapterError('not_found', 'There is no such upload. Begin it again.', {
          field: 'upload_id',
          cause: error,
        });
      });
      try {
        return await putInPlace(workspace, uploadId, file, path, entryPath, conditions, this.locks);
      } finally {
        await file.close();
      }
    });
  }

  async abandon(staging: DirectoryHandle, location: string, uploadId: string): Promise<void> {
    await this.#alone(location, uploadId, () => removeStaged(staging, uploadId));
  }

  async #alone<T>(location: string, uploadId: string, work: () => Promise<T>): Promise<T> {
    checkUploadId(uploadId);
    const key = `${location}\0${uploadId}`;
    if (this.#busy.has(key)) {
      throw new AdapterError('conflict', 'Another request is working on this upload. Try again when it has ended.', {
        field: 'upload_id',
      });
    }
    this.#busy.add(key);
    try {
      return await work();
    } finally {
      this.#busy.delete(key);
    }
  }
}

function checkUploadId(uploadId: string): void {
  if (isUploadId(uploadId)) return;
  throw new AdapterError('invalid', 'The id of an upload is 32 lower-case hexadecimal digits.', { field: 'upload_id' });
}

function conflict(message: string, length: number): AdapterError {
  return new AdapterError('conflict', message, { field: 'offset', details: { length } });
}
