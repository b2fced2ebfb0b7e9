import { AdapterError } from '@user-workspaces/contract';
import type { ServerDatabaseOptions } from '../options.js';

/**
 * Knows the connections of a pool that were opened before the server was last found to take no writes. Each keeps what it was told when it was opened, so that all of
 * them are to be replaced.
 */
export class PoolAge {
  readonly #opened = new WeakMap<object, number>();
  #age = 0;

  opened(connection: object): void {
    this.#opened.set(connection, this.#age);
  }

  /** All that are open are to be replaced. */
  renew(): void {
    this.#age += 1;
  }

  isOutdated(connection: object): boolean {
    return this.#opened.get(connection) !== this.#age;
  }
}

/** Host and database of a connection, for messages: no user, no password. */
export function placeOf({ connection }: ServerDatabaseOptions): string {
  if (typeof connection === 'string') {
    try {
      const address = new URL(connection);
      return `${address.host}${address.pathname}`;
    } catch {
      return 'the configured address';
    }
  }
  const host = connection.socketPath ?? connection.host ?? 'localhost';
  return `${String(host)}/${String(connection.database ?? '')}`;
}

/** Names the missing package where the optional driver is not installed. */
export function withDriver<R>(name: 'pg' | 'mysql2', open: () => R): R {
  try {
    return open();
  } catch (cause) {
    if (!(cause instanceof Error && cause.message.includes(`npm install ${name}`))) throw cause;
    const message = `The database client "${name}" needs the package of that name; install it: npm install ${name}`;
    throw new AdapterError('misconfigured', message, { field: 'client', cause });
  }
}
