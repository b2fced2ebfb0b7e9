/** The bytes that requests of this process have been promised and write at present, by user: nothing else knows of them until they are in a workspace's row. */
export class BytesUnderWay {
  readonly #byUser = new Map<number, number>();

  of(userId: number): number {
    return this.#byUser.get(userId) ?? 0;
  }

  /** @param bytes Less than 0 for what was written, or never will be. */
  add(userId: number, bytes: number): void {
    const sum = this.of(userId) + bytes;
    if (sum > 0) this.#byUser.set(userId, sum);
    else this.#byUser.delete(userId);
  }
}
