import type { QueryParameters } from '@user-workspaces/schema';
import { PagePromise } from '../pages.js';
import type { File, Upload } from '../shapes.js';
import { beginningAt, Download, type TransferProgress } from '../streams/download.js';
import { type UploadOptions, type UploadSource, uploadInChunks } from '../streams/upload.js';
import { type Content, formBody, isSized, sizedBody } from '../transport/body.js';
import { streamedBody } from '../transport/streamed-body.js';
import type { RequestOptions, Transport } from '../transport/transport.js';

export interface ReadOptions extends RequestOptions {
  /** Where to begin, in bytes, to go on with an earlier download. @default 0 */
  readonly offsetBytes?: number | undefined;
  /** Read only this version (an `etag`); give it along with `offsetBytes`. @default any version */
  readonly ifMatch?: string | undefined;
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined;
}

export interface WriteOptions extends RequestOptions {
  /** Replace only this version (an `etag`); null: only create. @default replace whatever is there */
  readonly ifMatch?: string | null | undefined;
  /** Called as the network takes the file; for text, bytes and blobs only at the end. */
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined;
}

/** What is in a workspace, with or without a running job. Paths are relative to the workspace, `/`-separated. */
export class Files {
  readonly #transport: Transport;

  /** @internal */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * The entries of a directory, sorted by name, dot files included. Without `path`: of the workspace itself.
   *
   * @throws NotFoundError, InvalidRequestError (`invalid_path`)
   * @example
   * for await (const file of client.files.list(7, { path: 'data' })) console.log(file.name, file.size_bytes);
   */
  list(workspaceId: number, filters: QueryParameters<'listFiles'> = {}, options?: RequestOptions): PagePromise<File> {
    return new PagePromise(async (next) => {
      const query = { ...filters, ...next };
      const { data } = await this.#transport.call('listFiles', { path: { workspace_id: workspaceId }, query }, options);
      return [data.files, data];
    });
  }

  /**
   * Downloads a file in constant memory; a connection that breaks is resumed where it broke, in the same version.
   * `timeoutMs` is the time until it begins, and the longest silence after that.
   *
   * @throws NotFoundError; while reading: ConflictError (`precondition_failed`) if the file changed between two connections
   * @example
   * const download = await client.files.read(7, 'data/big.h5ad', { onProgress: console.log });
   * for await (const chunk of download) await sink.write(chunk);
   */
  async read(workspaceId: number, path: string, options: ReadOptions = {}): Promise<Download> {
    const stop = new AbortController();
    const request = (
      offsetBytes: number,
      etag: string | undefined,
      signal: AbortSignal,
      retries: number | undefined,
    ) => {
      const headers = { accept: '*/*', range: offsetBytes > 0 ? `bytes=${offsetBytes}-` : undefined, 'if-match': etag };
      const input = { path: { workspace_id: workspaceId }, query: { path }, headers };
      return this.#transport.stream('readFile', input, { ...options, signal, retries });
    };
    const { offsetBytes = 0, ifMatch, signal, onProgress } = options;
    const ending = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
    const first = await request(offsetBytes, ifMatch, ending, options.retries);
    const plan = {
      resume: (offset: number, etag: string, until: AbortSignal) => request(offset, etag, until, 0),
      offsetBytes,
      idleMs: this.#timeoutMs(options),
      onProgress,
    };
    return new Download(offsetBytes > 0 ? await beginningAt(offsetBytes, first) : first, plan, stop, signal);
  }

