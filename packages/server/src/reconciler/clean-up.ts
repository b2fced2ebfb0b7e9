import type { UploadRow } from '@user-workspaces/contract';
import type { ServerContext } from '../server-context.js';
import { idempotencyLifetimeMs } from '../services/idempotency.js';
import { storageOf } from '../services/workspace-access.js';

const day = 24 * 60 * 60 * 1000;

/** How long events can be resumed. */
export const eventLifetimeMs = 7 * day;

/** How long an upload in chunks may rest before it is given up. */
const uploadLifetimeMs = 7 * day;

/** Removes what has outlived its use: old events and entries of the audit log, tokens, idempotency keys, abandoned uploads. */
export async function cleanUp(context: ServerContext, signal: AbortSignal): Promise<void> {
  const { database, clock, log } = context;
  const nowMs = clock.now();
  await database.transaction(async (rows) => {
    await rows.remove('events', { created_at_ms: { lt: nowMs - eventLifetimeMs } });
    await rows.remove('tokens', { expires_at_ms: { lt: nowMs } });
    await rows.remove('audit_entries', { created_at_ms: { lt: nowMs - context.settings.auditRetentionMs } });
    await rows.remove('idempotency_keys', { created_at_ms: { lt: nowMs - idempotencyLifetimeMs } });
  });
  const uploads = await database.find('uploads', {
    where: { created_at_ms: { lt: nowMs - uploadLifetimeMs } },
    // Such as cannot be removed are the oldest in time, and must not be all that is ever read.
    orderBy: [['id', 'desc']],
    limit: 100,
  });
  for (const upload of uploads) {
    try {
      await abandon(context, upload, signal);
    } catch (error) {
      signal.throwIfAborted();
      // One that cannot be removed keeps its row, and holds up no other.
      log.warn({ err: error, uploadId: upload.upload_id }, 'an old upload could not be removed, will be tried again');
    }
  }
}

async function abandon(context: ServerContext, upload: UploadRow, signal: AbortSignal): Promise<void> {
  const { database } = context;
  const workspace = await database.findOne('workspaces', { id: upload.workspace_id });
  if (workspace) {
    const { storage, directory } = storageOf(context, workspace);
    await storage.abandonUpload(directory, upload.upload_id, signal);
  }
  await database.transaction((rows) => rows.remove('uploads', { id: upload.id }));
}
