import type { AccountMapping, Authentication, JobTypeKind, Resource, Storage } from '@user-workspaces/contract';
import type { input } from 'zod';
import type { AuthenticationEntry, ConfiguredResource, StorageEntry } from './sections.js';
import type { settingsSchema } from './settings.js';

/** What an adapter of one's own gets to know besides its entry. */
export interface AdapterPlace {
  /** The entry's name in the configuration: the adapter's `name`. */
  readonly name: string;
  /** A directory of the server's own for what the adapter keeps; it exists and only the server can enter it. */
  readonly stateDirectory: string;
}

type MaybePromise<T> = T | Promise<T>;

/** Adapters that a configuration module brings, by the type that entries name. */
export interface CustomAdapters {
  readonly user_authentication_types?: Readonly<
    Record<
      string,
      (
        entry: AuthenticationEntry,
        place: AdapterPlace,
      ) => MaybePromise<{ readonly authentication: Authentication; readonly accounts: AccountMapping }>
    >
  >;
  readonly storage_types?: Readonly<
    Record<string, (entry: StorageEntry, place: AdapterPlace) => MaybePromise<Storage>>
  >;
  readonly resource_types?: Readonly<
    Record<string, (entry: ConfiguredResource, place: AdapterPlace) => MaybePromise<Resource>>
  >;
  readonly job_types?: readonly JobTypeKind[];
}

/**
 * The default export of a configuration module.
 *
 * @example
 * export default {
 *   port: 8080,
 *   available_resources: { farm: { resource_type: 'FarmResource', farm_url: 'http://farm.internal' } },
 *   adapters: { resource_types: { FarmResource: (entry, { name }) => createFarm(name, entry.farm_url) } },
 * } satisfies ConfigurationModule;
 */
export type ConfigurationModule = input<typeof settingsSchema> & { readonly adapters?: CustomAdapters };
