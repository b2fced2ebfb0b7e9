import { join, resolve } from 'node:path';
import type { Configuration, Machine, Notice, Origin } from './configuration.js';
import {
  defaultAuthentication,
  defaultJobTypes,
  defaultParameters,
  defaultResources,
  defaultStorage,
} from './default-sections.js';
import { dockerType } from './docker.js';
import { passthroughForm } from './passthrough-domain.js';
import { type Problem, problem } from './problem.js';
import { builtInTypes, type ResourceSection, type StorageSection } from './sections.js';
import { type SettingValues, userName } from './settings.js';

interface Completed {
  readonly configuration: Configuration;
  readonly notices: Notice[];
  readonly problems: Problem[];
}

type Origins = ReadonlyMap<string, Origin>;

/** Resources that understand the names of limits and no other options. */
const limitedTypes = new Set<string>([builtInTypes.resource, dockerType]);
const limitOptions = new Set(['cpus_per_task', 'memory_per_node', 'time_limit']);

/** Fills in what is not set and works out what several settings decide together. */
export function complete(values: SettingValues, origins: Origins, machine: Machine, storageBase: string): Completed {
  const notices: Notice[] = [];
  const problems: Problem[] = [];
  const dataDirectory = values.data_dir ?? defaultDataDirectory(machine);
  const authentication = values.available_user_authentication ?? defaultAuthentication;
  const storage = values.available_storage ?? defaultStorage(join(dataDirectory, 'workspaces'));
  const resources = values.available_resources ?? defaultResources;
  const mainResource = values.main_resource ?? onlyName(resources, 'main_resource', problems);
  const firstUser = values.first_user ?? defaultFirstUser(machine);
  const accountsPlace = origins.get('accounts')?.place ?? 'by default';
  if (machine.isRoot && values.accounts === 'own') {
    const message = 'must be "reserved" or "system" where the server runs as root, since jobs never do';
    problems.push(problem('accounts', message, values.accounts, accountsPlace));
  }
  if (!machine.isRoot && (values.accounts ?? 'own') !== 'own') {
    const message = 'must be "own" where the server does not run as root';
    problems.push(problem('accounts', message, values.accounts, accountsPlace));
  }
  const configuration: Configuration = {
    ...values,
    data_dir: dataDirectory,
    accounts: values.accounts ?? defaultAccounts(values, machine, notices),
    sign_in_link: values.sign_in_link ?? values.available_user_authentication === undefined,
    first_user: firstUser,
    first_user_email: values.first_user_email ?? `${firstUser}@localhost`,
    api_user_authentication:
      values.api_user_authentication ?? onlyName(authentication, 'api_user_authentication', problems),
    main_storage: values.main_storage ?? onlyName(storage, 'main_storage', problems),
    main_resource: mainResource,
    available_user_authentication: authentication,
    available_storage: completeStorages(storage, values, origins, storageBase, notices),
    available_resources: completeResources(resources, values, origins, notices, problems),
    available_job_types: values.available_job_types ?? defaultJobTypes(mainResource, machine.jupyter),
    parameters: values.parameters ?? defaultParameters,
  };
  notices.push(...noticesAbout(configuration, values, machine));
  return { configuration, notices, problems };
}

function defaultDataDirectory({ isRoot, home }: Machine): string {
  return isRoot ? '/var/lib/user-workspaces' : join(home, 'user-workspaces');
}

function defaultFirstUser({ isRoot, username }: Machine): string {
  return !isRoot && userName.test(username) ? username : 'user';
}

/** The name in a section that has one entry only. */
function onlyName(section: Readonly<Record<string, unknown>>, key: string, problems: Problem[]): string {
  const names = Object.keys(section);
  const [name = ''] = names;
  if (names.length > 1)
    problems.push(problem(key, `must be set to one of ${names.join(', ')}`, undefined, 'by default'));
  return name;
}

function defaultAccounts(values: SettingValues, { isRoot }: Machine, notices: Notice[]): Configuration['accounts'] {
  const isConfigured = Object.values(values.available_user_authentication ?? {}).some(
    (entry) => entry.user_authentication_type === builtInTypes.userAuthentication,
  );
  if (isRoot) return isConfigured ? 'system' : 'reserved';
  if (isConfigured) {
    const message =
      'available_user_authentication: the server is not root and cannot run jobs under the accounts of their users, so all run under its own.';
    notices.push({ level: 'warn', message });
  }
  return 'own';
}

