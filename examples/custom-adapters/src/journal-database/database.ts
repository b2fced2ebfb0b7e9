import { AdapterError, type Database, type DatabaseTransaction } from '@user-workspaces/contract';
import { Journal } from './journal.js';
import type { Tables } from './tables.js';
import { JournalTransaction } from './transaction.js';

/** Where {@link openJournalDatabase} keeps its rows. */
export interface JournalDatabaseOptions {
  /** Absolute path; made if it is missing. Beside it are `<file>.lock` and, for a moment, `<file>.new`. */
  readonly file: string;
}

/**
 * Opens a database that keeps all rows in memory and every transaction as a line of a file: without any program or package of its own, for a server
 * with a few users. It shows what a database is made of: transactions that happen one after the other and are on disk before they are answered, reads that see
 * nothing unfinished, and unique keys. Each question looks at all rows of a table.
 *
 * @throws AdapterError `misconfigured` when another process has the file open, or it cannot be read.
 */
export async function openJournalDatabase({ file }: JournalDatabaseOptions): Promise<Database> {
  const { journal, tables } = await Journal.open(file);
  const turns = new Turns();
  let isClosed = false;

  const opened = (): Tables => {
    if (!isClosed && !journal.isBroken) return tables;
    throw new AdapterError('unavailable', `The database ${isClosed ? 'is closed' : 'has failed'}; restart the server.`);
  };

  return {
    capabilities: { replicas: false },
    async migrate(signal) {
      signal?.throwIfAborted();
      opened(); // The tables are those of the contract: opening has added what an older version lacks.
    },
    find: async (table, query) => opened().find(table, query),
    findOne: async (table, where) => opened().findOne(table, where),
    count: async (table, where) => opened().count(table, where),
    async transaction<R>(work: (transaction: DatabaseTransaction) => Promise<R>, signal?: AbortSignal): Promise<R> {
      const done = await turns.next(signal);
      const transaction = new JournalTransaction(tables);
      try {
        opened();
        const result = await work(transaction);
        signal?.throwIfAborted();
        const changes = transaction.end();
        if (changes) {
          opened();
          await journal.append(changes);
          tables.apply(changes);
        }
        return result;
      } finally {
        transaction.end();
        done();
      }
    },
    async check(signal) {
      signal?.throwIfAborted();
      const isFine = !isClosed && !journal.isBroken;
      return { connected: isFine, message: isFine ? 'The journal can be written.' : 'The journal is closed.' };
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      await journal.close();
    },
  };
}

/** Lets one caller in at a time, in the order of their calls. */
class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Waits for a turn. @returns what ends it. @throws the signal's reason, also while it waits. */
  async next(signal: AbortSignal | undefined): Promise<() => void> {
    signal?.throwIfAborted();
    const before = this.#last;
    let done = (): void => undefined;
    const mine = new Promise<void>((resolve) => {
      done = resolve;
    });
    this.#last = before.then(() => mine);
    let stopListening = (): void => undefined;
    const aborted = new Promise<never>((_, reject) => {
      const onAbort = (): void => reject(signal?.reason);
      signal?.addEventListener('abort', onAbort);
      stopListening = () => signal?.removeEventListener('abort', onAbort);
    });
    try {
      await Promise.race([before, aborted]);
      return done;
    } catch (error) {
      done();
      throw error;
    } finally {
      stopListening();
    }
  }
}
