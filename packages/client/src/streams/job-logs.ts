import { ServerError } from '../errors.js';
import { toFailure } from '../transport/failure.js';
import { pauseMs } from '../transport/repetition.js';
import type { RequestOptions, Transport } from '../transport/transport.js';
import { readChunks, sleep } from './reading.js';

export interface LogOptions extends RequestOptions {
  /** Go on until the job has ended. @default false */
  readonly follow?: boolean | undefined;
  /** Position in the whole output to begin at, in bytes. @default the last `tailBytes` */
  readonly offsetBytes?: number | undefined;
  /** At most so many bytes of what is there already. @default 65_536 */
  readonly tailBytes?: number | undefined;
}

/** Output that pauses longer is asked for anew from where it stopped, since the connection may be dead. */
const silenceMs = 60_000;
const fruitlessAttempts = 5;

/**
 * The output of a job, resumed by byte position whenever a connection breaks. A followed output that ends is only taken
 * as complete once the job has ended: a server that restarts ends it just the same.
 */
export async function* jobLogs(
  transport: Transport,
  jobId: number,
  isOver: (signal: AbortSignal) => Promise<boolean>,
  { follow = false, offsetBytes, tailBytes, ...options }: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  // Kept across connections: one may break within a character.
  const decoder = new TextDecoder();
  let position = offsetBytes;
  let connected = false;
  let isEnded = !follow;
  let failures = 0;
  for (;;) {
    try {
      const query = {
        ...(position === undefined ? {} : { offset: position }),
        ...(tailBytes === undefined || connected ? {} : { tail_bytes: tailBytes }),
        ...(isEnded ? {} : { follow: true }),
      };
      const input = { path: { job_id: jobId }, query, headers: { accept: 'text/plain' } };
      const retries = connected ? 0 : options.retries;
      const response = await transport.stream('readJobLogs', input, { ...options, signal, retries });
      position = startOf(response, connected, position);
      connected = true;
      for await (const chunk of readChunks(response, silenceMs, signal)) {
        failures = 0;
        position += chunk.byteLength;
        const text = decoder.decode(chunk, { stream: true });
        if (text) yield text;
      }
      if (isEnded) return;
      isEnded = await isOver(signal);
      if (!isEnded) await sleep(pauseMs(1), signal);
    } catch (error) {
      const failure = toFailure(error, signal);
      const isSilence = failure.name === 'TimeoutError';
      if (!isSilence) failures += 1;
      if (!connected || !failure.retryable || (!follow && failures > fruitlessAttempts)) throw failure;
      transport.options.logger?.warn(`The output of job ${jobId} broke off, resuming: ${failure.message}`);
      await sleep(pauseMs(Math.max(1, failures), failure), signal);
    }
  }
}

/** Where the answer begins in the whole output. After a resumption anything else than asked for would lose or repeat. */
function startOf(response: Response, resumed: boolean, asked: number | undefined): number {
  const header = response.headers.get('x-log-offset');
  const start = header === null ? asked : Number(header);
  if (start !== undefined && !(resumed && start !== asked)) return start;
  void response.body?.cancel();
  const message = `The output begins at byte ${header ?? 'unknown'}${resumed ? ` instead of ${asked}` : ''} (X-Log-Offset).`;
  throw new ServerError(message, { code: 'invalid_answer' });
}
