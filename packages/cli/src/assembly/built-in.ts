import {
  createLocalAuthentication,
  createOwnAccount,
  createReservedAccounts,
  createSystemAccounts,
} from '@user-workspaces/auth-local';
import type { AccountMapping, Authentication, Resource, Storage } from '@user-workspaces/contract';
import { createLocalResource } from '@user-workspaces/resource-local';
import { createSlurmResource } from '@user-workspaces/resource-slurm';
import { createLocalStorage } from '@user-workspaces/storage-local';
import type { Configuration } from '../configuration/configuration.js';
import type { AuthenticationEntry, ConfiguredResource, StorageEntry } from '../configuration/sections.js';
import { slurmOptionsOf, slurmType } from '../configuration/slurm.js';
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
  recordsDirectory: string,
): Promise<Resource> {
  if (entry.resource_type === slurmType) return createSlurmResource(slurmOptionsOf(name, entry, recordsDirectory));
  return createLocalResource({ name, recordsDirectory });
}
