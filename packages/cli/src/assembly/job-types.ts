import type { JobType, JobTypeKind } from '@user-workspaces/contract';
import { createJobTypeKinds, type TerminalRuntime } from '@user-workspaces/job-types';
import type { JobTypeEntry } from '@user-workspaces/server';
import type { Configuration } from '../configuration/configuration.js';
import { dockerType } from '../configuration/docker.js';
import { splitDetails } from '../configuration/environment-details.js';
import { fillPlaceholders } from '../configuration/placeholders.js';
import type { JobTypeSection } from '../configuration/sections.js';
import { isSlurm } from '../configuration/slurm.js';

/** Long enough to come back to a page, never the whole time. */
const defaultWarningMinutes = 10;

/** When the sessions of a job type are given up or stopped. */
function limitsOf(entry: JobTypeSection[string]): Pick<JobTypeEntry, 'idle' | 'readyTimeoutMs'> {
  const { idle_timeout_minutes: timeout, idle_warning_minutes: warning, ready_timeout_minutes: ready } = entry;
  return {
    ...(timeout !== undefined && {
      idle: {
        timeoutMs: timeout * 60_000,
        warningMs: (warning ?? Math.min(defaultWarningMinutes, timeout / 2)) * 60_000,
      },
    }),
    ...(ready !== undefined && { readyTimeoutMs: ready * 60_000 }),
  };
}

/** The programs of jobs for the machine itself, and with all they need for containers and the nodes of clusters. */
export interface JobRuntimes {
  readonly runtime: TerminalRuntime;
  readonly portable: TerminalRuntime;
}

/** Whether jobs run where the server's own Node may not be: in the image of a container, on a node of a cluster. */
export function runsElsewhere(entry: { readonly resource_type?: unknown }): boolean {
  return entry.resource_type === dockerType || isSlurm(entry);
}

/** The configured job types, each bound to its environments; the main resource, where it has one, comes first. */
export function assembleJobTypes(
  configuration: Configuration,
  runtimes: JobRuntimes,
  custom: readonly JobTypeKind[],
): ReadonlyMap<string, JobTypeEntry> {
  const runtimeOf = (resource: string): TerminalRuntime => {
    const entry = configuration.available_resources[resource];
    return entry && runsElsewhere(entry) ? runtimes.portable : runtimes.runtime;
  };
  const kindFor = (resource: string, name: string): JobTypeKind => {
    const kind = [...custom, ...createJobTypeKinds(runtimeOf(resource))].find((each) => each.kind === name);
    if (!kind) throw new Error(`There is no kind of job type ${name}.`);
    return kind;
  };
  const entries = Object.entries(configuration.available_job_types).map(([id, entry]): [string, JobTypeEntry] => {
    const environments = Object.entries(entry.environment_details).sort(
      ([first], [second]) =>
        Number(second === configuration.main_resource) - Number(first === configuration.main_resource),
    );
    const resources = new Map<string, JobType>();
    const resourceDetails = new Map<string, Readonly<Record<string, unknown>>>();
    for (const [resource, details] of environments) {
      const where = `available_job_types.${id}.environment_details.${resource}`;
      const parts = splitDetails(details);
      const jobType = fillPlaceholders(parts.jobType, runtimeOf(resource));
      resources.set(resource, kindFor(resource, entry.job_type).configure(jobType, where));
      resourceDetails.set(resource, parts.resource);
    }
    return [id, { name: entry.name ?? id, resources, resourceDetails, ...limitsOf(entry) }];
  });
  return new Map(entries);
}
