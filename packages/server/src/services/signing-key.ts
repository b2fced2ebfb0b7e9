import type { Database } from '@user-workspaces/contract';
import type { Clock } from '../clock.js';
import { madeOnce } from './made-once.js';

/** The key that signs tickets and session cookies: made once, the same for all replicas. */
export async function signingKey(database: Database, clock: Clock): Promise<Uint8Array> {
  const make = () => Buffer.from(clock.random(32)).toString('base64url');
  return Buffer.from(await madeOnce(database, 'signing-key', 'key', make), 'base64url');
}
