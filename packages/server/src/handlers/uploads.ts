import type { DatabaseTransaction, Entry, UploadRow, UserRow } from '@user-workspaces/contract';
import type { Answer, Schema } from '@user-workspaces/schema';
import { appendChunk } from '../files/append-chunk.js';
import { isQuotaExceeded, withinDiskQuota } from '../files/disk-allowance.js';
import { matchesStrongly, parseTags } from '../files/entity-tags.js';
import { findEntry } from '../files/find-entry.js';
import { filesOfRequest } from '../files/multipart.js';
import { type FilesChanged, noteModified, openFiles } from '../files/open-files.js';
import { whileReceiving } from '../files/request-body.js';
import { viewFile } from '../files/view-file.js';
import { preconditionFailed } from '../files/write-conditions.js';
import { ApiError, withPathErrors } from '../http/api-error.js';
import type { Caller, Handlers } from '../http/handler.js';
import { tooLarge, tooMany } from '../limits/limits.js';
import { actorOf } from '../records/audit.js';
import type { ServerContext } from '../server-context.js';
import { changeFiles } from '../services/pending-changes.js';
import { checkQuotas, lockUser, sumOfDeclared, unfinishedUploads } from '../services/quotas.js';
import type { OpenWorkspace } from '../services/workspace-access.js';

type UploadOperations = 'createUpload' | 'getUpload' | 'appendUpload' | 'abandonUpload' | 'uploadFiles';

function viewUpload(row: UploadRow, offset: number): Schema<'Upload'> {
  return { id: row.upload_id, path: row.path, size_bytes: row.size_bytes, offset };
}

/** Files in chunks that can be resumed, and files of a form. */
export function uploadHandlers(
  context: ServerContext,
  changed: FilesChanged = () => undefined,
): Pick<Handlers, UploadOperations> {
  const find = async (caller: Caller, workspaceId: number, uploadId: string): Promise<UploadRow> => {
    const where = { upload_id: uploadId, workspace_id: workspaceId, user_id: caller.user.id };
    const row = await context.database.findOne('uploads', where);
    if (!row) throw new ApiError('not_found', `Upload ${uploadId} not found: it was given up, or never began.`);
    return row;
  };
  const remove = (row: UploadRow): Promise<number> =>
    context.database.transaction((rows) => rows.remove('uploads', { id: row.id }));

  /** The answer to the last chunk again; without the file if it was removed since. */
  const finished = async (open: OpenWorkspace, row: UploadRow, signal: AbortSignal): Promise<Answer<'getUpload'>> => {
    const entry = await findEntry(open, row.path, signal);
    const upload = { ...viewUpload(row, row.size_bytes), ...(entry && { file: viewFile(entry) }) };
    return { message: 'Upload complete.', success: true, data: { upload } };
  };

  return {
    async createUpload({ caller, path, body, signal }) {
      const open = await openFiles(context, caller, path.workspace_id);
      const { path: filePath, size_bytes, if_match } = await body();
      if (size_bytes > context.limits.file_bytes) {
        throw tooLarge(context.limits, 'file_bytes', 'The file', size_bytes, 'size_bytes');
      }
      const present = await withPathErrors(findEntry(open, filePath, signal));
      if (present?.kind === 'directory') {
        throw new ApiError('conflict', `${filePath} is a directory. Choose another name.`, { field: 'path' });
      }
      // Either as JSON answers show it or as the header ETag does.
      const expected = typeof if_match === 'string' ? parseTags(if_match, 'if_match') : undefined;
      const isExpected = expected && present && matchesStrongly(expected, present.etag);
      const isWanted = if_match === undefined || (if_match === null ? !present : isExpected);
      if (!isWanted) throw preconditionFailed(filePath, present);
      const row = await context.database.transaction(async (rows) => {
        const user = await lockUser(rows, caller.user.id);
        await checkOpenUploads(context, rows, user);
        const wanted = if_match === null ? onlyCreate : expected && present ? present.etag : null;
        const bound = await promiseBytes(context, rows, user, size_bytes, wanted, present);
        return rows.insert('uploads', {
          upload_id: Buffer.from(context.clock.random(16)).toString('hex'),
          user_id: caller.user.id,
          workspace_id: path.workspace_id,
          path: filePath,
          size_bytes,
          if_match: bound,
          finished_etag: null,
          created_at_ms: context.clock.now(),
        });
      });
      return { message: 'Upload begun.', success: true, data: { upload: viewUpload(row, 0) } };
    },
    async getUpload({ caller, path, signal }) {
      const open = await openFiles(context, caller, path.workspace_id);
      const row = await find(caller, path.workspace_id, path.upload_id);
      if (row.finished_etag !== null) return finished(open, row, signal);
      const offset = await open.storage.uploadedBytes(open.directory, row.upload_id, signal);
      return { message: 'Successful.', success: true, data: { upload: viewUpload(row, offset) } };
    },
    async appendUpload({ caller, path, query, request, signal }) {
      const open = await openFiles(context, caller, path.workspace_id);
      const row = await find(caller, path.workspace_id, path.upload_id);
      if (row.finished_etag !== null && query.offset === row.size_bytes) return finished(open, row, signal);
      const { offset, entry } = await withinDiskQuota(context, caller.user, signal, async (allowance) => {
        await withPathErrors(allowance.appendTo(open, row));
        const appending = appendChunk(context, open, row, query.offset, request, conditionsOf(row), signal);
        const appended = await whileReceiving(signal, withPathErrors(appending));
        if (!appended.entry) return appended;
        allowance.take(row.size_bytes);
        const change = { action: 'file.write', paths: [row.path] } as const;
        await noteModified(context, caller, path.workspace_id, change, changed, allowance.addedBytes);
        return appended;
      });
      if (!entry) return { message: 'Stored.', success: true, data: { upload: viewUpload(row, offset) } };
      // Last: until then what it has declared is kept for it.
      await context.database.transaction((rows) =>
        rows.update('uploads', { id: row.id }, { finished_etag: entry.etag }),
      );
      return {
        message: 'Upload complete.',
        success: true,
        data: { upload: { ...viewUpload(row, offset), file: viewFile(entry) } },
      };
    },
    async abandonUpload({ caller, path, signal }) {
      const { storage, directory } = await openFiles(context, caller, path.workspace_id);
      const row = await find(caller, path.workspace_id, path.upload_id);
      await storage.abandonUpload(directory, row.upload_id, signal);
      await remove(row);
      return { message: 'Upload given up.', success: true };
    },
    async uploadFiles({ caller, path, request, signal }) {
      const open = await openFiles(context, caller, path.workspace_id);
      const row = await withinDiskQuota(context, caller.user, signal, (allowance) => {
        const files = allowance.countFiles(filesOfRequest(request, context.limits));
        const changing = changeFiles(context, actorOf(caller), open, { files, links: [] }, {}, allowance, signal);
        return whileReceiving(signal, withPathErrors(changing));
      });
      changed(row);
      return { message: 'Successful upload.', success: true };
    },
  };
}

