import { type ArchiveFormat, archiveOf } from '../files/archive.js';
import { downloadHeaders } from '../files/download-headers.js';
import { openFiles } from '../files/open-files.js';
import { nameOf } from '../files/view-file.js';
import { ApiError, withPathErrors } from '../http/api-error.js';
import type { Handlers } from '../http/handler.js';
import type { ServerContext } from '../server-context.js';

const contentTypes: Readonly<Record<ArchiveFormat, string>> = { zip: 'application/zip', 'tar.gz': 'application/gzip' };

/** Directories as archives. */
export function archiveHandlers(context: ServerContext): Pick<Handlers, 'readArchive'> {
  return {
    async readArchive({ caller, path, query, request, response, log, signal }) {
      const open = await openFiles(context, caller, path.workspace_id);
      const directory = query.path ?? '';
      const format = query.format ?? 'zip';
      const entry = await withPathErrors(open.storage.stat(open.directory, directory, signal));
      if (entry.kind !== 'directory') {
        throw new ApiError('invalid_path', `${directory} is not a directory.`, {
          field: 'path',
          details: { kind: entry.kind },
        });
      }
      const name = (directory === '' ? open.row.name : nameOf(directory)).replaceAll('/', '_');
      const headers = downloadHeaders(`${name}.${format}`, contentTypes[format]);
      if (request.method === 'HEAD') return { status: 200, headers };
      context.admission.hold('open_archives', caller, response);
      return { status: 200, headers, body: archiveOf(open, directory, format, log, signal) };
    },
  };
}
