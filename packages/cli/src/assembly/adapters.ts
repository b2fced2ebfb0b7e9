import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { AccountMapping, Authentication, Resource, Storage } from '@user-workspaces/contract';
import type { Configuration } from '../configuration/configuration.js';
import type { AdapterPlace, CustomAdapters } from '../configuration/custom-adapters.js';
import { accountsAuthentication } from '../configuration/references.js';
import type { AuthenticationEntry, ConfiguredResource, StorageEntry } from '../configuration/sections.js';
import type { DataLayout } from '../data-directory/layout.js';
import { checkStorageReach } from '../data-directory/reach.js';
import {
  createAccounts,
  createBuiltInAuthentication,
  createBuiltInResource,
  createBuiltInStorage,
} from './built-in.js';

/** Makes adapters from entries of the configuration, of a module's types or of our own. */
export class AdapterFactory {
  constructor(
    private readonly configuration: Configuration,
    private readonly layout: DataLayout,
    private readonly custom: CustomAdapters,
    private readonly installation: () => Promise<string>,
  ) {}

  /** Who signs in, and the accounts that own files and processes. */
  async users(): Promise<{ readonly authentication: Authentication; readonly accounts: AccountMapping }> {
    const { api_user_authentication: signInName } = this.configuration;
    const accountsName = accountsAuthentication(this.configuration);
    const signIn = await this.#authentication(signInName);
    const accounts = accountsName === signInName ? signIn : await this.#authentication(accountsName);
    return { authentication: signIn.authentication, accounts: accounts.accounts };
  }

  async #authentication(name: string): Promise<{ authentication: Authentication; accounts: AccountMapping }> {
    const entry: AuthenticationEntry = entryOf(this.configuration.available_user_authentication, name);
    const make = this.custom.user_authentication_types?.[entry.user_authentication_type];
    if (make) return make(entry, await this.#place('authentication', name));
    return {
      authentication: createBuiltInAuthentication(name),
      accounts: await createAccounts(this.configuration, entry, this.layout),
    };
  }

  async storage(name: string): Promise<Storage> {
    const entry: StorageEntry = entryOf(this.configuration.available_storage, name);
    const make = this.custom.storage_types?.[entry.storage_type];
    if (make) return make(entry, await this.#place('storage', name));
    const key = `available_storage.${name}.root_dir`;
    if (this.configuration.accounts !== 'own' && entry.root_dir !== undefined) {
      await checkStorageReach(entry.root_dir, key);
    }
    return createBuiltInStorage(name, entry, this.configuration.accounts);
  }

  async resource(name: string): Promise<Resource> {
    const entry: ConfiguredResource = entryOf(this.configuration.available_resources, name);
    const make = this.custom.resource_types?.[entry.resource_type];
    if (make) return make(entry, await this.#place('resource', name));
    return createBuiltInResource(name, entry, this.layout, this.installation);
  }

  async #place(kind: string, name: string): Promise<AdapterPlace> {
    const stateDirectory = join(this.layout.server, kind, name);
    await mkdir(stateDirectory, { recursive: true, mode: 0o700 });
    return { name, stateDirectory };
  }
}

/** References were checked when the configuration was read. */
function entryOf<T>(section: Readonly<Record<string, T>>, name: string): T {
  const entry = section[name];
  if (entry === undefined) throw new Error(`The configuration has no entry ${name}.`);
  return entry;
}
