import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import busboy, { type Busboy } from 'busboy';
import { ApiError } from '../http/api-error.js';
import { type Limits, tooLarge } from '../limits/limits.js';
import { checkName } from '../services/file-names.js';
import { Doorbell } from './doorbell.js';
import { bodyOf } from './request-body.js';
import type { NewFile } from './staged-files.js';

/** Parts that are no files are allowed for each that is one. */
const partsPerFile = 2;

/** A part with a file, of which no more than one piece of the body has been read. */
interface Part {
  readonly field: string;
  readonly fileName: string | undefined;
  readonly content: Readable;
}

/**
 * The files of a multipart request, as they arrive: one after the other, each to be read to its end before the next is asked
 * for. Memory holds little more than one piece of the body.
 *
 * @throws ApiError `missing_field` when there are none, `invalid_path` for unsafe names, `too_large` for too many parts,
 *   `invalid_field` when the body is malformed or breaks off.
 */
export async function* filesOfRequest(
  request: IncomingMessage,
  limits: Limits,
): AsyncGenerator<NewFile, void, undefined> {
  const form = new Form(request, limits);
  let isEmpty = true;
  try {
    for (let part = await form.next(); part; part = await form.next()) {
      const name = nameOfPart(part);
      if (name === undefined) {
        part.content.resume();
        continue;
      }
      isEmpty = false;
      yield { path: name, content: form.contentOf(part) };
    }
    if (isEmpty) throw noFiles();
  } finally {
    form.close();
  }
}

/** Feeds a request to the parser, no faster than the parts are read. */
class Form {
  readonly #limits: Limits;
  readonly #parser: Busboy;
  readonly #parts: Part[] = [];
  readonly #bell = new Doorbell();
  readonly #closing = new AbortController();
  #isComplete = false;
  #failure: unknown;

  constructor(request: IncomingMessage, limits: Limits) {
    this.#limits = limits;
    this.#parser = parserFor(request, limits);
    this.#parser.on('file', (field: string | undefined, content, { filename }: { filename?: string }) => {
      // Told by whoever reads it; unread, it must not end the process.
      content.on('error', () => undefined);
      this.#parts.push({ field: field ?? '', fileName: filename, content });
      this.#bell.ring();
    });
    this.#parser.on('error', (error) => this.#fail(malformed(error)));
    this.#parser.on('filesLimit', () => this.#fail(tooManyFiles(limits)));
    this.#parser.on('partsLimit', () => this.#fail(tooManyFiles(limits)));
    this.#feed(request).catch((error: unknown) => this.#fail(error));
  }

  /** The next part with a file, `undefined` after the last. */
  async next(): Promise<Part | undefined> {
    for (;;) {
      const rung = this.#bell.next;
      if (this.#failure !== undefined) throw this.#failure;
      const part = this.#parts.shift();
      if (part) {
        this.#bell.ring();
        return part;
      }
      if (this.#isComplete) return undefined;
      await rung;
    }
  }

  async *contentOf({ content }: Part): AsyncGenerator<Uint8Array, void, undefined> {
    let sizeBytes = 0;
    try {
      for await (const chunk of content) {
        if (!(chunk instanceof Uint8Array)) continue;
        sizeBytes += chunk.length;
        if (sizeBytes > this.#limits.file_bytes) throw tooLarge(this.#limits, 'file_bytes', 'A file', sizeBytes);
        yield chunk;
      }
    } catch (error) {
      throw this.#failure ?? (error instanceof ApiError ? error : malformed(error));
    }
  }

  /** Ends the parsing; what is left of the request is not looked at. */
  close(): void {
    this.#closing.abort();
    this.#parser.destroy();
    this.#bell.ring();
  }

  async #feed(request: IncomingMessage): Promise<void> {
    const { signal } = this.#closing;
    const finished = once(this.#parser, 'finish', { signal });
    finished.catch(() => undefined);
    for await (const chunk of bodyOf(request, { limits: this.#limits })) {
      if (signal.aborted) return;
      if (!this.#parser.write(chunk)) await once(this.#parser, 'drain', { signal });
      // Small files would otherwise gather in memory faster than they are read.
      for (let rung = this.#bell.next; this.#parts.length > 0 && !signal.aborted; rung = this.#bell.next) await rung;
    }
    this.#parser.end();
    await finished;
    this.#isComplete = true;
    this.#bell.ring();
  }

  #fail(error: unknown): void {
    // What follows from the first failure, or from closing, is none of its own.
    if (this.#closing.signal.aborted) return;
    this.#failure = error;
    this.close();
  }
}

function parserFor(request: IncomingMessage, { files_per_request }: Limits): Busboy {
  if (!/^multipart\/form-data\b/i.test(request.headers['content-type'] ?? '')) throw noFiles();
  try {
    return busboy({
      headers: request.headers,
      defParamCharset: 'utf8',
      // Directories are taken off below, where a name that is nothing else can be refused.
      preservePath: true,
      // The values of plain fields are not looked at, so they need not be kept.
      limits: { files: files_per_request, parts: files_per_request * partsPerFile, fieldSize: 1 },
    });
  } catch (error) {
    throw malformed(error);
  }
}

/** The file's name without its directories, `undefined` for a part that is no file or a file input left empty. */
function nameOfPart({ field, fileName }: Part): string | undefined {
  if (fileName === undefined || fileName === '') return undefined;
  const name = fileName.slice(Math.max(fileName.lastIndexOf('/'), fileName.lastIndexOf('\\')) + 1);
  checkName(name, 'file', field === '' ? 'file' : field);
  return name;
}

function noFiles(): ApiError {
  return new ApiError('missing_field', 'No files found in request.');
}

function tooManyFiles(limits: Limits): ApiError {
  return tooLarge(limits, 'files_per_request', 'The form');
}

function malformed(error: unknown): ApiError {
  const reason = error instanceof Error ? error.message : 'not readable';
  return new ApiError('invalid_field', `The multipart body is malformed: ${reason}.`, { cause: error });
}
