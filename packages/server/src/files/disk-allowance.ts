import type { UserRow } from '@user-workspaces/contract';
import type { ServerContext } from '../server-context.js';
import { diskSpaceExceeded, diskSpaceLeft } from '../services/quotas.js';
import type { OpenWorkspace } from '../services/workspace-access.js';
import { findEntry } from './find-entry.js';
import type { NewFile } from './staged-files.js';

/**
 * What one request may write within its user's quota of disk space, which was read with the user's row: by the last surveys of the workspaces.
 * Requests at the same time do not see each other.
 */
export class DiskAllowance {
  readonly #context: ServerContext;
  readonly #user: UserRow;
  readonly #left: number | null;
  #takenBytes = 0;
  #replacedBytes = 0;

  constructor(context: ServerContext, user: UserRow) {
    this.#context = context;
    this.#user = user;
    this.#left = diskSpaceLeft(context, user);
  }

  /** @throws ApiError `quota_exceeded` when so many bytes would not fit, after those that were taken. */
  check(sizeBytes: number): void {
    const requested = Math.max(0, this.#takenBytes + sizeBytes - this.#replacedBytes);
    if (this.#left !== null && requested > this.#left) throw diskSpaceExceeded(this.#context, this.#user, requested);
  }

  /** A file that will be replaced gives its bytes back. */
  async replace(open: OpenWorkspace, path: string, signal: AbortSignal): Promise<void> {
    if (this.#left !== null) this.#replacedBytes += (await findEntry(open, path, signal))?.sizeBytes ?? 0;
  }

  /** Contents that are cut off with an error where they do not fit. */
  async *count(content: NewFile['content']): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of content) {
      this.check(chunk.length);
      this.#takenBytes += chunk.length;
      yield chunk;
    }
  }

  /** The same for files that arrive one after the other. */
  async *countFiles(files: AsyncIterable<NewFile>): AsyncGenerator<NewFile, void, undefined> {
    for await (const { path, content } of files) yield { path, content: this.count(content) };
  }
}
