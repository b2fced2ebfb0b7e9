import type { IncomingMessage } from 'node:http';
import { AdapterError, type Entry, type UploadRow, type WriteConditions } from '@user-workspaces/contract';
import { ApiError } from '../http/api-error.js';
import type { ServerContext } from '../server-context.js';
import type { OpenWorkspace } from '../services/workspace-access.js';
import { bodyOf } from './request-body.js';
import { conditionally } from './write-conditions.js';

/** How far an upload has come, and the file once it is complete. */
export interface Appended {
  readonly offset: number;
  readonly entry?: Entry;
}

/**
 * Stores a chunk of an upload, and puts the file in place with the chunk that completes it. An empty chunk at the end of an
 * upload whose last answer was lost completes it, too.
 *
 * @throws ApiError `conflict` with the present `offset` in its details, `invalid_field` for a chunk beyond the size,
 *   `too_large` for one beyond the limit, whose first part stays, `precondition_failed`
 */
export async function appendChunk(
  context: ServerContext,
  open: OpenWorkspace,
  row: UploadRow,
  offset: number,
  request: IncomingMessage,
  conditions: WriteConditions,
  signal: AbortSignal,
): Promise<Appended> {
  const { limits } = context;
  const { storage, directory } = open;
  const storedBytes = await storage.uploadedBytes(directory, row.upload_id, signal);
  if (offset !== storedBytes) throw wrongOffset(row, offset, storedBytes);
  const room = row.size_bytes - offset;
  if (Number(request.headers['content-length'] ?? 0) > room) throw tooLong(row);
  const chunk = atMost(bodyOf(request, { limits, bytes: ['chunk_bytes', 'The chunk'] }), room, row);
  if (room === 0) {
    for await (const _ of chunk) throw tooLong(row);
  } else {
    const length = await storage
      .appendUpload(directory, row.upload_id, offset, chunk, signal)
      .catch(async (error) => {
        if (!AdapterError.is(error, 'conflict')) throw error;
        throw wrongOffset(row, offset, await storage.uploadedBytes(directory, row.upload_id), error);
      })
      .finally(() => removeIfGivenUp(context, open, row));
    if (length < row.size_bytes) return { offset: length };
  }
  // Complete: from here on the caller's going away stops nothing.
  const finishing =
    row.size_bytes === 0
      ? storage.write(directory, row.path, nothing(), conditions)
      : storage.finishUpload(directory, row.upload_id, row.path, conditions);
  return { offset: row.size_bytes, entry: await conditionally(open, row.path, conditions, finishing) };
}

/** An upload that was given up while its chunk arrived has lost its row, by which alone its bytes would be found again. */
async function removeIfGivenUp(
  { database }: ServerContext,
  { storage, directory }: OpenWorkspace,
  { id, upload_id }: UploadRow,
): Promise<void> {
  if (await database.findOne('uploads', { id })) return;
  await storage.abandonUpload(directory, upload_id);
  throw new ApiError('not_found', `Upload ${upload_id} not found: it was given up while a chunk of it arrived.`);
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function* atMost(body: AsyncIterable<Uint8Array>, room: number, row: UploadRow): AsyncGenerator<Uint8Array> {
  let sizeBytes = 0;
  for await (const piece of body) {
    sizeBytes += piece.length;
    if (sizeBytes > room) throw tooLong(row);
    yield piece;
  }
}

function tooLong(row: UploadRow): ApiError {
  return new ApiError('invalid_field', `The chunk goes beyond the upload's size of ${row.size_bytes} bytes.`, {
    field: 'offset',
    details: { size_bytes: row.size_bytes },
  });
}

function wrongOffset(row: UploadRow, offset: number, present: number, cause?: unknown): ApiError {
  const reason =
    offset === present
      ? 'another request is sending a chunk of it right now'
      : `it has ${present} bytes, so it cannot go on at ${offset}`;
  return new ApiError('conflict', `Upload ${row.upload_id}: ${reason}. Ask for the upload and go on from its offset.`, {
    field: 'offset',
    details: { offset: present },
    cause,
  });
}
