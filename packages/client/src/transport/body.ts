/** What can be sent as a file in one request. Streams and iterables are read once and never held in memory. */
export type Content = string | Blob | Uint8Array | Streamable;

/** What is read while it is sent. */
export type Streamable = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array | string> | Iterable<Uint8Array>;

/** A body that is not JSON, made anew for each attempt where that can be done. */
export interface SendBody {
  /** It can be sent once only. */
  readonly once: boolean;
  /** Time that it adds to an attempt's. */
  readonly extraTimeMs: number;
  init(signal: AbortSignal | undefined): RequestInit;
  /** Lets go of what it holds: the call is over. */
  end(): Promise<void>;
}

/** The slowest connection that is still waited for: 64 bytes in a millisecond, 64 kB in a second. */
const slowestBytesPerMs = 64;

/** A body in memory or on disk. */
export function sizedBody(content: string | Blob | Uint8Array): SendBody {
  const body = content instanceof Uint8Array ? unshared(content) : content;
  const sizeBytes = typeof body === 'string' ? body.length : body instanceof Blob ? body.size : body.byteLength;
  return { once: false, extraTimeMs: sizeBytes / slowestBytesPerMs, init: () => ({ body }), end: async () => {} };
}

/** Files as fields of a form. */
export function formBody(form: FormData, sizeBytes: number): SendBody {
  return { once: false, extraTimeMs: sizeBytes / slowestBytesPerMs, init: () => ({ body: form }), end: async () => {} };
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
