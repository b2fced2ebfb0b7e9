import type { Authentication, Database } from '@user-workspaces/contract';
import type { Clock } from '../../clock.js';
import { ApiError } from '../../http/api-error.js';
import type { PageQuery } from '../../http/pagination.js';
import { defaultLimits } from '../../limits/limits.js';
import type { ParameterEntry, QuotaDefaults } from '../../options.js';
import { Journal } from '../../records/journal.js';
import type { ServerContext } from '../../server-context.js';
import { systemClock } from '../../system-clock.js';
import type { QuotaContext } from '../quotas.js';

/** What administration needs of a server: less than a running one, so that it also works beside it. */
export interface AdministrationContext extends QuotaContext {
  readonly database: Database;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly limits: Pick<ServerContext['limits'], 'list_bytes'>;
  readonly settings: Pick<ServerContext['settings'], 'quotas' | 'openDirectory'>;
  readonly authentication: Pick<Authentication, 'checkIdentity'>;
}

/** What {@link administrationContext} is made of: parts of the configuration, and the database. */
export interface AdministrationOptions {
  readonly database: Database;
  /** Whose rules names and addresses of users keep. @default none: what the database can keep */
  readonly authentication?: Pick<Authentication, 'checkIdentity'>;
  /** As the servers have them; what is left out is as in `ServerOptions`. */
  readonly quotas?: QuotaDefaults;
  readonly openDirectory?: boolean;
  readonly parameters: readonly ParameterEntry[];
  /** By name of the resource. */
  readonly resources: QuotaContext['resources'];
}

/** Administration on the database alone, beside running servers: they notice within five seconds. */
export function administrationContext({
  database,
  authentication = {},
  quotas = {},
  openDirectory = false,
  parameters,
  resources,
}: AdministrationOptions): AdministrationContext {
  const clock = systemClock;
  const settings = { quotas, openDirectory };
  const journal = new Journal(database, clock);
  return { database, journal, clock, limits: defaultLimits, authentication, parameters, resources, settings };
}

const rowsPerPage = 100;

/** Lists of administration may be long: without a limit they give a page. */
export function paged<Q extends PageQuery>(query: Q): Q & { readonly limit: number } {
  return { ...query, limit: query.limit ?? rowsPerPage };
}

export function notFound(what: string, id: number | string): ApiError {
  return new ApiError('not_found', `${what} ${id} not found.`);
}
