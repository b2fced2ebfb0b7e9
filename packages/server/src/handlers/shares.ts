import type { Where } from '@user-workspaces/contract';
import type { Caller, Handlers } from '../http/handler.js';
import { type PageQuery, readPage } from '../http/pagination.js';
import type { ServerContext } from '../server-context.js';
import { acceptShare, bySide, createShares, deleteShare, listShares } from '../services/shares.js';

type ShareOperations = 'listShares' | 'getShare' | 'createShares' | 'acceptShare' | 'deleteShare';

function messageFor(...lists: readonly (readonly unknown[])[]): string {
  return lists.some((list) => list.length > 0)
    ? 'Successful.'
    : 'Shared workspace matching given parameters could not be found.';
}

/** Each has two workspaces and what was offered of one. */
const sharesAtOnce = 30;

/** Copies of workspaces offered to other users. */
export function shareHandlers(context: ServerContext): Pick<Handlers, ShareOperations> {
  const list = async (caller: Caller, query: PageQuery, where: Where<'shares'>) => {
    const { rows, next } = await readPage(
      context.limits,
      query,
      (part) => listShares(context, caller, { ...part, where: { ...where, ...part.where } }),
      sharesAtOnce,
    );
    const { sent, received } = bySide(rows);
    return {
      message: messageFor(sent, received),
      success: true as const,
      data: { original_workspaces: sent, shared_workspaces: received, ...next },
    };
  };

  return {
    async listShares({ caller, query }) {
      const { is_accepted } = query;
      const where = {
        ...(is_accepted !== undefined && { is_accepted: is_accepted === 'True' || is_accepted === '1' }),
      };
      return list(caller, query, where);
    },
    getShare: ({ caller, path: { shared_workspace_id } }) =>
      list(caller, {}, shared_workspace_id === 0 ? {} : { shared_workspace_id }),
    async createShares({ caller, body, idempotency, signal }) {
      const shares = await createShares(context, caller, await body(), await idempotency(), signal);
      return { message: 'Successful.', success: true, data: { shared_workspaces: shares } };
    },
    async acceptShare({ caller, path }) {
      await acceptShare(context, caller, path.shared_workspace_id);
      return { message: 'Successful.', success: true };
    },
    async deleteShare({ caller, path }) {
      await deleteShare(context, caller, path.shared_workspace_id);
      return { message: `Shared workspace ${path.shared_workspace_id} queued for deletion.`, success: true };
    },
  };
}
