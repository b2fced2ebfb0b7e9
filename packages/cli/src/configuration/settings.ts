import { defaultLimits, explainLimit, type LimitName, rangeOfLimit } from '@user-workspaces/server/configuration';
import * as z from 'zod';
import {
  authenticationSection,
  jobTypeSection,
  parametersSection,
  resourceSection,
  storageSection,
} from './sections.js';
import type { SettingKind } from './setting-kinds.js';
import * as kind from './setting-kinds.js';

/** What the file, the environment, the help and the documentation say of one setting. */
export interface SettingDescription extends Omit<SettingKind, 'schema'> {
  readonly group: 'Server' | 'Data' | 'Users' | 'Sessions' | 'Limits' | 'Mail' | 'Log' | 'Adapters';
  readonly summary: string;
  /** What holds when it is not set, in words. */
  readonly initialText: string;
  /** Flag of `uws serve`. */
  readonly option?: string;
}

const descriptions = new WeakMap<z.ZodType, SettingDescription>();

interface Texts {
  /** What holds when it is not set, where no value says it. */
  readonly initialText: string;
  readonly option?: string;
}

/** A setting without a fixed default. */
function setting<S extends z.ZodType>(
  group: SettingDescription['group'],
  kindOf: SettingKind<S>,
  summary: string,
  texts: Texts,
): z.ZodOptional<S> {
  const schema = z.optional(kindOf.schema);
  descriptions.set(schema, { ...kindOf, group, summary, ...texts });
  return schema;
}

/** A setting with a default. */
function settingWithDefault<S extends z.ZodType>(
  group: SettingDescription['group'],
  kindOf: SettingKind<S>,
  initial: z.core.util.NoUndefined<z.output<S>>,
  summary: string,
  texts: Partial<Texts> = {},
): z.ZodDefault<S> {
  const schema = z._default(kindOf.schema, initial);
  const initialText = Array.isArray(initial) && initial.length === 0 ? 'none' : String(initial);
  descriptions.set(schema, { ...kindOf, group, summary, initialText, ...texts });
  return schema;
}

/** A bound of what callers may send, open and ask, in the specification's words. */
function limit(name: LimitName): z.ZodDefault<z.ZodInt> {
  return settingWithDefault(
    'Limits',
    kind.wholeNumber(...rangeOfLimit(name)),
    defaultLimits[name],
    `${explainLimit(name)}.`,
  );
}

const hostName = /^[A-Za-z0-9._:-]+$/;
/** What the accounts of jobs can be named after. */
export const userName = /^[A-Za-z0-9_][A-Za-z0-9._@-]{0,63}$/;
const adapterName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/**
 * The table of settings. A key is the name in the file; {@link environmentName} gives the one in the environment.
 */
