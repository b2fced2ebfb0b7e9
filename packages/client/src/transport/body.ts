import { InvalidRequestError, TimeoutError, UserWorkspacesError } from '../errors.js';

/** What can be sent as a file in one request. Streams and iterables are read once and never held in memory. */
export type Content =
  | string
  | Blob
  | Uint8Array
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array | string>
  | Iterable<Uint8Array>;

/** A body that is not JSON, made anew for each attempt where that can be done. */
export interface SendBody {
  /** It can be sent once only. */
  readonly once: boolean;
  /** Time that it adds to an attempt's. */
  readonly extraTimeMs: number;
  init(signal: AbortSignal | undefined): RequestInit;
  end(): void;
}

/** The slowest connection that is still waited for: 64 bytes in a millisecond, 64 kB in a second. */
const slowestBytesPerMs = 64;

/** A body in memory or on disk. */
export function sizedBody(content: string | Blob | Uint8Array): SendBody {
  const body = content instanceof Uint8Array ? unshared(content) : content;
  const sizeBytes = typeof body === 'string' ? body.length : body instanceof Blob ? body.size : body.byteLength;
  return { once: false, extraTimeMs: sizeBytes / slowestBytesPerMs, init: () => ({ body }), end() {} };
}

/** Files as fields of a form. */
export function formBody(form: FormData, sizeBytes: number): SendBody {
  return { once: false, extraTimeMs: sizeBytes / slowestBytesPerMs, init: () => ({ body: form }), end() {} };
}

/**
 * A body that is read while it is sent. Its time-out counts from the last chunk that the network took, so that a long
 * transfer lives and a stuck one ends; time that the source needs does not count.
 */
export function streamedBody(
  content: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array | string> | Iterable<Uint8Array>,
  stalledAfterMs: number,
  onSent: (transferredBytes: number) => void,
): SendBody {
  if (!canStreamRequests()) {
    const message = 'This browser cannot stream a request: use files.upload with a Blob or File.';
    throw new InvalidRequestError(message, { code: 'invalid_argument', field: 'content' });
  }
  const source = iterate(content);
  const stop = new AbortController();
  const encoder = new TextEncoder();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let transferredBytes = 0;
  const waitForNetwork = () => {
    if (!Number.isFinite(stalledAfterMs)) return;
    timer = setTimeout(() => {
      const message = `The server took nothing of the file for ${stalledAfterMs} ms.`;
      stop.abort(new TimeoutError(message, { code: 'timeout', retryable: true }));
    }, stalledAfterMs);
  };
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        clearTimeout(timer);
        onSent(transferredBytes);
        try {
          const { done, value } = await source.next();
          waitForNetwork();
          if (done) return controller.close();
          const chunk = typeof value === 'string' ? encoder.encode(value) : value;
          controller.enqueue(chunk);
          transferredBytes += chunk.byteLength;
        } catch (cause) {
          const message = 'Reading what is to be written failed; that error is the cause.';
          stop.abort(new UserWorkspacesError(message, { code: 'client_failure', cause }));
          controller.error(cause);
        }
      },
      async cancel() {
        clearTimeout(timer);
        await source.return?.();
      },
    },
    { highWaterMark: 0 },
  );
  waitForNetwork();
  return {
    once: true,
    extraTimeMs: Number.POSITIVE_INFINITY,
    init(signal) {
      const streamed: RequestInit & { duplex: 'half' } = {
        body,
        duplex: 'half',
        // With these two Node's fetch sends the stream itself; else it sends a copy and keeps all of the original in memory.
        redirect: 'error',
        window: null,
        signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
      };
      return streamed;
    },
    end: () => clearTimeout(timer),
  };
}

/** Text, bytes and blobs can be sent again; the rest is read while it is sent. */
export function isSized(content: Content): content is string | Blob | Uint8Array {
  return typeof content === 'string' || content instanceof Blob || content instanceof Uint8Array;
}

/** Fetch takes no bytes in shared memory: those are copied. */
function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  return buffer instanceof ArrayBuffer
    ? new Uint8Array(buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes);
}

function iterate(
  content: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array | string> | Iterable<Uint8Array>,
): AsyncIterator<Uint8Array | string> | Iterator<Uint8Array> {
  if (Symbol.asyncIterator in content) return content[Symbol.asyncIterator]();
  return Symbol.iterator in content ? content[Symbol.iterator]() : readAll(content);
}

/** For browsers whose streams are not iterable. */
async function* readAll(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
  } finally {
    await reader.cancel();
  }
}

/** A browser that cannot would send the text "[object ReadableStream]" and call that a success. */
function canStreamRequests(): boolean {
  let askedForDuplex = false;
  const probe: RequestInit & { readonly duplex: 'half' } = {
    method: 'POST',
    body: new ReadableStream(),
    get duplex() {
      askedForDuplex = true;
      return 'half' as const;
    },
  };
  return !new Request('http://probe.invalid', probe).headers.has('content-type') && askedForDuplex;
}
