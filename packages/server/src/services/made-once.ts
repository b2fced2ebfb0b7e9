import { AdapterError, type Database } from '@user-workspaces/contract';

/**
 * A text that is made once for all servers on one database, and kept in its `settings`. Of several that make one at the same time the first counts.
 *
 * @param name Of the setting, in whose value it is the field `field`.
 */
export async function madeOnce(database: Database, name: string, field: string, make: () => string): Promise<string> {
  const read = async (): Promise<string | undefined> => {
    const value = (await database.findOne('settings', { name }))?.value[field];
    return typeof value === 'string' ? value : undefined;
  };
  const present = await read();
  if (present !== undefined) return present;
  const made = make();
  try {
    await database.transaction((rows) => rows.insert('settings', { name, value: { [field]: made } }));
    return made;
  } catch (error) {
    // Another process was faster: what it made counts.
    if (!AdapterError.is(error, 'conflict')) throw error;
    const other = await read();
    if (other === undefined) throw error;
    return other;
  }
}
