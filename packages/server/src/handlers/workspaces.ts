import type { Where } from '@user-workspaces/contract';
import type { QueryParameters } from '@user-workspaces/schema';
import type { Caller, Handlers } from '../http/handler.js';
import { readPage } from '../http/pagination.js';
import type { ServerContext } from '../server-context.js';
import { startJob } from '../services/jobs.js';
import type { Surveys } from '../services/surveys.js';
import { openWorkspace } from '../services/workspace-access.js';
import { createWorkspace, deleteWorkspace, updateWorkspace } from '../services/workspaces.js';
import { viewJob } from '../views/job.js';
import { viewWorkspace } from '../views/workspace.js';

type WorkspaceOperations =
  | 'listWorkspaces'
  | 'getWorkspace'
  | 'createWorkspace'
  | 'updateWorkspace'
  | 'deleteWorkspace'
  | 'startWorkspace';

const workspaceStatuses = ['initializing', 'idle', 'active', 'deleting', 'error'] as const;

function messageFor(workspaces: readonly unknown[]): string {
  return workspaces.length > 0 ? 'Successful.' : 'Workspace matching given parameters could not be found.';
}

/** Workspaces of the caller. */
export function workspaceHandlers(context: ServerContext, surveys: Surveys): Pick<Handlers, WorkspaceOperations> {
  const list = async (caller: Caller, query: QueryParameters<'listWorkspaces'>) => {
    const status = workspaceStatuses.find((known) => known === query.status);
    const isUnknown = query.status !== undefined && status === undefined;
    const where: Where<'workspaces'> = {
      user_id: caller.user.id,
      is_listed: true,
      ...(query.name !== undefined && { name: query.name }),
      // Descriptions are long and not indexed; the caller's own rows are few.
      ...(query.description !== undefined && { description: query.description }),
      ...(status && { status }),
    };
    const { rows, next } = await readPage(context.limits, query, async (part) =>
      isUnknown ? [] : context.database.find('workspaces', { ...part, where: { ...where, ...part.where } }),
    );
    return {
      message: messageFor(rows),
      success: true as const,
      data: { workspaces: rows.map(viewWorkspace), ...next },
    };
  };

  return {
    listWorkspaces: ({ caller, query }) => list(caller, query),
    async getWorkspace({ caller, path }) {
      if (path.workspace_id === 0) return list(caller, {});
      const where = { id: path.workspace_id, user_id: caller.user.id, is_listed: true };
      const rows = await context.database.find('workspaces', { where });
      for (const row of rows) if (row.status !== 'initializing') surveys.follow(row);
      return { message: messageFor(rows), success: true, data: { workspaces: rows.map(viewWorkspace) } };
    },
    async createWorkspace({ caller, body, idempotency, signal }) {
      const row = await createWorkspace(context, caller, body, await idempotency(), signal);
      surveys.follow(row);
      return { message: 'Successful.', success: true, data: { workspace: viewWorkspace(row) } };
    },
    async updateWorkspace({ caller, path, body, signal }) {
      const workspace = await openWorkspace(context, caller, path.workspace_id);
      await updateWorkspace(context, caller, workspace, await body(), signal);
      surveys.follow(workspace.row);
      return { message: 'Update successful.', success: true };
    },
    async deleteWorkspace({ caller, path, query }) {
      const workspace = await openWorkspace(context, caller, path.workspace_id);
      await deleteWorkspace(context, caller, workspace, query.force ?? false);
      surveys.forget(path.workspace_id);
      return { message: `Workspace ${path.workspace_id} queued for deletion.`, success: true };
    },
    async startWorkspace({ caller, path, body, idempotency }) {
      const workspace = await openWorkspace(context, caller, path.workspace_id);
      const row = await startJob(context, caller, workspace, await body(), await idempotency());
      const job = viewJob(row, context.clock.now(), context.connectionOf(row, caller.user));
      return { message: 'Successful start.', success: true, data: { job: { ...job, core_hours: 0 } } };
    },
  };
}
