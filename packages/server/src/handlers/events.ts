import type { IncomingMessage } from 'node:http';
import type { EventStreams } from '../events/index.js';
import { ApiError } from '../http/api-error.js';
import type { Handlers } from '../http/handler.js';
import type { ServerContext } from '../server-context.js';

/** Every change of the caller's workspaces, jobs and shares. */
export function eventHandlers(context: ServerContext, streams: EventStreams): Pick<Handlers, 'streamEvents'> {
  return {
    async streamEvents({ caller, query, request, response, signal }) {
      // A browser that comes back keeps its address, so the header is the newer of the two.
      const lastEventId = lastEventIdOf(request) ?? query.last_event_id;
      context.admission.hold('open_event_streams', caller, response);
      return {
        status: 200,
        headers: {
          'Content-Type': 'text/event-stream; charset=utf-8',
          'Cache-Control': 'no-store',
          'X-Accel-Buffering': 'no',
        },
        body: encoded(streams.open(caller, lastEventId, signal)),
      };
    },
  };
}

function lastEventIdOf(request: IncomingMessage): number | undefined {
  const header = request.headers['last-event-id'];
  if (typeof header !== 'string' || header === '') return undefined;
  if (/^\d{1,15}$/.test(header)) return Number(header);
  throw new ApiError('invalid_field', 'Last-Event-ID: the number of an event is needed.', { field: 'Last-Event-ID' });
}

async function* encoded(messages: AsyncIterable<string>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const message of messages) yield Buffer.from(message);
}