/** So long that programs do not wait by themselves: what is unfinished is seldom finished soon. */
const uploadsRetrySeconds = 120;

/**
 * Whether one more may begin.
 *
 * @param user Locked by {@link lockUser}.
 * @throws ApiError `rate_limited`
 */
async function checkOpenUploads(context: ServerContext, rows: DatabaseTransaction, user: UserRow): Promise<void> {
  const { limits } = context;
  const unfinished = await rows.count('uploads', { user_id: user.id, finished_etag: null });
  if (unfinished >= limits.open_uploads) {
    const message = 'You have too many unfinished uploads. Finish some, or give them up.';
    throw tooMany(limits, 'open_uploads', message, uploadsRetrySeconds);
  }
}

/**
 * Promises the bytes that an upload declares, which are kept for it from then on, in full: the present file may be renamed before it is replaced. Where there is no room for them
 * beside it, it must replace that very file, whose bytes are taken off once, from all that is promised: so only one upload of a user has them, whatever becomes of the file meanwhile.
 *
 * @param user Locked by {@link lockUser}.
 * @param wanted The condition that its caller asks for, as `if_match` keeps it.
 * @returns What `if_match` is to keep.
 * @throws ApiError `quota_exceeded`
 */
async function promiseBytes(
  context: ServerContext,
  rows: DatabaseTransaction,
  user: UserRow,
  sizeBytes: number,
  wanted: string | null,
  present: Entry | undefined,
): Promise<string | null> {
  if (sizeBytes === 0) return wanted;
  try {
    await checkQuotas(context, rows, user, { disk_space: sizeBytes });
    return wanted;
  } catch (error) {
    if (!isQuotaExceeded(error) || present?.kind !== 'file' || wanted === onlyCreate) throw error;
    const unfinished = await unfinishedUploads(rows, user);
    // Who has more than the quota may replace all the same, if that adds nothing.
    const isNoMore = sizeBytes + sumOfDeclared(unfinished) <= present.sizeBytes;
    if (!isNoMore) await checkQuotas(context, rows, user, { disk_space: sizeBytes - present.sizeBytes });
    return present.etag;
  }
}

/** Kept in `if_match` where a file may only be made: no etag, as etags have no blank. */
const onlyCreate = 'only create';

function conditionsOf({ if_match }: UploadRow): { ifMatch?: string | null } {
  if (if_match === null) return {};
  return { ifMatch: if_match === onlyCreate ? null : if_match };
}
