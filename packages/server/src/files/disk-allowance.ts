import type { UploadRow, UserRow, WriteConditions } from '@user-workspaces/contract';
import { ApiError } from '../http/api-error.js';
import type { ServerContext } from '../server-context.js';
import { checkQuotas, lockUser, quotaLimits } from '../services/quotas.js';
import type { OpenWorkspace } from '../services/workspace-access.js';
import { findEntry } from './find-entry.js';
import type { NewFile } from './staged-files.js';

/** So much of what was taken, and so many bytes at most, are promised ahead to a body of unknown size, so that not each piece of it asks the database. */
const aheadShare = 1 / 8;
const aheadBytes = 64 * 1024 * 1024;

/** Lends what one request may write within its user's quota of disk space, until the work is done and what it wrote is in the workspace's row. */
export async function withinDiskQuota<T>(
  context: ServerContext,
  user: UserRow,
  work: (allowance: DiskAllowance) => Promise<T>,
): Promise<T> {
  const allowance = new DiskAllowance(context, user);
  try {
    return await work(allowance);
  } finally {
    allowance.release();
  }
}

/**
 * What one request may write. Bytes are promised under the lock of the user's row, so that requests at the same time do not get the same ones: this process knows what all of its
 * requests were promised, another what they have written. Costs nothing for a user without a quota.
 */
export class DiskAllowance {
  readonly #context: ServerContext;
  readonly #userId: number;
  readonly #isLimited: boolean;
  #heldBytes = 0;
  #takenBytes = 0;
  #replacedBytes = 0;

  constructor(context: ServerContext, user: UserRow) {
    this.#context = context;
    this.#userId = user.id;
    this.#isLimited = quotaLimits(context, user).disk_space !== null;
  }

  /** By how much what was written changes what its workspace holds, as far as that is certain before the next survey; 0 where nobody asks. */
  get addedBytes(): number {
    return this.#isLimited ? this.#takenBytes - this.#replacedBytes : 0;
  }

  /**
   * Promises what the new content of a file needs, and gives the conditions to write it with: what the present file gives back counts only if that very file is replaced.
   * Where there is room for both, it may be any, and the old one counts until the next survey.
   *
   * @param sizeBytes `undefined` for content of unknown size, which counts as it arrives.
   * @throws ApiError `quota_exceeded`
   */
  async replace(
    open: OpenWorkspace,
    path: string,
    sizeBytes: number | undefined,
    conditions: WriteConditions,
    signal: AbortSignal,
  ): Promise<WriteConditions> {
    if (!this.#isLimited) return conditions;
    const present = conditions.ifMatch === null ? undefined : await findEntry(open, path, signal);
    if (!present || present.sizeBytes === 0) {
      await this.reserve(sizeBytes ?? 0);
      return conditions;
    }
    const isConditional = conditions.ifMatch !== undefined;
    // Of unknown content nobody can tell yet whether there is room for both.
    const isRoomForBoth = !isConditional && sizeBytes !== undefined && (await this.#reserveIfRoom(sizeBytes));
    if (isRoomForBoth) return conditions;
    if (!isConditional || present.etag === conditions.ifMatch) this.#replacedBytes = present.sizeBytes;
    await this.reserve(sizeBytes ?? 0);
    return isConditional ? conditions : { ifMatch: present.etag };
  }

  /** What an upload that was begun on condition of the present file will give back; what it needs was promised when it began. */
  async replaceByUpload(open: OpenWorkspace, { path, if_match }: UploadRow, signal: AbortSignal): Promise<void> {
    if (!this.#isLimited || if_match === null) return;
    const present = await findEntry(open, path, signal);
    if (present?.etag === if_match) this.#replacedBytes = present.sizeBytes;
  }

  /** Promises so many bytes. @throws ApiError `quota_exceeded` when they would not fit. */
  async reserve(sizeBytes: number): Promise<void> {
    const neededBytes = sizeBytes - this.#replacedBytes;
    if (!this.#isLimited || neededBytes <= this.#heldBytes) return;
    const { database, bytesUnderWay } = this.#context;
    await database.transaction(async (rows) => {
      const user = await lockUser(rows, this.#userId);
      const moreBytes = neededBytes - this.#heldBytes;
      if (moreBytes <= 0) return;
      await checkQuotas(this.#context, rows, user, { disk_space: moreBytes });
      bytesUnderWay.add(this.#userId, moreBytes);
      this.#heldBytes += moreBytes;
    });
  }

  /** Bytes that were promised otherwise, and are written now. */
  take(sizeBytes: number): void {
    this.#takenBytes += sizeBytes;
  }

  /** Contents that are cut off with an error where they do not fit. */
  async *count(content: NewFile['content']): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of content) {
      await this.#reserveAhead(this.#takenBytes + chunk.length);
      this.#takenBytes += chunk.length;
      yield chunk;
    }
  }

  /** The same for files that arrive one after the other. */
  async *countFiles(files: Iterable<NewFile> | AsyncIterable<NewFile>): AsyncGenerator<NewFile, void, undefined> {
    for await (const { path, content } of files) yield { path, content: this.count(content) };
  }

  /** What was promised and is not written never will be. */
  release(): void {
    this.#context.bytesUnderWay.add(this.#userId, -this.#heldBytes);
    this.#heldBytes = 0;
  }

  async #reserveAhead(sizeBytes: number): Promise<void> {
    if (sizeBytes - this.#replacedBytes <= this.#heldBytes) return;
    const ahead = Math.min(Math.floor(sizeBytes * aheadShare), aheadBytes);
    if (!(await this.#reserveIfRoom(sizeBytes + ahead))) await this.reserve(sizeBytes);
  }

  async #reserveIfRoom(sizeBytes: number): Promise<boolean> {
    try {
      await this.reserve(sizeBytes);
      return true;
    } catch (error) {
      if (!isQuotaExceeded(error)) throw error;
      return false;
    }
  }
}

export function isQuotaExceeded(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'quota_exceeded';
}
