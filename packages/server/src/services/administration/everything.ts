import type { Where } from '@user-workspaces/contract';
import type { QueryParameters, Schema } from '@user-workspaces/schema';
import { ApiError } from '../../http/api-error.js';
import { readPage } from '../../http/pagination.js';
import type { Actor } from '../../records/audit.js';
import { viewAdminJob, viewAdminWorkspace } from '../../views/administration.js';
import { requestStop } from '../jobs.js';
import { retryStale } from '../retry-stale.js';
import { type AdministrationContext, notFound, paged } from './context.js';

/** Everybody's jobs, a page at a time. */
export async function listAllJobs(
  context: AdministrationContext,
  query: QueryParameters<'adminListJobs'>,
): Promise<Schema<'AdminJobsAnswer'>['data']> {
  const { user_id, workspace_id, status, job_type, resource } = query;
  const where: Where<'jobs'> = {
    ...(user_id !== undefined && { user_id }),
    ...(workspace_id !== undefined && { workspace_id }),
    ...(status && { status }),
    ...(job_type !== undefined && { job_type }),
    ...(resource !== undefined && { resource }),
  };
  const { rows, next } = await readPage(context.limits, paged(query), (part) =>
    context.database.find('jobs', { ...part, where: { ...where, ...part.where } }),
  );
  const names = await usernames(context, rows);
  return { jobs: rows.map((row) => viewAdminJob(row, names.get(row.user_id) ?? null)), ...next };
}

/** Writes the wish to stop anybody's job. @throws ApiError `not_found`, `job_not_active` */
export async function stopAnyJob(context: AdministrationContext, actor: Actor, jobId: number): Promise<string> {
  return retryStale(() =>
    context.journal.transaction(async (transaction) => {
      const row = await transaction.rows.lock('jobs', jobId);
      if (!row) throw notFound('Job', jobId);
      if (row.status === 'stopping') return 'Job queued to stop.';
      if (row.status !== 'pending' && row.status !== 'running') {
        throw new ApiError('job_not_active', 'This job is not running or pending.', {
          details: { status: row.status },
        });
      }
      const changed = await requestStop(transaction, row, { actor, reason: 'requested' });
      return changed.status === 'complete' ? 'Successful stop.' : 'Job queued to stop.';
    }),
  );
}

/** Everybody's workspaces, a page at a time. */
export async function listAllWorkspaces(
  context: AdministrationContext,
  query: QueryParameters<'adminListWorkspaces'>,
): Promise<Schema<'AdminWorkspacesAnswer'>['data']> {
  const { user_id, status } = query;
  const where = { ...(user_id !== undefined && { user_id }), ...(status && { status }) };
  const { rows, next } = await readPage(context.limits, paged(query), (part) =>
    context.database.find('workspaces', { ...part, where: { ...where, ...part.where } }),
  );
  const names = await usernames(context, rows);
  return { workspaces: rows.map((row) => viewAdminWorkspace(row, names.get(row.user_id) ?? null)), ...next };
}

async function usernames(
  context: AdministrationContext,
  rows: readonly { readonly user_id: number }[],
): Promise<ReadonlyMap<number, string>> {
  const ids = [...new Set(rows.map(({ user_id }) => user_id))];
  if (ids.length === 0) return new Map();
  const users = await context.database.find('users', { where: { id: { in: ids } } });
  return new Map(users.map(({ id, username }) => [id, username]));
}