export const settingsSchema = z.strictObject({
  host: settingWithDefault(
    'Server',
    kind.text('a host name or an IP address', hostName),
    '127.0.0.1',
    'Address to listen on.',
    {
      option: '--host <address>',
    },
  ),
  port: settingWithDefault('Server', kind.wholeNumber(0, 65_535), 5050, 'Port to listen on; 0 takes a free one.', {
    option: '--port <port>',
  }),
  public_url: setting(
    'Server',
    kind.publicAddress(),
    'Address under which browsers reach the server, when it stands behind a reverse proxy.',
    { initialText: 'http://<host>:<port>' },
  ),
  trusted_proxies: settingWithDefault(
    'Server',
    kind.addressRanges(),
    [],
    'Addresses of reverse proxies whose X-Forwarded-* headers are believed.',
  ),
  trusted_proxy_secret: setting(
    'Server',
    kind.text('a text without spaces, of 16 characters or more', /^[\x21-\x7e]{16,512}$/),
    'What those reverse proxies send in the header X-Forwarded-Secret; without it they are not believed. Needed where jobs run on their machine.',
    { initialText: 'none: the address alone decides' },
  ),

  data_dir: setting('Data', kind.path(), 'Directory for everything that the server keeps.', {
    initialText: '/var/lib/user-workspaces as root, else ~/.local/share/user-workspaces',
    option: '--data-dir <path>',
  }),
  database_url: setting(
    'Data',
    kind.serverAddress('an address such as "postgres://user:password@host/database" or "mysql://…"', [
      'postgres:',
      'postgresql:',
      'mysql:',
      'mariadb:',
    ]),
    'PostgreSQL or MariaDB instead of the embedded database.',
    { initialText: 'SQLite in <data_dir>/server' },
  ),
  allowed_link_roots: settingWithDefault(
    'Data',
    kind.absolutePaths(),
    [],
    'Directories that links in workspaces may point into, for storages without a list of their own. In the environment: for all storages.',
  ),

  client_token: setting(
    'Users',
    kind.text('a text without spaces, best of 32 random characters or more', /^[\x21-\x7e]{1,512}$/),
    "The portal's client token.",
    { initialText: 'generated, and kept in <data_dir>/server/client-token' },
  ),
  accounts: setting(
    'Users',
    kind.choice(['reserved', 'system', 'own']),
    "Operating-system accounts of jobs. reserved: unprivileged uids of the server's own, one per user; system: the account of the user's name; own: the one that the server runs as.",
    { initialText: 'own without root; as root system where LocalUserAuthentication is configured, else reserved' },
  ),
  allow_shared_account: settingWithDefault(
    'Users',
    kind.yesNo(),
    false,
    "Several users may sign in although their jobs share the server's account and can read each other's files.",
  ),
  token_lifetime_days: settingWithDefault('Users', kind.wholeNumber(1, 3650, 'days'), 30, 'Life of a sign-in.'),
  open_directory: settingWithDefault(
    'Users',
    kind.yesNo(),
    false,
    'Users find others by any part of a name or e-mail, and without a search term everybody; else by a beginning.',
  ),
  quota_disk_space_mib: setting(
    'Users',
    kind.wholeNumber(0, 1_000_000_000, 'MiB'),
    'Disk space of each user over all workspaces, unless an administrator gave the user a quota of their own.',
    { initialText: 'no quota' },
  ),
  quota_core_hours: setting(
    'Users',
    kind.wholeNumber(0, 1_000_000_000),
    'Core hours of all jobs of each user, likewise.',
    { initialText: 'no quota' },
  ),
  quota_active_jobs: setting('Users', kind.wholeNumber(0, 1_000_000), 'Jobs of each user at one time, likewise.', {
    initialText: 'no quota',
  }),
  quota_workspaces: setting('Users', kind.wholeNumber(0, 1_000_000), 'Workspaces of each user, likewise.', {
    initialText: 'no quota',
  }),
  sign_in_link: setting('Users', kind.yesNo(), 'Print a sign-in link for a first user at the start.', {
    initialText: 'true, unless available_user_authentication is configured',
  }),
  first_user: setting('Users', kind.text('a plain user name', userName), 'Whom the sign-in link signs in.', {
    initialText: 'user as root, else the name of the account that runs the server',
  }),
  first_user_email: setting(
    'Users',
    kind.text('an e-mail address', /^[^\s@]+@[^\s@]+$/),
    'E-mail address of that user.',
    { initialText: '<first_user>@localhost' },
  ),

  passthrough_domain: setting(
    'Sessions',
    kind.text('a host name, with a port if needed'),
    'Domain under whose sub-domains sessions appear, for resources without one of their own. In the environment: for all resources. An IP address or localhost means the path form.',
    { initialText: 'sessions appear below /passthrough/' },
  ),
  allowed_origins: settingWithDefault(
    'Sessions',
    kind.origins(),
    [],
    'Origins, besides its own, whose pages may open WebSockets to sessions.',
  ),
  stop_grace_seconds: settingWithDefault(
    'Sessions',
    kind.wholeNumber(0, 3600, 'seconds'),
    10,
    'Time between TERM and KILL when a job is stopped.',
  ),

  limit_header_bytes: limit('header_bytes'),
  limit_headers: limit('headers'),
  limit_url_bytes: limit('url_bytes'),
  limit_json_bytes: limit('json_bytes'),
  limit_json_depth: limit('json_depth'),
  limit_json_values: limit('json_values'),
  limit_open_json_bytes: limit('open_json_bytes'),
  limit_all_json_bytes: limit('all_json_bytes'),
  limit_job_details_bytes: limit('job_details_bytes'),
  limit_workspace_details_bytes: limit('workspace_details_bytes'),
  limit_list_bytes: limit('list_bytes'),
  limit_file_bytes: limit('file_bytes'),
  limit_chunk_bytes: limit('chunk_bytes'),
  limit_files_per_request: limit('files_per_request'),
  limit_links_per_request: limit('links_per_request'),
  limit_links_per_workspace: limit('links_per_workspace'),
  limit_shares_per_request: limit('shares_per_request'),
  limit_requests_per_minute: limit('requests_per_minute'),
  limit_failed_sign_ins_per_minute: limit('failed_sign_ins_per_minute'),
  limit_open_requests: limit('open_requests'),
  limit_open_event_streams: limit('open_event_streams'),
  limit_open_job_sockets: limit('open_job_sockets'),
  limit_open_archives: limit('open_archives'),
  limit_open_uploads: limit('open_uploads'),
  limit_open_shares: limit('open_shares'),
  limit_open_shares_to_one: limit('open_shares_to_one'),
  limit_open_session_requests: limit('open_session_requests'),
  limit_open_session_sockets: limit('open_session_sockets'),
  limit_all_session_sockets: limit('all_session_sockets'),
  limit_header_seconds: limit('header_seconds'),
  limit_json_seconds: limit('json_seconds'),
  limit_idle_seconds: limit('idle_seconds'),

  smtp_url: setting(
    'Mail',
    kind.serverAddress('an address such as "smtps://user:password@mail.example.org"', ['smtp:', 'smtps:']),
    'Mail server for the messages about shares.',
    { initialText: 'no mail is sent' },
  ),
  mail_from: setting(
    'Mail',
    kind.text('a sender such as "Workspaces <noreply@example.org>"', /^[^\r\n]*[^\s@<]+@[^\s@>]+>?$/),
    'Sender of those messages; needed with smtp_url.',
    { initialText: 'none' },
  ),

  log_level: setting(
    'Log',
    kind.choice(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    'Least level of the log, which is JSON lines.',
    { initialText: 'warn in a terminal, else info', option: '--log-level <level>' },
  ),
  audit_retention_days: settingWithDefault(
    'Log',
    kind.wholeNumber(1, 36_500, 'days'),
    365,
    'How long entries of the audit log are kept.',
  ),
  log_file: setting('Log', kind.path(), 'File for the log.', {
    initialText: 'standard error',
    option: '--log-file <path>',
  }),

  api_user_authentication: setting(
    'Adapters',
    kind.text('a name in available_user_authentication', adapterName),
    'The authentication that users sign in with.',
    { initialText: 'the only one' },
  ),
  main_storage: setting(
    'Adapters',
    kind.text('a name in available_storage', adapterName),
    'The storage of new workspaces.',
    { initialText: 'the only one' },
  ),
  main_resource: setting(
    'Adapters',
    kind.text('a name in available_resources', adapterName),
    'The resource that runs jobs unless a start asks for another.',
    { initialText: 'the only one' },
  ),
  available_user_authentication: setting(
    'Adapters',
    kind.section(authenticationSection, 'an object'),
    'Authentications by name.',
    {
      initialText: 'local sign-in by client token',
    },
  ),
  available_storage: setting('Adapters', kind.section(storageSection, 'an object'), 'Storages by name.', {
    initialText: 'the local directory <data_dir>/workspaces',
  }),
  available_resources: setting('Adapters', kind.section(resourceSection, 'an object'), 'Resources by name.', {
    initialText: 'local processes',
  }),
  available_job_types: setting('Adapters', kind.section(jobTypeSection, 'an object'), 'Job types by name.', {
    initialText: 'jupyter_lab (where a Jupyter is installed), terminal, web_app, local_test_job',
  }),
  parameters: setting('Adapters', kind.section(parametersSection, 'a list'), 'Options that a start may carry.', {
    initialText: 'num_cpus, memory_mb, time_limit_minutes, gpu_enabled',
  }),
});

/** All settings, as checked; absent where the value is worked out at the start. */
export type SettingValues = z.output<typeof settingsSchema>;

/** The rows of the table, in its order. */
export const settings: ReadonlyMap<string, SettingDescription> = new Map(
  Object.entries(settingsSchema.shape).flatMap(([key, schema]) => {
    const description = descriptions.get(schema);
    return description ? [[key, description]] : [];
  }),
);

/** Name of a setting in the environment. */
export function environmentName(key: string): string {
  return `UWS_${key.toUpperCase()}`;
}
