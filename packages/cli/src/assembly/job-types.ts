import type { JobType, JobTypeKind } from '@user-workspaces/contract';
import { createJobTypeKinds, type TerminalRuntime } from '@user-workspaces/job-types';
import type { JobTypeEntry } from '@user-workspaces/server';
import type { Configuration } from '../configuration/configuration.js';
import { fillPlaceholders } from '../configuration/placeholders.js';

/** The configured job types, each bound to its environments; the main resource, where it has one, comes first. */
export function assembleJobTypes(
  configuration: Configuration,
  runtime: TerminalRuntime,
  custom: readonly JobTypeKind[],
): ReadonlyMap<string, JobTypeEntry> {
  const kinds = new Map([...createJobTypeKinds(runtime), ...custom].map((kind) => [kind.kind, kind]));
  const entries = Object.entries(configuration.available_job_types).map(([id, entry]): [string, JobTypeEntry] => {
    const kind = kinds.get(entry.job_type);
    if (!kind) throw new Error(`There is no kind of job type ${entry.job_type}.`);
    const environments = Object.entries(entry.environment_details).sort(
      ([first], [second]) =>
        Number(second === configuration.main_resource) - Number(first === configuration.main_resource),
    );
    const resources = new Map(
      environments.map(([resource, details]): [string, JobType] => {
        const where = `available_job_types.${id}.environment_details.${resource}`;
        return [resource, kind.configure(fillPlaceholders(details, runtime), where)];
      }),
    );
    return [id, { name: entry.name ?? id, resources }];
  });
  return new Map(entries);
}
