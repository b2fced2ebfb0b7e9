import { userInfo } from 'node:os';
import { type Actor, administration } from '@user-workspaces/server';
import { quotaDefaults } from '../assembly/assemble.js';
import { createDatabase } from '../assembly/database.js';
import type { LoadedConfiguration } from '../configuration/configuration.js';
import { prepareDataDirectory } from '../data-directory/layout.js';

/** What a command of administration works with. */
export interface OpenAdministration {
  readonly context: administration.AdministrationContext;
  /** Whoever sits at the terminal. */
  readonly actor: Actor;
}

/** Runs `work` on the configured database, and closes it. Servers that run on it meanwhile are not disturbed. */
export async function withAdministration<R>(
  { configuration }: LoadedConfiguration,
  work: (open: OpenAdministration) => Promise<R>,
): Promise<R> {
  const layout = await prepareDataDirectory(configuration.data_dir, configuration.accounts !== 'own');
  const database = createDatabase(configuration.database_url, layout.database);
  try {
    await database.migrate();
    const mappings = Object.entries(configuration.available_resources).map(
      ([name, { parameter_mapping }]) => [name, { parameterMapping: parameter_mapping ?? {} }] as const,
    );
    const context = administration.administrationContext({
      database,
      quotas: quotaDefaults(configuration),
      openDirectory: configuration.open_directory,
      parameters: configuration.parameters,
      resources: new Map(mappings),
    });
    return await work({ context, actor: terminalActor() });
  } finally {
    await database.close();
  }
}

/** Of somebody who became root, the name they signed in with. */
function terminalActor(): Actor {
  const name = process.env.SUDO_USER ?? userInfo().username;
  return { kind: 'terminal', userId: null, name, address: null, requestId: null };
}
