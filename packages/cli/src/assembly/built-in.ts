import { join } from 'node:path';
import {
  createLocalAuthentication,
  createOwnAccount,
  createReservedAccounts,
  createSystemAccounts,
  type OwnedPlace,
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
      return createReservedAccounts({ directory: layout.accounts, ownedBelow: ownedPlaces(configuration, layout) });
    case 'system':
      return createSystemAccounts({ createMissing: entry.connection_details.create_external_users ?? false });
    case 'own':
      return createOwnAccount();
  }
}

/** Workspaces are below a directory of their account, the logs of launches below one of their resource. Storages of a configuration module are not known here. */
function ownedPlaces({ available_storage: storages }: Configuration, { launches }: DataLayout): OwnedPlace[] {
  const roots = Object.values(storages).flatMap(({ root_dir }) => (root_dir === undefined ? [] : [root_dir]));
  return [...roots.map((directory) => ({ directory, levels: 2 })), { directory: launches, levels: 3 }];
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

/** @param installation Asked for only where something must be told from what others run. */
export async function createBuiltInResource(
  name: string,
  entry: ConfiguredResource,
  layout: DataLayout,
  installation: () => Promise<string>,
): Promise<Resource> {
  const recordsDirectory = join(layout.launches, name);
  switch (entry.resource_type) {
    case slurmType:
    case slurmGatewayType:
      return createSlurmResource(slurmOptionsOf(name, entry, recordsDirectory));
    case dockerType:
      return createContainers(name, entry, layout, installation);
    default:
      return createLocalResource({ name, recordsDirectory });
  }
}

/** An engine of this machine gets the programs of jobs as a mount; into one elsewhere somebody has to bring them. */
async function createContainers(
  name: string,
  entry: ConfiguredResource,
  layout: DataLayout,
  installation: () => Promise<string>,
): Promise<Resource> {
  const { defaults = {}, ...options } = dockerOptionsOf(name, entry);
  const isHere = options.address.url.startsWith('unix:');
  const mounts = [...(isHere ? [{ source: layout.runtime }] : []), ...(defaults.read_only_mounts ?? [])];
  return createDockerResource({
    ...options,
    owner: options.owner ?? `${await installation()}.${name}`,
    defaults: { ...defaults, read_only_mounts: mounts },
  });
}
