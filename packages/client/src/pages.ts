/** A part of a list. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** What to give as `cursor` for the next page; null at the end. */
  readonly nextCursor: string | null;
}

/**
 * A list that was asked for: `await` gives its first page (all of it, unless `limit` was given), `for await` every item,
 * asking for further pages as they are needed.
 *
 * @example
 * const { items, nextCursor } = await client.workspaces.list({ limit: 20 });
 * for await (const workspace of client.workspaces.list({ limit: 100 })) console.log(workspace.name);
 */
export class PagePromise<Item> extends Promise<Page<Item>> implements AsyncIterable<Item> {
  readonly #page: (cursor?: string) => Promise<Page<Item>>;

  /** @internal */
  constructor(
    request: (next: {
      readonly cursor?: string;
    }) => Promise<readonly [readonly Item[], { readonly next_cursor?: string }]>,
  ) {
    const page = async (cursor?: string) => {
      const [items, data] = await request(cursor === undefined ? {} : { cursor });
      return { items, nextCursor: data.next_cursor ?? null };
    };
    super((resolve) => resolve(page()));
    this.#page = page;
  }

  /** What `then` gives is an ordinary promise. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void> {
    let page: Page<Item> = await this;
    for (;;) {
      yield* page.items;
      if (page.nextCursor === null) return;
      page = await this.#page(page.nextCursor);
    }
  }
}
