import { createHash } from 'node:crypto';
import { join } from 'node:path';
import {
  createLocalAuthentication,
  createOwnAccount,
  createReservedAccounts,
  createSystemAccounts,
} from '@user-workspaces/auth-local';
import type { AccountMapping, Authentication, Resource, Storage } from '@user-workspaces/contract';
import { createDockerResource } from '@user-workspaces/resource-docker';
import { createLocalResource } from '@user-workspaces/resource-local';
import { createSlurmResource } from '@user-workspaces/resource-slurm';
import { createLocalStorage } from '@user-workspaces/storage-local';
import type { Configuration } from '../configuration/configuration.js';
import { dockerOptionsOf, dockerType } from '../configuration/docker.js';
import type { AuthenticationEntry, ConfiguredResource, StorageEntry } from '../configuration/sections.js';
import { slurmGatewayType, slurmOptionsOf, slurmType } from '../configuration/slurm.js';
import { instanceName } from '../data-directory/instance.js';
import type { DataLayout } from '../data-directory/layout.js';

// The adapters that this package brings, made from entries of the configuration.

export function createBuiltInAuthentication(name: string): Authentication {
  return createLocalAuthentication({ name });
}

/** The accounts that jobs run under and that own the files of workspaces. */
export async function createAccounts(
  configuration: Configuration,
  entry: AuthenticationEntry,
  layout: DataLayout,
): Promise<AccountMapping> {
  switch (configuration.accounts) {
    case 'reserved':
      return createReservedAccounts({ directory: layout.accounts });
    case 'system':
      return createSystemAccounts({ createMissing: entry.connection_details.create_external_users ?? false });
    case 'own':
      return createOwnAccount();
  }
}

export async function createBuiltInStorage(
  name: string,
  entry: StorageEntry,
  accounts: Configuration['accounts'],
): Promise<Storage> {
  return createLocalStorage({
    name,
    rootDirectory: entry.root_dir ?? '',
    allowedLinkRoots: entry.allowed_link_roots ?? [],
    linkRootsKey: `available_storage.${name}.allowed_link_roots (or UWS_ALLOWED_LINK_ROOTS)`,
    ownership: accounts === 'own' ? 'none' : 'chown',
  });
}

export async function createBuiltInResource(
  name: string,
  entry: ConfiguredResource,
  configuration: Configuration,
  layout: DataLayout,
): Promise<Resource> {
  const recordsDirectory = join(layout.launches, name);
  switch (entry.resource_type) {
    case slurmType:
    case slurmGatewayType:
      return createSlurmResource(slurmOptionsOf(name, entry, recordsDirectory));
    case dockerType:
      return createContainers(name, entry, configuration, layout);
    default:
      return createLocalResource({ name, recordsDirectory });
  }
}

/** An engine of this machine gets the programs of jobs as a mount; into one elsewhere somebody has to bring them. */
function createContainers(
  name: string,
  entry: ConfiguredResource,
  configuration: Configuration,
  layout: DataLayout,
): Resource {
  const { defaults = {}, ...options } = dockerOptionsOf(name, entry);
  const isHere = options.address.url.startsWith('unix:');
  const mounts = [...(isHere ? [{ source: layout.runtime }] : []), ...(defaults.read_only_mounts ?? [])];
  return createDockerResource({
    owner: `${databaseName(configuration, layout)}.${name}`,
    ...options,
    defaults: { ...defaults, read_only_mounts: mounts },
  });
}

/** Replicas share a database, and with it their containers; these stay theirs when its password changes. */
function databaseName({ database_url }: Configuration, layout: DataLayout): string {
  const address = database_url === undefined ? undefined : new URL(database_url);
  if (address) [address.username, address.password] = ['', ''];
  const whole = createHash('sha256').update(address?.href ?? instanceName(layout.root));
  return whole.digest('hex').slice(0, 16);
}
