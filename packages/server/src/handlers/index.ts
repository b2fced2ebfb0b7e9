import type { EventStreams, JobSockets, Readers } from '../events/index.js';
import type { Handlers } from '../http/handler.js';
import type { Metrics } from '../observability/metrics.js';
import type { ServerContext } from '../server-context.js';
import type { LaunchWatch } from '../services/launch-watch.js';
import type { Surveys } from '../services/surveys.js';
import { accountHandlers } from './account.js';
import { administrationHandlers, type Doors } from './administration.js';
import { archiveHandlers } from './archive.js';
import { catalogueHandlers } from './catalogue.js';
import { eventHandlers } from './events.js';
import { fileHandlers } from './files.js';
import { jobHandlers } from './jobs.js';
import { logHandlers } from './logs.js';
import { operationHandlers } from './operation.js';
import { resourceHandlers } from './resources.js';
import { shareHandlers } from './shares.js';
import { uploadHandlers } from './uploads.js';
import { workspaceHandlers } from './workspaces.js';

/** Every operation's handler. */
export function createHandlers(
  context: ServerContext,
  parts: {
    readonly metrics: Metrics;
    readonly surveys: Surveys;
    readonly launches: Pick<LaunchWatch, 'noticeOf'>;
    readonly streams: EventStreams;
    readonly sockets: JobSockets;
    readonly requests: Readers;
    readonly doors: Doors;
  },
): Handlers {
  return {
    ...accountHandlers(context, (tokenId, except) => {
      parts.doors.endTokens([tokenId], except);
    }),
    ...workspaceHandlers(context, parts.surveys),
    ...fileHandlers(context, (row) => parts.surveys.follow(row)),
    ...archiveHandlers(context),
    ...uploadHandlers(context, (row) => parts.surveys.follow(row)),
    ...jobHandlers(context),
    ...logHandlers(context),
    ...shareHandlers(context),
    ...eventHandlers(context, parts.streams),
    ...catalogueHandlers(context),
    ...operationHandlers(context, parts.metrics, parts.launches),
    ...resourceHandlers(context),
    ...administrationHandlers(context, parts.doors),
  };
}