  /**
   * A whole file as text (UTF-8), in memory: for small files.
   *
   * @throws NotFoundError
   * @example
   * const notes = await client.files.readText(7, 'notes.md');
   */
  async readText(workspaceId: number, path: string, options?: ReadOptions): Promise<string> {
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of await this.read(workspaceId, path, options))
      text += decoder.decode(chunk, { stream: true });
    return text + decoder.decode();
  }

  /**
   * Writes a whole file in one request. It appears whole or not at all, and missing directories are made. Streams and
   * iterables are sent as they are read, in constant memory; browsers without request streams refuse them: use `upload`.
   * `timeoutMs` grows with a known size; for streams it is the longest time in which the network takes nothing.
   *
   * @throws ConflictError (`precondition_failed`), LimitError (`too_large`, `disk_full`), InvalidRequestError (`invalid_path`)
   * @example
   * await client.files.write(7, 'notes.md', '# Notes');
   * await client.files.write(7, 'big.h5ad', createReadStream('big.h5ad'));
   */
  async write(workspaceId: number, path: string, content: Content, options: WriteOptions = {}): Promise<File> {
    const { ifMatch, onProgress } = options;
    const sizeBytes =
      content instanceof Blob ? content.size : content instanceof Uint8Array ? content.byteLength : null;
    const told = (transferredBytes: number) => onProgress?.({ transferredBytes, sizeBytes });
    const headers = {
      'content-type': 'application/octet-stream',
      'if-match': ifMatch ?? undefined,
      'if-none-match': ifMatch === null ? '*' : undefined,
    };
    const { data } = await this.#transport.call(
      'writeFile',
      {
        path: { workspace_id: workspaceId },
        query: { path },
        headers,
        body: isSized(content) ? sizedBody(content) : streamedBody(content, this.#timeoutMs(options), told),
        // After a lost answer the condition would fail on our own first writing.
        repetition: ifMatch === undefined ? 'always' : 'unless carried out',
      },
      options,
    );
    told(data.file.size_bytes);
    return data.file;
  }

  /**
   * Deletes a file, a link, or a directory with all that is in it.
   *
   * @throws NotFoundError, InvalidRequestError (`invalid_path`)
   * @example
   * await client.files.delete(7, 'data/old');
   */
  async delete(workspaceId: number, path: string, options?: RequestOptions): Promise<void> {
    await this.#transport.run('deleteFile', { path: { workspace_id: workspaceId }, query: { path } }, options);
  }

  /**
   * Makes a directory and its missing parents; one that is there is left as it is.
   *
   * @throws InvalidRequestError (`invalid_path`), ConflictError
   * @example
   * await client.files.makeDirectory(7, 'data/raw');
   */
  async makeDirectory(workspaceId: number, path: string, options?: RequestOptions): Promise<File> {
    const input = { path: { workspace_id: workspaceId }, query: { path } };
    return (await this.#transport.call('makeDirectory', input, options)).data.file;
  }

  /**
   * Renames or moves an entry within its workspace. Never retried after it may have happened.
   *
   * @throws NotFoundError, ConflictError if the new name is taken
   * @example
   * await client.files.rename(7, 'draft.ipynb', 'final/paper.ipynb');
   */
  async rename(workspaceId: number, from: string, to: string, options?: RequestOptions): Promise<File> {
    const input = { path: { workspace_id: workspaceId }, json: { from, to } };
    return (await this.#transport.call('renameFile', input, options)).data.file;
  }

  /**
   * A directory as an archive, made while it is sent: its size is not known beforehand and it cannot be resumed.
   *
   * @throws NotFoundError
   * @example
   * const archive = await client.files.archive(7, { path: 'data', format: 'tar.gz' });
   */
  async archive(
    workspaceId: number,
    what: QueryParameters<'readArchive'> = {},
    options: Omit<ReadOptions, 'offsetBytes' | 'ifMatch'> = {},
  ): Promise<Download> {
    const stop = new AbortController();
    const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
    const input = { path: { workspace_id: workspaceId }, query: what, headers: { accept: '*/*' } };
    const response = await this.#transport.stream('readArchive', input, { ...options, signal });
    const plan = { offsetBytes: 0, idleMs: this.#timeoutMs(options), onProgress: options.onProgress };
    return new Download(response, plan, stop, options.signal);
  }

  /**
   * Uploads a file of any size in chunks; a chunk that fails is resumed where the server has got to. Works with a `Blob`
   * or `File` everywhere (in Node: `fs.openAsBlob`). To go on after a reload, keep `uploadId` of the progress and give it.
   *
   * @throws ConflictError (`precondition_failed`), LimitError (`too_large`, `disk_full`), NotFoundError for an unknown `uploadId`
   * @example
   * const file = await client.files.upload(7, 'data/big.h5ad', input.files[0], {
   *   onProgress: ({ transferredBytes, sizeBytes }) => (bar.value = transferredBytes / sizeBytes),
   * });
   */
  upload(workspaceId: number, path: string, source: Blob | UploadSource, options?: UploadOptions): Promise<File> {
    return uploadInChunks(this.#transport, workspaceId, path, source, options);
  }

  /**
   * How far an upload has come.
   *
   * @throws NotFoundError
   * @example
   * const { offset, size_bytes } = await client.files.getUpload(7, uploadId);
   */
  async getUpload(workspaceId: number, uploadId: string, options?: RequestOptions): Promise<Upload> {
    const path = { workspace_id: workspaceId, upload_id: uploadId };
    return (await this.#transport.call('getUpload', { path }, options)).data.upload;
  }

  /**
   * Gives an upload up; what has arrived of it is removed.
   *
   * @throws NotFoundError
   * @example
   * await client.files.abandonUpload(7, uploadId);
   */
  async abandonUpload(workspaceId: number, uploadId: string, options?: RequestOptions): Promise<void> {
    const path = { workspace_id: workspaceId, upload_id: uploadId };
    await this.#transport.run('abandonUpload', { path }, options);
  }

  /**
   * Puts several small files into the top directory of a workspace in one request; the only way to upload that the old
   * service has.
   *
   * @throws InvalidRequestError, NotFoundError
   * @example
   * await client.files.uploadMany(7, [{ name: 'a.csv', content: new Blob(['1,2']) }]);
   */
  async uploadMany(
    workspaceId: number,
    files: readonly { readonly name: string; readonly content: Blob }[],
    options?: RequestOptions,
  ): Promise<void> {
    const form = new FormData();
    let sizeBytes = 0;
    for (const [index, { name, content }] of files.entries()) {
      form.append(`file${index}`, content, name);
      sizeBytes += content.size;
    }
    const input = { path: { workspace_id: workspaceId }, body: formBody(form, sizeBytes) };
    await this.#transport.run('uploadFiles', input, options);
  }

  #timeoutMs(options: RequestOptions): number {
    return options.timeoutMs ?? this.#transport.options.timeoutMs;
  }
}
