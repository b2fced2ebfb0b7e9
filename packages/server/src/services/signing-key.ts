import { AdapterError, type Database } from '@user-workspaces/contract';
import type { Clock } from '../clock.js';

const name = 'signing-key';

/** The key that signs tickets and session cookies: made once, the same for all replicas. */
export async function signingKey(database: Database, clock: Clock): Promise<Uint8Array> {
  const read = async (): Promise<Uint8Array | undefined> => {
    const row = await database.findOne('settings', { name });
    return typeof row?.value.key === 'string' ? Buffer.from(row.value.key, 'base64url') : undefined;
  };
  const present = await read();
  if (present) return present;
  const key = Buffer.from(clock.random(32));
  try {
    await database.transaction((rows) => rows.insert('settings', { name, value: { key: key.toString('base64url') } }));
    return key;
  } catch (error) {
    // Another process was faster: its key counts.
    if (!AdapterError.is(error, 'conflict')) throw error;
    const other = await read();
    if (!other) throw error;
    return other;
  }
}
