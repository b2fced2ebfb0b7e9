import WebSocket from 'isomorphic-ws';
import { ConnectionError, ServerError } from '../errors.js';
import type { Job, JobState } from '../shapes.js';
import { aborted, toFailure } from '../transport/failure.js';
import { pauseMs } from '../transport/repetition.js';
import type { RequestOptions, Transport } from '../transport/transport.js';
import { sleep } from './reading.js';

/** After this silence the connection is made anew: a half-open one would stay silent for ever. */
const silenceMs = 60_000;
/** Failed attempts in a row after which the server or a proxy is taken to have no WebSockets. */
const hopelessAttempts = 3;
const pollingIntervalMs = 2_000;

/** True for a job that will not change any more. */
export function hasEnded(status: JobState['status']): boolean {
  return status === 'complete' || status === 'failed';
}

/**
 * The states of a job up to its last: by WebSocket, and by asking where that does not get through. Asking is also what
 * tells why a connection fails, since a WebSocket does not.
 */
export async function* jobStates(
  transport: Transport,
  jobId: number,
  read: (jobId: number, options: RequestOptions) => Promise<Job>,
  options: RequestOptions,
  signal: AbortSignal,
): AsyncGenerator<JobState, void> {
  let told = '';
  let failures = 0;
  let failedSockets = 0;
  for (;;) {
    if (failedSockets < hopelessAttempts) {
      try {
        for await (const state of socketStates(transport, jobId, signal)) {
          failedSockets = 0;
          const text = JSON.stringify(state);
          if (text === told) continue;
          told = text;
          yield state;
          if (hasEnded(state.status)) return;
        }
      } catch (error) {
        const failure = toFailure(error, signal);
        if (!(failure instanceof ConnectionError)) throw failure;
        failedSockets += 1;
        transport.options.logger?.warn(`No WebSocket to job ${jobId}, asking instead: ${failure.message}`);
      }
    }
    let pause = pollingIntervalMs;
    try {
      const job = await read(jobId, { ...options, signal });
      failures = 0;
      const state: JobState = { status: job.status, current_job_details: job.job_details.current_job_details };
      const text = JSON.stringify(state);
      if (text !== told) yield state;
      told = text;
      if (hasEnded(state.status)) return;
    } catch (error) {
      const failure = toFailure(error, signal);
      if (told === '' || !failure.retryable) throw failure;
      failures += 1;
      pause = pauseMs(failures, failure);
      transport.options.logger?.warn(`Job ${jobId} cannot be read, trying again: ${failure.message}`);
    }
    await sleep(pause, signal);
  }
}

/** The messages of one WebSocket. Ends when it is closed or silent; throws ConnectionError if it never opened. */
async function* socketStates(transport: Transport, jobId: number, signal: AbortSignal): AsyncGenerator<JobState, void> {
  const socket = connect(transport.url('getJob', { job_id: jobId }), await transport.currentToken());
  const arrived: JobState[] = [];
  let ended = false;
  let opened = false;
  let failure: unknown;
  let wake = () => {};
  const end = (reason?: unknown) => {
    failure ??= reason;
    ended = true;
    wake();
  };
  const abort = () => end(aborted(signal.reason));
  socket.onopen = () => {
    opened = true;
  };
  socket.onmessage = ({ data }) => {
    try {
      const state: JobState = JSON.parse(String(data));
      arrived.push(state);
      wake();
    } catch (cause) {
      end(new ServerError("A message of the job's WebSocket is not JSON.", { code: 'invalid_answer', cause }));
    }
  };
  // An error is always followed by a close, which ends the reading.
  socket.onerror = () => {};
  socket.onclose = () => end();
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    for (;;) {
      yield* arrived.splice(0);
      if (failure) throw failure;
      if (ended) break;
      const timer = setTimeout(end, silenceMs);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      clearTimeout(timer);
    }
    const message = 'The WebSocket could not be opened.';
    if (!opened) throw new ConnectionError(message, { code: 'connection_failed', retryable: true });
  } finally {
    signal.removeEventListener('abort', abort);
    socket.close();
  }
}

/** Browsers can send no header along with a WebSocket: there the token travels as a subprotocol. */
function connect(url: URL, token: string | undefined): WebSocket {
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  const canSendHeaders = 'WebSocketServer' in WebSocket;
  try {
    if (token === undefined) return new WebSocket(url.href);
    if (canSendHeaders) return new WebSocket(url.href, { headers: { 'uws-authorization': `Token ${token}` } });
    return new WebSocket(url.href, ['uws', `uws.token.${token}`]);
  } catch (cause) {
    // A page's security policy, or a token that cannot be a subprotocol.
    const message = 'The runtime refused to open the WebSocket.';
    throw new ConnectionError(message, { code: 'connection_failed', retryable: true, cause });
  }
}
