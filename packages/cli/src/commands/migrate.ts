import { createDatabase } from '../assembly/database.js';
import type { LoadedConfiguration } from '../configuration/configuration.js';
import { expectAccountOf } from '../data-directory/expect-account.js';
import { prepareDataDirectory } from '../data-directory/layout.js';

/** Creates or upgrades the tables. Servers do it when they start; this is for doing it before. */
export async function migrate({ configuration }: LoadedConfiguration): Promise<void> {
  await expectAccountOf(configuration.data_dir, 'uws migrate');
  const layout = await prepareDataDirectory(configuration.data_dir, configuration.accounts !== 'own');
  const database = createDatabase(configuration.database_url, layout.database);
  try {
    await database.migrate();
  } finally {
    await database.close();
  }
}
