import type { UploadRow } from '@user-workspaces/contract';
import { Turns } from '../limits/turns.js';

type DeclaredBytes = Pick<UploadRow, 'upload_id' | 'size_bytes'>;

/** The bytes that requests of this process have been promised and write at present, by user: nothing else knows of them until they are in a workspace's row. */
export class BytesUnderWay {
  readonly #byUser = new Map<number, number>();
  /** Uploads in chunks of which a chunk is written. */
  readonly #uploads = new Map<number, Set<DeclaredBytes>>();
  readonly #replacements = new Turns();

  /** @param counted Unfinished uploads that count already. One whose row went while a chunk of it is written counts here, until that has ended: until then its bytes are on disk. */
  of(userId: number, counted: readonly DeclaredBytes[] = []): number {
    const seen = new Set(counted.map(({ upload_id }) => upload_id));
    let sum = this.#byUser.get(userId) ?? 0;
    for (const { upload_id, size_bytes } of this.#uploads.get(userId) ?? []) {
      if (!seen.has(upload_id)) sum += size_bytes;
      seen.add(upload_id);
    }
    return sum;
  }

  /** @param bytes Less than 0 for what was written, or never will be. */
  add(userId: number, bytes: number): void {
    const sum = (this.#byUser.get(userId) ?? 0) + bytes;
    if (sum > 0) this.#byUser.set(userId, sum);
    else this.#byUser.delete(userId);
  }

  /** A chunk of an upload is written until what this gives is called. */
  beginChunk(userId: number, { upload_id, size_bytes }: DeclaredBytes): () => void {
    const declared = { upload_id, size_bytes };
    const uploads = this.#uploads.get(userId) ?? new Set();
    this.#uploads.set(userId, uploads.add(declared));
    return () => {
      uploads.delete(declared);
      if (uploads.size === 0 && this.#uploads.get(userId) === uploads) this.#uploads.delete(userId);
    };
  }

  /**
   * One replacement of each user at a time has its turn, in the order in which they ask.
   *
   * @param patience Ends the waiting.
   * @returns Ends the turn; `undefined` when there was none in time.
   */
  async turnOf(userId: number, patience: Promise<unknown>): Promise<(() => void) | undefined> {
    const { before, end } = this.#replacements.join(userId);
    const isTurn = before === undefined || (await Promise.race([before.then(() => true), patience.then(() => false)]));
    if (isTurn) return end;
    end();
    return undefined;
  }
}
