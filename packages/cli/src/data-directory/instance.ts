import { createHash } from 'node:crypto';
import { hostname } from 'node:os';

/** The same at every start on this data directory of this machine, of which the lock lets only one process be the server. */
export function instanceName(dataDirectory: string): string {
  return createHash('sha256').update(`${hostname()}\n${dataDirectory}`).digest('hex').slice(0, 32);
}