function completeStorages(
  section: StorageSection,
  { allowed_link_roots: roots, available_storage: configured }: SettingValues,
  origins: Origins,
  base: string,
  notices: Notice[],
): StorageSection {
  const beats = origins.get('allowed_link_roots')?.source === 'environment';
  return Object.fromEntries(
    Object.entries(section).map(([name, entry]) => {
      const own = beats ? roots : (entry.allowed_link_roots ?? roots);
      const key = `available_storage.${name}.allowed_link_roots`;
      if (configured && entry.allowed_link_roots === undefined && !origins.has('allowed_link_roots')) {
        const message = `${key} is not set, so links in workspaces are refused. List there, or in UWS_ALLOWED_LINK_ROOTS, the directories that links may point into.`;
        notices.push({ level: 'warn', message });
      }
      if (own.includes('/')) {
        notices.push({ level: 'warn', message: `${key} holds "/": links may point to every file of the machine.` });
      }
      const rootDirectory = entry.root_dir === undefined ? {} : { root_dir: resolve(base, entry.root_dir) };
      return [name, { ...entry, ...rootDirectory, allowed_link_roots: own }];
    }),
  );
}

function completeResources(
  section: ResourceSection,
  { passthrough_domain: common }: SettingValues,
  origins: Origins,
  notices: Notice[],
  problems: Problem[],
): ResourceSection {
  const origin = origins.get('passthrough_domain');
  return Object.fromEntries(
    Object.entries(section).map(([name, { passthrough_domain: own, ...entry }]) => {
      const isCommon = own === undefined || origin?.source === 'environment';
      const value = (isCommon ? common : own) ?? '';
      const key = isCommon ? 'passthrough_domain' : `available_resources.${name}.passthrough_domain`;
      const form = passthroughForm(value);
      if (form.form === 'wrong') {
        const place = isCommon ? origin?.place : origins.get('available_resources')?.place;
        problems.push(problem(key, form.message, value, place ?? 'by default'));
      }
      if (form.form === 'path' && form.reason !== undefined) {
        const message = `${key} is "${value}", and ${form.reason}: sessions of ${name} appear below /passthrough/ of the server's own address.`;
        notices.push({ level: 'info', message });
      }
      for (const [option, native] of Object.entries(entry.parameter_mapping)) {
        if (!limitedTypes.has(entry.resource_type) || limitOptions.has(native)) continue;
        const message = `available_resources.${name}.parameter_mapping.${option} is "${native}", which a ${entry.resource_type} does not know: the option has no effect. Known are ${[...limitOptions].join(', ')}.`;
        notices.push({ level: 'warn', message });
      }
      return [name, { ...entry, ...(form.form === 'sub-domain' && { passthrough_domain: form.domain }) }];
    }),
  );
}

function noticesAbout(configuration: Configuration, values: SettingValues, machine: Machine): Notice[] {
  const notices: Notice[] = [];
  const { client_token: clientToken, host } = configuration;
  if (clientToken !== undefined && clientToken.length < 20) {
    const message = `client_token has only ${clientToken.length} characters: whoever guesses it can sign in as anybody. Use 32 random ones.`;
    notices.push({ level: 'warn', message });
  }
  if (values.public_url === undefined && !/^(127\.|localhost$|::1$)/.test(host)) {
    const message = `public_url is not set although host is "${host}": set UWS_PUBLIC_URL to the address that browsers use, so that the addresses of sessions are right.`;
    notices.push({ level: 'warn', message });
  }
  if (values.available_job_types === undefined && machine.jupyter === undefined) {
    const message =
      'available_job_types: no Jupyter is installed that jobs can run, so jupyter_lab is left out. Install one (Debian: apt-get install jupyter-notebook; elsewhere: pip install jupyterlab) and start again.';
    notices.push({ level: 'info', message });
  }
  if (machine.platform === 'darwin') {
    const message =
      'On macOS the server is reduced: local processes (LocalResource) and accounts for jobs need Linux, and files are kept apart by checking paths only. Use Linux, or a container, for everything.';
    notices.push({ level: 'warn', message });
  }
  return notices;
}
