import {
  AdapterError,
  type JobRecipe,
  type JobRow,
  type LaunchSpecification,
  type UserRow,
  type WorkspaceRow,
} from '@user-workspaces/contract';
import { accountOfRow } from '../options.js';
import type { ServerContext } from '../server-context.js';
import { limitsOf } from '../services/job-options.js';

/**
 * What a job type wants run for a job. The same row always gives the same recipe.
 *
 * @throws AdapterError `misconfigured` when the configuration no longer has the job's type or resource.
 */
export function recipeOf(context: ServerContext, job: JobRow, user: UserRow, workspace: WorkspaceRow): JobRecipe {
  const jobType = context.jobTypes.get(job.job_type)?.resources.get(job.resource);
  if (!jobType) {
    throw new AdapterError(
      'misconfigured',
      `The configuration no longer has the job type ${job.job_type} on the resource ${job.resource}.`,
    );
  }
  return jobType.recipe({
    jobId: job.id,
    jobDetails: job.request_details,
    workspacePath: workspace.location,
    username: user.username,
    nowMs: job.created_at_ms,
    sessionToken: job.session_token,
    basePath: context.basePathOf(job),
  });
}

/** The complete order for the resource. */
export function specificationOf(
  context: ServerContext,
  job: JobRow,
  recipe: JobRecipe,
  workspace: WorkspaceRow,
): LaunchSpecification {
  const mapping = context.resources.get(job.resource)?.parameterMapping ?? {};
  return {
    launchKey: job.launch_key,
    jobId: job.id,
    account: accountOfRow(workspace.account),
    workspacePath: workspace.location,
    command: recipe.command,
    files: recipe.files,
    environment: recipe.environment,
    limits: limitsOf(context.parameters, mapping, job.resource_options),
    options: job.native_options,
    resourceDetails: context.jobTypes.get(job.job_type)?.resourceDetails?.get(job.resource) ?? {},
    ...(recipe.session && { session: { secret: job.session_secret } }),
  };
}
