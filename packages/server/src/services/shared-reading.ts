interface Batch<K> {
  readonly keys: Set<K>;
  readonly done: Promise<void>;
}

/** Reads for everybody who asks at the same time at once: one reading is under way, and what is asked for meanwhile is read together after it. */
export class SharedReading<K> {
  readonly #read: (keys: ReadonlySet<K>) => Promise<void>;
  #current: Batch<K> | undefined;
  #next: Batch<K> | undefined;

  constructor(read: (keys: ReadonlySet<K>) => Promise<void>) {
    this.#read = read;
  }

  /** Resolves when the key has been read; rejects when that failed. One that is being read is not read again. */
  ask(key: K): Promise<void> {
    if (this.#current?.keys.has(key)) return this.#current.done;
    this.#next ??= this.#follow(this.#current);
    this.#next.keys.add(key);
    return this.#next.done;
  }

  #follow(former: Batch<K> | undefined): Batch<K> {
    const run = async (): Promise<void> => {
      // Whether the former one failed is for those who asked for it.
      await former?.done.catch(() => undefined);
      this.#current = batch;
      this.#next = undefined;
      try {
        await this.#read(batch.keys);
      } finally {
        this.#current = undefined;
      }
    };
    const batch: Batch<K> = { keys: new Set(), done: run() };
    return batch;
  }
}
