import { ConnectionError, ServerError } from '../errors.js';
import { toFailure } from '../transport/failure.js';
import { pauseMs } from '../transport/repetition.js';
import { LiveStream } from './live-stream.js';
import { readChunks, sleep } from './reading.js';

/** How far a transfer has come; `sizeBytes` is null where the size is not known beforehand. */
export interface TransferProgress {
  readonly transferredBytes: number;
  readonly sizeBytes: number | null;
}

/** How a download is carried on. */
export interface DownloadPlan {
  /** Requests the rest, from a byte on, of this very version. Absent: what breaks off cannot be resumed. */
  readonly resume?: (offsetBytes: number, etag: string, signal: AbortSignal) => Promise<Response>;
  readonly offsetBytes: number;
  readonly idleMs: number;
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined;
}

/** Further connections without a single byte of progress. */
const fruitlessAttempts = 5;

/**
 * A file on its way, in constant memory: iterate it, or take `stream()`; once. A connection that breaks is resumed where
 * it broke, and only in the same version of the file; bytes are never lost, repeated or mixed. `return()` gives it up.
 *
 * @example
 * const download = await client.files.read(7, 'data/big.h5ad');
 * await pipeline(download, createWriteStream('big.h5ad'));
 */
export class Download extends LiveStream<Uint8Array> {
  /** The version of the file, for `ifMatch`; null for what has no versions. */
  readonly etag: string | null;
  /** Size of the whole file; null where it is not known beforehand. */
  readonly sizeBytes: number | null;

  /** @internal */
  constructor(first: Response, plan: DownloadPlan, stop: AbortController, signal: AbortSignal | undefined) {
    const sizeBytes = wholeSize(first, plan.offsetBytes);
    const etag = first.headers.get('etag');
    super(stop, signal, (ending) => transfer(first, { ...plan, sizeBytes, etag }, ending));
    this.etag = etag;
    this.sizeBytes = sizeBytes;
  }

  /** The same bytes as a stream, which asks for the next chunk only when its reader does. */
  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const { done, value } = await this.next();
          if (done) controller.close();
          else controller.enqueue(value);
        },
        cancel: async () => {
          await this.return();
        },
      },
      { highWaterMark: 0 },
    );
  }
}

interface Transfer extends DownloadPlan {
  readonly sizeBytes: number | null;
  readonly etag: string | null;
}

async function* transfer(first: Response, plan: Transfer, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  const { sizeBytes, etag, resume } = plan;
  let response: Response | undefined = first;
  let offsetBytes = plan.offsetBytes;
  let failures = 0;
  for (;;) {
    try {
      response ??= await resumed(plan, offsetBytes, signal);
      for await (const chunk of readChunks(response, plan.idleMs, signal)) {
        offsetBytes += chunk.byteLength;
        failures = 0;
        plan.onProgress?.({ transferredBytes: offsetBytes, sizeBytes });
        yield chunk;
      }
      if (sizeBytes === null || offsetBytes >= sizeBytes) return;
      const message = `The connection ended ${sizeBytes - offsetBytes} bytes before the end of the file.`;
      throw new ConnectionError(message, { code: 'connection_reset', retryable: true });
    } catch (error) {
      // Everything arrived before the connection broke.
      if (sizeBytes !== null && offsetBytes >= sizeBytes && !signal.aborted) return;
      const failure = toFailure(error, signal);
      failures += 1;
      // A weak tag (W/) means that something on the way recodes the bytes, so that offsets do not hold.
      const resumable = resume && sizeBytes !== null && etag?.startsWith('"');
      if (!resumable || !failure.retryable || failures > fruitlessAttempts) throw failure;
      response = undefined;
      await sleep(pauseMs(failures, failure), signal);
    }
  }
}

async function resumed(plan: Transfer, offsetBytes: number, signal: AbortSignal): Promise<Response> {
  if (!plan.resume) throw new ConnectionError('This download cannot be resumed.', { code: 'connection_reset' });
  return beginningAt(offsetBytes, await plan.resume(offsetBytes, plan.etag ?? '', signal));
}

/** The answer, if it is the part of a file that begins there: anything else would mix bytes up. */
export async function beginningAt(offsetBytes: number, response: Response): Promise<Response> {
  const isWhole = response.status === 200 && offsetBytes === 0;
  if (isWhole || (response.status === 206 && startOfRange(response) === offsetBytes)) return response;
  await response.body?.cancel();
  const message = `The server does not continue a file at byte ${offsetBytes}, where it was asked to.`;
  throw new ServerError(message, { code: 'invalid_answer', status: response.status });
}

function startOfRange(response: Response): number | undefined {
  const [, start] = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '') ?? [];
  return start === undefined ? undefined : Number(start);
}

function wholeSize(response: Response, offsetBytes: number): number | null {
  if (response.headers.has('content-encoding')) return null;
  const [, total] = /\/(\d+)$/.exec(response.headers.get('content-range') ?? '') ?? [];
  if (total !== undefined) return Number(total);
  const length = response.headers.get('content-length');
  return length === null ? null : offsetBytes + Number(length);
}
