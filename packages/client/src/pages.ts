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
  constructor(page: (cursor?: string) => Promise<Page<Item>>) {
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

/** Turns the data of a list's answer into a page. */
export function page<Item>(items: readonly Item[], data: { readonly next_cursor?: string }): Page<Item> {
  return { items, nextCursor: data.next_cursor ?? null };
}
