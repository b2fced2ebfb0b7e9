import type { Schema } from '@user-workspaces/schema';

type Scope = Schema<'QuotaScope'>;

/** Limits and use side by side, as the API shows them. */
export function viewQuotas(
  limits: Readonly<Record<Scope, number | null>>,
  used: Readonly<Record<Scope, number>>,
): Schema<'Quotas'> {
  const quota = (scope: Scope): Schema<'Quota'> => ({ limit: limits[scope], used: used[scope] });
  return {
    disk_space: quota('disk_space'),
    core_hours: quota('core_hours'),
    active_jobs: quota('active_jobs'),
    workspaces: quota('workspaces'),
  };
}
