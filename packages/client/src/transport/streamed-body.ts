import { InvalidRequestError, TimeoutError, UserWorkspacesError } from '../errors.js';
import type { SendBody, Streamable } from './body.js';

/**
 * A body that is read while it is sent. Its time-out counts from the last chunk that the network took, so that a long
 * transfer lives and a stuck one ends; time that the source needs does not count.
 */
export function streamedBody(
  content: Streamable,
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
  let isOver = false;
  const waitForNetwork = () => {
    if (!Number.isFinite(stalledAfterMs)) return;
    timer = setTimeout(() => {
      const message = `The server took nothing of the file for ${stalledAfterMs} ms.`;
      stop.abort(new TimeoutError(message, { code: 'timeout', retryable: true }));
    }, stalledAfterMs);
  };
  const leave = async () => {
    clearTimeout(timer);
    if (isOver) return;
    isOver = true;
    await source.return?.();
  };
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        clearTimeout(timer);
        // A call that was aborted or answered early is over, but Node goes on pulling, to throw it away.
        if (isOver) return controller.error(new TypeError('The request is over.'));
        try {
          onSent(transferredBytes);
          const { done, value } = await source.next();
          if (done) {
            isOver = true;
            controller.close();
          } else {
            const chunk = typeof value === 'string' ? encoder.encode(value) : value;
            controller.enqueue(chunk);
            transferredBytes += chunk.byteLength;
          }
          waitForNetwork();
        } catch (cause) {
          const message = 'Reading what is to be written failed; that error is the cause.';
          stop.abort(new UserWorkspacesError(message, { code: 'client_failure', cause }));
          controller.error(cause);
        }
      },
      cancel: leave,
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
        // With these two Node's fetch sends the stream itself; else it sends a copy and keeps the original in memory.
        redirect: 'error',
        window: null,
        signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
      };
      return streamed;
    },
    end: leave,
  };
}

function iterate(content: Streamable): AsyncIterator<Uint8Array | string> | Iterator<Uint8Array> {
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
