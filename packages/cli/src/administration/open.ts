import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { createLocalAuthentication } from '@user-workspaces/auth-local';
import { AdapterError, type Authentication, type Resource } from '@user-workspaces/contract';
import type { SqlDatabase } from '@user-workspaces/database-sql';
import type { Actor } from '@user-workspaces/server';
import * as rules from '@user-workspaces/server/administration';
import { createBuiltInResource } from '../assembly/built-in.js';
import { createDatabase } from '../assembly/database.js';
import { runsElsewhere } from '../assembly/job-types.js';
import { quotaDefaults } from '../assembly/quotas.js';
import type { LoadedConfiguration } from '../configuration/configuration.js';
import { accountsAuthentication } from '../configuration/references.js';
import { expectAccountOf } from '../data-directory/expect-account.js';
import { layoutOf, prepareDataDirectory } from '../data-directory/layout.js';

/** What a command of administration works with. */
export interface OpenAdministration {
  readonly context: rules.AdministrationContext;
  /** What a server does for the same wishes. */
  readonly rules: typeof rules;
  /** Where all jobs share one account only the first user may sign in, and nobody else ever made. */
  readonly isForOneUser: boolean;
  /** Whoever sits at the terminal. */
  readonly actor: Actor;
  /** Those of this machine, opened when they are asked for. */
  readonly localResources: () => Promise<readonly Resource[]>;
  readonly stopGraceMs: number;
}

/**
 * Runs `work` on the configured database, and closes it. Servers that run on it meanwhile are not disturbed: tables of another release are left as they are.
 *
 * @param mayBegin Makes the database where there is none.
 * @throws AdapterError `misconfigured` where there is none and none may be made, and where its tables are of another release.
 */
export async function withAdministration<R>(
  loaded: LoadedConfiguration,
  mayBegin: boolean,
  work: (open: OpenAdministration) => Promise<R>,
): Promise<R> {
  const { configuration } = loaded;
  await expectAccountOf(configuration.data_dir, 'uws admin');
  if (configuration.database_url === undefined && !mayBegin) expectDatabase(configuration.data_dir);
  const layout = await prepareDataDirectory(configuration.data_dir, configuration.accounts !== 'own');
  const database = createDatabase(configuration.database_url, layout.database);
  const opened: Resource[] = [];
  const localResources = async (): Promise<readonly Resource[]> => {
    for (const [name, entry] of Object.entries(configuration.available_resources)) {
      if (runsElsewhere(entry) || loaded.adapters.resource_types?.[entry.resource_type]) continue;
      // Nothing on this machine is told apart by its installation: the directory of its records is that.
      opened.push(await createBuiltInResource(name, entry, layout, async () => ''));
    }
    return opened;
  };
  try {
    await expectTables(database, mayBegin);
    const mappings = Object.entries(configuration.available_resources).map(
      ([name, { parameter_mapping }]) => [name, { parameterMapping: parameter_mapping ?? {} }] as const,
    );
    const context = rules.administrationContext({
      database,
      authentication: signInRules(loaded),
      quotas: quotaDefaults(configuration),
      openDirectory: configuration.open_directory,
      parameters: configuration.parameters,
      resources: new Map(mappings),
    });
    return await work({
      context,
      rules,
      isForOneUser: isForOneUser(loaded),
      actor: terminalActor(),
      localResources,
      stopGraceMs: configuration.stop_grace_seconds * 1000,
    });
  } finally {
    for (const resource of opened) await resource.close();
    await database.close();
  }
}

/** Those of our own sign-in. One of a configuration module is not made for it: that may connect to somewhere, or take what the running server holds. */
function signInRules({ configuration, adapters }: LoadedConfiguration): Pick<Authentication, 'checkIdentity'> {
  const { api_user_authentication: name, available_user_authentication: entries } = configuration;
  const isOfModule = adapters.user_authentication_types?.[entries[name]?.user_authentication_type ?? ''] !== undefined;
  return isOfModule ? {} : createLocalAuthentication({ name });
}

/** As far as can be told without the accounts of a configuration module. */
function isForOneUser({ configuration, adapters }: LoadedConfiguration): boolean {
  const { accounts, allow_shared_account, available_user_authentication: entries } = configuration;
  const type = entries[accountsAuthentication(configuration)]?.user_authentication_type ?? '';
  const isOfModule = adapters.user_authentication_types?.[type] !== undefined;
  return accounts === 'own' && !allow_shared_account && !isOfModule;
}

/** Servers of the release that made the tables may be at work on them. */
async function expectTables(database: SqlDatabase, mayBegin: boolean): Promise<void> {
  const { present, needed } = await database.tableVersion();
  if (present === needed) return;
  if (present === 0 && mayBegin) return database.migrate();
  throw new AdapterError('misconfigured', adviceOnTables(present, needed), { field: 'database_url' });
}

function adviceOnTables(present: number, needed: number): string {
  if (present === 0) {
    return 'The database has no tables yet: the first start of the server makes them, and so do "uws migrate", "uws admin users add" and "uws admin clients add".';
  }
  const versions = `The tables of the database are of version ${present}, and this release works on version ${needed}`;
  return present > needed
    ? `${versions}: use the "uws" of the newer release.`
    : `${versions}: servers of the former release may be at work on them. Stop those, then start the server anew or run "uws migrate"; until then use the former release's "uws".`;
}

/** A data directory with a typing mistake in its name would look like a server that nobody uses. */
function expectDatabase(dataDirectory: string): void {
  const { database } = layoutOf(dataDirectory);
  if (existsSync(database)) return;
  throw new AdapterError(
    'misconfigured',
    `There is no database at ${database}. Name the server's data directory with --data-dir or UWS_DATA_DIR; before the server's first start, "uws admin users add" and "uws admin clients add" make it (without root, that user is the only one).`,
    { field: 'data_dir' },
  );
}

/** Of somebody who became root, the name they signed in with. */
function terminalActor(): Actor {
  const name = process.env.SUDO_USER ?? userInfo().username;
  return { kind: 'terminal', userId: null, name, address: null, requestId: null };
}
