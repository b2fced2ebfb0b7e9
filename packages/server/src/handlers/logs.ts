import { openJobLog } from '../events/job-log.js';
import type { Handlers } from '../http/handler.js';
import type { ServerContext } from '../server-context.js';
import { findJob } from '../services/jobs.js';

const defaultTailBytes = 65_536;

/** Output of jobs. */
export function logHandlers(context: ServerContext): Pick<Handlers, 'readJobLogs'> {
  return {
    async readJobLogs({ caller, path, query, request, signal }) {
      const row = await findJob(context, caller, path.job_id);
      const from =
        query.offset === undefined ? { tailBytes: query.tail_bytes ?? defaultTailBytes } : { fromByte: query.offset };
      const isFollowed = (query.follow ?? false) && request.method !== 'HEAD';
      const { offsetBytes, content } = await openJobLog(context, row, from, isFollowed, signal);
      return {
        status: 200,
        headers: {
          'Content-Type': 'text/plain; charset=utf-8',
          'Cache-Control': 'no-store',
          'X-Content-Type-Options': 'nosniff',
          'X-Accel-Buffering': 'no',
          'X-Log-Offset': String(offsetBytes),
        },
        body: content,
      };
    },
  };
}
