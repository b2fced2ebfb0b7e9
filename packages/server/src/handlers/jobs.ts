import type { JobRow, Where } from '@user-workspaces/contract';
import type { QueryParameters, Schema } from '@user-workspaces/schema';
import type { Caller, Handlers } from '../http/handler.js';
import { readPage } from '../http/pagination.js';
import type { ServerContext } from '../server-context.js';
import { extendJob, stopJob } from '../services/jobs.js';
import { viewJob } from '../views/job.js';

const jobStatuses = ['pending', 'running', 'stopping', 'complete', 'failed'] as const;

/** Jobs of years; one has some 200 kB at most. */
const jobsAtOnce = 400;

function messageFor(jobs: readonly unknown[]): string {
  return jobs.length > 0 ? 'Successful.' : 'Job matching given parameters could not be found.';
}

/** Jobs of the caller. */
export function jobHandlers(context: ServerContext): Pick<Handlers, 'listJobs' | 'getJob' | 'stopJob' | 'extendJob'> {
  const view = (row: JobRow, { user }: Caller): Schema<'Job'> =>
    viewJob(row, context.clock.now(), context.connectionOf(row, user));

  const list = async (caller: Caller, query: QueryParameters<'listJobs'>) => {
    const status = jobStatuses.find((known) => known === query.status);
    const isUnknown = query.status !== undefined && status === undefined;
    const where: Where<'jobs'> = {
      user_id: caller.user.id,
      ...(query.workspace_id !== undefined && { workspace_id: query.workspace_id }),
      ...(query.resource_job_id !== undefined && { resource_job_id: query.resource_job_id }),
      ...(query.job_type !== undefined && { job_type: query.job_type }),
      ...(status && { status }),
    };
    const { rows, next } = await readPage(
      context.limits,
      query,
      async (part) => (isUnknown ? [] : context.database.find('jobs', { ...part, where: { ...where, ...part.where } })),
      jobsAtOnce,
    );
    return {
      message: messageFor(rows),
      success: true as const,
      data: { jobs: rows.map((row) => view(row, caller)), ...next },
    };
  };

  return {
    listJobs: ({ caller, query }) => list(caller, query),
    async getJob({ caller, path }) {
      if (path.job_id === 0) return list(caller, {});
      const rows = await context.database.find('jobs', { where: { id: path.job_id, user_id: caller.user.id } });
      return { message: messageFor(rows), success: true, data: { jobs: rows.map((row) => view(row, caller)) } };
    },
    async stopJob({ caller, path }) {
      return { message: await stopJob(context, caller, path.job_id), success: true };
    },
    async extendJob({ caller, path, body, signal }) {
      const { time_limit_minutes } = await body();
      const row = await extendJob(context, caller, path.job_id, time_limit_minutes, signal);
      return { message: 'Time limit extended.', success: true, data: { job: view(row, caller) } };
    },
  };
}
