import type { QueryParameters, RequestBody } from '@user-workspaces/schema';
import { NotFoundError } from '../errors.js';
import { PagePromise } from '../pages.js';
import { type Share, toShares } from '../shapes.js';
import { type KeyedOptions, keyHeader } from '../transport/idempotency.js';
import type { RequestOptions, Transport } from '../transport/transport.js';

/** Copies of workspaces offered to other users. A share's id is that of the copy: `share.shared_workspace_id.id`. */
export class Shares {
  readonly #transport: Transport;

  /** @internal */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * What the caller sent and received; `direction` tells which.
   *
   * @throws AuthenticationError
   * @example
   * for await (const share of client.shares.list()) if (share.direction === 'received') show(share);
   */
  list(filters: QueryParameters<'listShares'> = {}, options?: RequestOptions): PagePromise<Share> {
    return new PagePromise(async (next) => {
      const query = { ...filters, ...next };
      const { data } = await this.#transport.call('listShares', { query }, options);
      return [toShares(data), data];
    });
  }

  /**
   * One share, by the id of the copy.
   *
   * @throws NotFoundError
   * @example
   * const share = await client.shares.get(35);
   */
  async get(sharedWorkspaceId: number, options?: RequestOptions): Promise<Share> {
    const path = { shared_workspace_id: sharedWorkspaceId };
    const { data } = await this.#transport.call('getShare', { path }, options);
    const found = toShares(data).find((share) => share.shared_workspace_id.id === sharedWorkspaceId);
    if (found) return found;
    throw new NotFoundError(`Shared workspace ${sharedWorkspaceId} not found.`, { code: 'not_found', status: 404 });
  }

  /**
   * Offers a copy of a workspace to each of the users. Retried without offering twice. The files are copied in the
   * background; `share.changed` of the events tells when they are (`status` is `copied`), or that they never will be (`error`).
   *
   * @throws NotFoundError for the workspace, InvalidRequestError for the users
   * @example
   * const [user] = (await client.users.search('ada@example.org')).items;
   * if (user) await client.shares.create({ original_workspace_id: 7, shared_user_ids: [user.id] });
   */
  async create(request: RequestBody<'createShares'>, options?: KeyedOptions): Promise<Share[]> {
    const input = { json: request, headers: keyHeader(options) };
    const { data } = await this.#transport.call('createShares', input, options);
    return toShares({ original_workspaces: data.shared_workspaces, shared_workspaces: [] });
  }

  /**
   * Accepts a share that was received; the copy then is a workspace like others. Again: the same.
   *
   * @throws NotFoundError, ConflictError when its copy could not be made
   * @example
   * await client.shares.accept(35);
   */
  async accept(sharedWorkspaceId: number, options?: RequestOptions): Promise<void> {
    await this.#transport.run('acceptShare', { path: { shared_workspace_id: sharedWorkspaceId } }, options);
  }

  /**
   * Cancels or declines a share that was not accepted yet, or removes one whose copy could not be made.
   *
   * @throws InvalidRequestError (`share_accepted`), PermissionError, NotFoundError
   * @example
   * await client.shares.delete(35);
   */
  async delete(sharedWorkspaceId: number, options?: RequestOptions): Promise<void> {
    await this.#transport.run('deleteShare', { path: { shared_workspace_id: sharedWorkspaceId } }, options);
  }
}
