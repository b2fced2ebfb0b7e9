import type { Entry, UploadRow, UserRow, WriteConditions } from '@user-workspaces/contract';
import { ApiError } from '../http/api-error.js';
import type { ServerContext } from '../server-context.js';
import { checkQuotas, lockUser, quotaLimits } from '../services/quotas.js';
import type { OpenWorkspace } from '../services/workspace-access.js';
import { findEntry } from './find-entry.js';
import type { NewFile } from './staged-files.js';
import { preconditionFailed } from './write-conditions.js';

/** So much of what was taken, and so many bytes at most, are promised ahead to a body of unknown size, so that not each piece of it asks the database. */
const aheadShare = 1 / 8;
const aheadBytes = 64 * 1024 * 1024;

/** So long a replacement waits for its turn. */
const turnPatienceMs = 30_000;

/** Lends what one request may write within its user's quota of disk space, until the work is done and what it wrote is in the workspace's row. */
export async function withinDiskQuota<T>(
  context: ServerContext,
  user: UserRow,
  signal: AbortSignal,
  work: (allowance: DiskAllowance) => Promise<T>,
): Promise<T> {
  const allowance = new DiskAllowance(context, user, signal);
  try {
    return await work(allowance);
  } finally {
    allowance.release();
  }
}

/**
 * What one request may write. Bytes are promised under the lock of the user's row, so that requests at the same time do not get the same ones: this process knows what all of its
 * requests were promised, another what they have written.
 *
 * All that is on its way counts in full, as a file that is to be replaced is there until it is, and may be renamed until then. But there is room for one replacement of each user
 * beside the quota, so that a full one keeps nobody from saving a file: what has no room beside the old file waits for its turn, and has the old one's bytes while it lasts.
 *
 * Costs nothing for a user without a quota.
 */
export class DiskAllowance {
  readonly #context: ServerContext;
  readonly #userId: number;
  readonly #isLimited: boolean;
  readonly #signal: AbortSignal;
  #heldBytes = 0;
  #takenBytes = 0;
  #replacedBytes = 0;
  #endTurn: (() => void) | undefined;
  #endChunk: (() => void) | undefined;

  constructor(context: ServerContext, user: UserRow, signal: AbortSignal) {
    this.#context = context;
    this.#userId = user.id;
    this.#isLimited = quotaLimits(context, user).disk_space !== null;
    this.#signal = signal;
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
   * @throws ApiError `quota_exceeded`, `precondition_failed`
   */
  async replace(
    open: OpenWorkspace,
    path: string,
    sizeBytes: number | undefined,
    conditions: WriteConditions,
  ): Promise<WriteConditions> {
    if (!this.#isLimited) return conditions;
    let present = await this.#replaceable(open, path, conditions);
    if (!present) {
      await this.reserve(sizeBytes ?? 0);
      return conditions;
    }
    const isConditional = conditions.ifMatch !== undefined;
    // Of unknown content nobody can tell yet whether there is room for both.
    if (sizeBytes !== undefined && !(await this.#promiseIfRoom(sizeBytes))) {
      await this.#waitForTurn(sizeBytes);
      // The one before may have replaced this very file.
      present = await this.#replaceable(open, path, conditions);
    } else if (sizeBytes !== undefined && !isConditional) return conditions;
    this.#replacedBytes = present?.sizeBytes ?? 0;
    await this.reserve(sizeBytes ?? 0);
    return isConditional || !present ? conditions : { ifMatch: present.etag };
  }

  /** What a chunk of an upload needs was promised when that began, and counts until the chunk is written, whatever becomes of the upload; and what is given back by one that is bound to the present file. */
  async appendTo(open: OpenWorkspace, row: UploadRow): Promise<void> {
    if (!this.#isLimited) return;
    this.#endChunk = this.#context.bytesUnderWay.beginChunk(this.#userId, row);
    if (row.if_match === null) return;
    const present = await findEntry(open, row.path, this.#signal);
    if (present?.etag === row.if_match) this.#replacedBytes = present.sizeBytes;
  }

  /** Promises so many bytes. @throws ApiError `quota_exceeded` when they would not fit. */
  async reserve(sizeBytes: number): Promise<void> {
    if (!this.#isLimited || this.#neededBytes(sizeBytes) <= this.#heldBytes) return;
    if (this.#replacedBytes > 0 && !this.#endTurn) {
      if (await this.#promiseIfRoom(sizeBytes)) return;
      await this.#waitForTurn(sizeBytes);
    }
    await this.#promise(sizeBytes);
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
    this.#endChunk?.();
    this.#endTurn?.();
  }

  /** What may be replaced and gives something back. @throws ApiError `precondition_failed` when it is not what the request asks for. */
  async #replaceable(open: OpenWorkspace, path: string, { ifMatch }: WriteConditions): Promise<Entry | undefined> {
    if (ifMatch === null) return undefined;
    const present = await findEntry(open, path, this.#signal);
    if (ifMatch !== undefined && present?.etag !== ifMatch) throw preconditionFailed(path, present);
    return present?.kind === 'file' && present.sizeBytes > 0 ? present : undefined;
  }

  /** What is to be promised for so many bytes in all: the old file's are counted already, in its workspace, and are given to one at a time. */
  #neededBytes(sizeBytes: number): number {
    return this.#endTurn ? sizeBytes - this.#replacedBytes : sizeBytes;
  }

  async #reserveAhead(sizeBytes: number): Promise<void> {
    if (!this.#isLimited || this.#neededBytes(sizeBytes) <= this.#heldBytes) return;
    const ahead = Math.min(Math.floor(sizeBytes * aheadShare), aheadBytes);
    if (!(await this.#promiseIfRoom(sizeBytes + ahead))) await this.reserve(sizeBytes);
  }

  async #promise(sizeBytes: number): Promise<void> {
    const { database, bytesUnderWay } = this.#context;
    if (this.#neededBytes(sizeBytes) <= this.#heldBytes) return;
    await database.transaction(async (rows) => {
      const user = await lockUser(rows, this.#userId);
      const moreBytes = this.#neededBytes(sizeBytes) - this.#heldBytes;
      if (moreBytes <= 0) return;
      await checkQuotas(this.#context, rows, user, { disk_space: moreBytes });
      bytesUnderWay.add(this.#userId, moreBytes);
      this.#heldBytes += moreBytes;
    });
  }

  async #promiseIfRoom(sizeBytes: number): Promise<boolean> {
    try {
      await this.#promise(sizeBytes);
      return true;
    } catch (error) {
      if (!isQuotaExceeded(error)) throw error;
      return false;
    }
  }

  /** Waits while another request replaces a file in the room beside the quota. @throws ApiError `quota_exceeded` when there is neither a turn in time nor room for so many bytes by then. */
  async #waitForTurn(sizeBytes: number): Promise<void> {
    const { clock, bytesUnderWay } = this.#context;
    const waiting = new AbortController();
    const patience = clock.sleep(turnPatienceMs, AbortSignal.any([this.#signal, waiting.signal]));
    try {
      this.#endTurn = await bytesUnderWay.turnOf(this.#userId, patience);
    } finally {
      waiting.abort();
    }
    this.#signal.throwIfAborted();
    if (!this.#endTurn) await this.#promise(sizeBytes);
  }
}

export function isQuotaExceeded(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'quota_exceeded';
}
