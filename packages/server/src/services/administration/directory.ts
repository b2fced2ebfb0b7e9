import type { DatabaseReader } from '@user-workspaces/contract';
import type { Schema } from '@user-workspaces/schema';
import type { Actor } from '../../records/audit.js';
import type { AdministrationContext } from './context.js';

const name = 'directory';

/** In the audit log. There is one directory. */
const subject = { kind: 'directory', id: 1 } as const;

type DirectoryContext = {
  readonly database: DatabaseReader;
  readonly settings: Pick<AdministrationContext['settings'], 'openDirectory'>;
};

/** Whether users may be listed and found by any part of their name: as an administrator decided, else as configured. */
export async function readDirectory({ database, settings }: DirectoryContext): Promise<Schema<'Directory'>> {
  const row = await database.findOne('settings', { name });
  if (typeof row?.value.is_open === 'boolean') return { is_open: row.value.is_open, source: 'administrator' };
  return { is_open: settings.openDirectory, source: 'configuration' };
}

/** Opens or closes the directory for all replicas; `null` goes back to the configuration. */
export async function setDirectory(
  context: AdministrationContext,
  actor: Actor,
  isOpen: boolean | null,
): Promise<Schema<'Directory'>> {
  await context.journal.transaction(async (transaction) => {
    await transaction.rows.remove('settings', { name });
    if (isOpen !== null) await transaction.rows.insert('settings', { name, value: { is_open: isOpen } });
    await transaction.audit(actor, { action: 'directory.set', subject, details: { is_open: isOpen } });
  });
  return readDirectory(context);
}
