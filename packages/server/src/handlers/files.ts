import { withinDiskQuota } from '../files/disk-allowance.js';
import { downloadFile } from '../files/download.js';
import { findEntry } from '../files/find-entry.js';
import { listDirectory } from '../files/listing.js';
import { answerOfListing } from '../files/listing-answer.js';
import { type FilesChanged, noteModified, openFiles } from '../files/open-files.js';
import { type BodyBounds, bodyOf, whileReceiving } from '../files/request-body.js';
import { viewFile } from '../files/view-file.js';
import { conditionally, ofPresentFile, writeConditions } from '../files/write-conditions.js';
import { AnswerTurns } from '../http/answer-turns.js';
import { withPathErrors } from '../http/api-error.js';
import type { Handlers } from '../http/handler.js';
import type { ServerContext } from '../server-context.js';

type FileOperations = 'listFiles' | 'deleteFile' | 'readFile' | 'writeFile' | 'makeDirectory' | 'renameFile';

/** What is in a workspace, with or without a running job. */
export function fileHandlers(
  context: ServerContext,
  changed: FilesChanged = () => undefined,
): Pick<Handlers, FileOperations> {
  const bounds: BodyBounds = { limits: context.limits, bytes: ['file_bytes', 'The file'] };
  const turns = new AnswerTurns();
  return {
    async listFiles({ caller, path, query, response, signal }) {
      const open = await openFiles(context, caller, path.workspace_id);
      const beforeMany = async (): Promise<void> => {
        await turns.enter(caller.user.id, response, signal);
      };
      return withPathErrors(answerOfListing(listDirectory(open, query.path ?? '', { ...query, beforeMany }, signal)));
    },
    async deleteFile({ caller, path, query, signal }) {
      const open = await openFiles(context, caller, path.workspace_id);
      const change = { action: 'file.delete', path: query.path } as const;
      try {
        await withPathErrors(open.storage.remove(open.directory, query.path, signal));
      } catch (error) {
        // A directory is gone at once, and only its contents take time: whoever leaves meanwhile has removed it all the same.
        if (error === signal.reason && !(await findEntry(open, query.path))) {
          await noteModified(context, caller, path.workspace_id, change, changed);
        }
        throw error;
      }
      await noteModified(context, caller, path.workspace_id, change, changed);
      return { message: 'Deleted.', success: true };
    },
    async readFile({ caller, path, query, request, signal }) {
      const open = await openFiles(context, caller, path.workspace_id);
      return withPathErrors(downloadFile(open, query.path, request, signal));
    },
    async writeFile({ caller, path, query, request, signal }) {
      const open = await openFiles(context, caller, path.workspace_id);
      const conditions = await withPathErrors(writeConditions(request, open, query.path, signal));
      const entry = await withinDiskQuota(context, caller.user, signal, async (allowance) => {
        const announced = request.headers['content-length'];
        const sizeBytes = announced === undefined ? undefined : Number(announced);
        const bound = await withPathErrors(allowance.replace(open, query.path, sizeBytes, conditions));
        const body = allowance.count(bodyOf(request, bounds));
        const writing = open.storage.write(open.directory, query.path, body, bound, signal);
        const written =
          bound === conditions
            ? conditionally(open, query.path, conditions, writing)
            : ofPresentFile(open, query.path, writing);
        const made = await whileReceiving(signal, withPathErrors(written));
        const change = { action: 'file.write', paths: [query.path] } as const;
        await noteModified(context, caller, path.workspace_id, change, changed, allowance.addedBytes);
        return made;
      });
      return { message: 'Written.', success: true, data: { file: viewFile(entry) } };
    },
    async makeDirectory({ caller, path, query, signal }) {
      const { storage, directory } = await openFiles(context, caller, path.workspace_id);
      const entry = await withPathErrors(storage.makeDirectory(directory, query.path, signal));
      const change = { action: 'file.write', paths: [query.path] } as const;
      await noteModified(context, caller, path.workspace_id, change, changed);
      return { message: 'The directory is there.', success: true, data: { file: viewFile(entry) } };
    },
    async renameFile({ caller, path, body, signal }) {
      const { storage, directory } = await openFiles(context, caller, path.workspace_id);
      const { from, to } = await body();
      const entry = await withPathErrors(storage.rename(directory, from, to, signal));
      const change = { action: 'file.rename', from, to } as const;
      await noteModified(context, caller, path.workspace_id, change, changed);
      return { message: 'Renamed.', success: true, data: { file: viewFile(entry) } };
    },
  };
}
