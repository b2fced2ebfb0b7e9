import type { IncomingMessage } from 'node:http';
import { type LastEvent, parseEventId } from '../events/event-ids.js';
import type { EventStreams } from '../events/index.js';
import { ApiError } from '../http/api-error.js';
import type { Handlers } from '../http/handler.js';
import type { ServerContext } from '../server-context.js';

/** Every change of the caller's workspaces, jobs and shares. */
export function eventHandlers(context: ServerContext, streams: EventStreams): Pick<Handlers, 'streamEvents'> {
  return {
    async streamEvents({ caller, query, request, response, signal }) {
      // A browser that comes back keeps its address, so the header is the newer of the two.
      const last = lastEventOf(request, query.last_event_id);
      context.admission.hold('open_event_streams', caller, response);
      return {
        status: 200,
        headers: {
          'Content-Type': 'text/event-stream; charset=utf-8',
          'Cache-Control': 'no-store',
          'X-Accel-Buffering': 'no',
        },
        body: encoded(streams.open(caller, last, signal)),
      };
    },
  };
}

function lastEventOf(request: IncomingMessage, query: string | undefined): LastEvent | undefined {
  const header = request.headers['last-event-id'];
  const text = typeof header === 'string' && header !== '' ? header : query;
  if (text === undefined) return undefined;
  const last = parseEventId(text);
  if (last) return last;
  throw new ApiError('invalid_field', 'Last-Event-ID: the number of an event is needed.', { field: 'Last-Event-ID' });
}

async function* encoded(messages: AsyncIterable<string>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const message of messages) yield Buffer.from(message);
}
