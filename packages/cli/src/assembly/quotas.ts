import type { QuotaDefaults } from '@user-workspaces/server';
import type { Configuration } from '../configuration/configuration.js';

const bytesPerMib = 1024 * 1024;

/** The configured quotas, as the server kit takes them. */
export function quotaDefaults(configuration: Configuration): QuotaDefaults {
  const { quota_disk_space_mib: diskSpaceMib, quota_core_hours: coreHours } = configuration;
  const { quota_active_jobs: activeJobs, quota_workspaces: workspaces } = configuration;
  return {
    ...(diskSpaceMib !== undefined && { diskSpaceBytes: diskSpaceMib * bytesPerMib }),
    ...(coreHours !== undefined && { coreHours }),
    ...(activeJobs !== undefined && { activeJobs }),
    ...(workspaces !== undefined && { workspaces }),
  };
}
