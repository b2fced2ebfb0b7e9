import { AdapterError, type JobTypeKind } from '@user-workspaces/contract';
import { jobTypeKinds, packagedRuntime } from '@user-workspaces/job-types';
import { checkJobDetails as checkContainerDetails } from '@user-workspaces/resource-docker';
import { checkJobDetails as checkSlurmDetails } from '@user-workspaces/resource-slurm';
import type { Configuration, Origin } from './configuration.js';
import type { CustomAdapters } from './custom-adapters.js';
import { dockerOptionsOf, dockerType } from './docker.js';
import { resourceDetailsKey, splitDetails } from './environment-details.js';
import { fillPlaceholders } from './placeholders.js';
import { type Problem, problem } from './problem.js';
import { builtInTypes, type ConfiguredResource } from './sections.js';
import { isSlurm, slurmGatewayType, slurmOptionsOf, slurmType } from './slurm.js';

/** Adapters of the old service that have no counterpart yet. */
const notYetSupported = new Set([
  'GlobusUserAuthentication',
  'PSCAPIUserAuthentication',
  'HubmapLocalFileSystemStorage',
]);

/** The authentication whose users own files and processes. */
export function accountsAuthentication(configuration: Configuration): string {
  const storage = configuration.available_storage[configuration.main_storage];
  return storage?.user_authentication ?? configuration.api_user_authentication;
}

/** Checks that every name leads somewhere and that every type is supported. */
export function checkReferences(
  configuration: Configuration,
  origins: ReadonlyMap<string, Origin>,
  adapters: CustomAdapters,
): Problem[] {
  const problems: Problem[] = [];
  const place = (key: string): string => origins.get(key.split('.')[0] ?? '')?.place ?? 'by default';
  const add = (key: string, message: string, value: unknown): void => {
    problems.push(problem(key, message, value, place(key)));
  };
  const expectName = (key: string, value: string | undefined, section: Readonly<Record<string, unknown>>): void => {
    if (value === undefined || value === '' || Object.hasOwn(section, value)) return;
    add(key, `must be one of ${Object.keys(section).join(', ')}`, value);
  };
  const expectType = (key: string, value: string, supported: readonly string[]): void => {
    if (supported.includes(value)) return;
    const what = notYetSupported.has(value) ? 'names an adapter that is not supported yet' : 'names an unknown adapter';
    add(key, `${what} (supported: ${supported.join(', ')})`, value);
  };

  const authentications = configuration.available_user_authentication;
  expectName('api_user_authentication', configuration.api_user_authentication, authentications);
  expectName('main_storage', configuration.main_storage, configuration.available_storage);
  expectName('main_resource', configuration.main_resource, configuration.available_resources);

  const customAuthentication = Object.keys(adapters.user_authentication_types ?? {});
  for (const [name, entry] of Object.entries(authentications)) {
    const key = `available_user_authentication.${name}.user_authentication_type`;
    expectType(key, entry.user_authentication_type, [builtInTypes.userAuthentication, ...customAuthentication]);
  }

  const accounts = accountsAuthentication(configuration);
  const expectAccounts = (key: string, value: string | undefined): void => {
    expectName(key, value, authentications);
    if (value === undefined || value === accounts || !Object.hasOwn(authentications, value)) return;
    add(key, `must be ${accounts}, as for main_storage: several sets of accounts are not supported yet`, value);
  };
  for (const [name, entry] of Object.entries(configuration.available_storage)) {
    const key = `available_storage.${name}`;
    expectType(`${key}.storage_type`, entry.storage_type, [
      builtInTypes.storage,
      ...Object.keys(adapters.storage_types ?? {}),
    ]);
    expectAccounts(`${key}.user_authentication`, entry.user_authentication);
  }
  for (const [name, entry] of Object.entries(configuration.available_resources)) {
    const key = `available_resources.${name}`;
    expectType(`${key}.resource_type`, entry.resource_type, [
      builtInTypes.resource,
      slurmType,
      slurmGatewayType,
      dockerType,
      ...Object.keys(adapters.resource_types ?? {}),
    ]);
    expectName(`${key}.storage`, entry.storage, configuration.available_storage);
    expectAccounts(`${key}.user_authentication`, entry.user_authentication);
    if (isSlurm(entry) && configuration.accounts === 'reserved') {
      add('accounts', `must not be "reserved" beside ${name}: a Slurm cluster has to know the accounts`, 'reserved');
    }
  }

  const domains = new Set(Object.values(configuration.available_resources).map((entry) => entry.passthrough_domain));
  if (domains.size > 1) {
    add(
      'passthrough_domain',
      'must be the same for all resources',
      [...domains].map((domain) => domain ?? ''),
    );
  }

  problems.push(...checkJobTypes(configuration, place('available_job_types'), adapters.job_types ?? []));
  if (configuration.smtp_url !== undefined && configuration.mail_from === undefined) {
    add('mail_from', 'must be a sender such as "Workspaces <noreply@example.org>" where smtp_url is set', undefined);
  }
  return problems;
}

/** What a resource itself takes for a job type; one that a module brings checks it when the server starts. */
function checkResourceDetails(
  name: string,
  entry: ConfiguredResource,
  details: Readonly<Record<string, unknown>>,
  where: string,
): void {
  const { resource_type: type } = entry;
  if (type === builtInTypes.resource) refuseDetails(details, where);
  if (isSlurm(entry)) checkSlurmDetails(slurmOptionsOf(name, entry, '/'), details, where);
  if (type === dockerType) checkContainerDetails(dockerOptionsOf(name, entry).defaults, details, where);
}

/** For a resource that takes nothing of its own for a job type. */
function refuseDetails(details: Readonly<Record<string, unknown>>, where: string): void {
  const [key] = Object.keys(details);
  if (key === undefined) return;
  const field = `${where}.${key}`;
  throw new AdapterError('misconfigured', `${field} is not a known key: a ${builtInTypes.resource} takes none.`, {
    field,
  });
}

function checkJobTypes(configuration: Configuration, place: string, custom: readonly JobTypeKind[]): Problem[] {
  const problems: Problem[] = [];
  const kinds = new Map([...jobTypeKinds, ...custom].map((kind) => [kind.kind, kind]));
  const resources = Object.keys(configuration.available_resources);
  for (const [name, { job_type: type, environment_details: environments }] of Object.entries(
    configuration.available_job_types,
  )) {
    const key = `available_job_types.${name}`;
    const kind = kinds.get(type);
    if (!kind) {
      problems.push(problem(`${key}.job_type`, `must be one of ${[...kinds.keys()].join(', ')}`, type, place));
      continue;
    }
    if (Object.keys(environments).length === 0) {
      const message = `must have an environment for the resource that the job type runs on (one of ${resources.join(', ')})`;
      problems.push(problem(`${key}.environment_details`, message, environments, place));
    }
    for (const [resource, details] of Object.entries(environments)) {
      const where = `${key}.environment_details.${resource}`;
      if (!resources.includes(resource)) {
        problems.push(
          problem(where, `must be named after a resource (one of ${resources.join(', ')})`, details, place),
        );
        continue;
      }
      try {
        const parts = splitDetails(details);
        kind.configure(fillPlaceholders(parts.jobType, packagedRuntime), where);
        const entry = configuration.available_resources[resource];
        if (entry) checkResourceDetails(resource, entry, parts.resource, `${where}.${resourceDetailsKey}`);
      } catch (error) {
        if (!AdapterError.is(error)) throw error;
        problems.push({ key: error.field ?? where, sentence: `${error.message} (${place})` });
      }
    }
  }
  return problems;
}
