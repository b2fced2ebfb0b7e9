import { InvalidRequestError, ServerError } from '../errors.js';
import type { File, Upload } from '../shapes.js';
import { sizedBody } from '../transport/body.js';
import { toFailure } from '../transport/failure.js';
import { pauseMs } from '../transport/repetition.js';
import type { RequestOptions, Transport } from '../transport/transport.js';
import { sleep } from './reading.js';

/** Something with a size of which any part can be had again; a `Blob` needs no such wrapping. */
export interface UploadSource {
  readonly sizeBytes: number;
  /** The bytes from `start` up to, not including, `end`. */
  slice(start: number, end: number): Blob | Uint8Array | Promise<Blob | Uint8Array>;
}

/** How far an upload has come; only what the server has stored counts. */
export interface UploadProgress {
  /** Keep it to go on after a reload. */
  readonly uploadId: string;
  readonly transferredBytes: number;
  readonly sizeBytes: number;
}

export interface UploadOptions extends RequestOptions {
  /** Go on with this upload of the same source. @default a new upload */
  readonly uploadId?: string | undefined;
  /** Replace only this version (an `etag`); null: only create. @default replace whatever is there */
  readonly ifMatch?: string | null | undefined;
  /** Bytes in one request; held in memory. @default 8_388_608 */
  readonly chunkSizeBytes?: number | undefined;
  readonly onProgress?: ((progress: UploadProgress) => void) | undefined;
}

/** Chunks in a row that may fail without a single byte of progress. */
const fruitlessAttempts = 5;
const defaultChunkSizeBytes = 8 * 1024 * 1024;

/** Sends a source chunk by chunk; after a failure it asks the server where to go on. */
export async function uploadInChunks(
  transport: Transport,
  workspaceId: number,
  path: string,
  given: Blob | UploadSource,
  options: UploadOptions = {},
): Promise<File> {
  const source = given instanceof Blob ? sourceOf(given) : given;
  const { sizeBytes } = source;
  const chunkSizeBytes = options.chunkSizeBytes ?? defaultChunkSizeBytes;
  let upload = await begin(transport, workspaceId, path, sizeBytes, options);
  const place = { workspace_id: workspaceId, upload_id: upload.id };
  const tell = () => options.onProgress?.({ uploadId: upload.id, transferredBytes: upload.offset, sizeBytes });
  let failures = 0;
  let isOffsetKnown = true;
  tell();
  while (!upload.file) {
    const { offset } = upload;
    try {
      upload = isOffsetKnown
        ? await append(
            transport,
            place,
            await part(source, offset, Math.min(offset + chunkSizeBytes, sizeBytes)),
            offset,
            options,
          )
        : (await transport.call('getUpload', { path: place }, options)).data.upload;
      isOffsetKnown = true;
    } catch (error) {
      const failure = toFailure(error, options.signal);
      failures += 1;
      // A conflict says that the chunk does not begin where the server is.
      const mayGoOn = failure.retryable || failure.code === 'conflict';
      if (!mayGoOn || failures > fruitlessAttempts) throw failure;
      transport.options.logger?.warn(`A chunk at byte ${offset} failed, asking where to go on: ${failure.message}`);
      isOffsetKnown = false;
      await pause(pauseMs(failures, failure), options.signal);
    }
    if (upload.offset > offset) failures = 0;
    tell();
  }
  return upload.file;
}

async function begin(
  transport: Transport,
  workspaceId: number,
  path: string,
  sizeBytes: number,
  { uploadId, ifMatch, ...options }: UploadOptions,
): Promise<Upload> {
  if (uploadId === undefined) {
    const wish = { path, size_bytes: sizeBytes };
    const json = ifMatch === undefined ? wish : { ...wish, if_match: ifMatch };
    return (await transport.call('createUpload', { path: { workspace_id: workspaceId }, json }, options)).data.upload;
  }
  const place = { workspace_id: workspaceId, upload_id: uploadId };
  const { upload } = (await transport.call('getUpload', { path: place }, options)).data;
  if (upload.size_bytes === sizeBytes && upload.path === path) return upload;
  const message = `Upload ${uploadId} is of ${upload.size_bytes} bytes for ${upload.path}, not of ${sizeBytes} for ${path}.`;
  throw new InvalidRequestError(message, { code: 'invalid_argument', field: 'uploadId' });
}

async function part(source: UploadSource, start: number, end: number): Promise<Blob | Uint8Array> {
  const chunk = await source.slice(start, end);
  const sizeBytes = chunk instanceof Blob ? chunk.size : chunk.byteLength;
  if (sizeBytes === end - start) return chunk;
  const message = `The source gave ${sizeBytes} bytes for ${start} to ${end}: did it change during the upload?`;
  throw new InvalidRequestError(message, { code: 'invalid_argument', field: 'source' });
}

function sourceOf(blob: Blob): UploadSource {
  return { sizeBytes: blob.size, slice: (start, end) => blob.slice(start, end) };
}

async function append(
  transport: Transport,
  place: { readonly workspace_id: number; readonly upload_id: string },
  chunk: Blob | Uint8Array,
  offset: number,
  options: RequestOptions,
): Promise<Upload> {
  const headers = { 'content-type': 'application/octet-stream' };
  const input = { path: place, query: { offset }, headers, body: sizedBody(chunk) };
  const { upload } = (await transport.call('appendUpload', input, options)).data;
  if (upload.file || upload.offset > offset) return upload;
  const message = `The server took a chunk of upload ${upload.id} and stayed at byte ${offset}.`;
  throw new ServerError(message, { code: 'invalid_answer' });
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, signal);
  } catch (reason) {
    throw toFailure(reason, signal);
  }
}
