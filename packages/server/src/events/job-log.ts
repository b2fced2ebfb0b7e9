import type { JobRow, LaunchReference, LogChunk, Resource } from '@user-workspaces/contract';
import { ApiError } from '../http/api-error.js';
import type { ServerContext } from '../server-context.js';
import { launchReferenceOf } from '../services/launch-reference.js';
import { isActive } from '../views/job.js';
import { watchJob } from './watch-job.js';

/** Which part of the output is wanted first. */
export type LogStart = { readonly fromByte: number } | { readonly tailBytes: number };

export interface JobLog {
  /** Position of the first byte in the whole output. */
  readonly offsetBytes: number;
  readonly content: AsyncIterable<Uint8Array>;
}

/** How long an output that ended early is left alone before it is asked for again. */
const pauseMs = 1_000;

/**
 * Opens the output of a job. Followed, it goes on until the job has ended, also from before its start.
 *
 * A job that never was launched, or whose records are gone, has only the last lines that its row keeps.
 *
 * @throws ApiError `unavailable`; AdapterError of the resource.
 */
export async function openJobLog(
  context: ServerContext,
  row: JobRow,
  start: LogStart,
  isFollowed: boolean,
  signal: AbortSignal,
): Promise<JobLog> {
  if (!row.is_remembered || (!row.launch_begun && !(isFollowed && isActive(row)))) return keptLines(row, start);
  const resource = resourceOf(context, row);
  const launch = await launchReferenceOf(context, row);
  const offsetBytes = row.launch_begun ? await findStart(resource, launch, start, signal) : 0;
  const content = isFollowed
    ? followed(context, row, offsetBytes, signal)
    : contents(
        resource.logs(launch, { fromByte: offsetBytes, follow: false }, signal),
        'tailBytes' in start ? start.tailBytes : Number.POSITIVE_INFINITY,
      );
  return { offsetBytes, content };
}

function resourceOf(context: ServerContext, row: JobRow): Resource {
  const entry = context.resources.get(row.resource);
  if (entry) return entry.resource;
  throw new ApiError(
    'unavailable',
    `The resource ${row.resource} of job ${row.id} is not configured. Ask the operator.`,
  );
}

function keptLines(row: JobRow, start: LogStart): JobLog {
  const text = Buffer.from(row.last_log_lines.map((line) => `${line}\n`).join(''));
  const wanted = 'fromByte' in start ? start.fromByte : text.length - start.tailBytes;
  const offsetBytes = Math.min(Math.max(0, wanted), text.length);
  return { offsetBytes, content: only(text.subarray(offsetBytes)) };
}

/** Where the wanted part begins: the answer's head says so, before its content. */
async function findStart(
  resource: Resource,
  launch: LaunchReference,
  start: LogStart,
  signal: AbortSignal,
): Promise<number> {
  // Of an empty tail, too, the position is wanted: one byte tells it.
  const range = 'fromByte' in start ? start : { tailBytes: Math.max(1, start.tailBytes) };
  for await (const chunk of resource.logs(launch, { ...range, follow: false }, signal)) {
    if (chunk.content.length === 0) continue;
    return 'tailBytes' in start && start.tailBytes === 0 ? chunk.offsetBytes + chunk.content.length : chunk.offsetBytes;
  }
  return 'fromByte' in start ? start.fromByte : 0;
}

async function* followed(
  context: ServerContext,
  row: JobRow,
  offsetBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const resource = resourceOf(context, row);
  let position = offsetBytes;
  for (let present = await launched(context, row.id, signal); present; ) {
    const launch = await launchReferenceOf(context, present);
    for await (const chunk of resource.logs(launch, { fromByte: position, follow: true }, signal)) {
      position = chunk.offsetBytes + chunk.content.length;
      yield chunk.content;
    }
    if (signal.aborted || !isActive(present)) return;
    // The resource knew no more, but the job has not ended: its launch is still under way, or its end not yet written.
    await context.clock.sleep(pauseMs, signal);
    present = await context.database.findOne('jobs', { id: row.id });
  }
}

/** The job once its launch has begun; `undefined` if it ended without one. */
async function launched(context: ServerContext, jobId: number, signal: AbortSignal): Promise<JobRow | undefined> {
  for await (const row of watchJob(context, jobId, signal)) {
    if (row.launch_begun) return row;
    if (!isActive(row)) return undefined;
  }
  return undefined;
}

/** So many bytes at most: output may have grown since its tail was found. */
async function* contents(
  chunks: AsyncIterable<LogChunk>,
  limitBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let left = limitBytes;
  if (left === 0) return;
  for await (const { content } of chunks) {
    yield content.subarray(0, left);
    left -= content.length;
    if (left <= 0) return;
  }
}

async function* only(content: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield content;
}
