import type { CustomAdapters } from './custom-adapters.js';
import type { Source } from './problem.js';
import type { AuthenticationSection, JobTypeSection, Parameters, ResourceSection, StorageSection } from './sections.js';
import type { SettingValues } from './settings.js';

/** Something the operator should know although the server starts. */
export interface Notice {
  readonly level: 'info' | 'warn';
  /** A full sentence, with the key it is about. */
  readonly message: string;
}

/** Where a setting's value came from, and how to say so. */
export interface Origin {
  readonly source: Source;
  /** Such as `UWS_PORT in the environment`. */
  readonly place: string;
}

type AccountKind = NonNullable<SettingValues['accounts']>;

/** The configuration, complete and checked: what the server is put together from. */
export interface Configuration
  extends Omit<SettingValues, 'available_user_authentication' | 'available_storage' | 'available_resources'> {
  readonly data_dir: string;
  readonly accounts: AccountKind;
  readonly sign_in_link: boolean;
  readonly first_user: string;
  readonly first_user_email: string;
  readonly api_user_authentication: string;
  readonly main_storage: string;
  readonly main_resource: string;
  readonly available_user_authentication: AuthenticationSection;
  /** `root_dir` is absolute, `allowed_link_roots` final. */
  readonly available_storage: StorageSection;
  /** `passthrough_domain` is a domain for sub-domains, or absent for the path form. */
  readonly available_resources: ResourceSection;
  readonly available_job_types: JobTypeSection;
  readonly parameters: Parameters;
}

/** A configuration with where it came from. */
export interface LoadedConfiguration {
  readonly configuration: Configuration;
  readonly adapters: CustomAdapters;
  /** Absolute path of the file, if there is one. */
  readonly file: string | undefined;
  /** What was set, as it was written. */
  readonly given: Readonly<Record<string, unknown>>;
  /** By key of the setting. */
  readonly origins: ReadonlyMap<string, Origin>;
  readonly notices: readonly Notice[];
}

/** What the machine says about the process. */
export interface Machine {
  readonly isRoot: boolean;
  readonly home: string;
  readonly username: string;
  readonly platform: NodeJS.Platform;
  /** Path of the installed Jupyter that jobs can run. */
  readonly jupyter: string | undefined;
}
