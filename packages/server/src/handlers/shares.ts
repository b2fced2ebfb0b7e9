import type { Handlers } from '../http/handler.js';
import { pageOf, pageOrder } from '../http/pagination.js';
import type { ServerContext } from '../server-context.js';
import { acceptShare, createShares, deleteShare, listShares } from '../services/shares.js';

type ShareOperations = 'listShares' | 'getShare' | 'createShares' | 'acceptShare' | 'deleteShare';

function messageFor(...lists: readonly (readonly unknown[])[]): string {
  return lists.some((list) => list.length > 0)
    ? 'Successful.'
    : 'Shared workspace matching given parameters could not be found.';
}

/** Copies of workspaces offered to other users. */
export function shareHandlers(context: ServerContext): Pick<Handlers, ShareOperations> {
  return {
    async listShares({ caller, query }) {
      const order = pageOrder(query);
      const { is_accepted } = query;
      const found = await listShares(context, caller, {
        ...order,
        where: {
          ...(is_accepted !== undefined && { is_accepted: is_accepted === 'True' || is_accepted === '1' }),
          ...order.where,
        },
      });
      const { rows, next } = pageOf(found.rows, query);
      const copies = new Set(rows.map((row) => row.shared_workspace_id));
      const original_workspaces = found.sent.filter((share) => copies.has(share.shared_workspace_id.id));
      const shared_workspaces = found.received.filter((share) => copies.has(share.shared_workspace_id.id));
      return {
        message: messageFor(original_workspaces, shared_workspaces),
        success: true,
        data: { original_workspaces, shared_workspaces, ...next },
      };
    },
    async getShare({ caller, path }) {
      const id = path.shared_workspace_id;
      const { sent, received } = await listShares(context, caller, {
        where: id === 0 ? {} : { shared_workspace_id: id },
      });
      return {
        message: messageFor(sent, received),
        success: true,
        data: { original_workspaces: sent, shared_workspaces: received },
      };
    },
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
