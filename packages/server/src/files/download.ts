import type { IncomingMessage } from 'node:http';
import { AdapterError, type Entry, type OpenFile } from '@user-workspaces/contract';
import { ApiError } from '../http/api-error.js';
import type { RawAnswer } from '../http/handler.js';
import type { OpenWorkspace } from '../services/workspace-access.js';
import { parseRange, type WantedRange } from './byte-ranges.js';
import { downloadHeaders } from './download-headers.js';
import { matchesStrongly, matchesWeakly, parseTags, quoted } from './entity-tags.js';
import { nameOf } from './view-file.js';

/** A file that changes at every look is given up after so many. */
const attempts = 5;

/**
 * Answers a download: conditions first, then the range, then the bytes as they are read. What is sent is of one version of
 * the file: the one whose entity tag the answer carries.
 *
 * @throws ApiError `precondition_failed`, `range_not_satisfiable`, `invalid_path`, `conflict`; AdapterError of the storage.
 */
export async function downloadFile(
  open: OpenWorkspace,
  path: string,
  request: IncomingMessage,
  signal: AbortSignal,
): Promise<RawAnswer> {
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const entry = await open.storage.stat(open.directory, path, signal);
    const plan = planAnswer(entry, path, request);
    if (!plan.wanted) return plan.answer;
    const file = await openRange(open, path, plan.wanted, signal);
    if (file?.entry.etag === entry.etag) return { ...plan.answer, body: file.content };
    await closeContent(file);
  }
  throw new ApiError('conflict', `${path} is being changed too often to be read. Try again.`, { field: 'path' });
}

/** An answer without its body, and the part of the file that is the body. */
interface Plan {
  readonly answer: RawAnswer;
  readonly wanted?: Exclude<WantedRange, 'unsatisfiable'>;
}

function planAnswer(entry: Entry, path: string, request: IncomingMessage): Plan {
  if (entry.kind !== 'file') {
    const reason = entry.kind === 'symlink' ? 'a link, and links are never followed' : 'not a file';
    throw new ApiError('invalid_path', `${path} is ${reason}.`, { field: 'path', details: { kind: entry.kind } });
  }
  const { headers } = request;
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined && !matchesStrongly(parseTags(ifMatch, 'If-Match'), entry.etag)) {
    throw new ApiError('precondition_failed', `${path} is not the version that was asked for.`, {
      field: 'path',
      details: { etag: entry.etag },
    });
  }
  const common = {
    ...downloadHeaders(nameOf(path), 'application/octet-stream'),
    ETag: quoted(entry.etag),
    'Last-Modified': new Date(entry.modifiedAtMs).toUTCString(),
    'Accept-Ranges': 'bytes',
  };
  const ifNoneMatch = headers['if-none-match'];
  if (ifNoneMatch !== undefined && matchesWeakly(parseTags(ifNoneMatch, 'If-None-Match'), entry.etag)) {
    const { ETag, 'Last-Modified': lastModified, 'Cache-Control': cacheControl } = common;
    return { answer: { status: 304, headers: { ETag, 'Last-Modified': lastModified, 'Cache-Control': cacheControl } } };
  }
  // Only GET has ranges; a part that was meant for another version is answered with all of this one.
  const isHead = request.method === 'HEAD';
  const isSameVersion = holdsIfRange(headers['if-range'], entry, common['Last-Modified']);
  const range = !isHead && isSameVersion ? parseRange(headers.range, entry.sizeBytes) : 'whole';
  if (range === 'unsatisfiable') {
    throw new ApiError('range_not_satisfiable', `${path} has ${entry.sizeBytes} bytes; the range lies outside.`, {
      field: 'Range',
      details: { size_bytes: entry.sizeBytes },
      headers: { 'Content-Range': `bytes */${entry.sizeBytes}` },
    });
  }
  const answer: RawAnswer =
    range === 'whole'
      ? { status: 200, headers: { ...common, 'Content-Length': String(entry.sizeBytes) } }
      : {
          status: 206,
          headers: {
            ...common,
            'Content-Length': String(range.end - range.start + 1),
            'Content-Range': `bytes ${range.start}-${range.end}/${entry.sizeBytes}`,
          },
        };
  return isHead ? { answer } : { answer, wanted: range };
}

function holdsIfRange(header: string | string[] | undefined, entry: Entry, lastModified: string): boolean {
  if (typeof header !== 'string') return true;
  return header.includes('"') ? header.trim() === quoted(entry.etag) : header.trim() === lastModified;
}

/** Opens a part of a file; `undefined` when the file became shorter than the part. */
async function openRange(
  { storage, directory }: OpenWorkspace,
  path: string,
  wanted: Exclude<WantedRange, 'unsatisfiable'>,
  signal: AbortSignal,
): Promise<OpenFile | undefined> {
  if (wanted === 'whole') return storage.read(directory, path, undefined, signal);
  try {
    return await storage.read(directory, path, wanted, signal);
  } catch (error) {
    if (AdapterError.is(error, 'invalid') && error.field === 'range') return undefined;
    throw error;
  }
}

/** Closes a file that is not going to be read. */
async function closeContent(file: OpenFile | undefined): Promise<void> {
  await file?.content[Symbol.asyncIterator]().return?.();
}
