import type { Database, Storage } from '@user-workspaces/contract';
import type { Logger } from 'pino';

/** A number that is further ahead was hardly given by this server: somebody made a directory of that name. */
const furthestAhead = 100_000;

/**
 * Passes over the numbers of workspaces that a storage has and the database does not know, as after a backup was restored: otherwise a new workspace would have the
 * files of the one that had its number, and jobs of that one would write into it.
 */
export async function passOverUsedNumbers(
  database: Database,
  storages: readonly Storage[],
  log: Logger,
  signal?: AbortSignal,
): Promise<void> {
  const numbers = storages.map(async (storage) => {
    try {
      return (await storage.highestId?.(signal)) ?? 0;
    } catch (error) {
      signal?.throwIfAborted();
      // A start without this storage is better than none: a new workspace whose place is taken is refused.
      log.error({ err: error, storage: storage.name }, 'which numbers of workspaces a storage has could not be read');
      return 0;
    }
  });
  const used = Math.max(0, ...(await Promise.all(numbers)));
  const [newest] = await database.find('workspaces', { orderBy: [['id', 'desc']], limit: 1 });
  const known = newest?.id ?? 0;
  if (used <= known) return;
  if (used - known > furthestAhead) {
    log.error(
      { used, known },
      'a directory of the storage is named as a workspace whose number is far above all that the database knows: it was not taken for one, look at it',
    );
    return;
  }
  // Of workspaces that were deleted, directories may stay: their numbers are not given again anyhow.
  if (!(await database.transaction((transaction) => transaction.passOverIds('workspaces', used), signal))) return;
  log.warn(
    { used, known },
    'the storage has directories of workspaces that the database does not know, as after a backup of it was restored: they are left as they are, and new workspaces get higher numbers',
  );
}
