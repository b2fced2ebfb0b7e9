import { type Schema, schemas } from '@user-workspaces/schema';
import { Command, Option } from 'commander';
import type { CommonOptions, Perform } from './perform.js';
import { bytesText, more, plain, renderTable, timeText } from './table.js';
import { id, rowLimit } from './values.js';

interface ListOptions extends CommonOptions {
  readonly user?: string;
  readonly limit: number;
  readonly cursor?: string;
}

interface WorkspaceOptions extends ListOptions {
  readonly status?: Schema<'WorkspaceStatus'>;
}

interface JobOptions extends ListOptions {
  readonly status?: Schema<'JobStatus'>;
  readonly workspace?: number;
  readonly resource?: string;
  readonly jobType?: string;
}

/** `uws admin jobs …` */
export function jobsCommand(perform: Perform): Command {
  const list = new Command('list')
    .description("Everybody's jobs, the newest first.")
    .option('--user <user>', 'only of this user')
    .addOption(new Option('--status <status>', 'only with this status').choices(schemas.JobStatus.options))
    .option('--workspace <id>', 'only in this workspace', id)
    .option('--resource <name>', 'only on this resource')
    .option('--job-type <id>', 'only of this type')
    .option('--limit <rows>', 'rows at most, up to 1000', rowLimit, 100)
    .option('--cursor <cursor>', 'where the list before ended')
    .action((options: JobOptions) => {
      const { user, status, workspace, resource, jobType, limit, cursor } = options;
      return perform(
        options,
        async ({ context, rules }) =>
          rules.listAllJobs(context, {
            order: '-id',
            limit,
            ...(user !== undefined && { user_id: await rules.findUserId(context, user) }),
            ...(status && { status }),
            ...(workspace !== undefined && { workspace_id: workspace }),
            ...(resource !== undefined && { resource }),
            ...(jobType !== undefined && { job_type: jobType }),
            ...(cursor !== undefined && { cursor }),
          }),
        ({ jobs, next_cursor }) =>
          renderTable(
            [
              'ID',
              'USER',
              'WORKSPACE',
              'TYPE',
              'RESOURCE',
              'STATUS',
              'REASON',
              'ASKED FOR (UTC)',
              'CORE HOURS',
              'GPU HOURS',
            ],
            jobs.map((job) => [
              String(job.id),
              plain(job.username),
              String(job.workspace_id),
              job.job_type,
              job.resource,
              job.status,
              plain(job.status_reason ?? job.queue_reason),
              timeText(job.datetime_created),
              job.core_hours.toFixed(2),
              job.gpu_hours?.toFixed(2) ?? '',
            ]),
          ) + more(next_cursor),
      );
    });
  const stop = new Command('stop')
    .description("Stop anybody's job. A running server carries it out; without one, the next start does.")
    .argument('<job>', 'id of the job', id)
    .action((jobId: number, options: CommonOptions) =>
      perform(
        options,
        async ({ context, actor, rules }) => ({ message: await rules.stopAnyJob(context, actor, jobId) }),
        ({ message }) => `${message}\n`,
      ),
    );
  return new Command('jobs').description("Everybody's jobs.").addCommand(list).addCommand(stop);
}

/** `uws admin workspaces …` */
export function workspacesCommand(perform: Perform): Command {
  const list = new Command('list')
    .description("Everybody's workspaces and their sizes.")
    .option('--user <user>', 'only of this user')
    .addOption(new Option('--status <status>', 'only with this status').choices(schemas.WorkspaceStatus.options))
    .option('--limit <rows>', 'rows at most, up to 1000', rowLimit, 100)
    .option('--cursor <cursor>', 'where the list before ended')
    .action((options: WorkspaceOptions) => {
      const { user, status, limit, cursor } = options;
      return perform(
        options,
        async ({ context, rules }) =>
          rules.listAllWorkspaces(context, {
            limit,
            ...(user !== undefined && { user_id: await rules.findUserId(context, user) }),
            ...(status && { status }),
            ...(cursor !== undefined && { cursor }),
          }),
        ({ workspaces, next_cursor }) =>
          renderTable(
            ['ID', 'USER', 'NAME', 'STATUS', 'DISK', 'LAST JOB (UTC)'],
            workspaces.map((workspace) => [
              String(workspace.id),
              plain(workspace.username),
              plain(workspace.name),
              workspace.is_accepted ? workspace.status : 'offered',
              bytesText(workspace.disk_space),
              timeText(workspace.datetime_last_job_launch),
            ]),
          ) + more(next_cursor),
      );
    });
  return new Command('workspaces').description("Everybody's workspaces.").addCommand(list);
}
