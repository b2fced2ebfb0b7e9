import { PagePromise } from '../pages.js';
import type { Token, User } from '../shapes.js';
import type { RequestOptions, Transport } from '../transport/transport.js';

/** The caller's tokens. */
export class Tokens {
  readonly #transport: Transport;

  /** @internal */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * The caller's tokens, never their values.
   *
   * @throws AuthenticationError
   * @example
   * const old = (await client.tokens.list()).filter((token) => !token.is_current);
   */
  async list(options?: RequestOptions): Promise<Token[]> {
    const { data } = await this.#transport.call('listTokens', {}, options);
    return data.tokens;
  }

  /**
   * Revokes a token at once. `current` stands for the one in use; `client.signOut()` also forgets it.
   *
   * @throws NotFoundError
   * @example
   * await client.tokens.revoke(12);
   */
  async revoke(tokenId: number | 'current', options?: RequestOptions): Promise<void> {
    await this.#transport.run('revokeToken', { path: { token_id: String(tokenId) } }, options);
  }
}

/** Other users, to share with. */
export class Users {
  readonly #transport: Transport;

  /** @internal */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Users with this user name, or whose first or last name, "first last" or e-mail begins with the text, of at least three characters, whatever its case; never the caller. If
   * the operator opened the directory, any part of name or e-mail finds, and an empty text everybody.
   *
   * @throws AuthenticationError
   * @example
   * const { items } = await client.users.search('ada', { limit: 10 });
   */
  search(text: string, options: RequestOptions & { readonly limit?: number } = {}): PagePromise<User> {
    const first = { search: text, ...(options.limit === undefined ? {} : { limit: options.limit }) };
    return new PagePromise(async (next) => {
      const query = { ...first, ...next };
      const { data } = await this.#transport.call('searchUsers', { query }, options);
      return [data.users, data];
    });
  }
}
