import type { Database, NewRow, Storage } from '@user-workspaces/contract';
import type { Logger } from 'pino';

/** A number that is further ahead was hardly given by this server: somebody made a directory of that name. */
const furthestAhead = 100_000;

/** So many numbers are passed over in one transaction. */
const atOnce = 500;

/** Never to be seen: removed in the transaction that makes it. */
const placeholder: NewRow<'workspaces'> = {
  user_id: 0,
  name: '',
  description: '',
  disk_space_bytes: 0,
  created_at_ms: 0,
  last_modified_at_ms: null,
  last_job_launch_at_ms: null,
  request_details: {},
  current_details: {},
  status: 'deleting',
  status_reason: null,
  default_job_type: null,
  storage: '',
  location: '',
  account: {},
  pending_changes: null,
  is_listed: false,
  version: 0,
  lease_owner: null,
  lease_until_ms: 0,
  lease_fence: 0,
  due_at_ms: null,
  attempts: 0,
};

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
  const passOver = (): Promise<number> =>
    database.transaction(async (rows) => {
      let last = 0;
      for (let count = 0; count < atOnce && last < used; count += 1) {
        ({ id: last } = await rows.insert('workspaces', placeholder));
      }
      await rows.remove('workspaces', { user_id: placeholder.user_id });
      return last;
    });
  let last = await passOver();
  // Of workspaces that were deleted, directories may stay: their numbers are not given again anyhow.
  if (last <= used) {
    const message =
      'the storage has directories of workspaces that the database does not know, as after a backup of it was restored: they are left as they are, and new workspaces get higher numbers';
    log.warn({ used, known }, message);
  }
  while (last < used) last = await passOver();
}
