import type { Schema } from '@user-workspaces/schema';
import { createParser } from 'eventsource-parser';
import { ServerError } from '../errors.js';
import { type Event, toEvent } from '../shapes.js';
import { LiveStream } from '../streams/live-stream.js';
import { readChunks, sleep } from '../streams/reading.js';
import { toFailure } from '../transport/failure.js';
import { pauseMs } from '../transport/repetition.js';
import type { RequestOptions, Transport } from '../transport/transport.js';

/** Three missed heartbeats: the server sends one every 15 seconds. */
const deadAfterMs = 45_000;

export interface EventsOptions extends RequestOptions {
  /** Number of the last event that was seen; the stream goes on after it. @default what happens from now on */
  readonly lastEventId?: number | undefined;
  /** Silence, in milliseconds, after which the connection counts as dead. @default 45_000 */
  readonly idleTimeoutMs?: number | undefined;
}

/** Every change of the caller's workspaces, jobs and shares. */
export class Events {
  readonly #transport: Transport;

  /** @internal */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * The changes as they happen, in order, each once. Once connected, it reconnects for as long as it is read, resuming
   * after the last event; a connection without heartbeats counts as broken. A `hello` event begins a stream without
   * `lastEventId`. After a `reset` event older changes are gone: read the lists anew.
   *
   * @throws AuthenticationError when the token is no longer good; ConnectionError only if it never got through
   * @example
   * for await (const event of client.events.stream({ signal })) {
   *   if (event.type === 'job.changed') console.log(event.job.id, event.job.status);
   * }
   */
  stream(options: EventsOptions = {}): LiveStream<Event> {
    return new LiveStream(new AbortController(), options.signal, (signal) => this.#events(options, signal));
  }

  async *#events(options: EventsOptions, signal: AbortSignal): AsyncGenerator<Event, void> {
    const logger = this.#transport.options.logger;
    let last = options.lastEventId;
    // As the stream gave it: more than the number.
    let lastId = last === undefined ? undefined : String(last);
    let connected = false;
    let failures = 0;
    for (;;) {
      let retryAfter: ReturnType<typeof toFailure> | undefined;
      try {
        const headers = { accept: 'text/event-stream', 'last-event-id': lastId };
        const retries = connected ? 0 : options.retries;
        const response = await this.#transport.stream('streamEvents', { headers }, { ...options, signal, retries });
        connected = true;
        for await (const { event, id } of parse(response, options.idleTimeoutMs ?? deadAfterMs, signal)) {
          failures = 0;
          // A reconnection may repeat what had arrived; a reset counts anew.
          if (event.type !== 'reset' && last !== undefined && event.id <= last) continue;
          last = event.id;
          lastId = id ?? String(event.id);
          yield event;
        }
        logger?.warn('The event stream ended; reconnecting.');
      } catch (error) {
        const failure = toFailure(error, signal);
        if (!connected || !failure.retryable) throw failure;
        logger?.warn(`The event stream broke, reconnecting: ${failure.message}`);
        retryAfter = failure;
      }
      failures += 1;
      await sleep(pauseMs(failures, retryAfter), signal);
    }
  }
}

interface Arrived {
  readonly event: Event;
  /** Of the message. */
  readonly id: string | undefined;
}

async function* parse(response: Response, idleMs: number, signal: AbortSignal): AsyncGenerator<Arrived, void> {
  const arrived: Arrived[] = [];
  const parser = createParser({
    onEvent(message) {
      arrived.push({ event: toEvent(readEvent(message.data)), id: message.id });
    },
  });
  const decoder = new TextDecoder();
  for await (const chunk of readChunks(response, idleMs, signal)) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    yield* arrived.splice(0);
  }
}

function readEvent(text: string): Schema<'Event'> {
  try {
    const event: Schema<'Event'> = JSON.parse(text);
    return event;
  } catch (cause) {
    throw new ServerError('An event of the stream is not JSON.', { code: 'invalid_answer', cause });
  }
}
