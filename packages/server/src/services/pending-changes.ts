import { AdapterError, type JsonObject, type WorkspaceRow } from '@user-workspaces/contract';
import * as z from 'zod';
import { checkPlaces } from '../files/check-places.js';
import { findEntry } from '../files/find-entry.js';
import { leaseWorkspace } from '../files/workspace-lease.js';
import { ApiError } from '../http/api-error.js';
import type { StepHook } from '../options.js';
import { keepLease, released } from '../reconciler/lease.js';
import { type RecordTransaction, StaleRowError } from '../records/record-transaction.js';
import type { ServerContext } from '../server-context.js';
import type { OpenWorkspace } from './workspace-access.js';

/** A file to be made or replaced. */
export interface NewFile {
  readonly path: string;
  readonly content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** A link to be made or replaced. */
export type NewLink = { readonly path: string; readonly target: string };

/** Files and links to be made or replaced; of two files with one path the last counts. */
export interface FileChanges {
  readonly files: readonly NewFile[];
  readonly links: readonly NewLink[];
}

/** The same with files that arrive one after the other: each is read to its end before the next is asked for. */
export interface ArrivingChanges {
  readonly files: Iterable<NewFile> | AsyncIterable<NewFile>;
  readonly links: readonly NewLink[];
}

const pendingChanges = z.object({
  files: z.array(
    z.object({
      upload_id: z.string(),
      path: z.string(),
      size_bytes: z.number(),
      /** Of an empty file: the etag of what it replaces, `null` for nothing. */
      replaces: z.string().nullable(),
    }),
  ),
  links: z.array(z.object({ path: z.string(), target: z.string() })),
});

/** File work that was accepted: contents that are staged under upload ids, to be put in place, and links to be made. */
export type PendingChanges = z.infer<typeof pendingChanges>;
type PendingFile = PendingChanges['files'][number];

/** What a workspace row keeps of its file work. @throws when it is none of ours. */
export function readPendingChanges(value: JsonObject | null): PendingChanges | undefined {
  return value === null ? undefined : pendingChanges.parse(value);
}

/**
 * Stores contents next to the workspace, so that all is there before anything in it changes. After an error nothing stays staged.
 *
 * @param announce Called with each upload id before it is used.
 * @throws AdapterError, and what the contents' sources throw.
 */
export async function stageFiles(
  context: ServerContext,
  open: OpenWorkspace,
  changes: ArrivingChanges,
  signal: AbortSignal,
  announce: (uploadId: string, path: string) => Promise<void> = async () => undefined,
): Promise<PendingChanges> {
  const { storage, directory } = open;
  const staged = new Map<string, PendingFile>();
  const begun: string[] = [];
  try {
    for await (const { path, content } of changes.files) {
      const uploadId = Buffer.from(context.clock.random(16)).toString('hex');
      await announce(uploadId, path);
      begun.push(uploadId);
      context.step('before files.stage');
      const sizeBytes = await storage.appendUpload(directory, uploadId, 0, chunksOf(content), signal);
      context.step('after files.stage');
      const earlier = staged.get(path);
      if (earlier) await storage.abandonUpload(directory, earlier.upload_id, signal);
      staged.set(path, { upload_id: uploadId, path, size_bytes: sizeBytes, replaces: null });
    }
    const links = changes.links.map(({ path, target }) => ({ path, target }));
    await checkPlaces(
      open,
      [...staged.keys()],
      links.map(({ path }) => path),
      signal,
    );
    const files = await Promise.all([...staged.values()].map((file) => describeEmpty(open, file, signal)));
    return { files, links };
  } catch (error) {
    await abandonUploads(context, open, begun);
    throw error;
  }
}

async function* chunksOf(content: NewFile['content']): AsyncGenerator<Uint8Array> {
  yield* content;
}

/** An empty upload cannot be told from one that is gone, so an empty file is not staged but written, if what it replaces is still there. */
async function describeEmpty(open: OpenWorkspace, file: PendingFile, signal: AbortSignal): Promise<PendingFile> {
  if (file.size_bytes > 0) return file;
  await open.storage.abandonUpload(open.directory, file.upload_id, signal);
  return { ...file, replaces: (await findEntry(open, file.path, signal))?.etag ?? null };
}

/**
 * Puts staged contents in place and makes the links. Doing it again, after a crash at any point, goes on where it ended:
 * nothing that was put in place is replaced by its own past.
 *
 * @param step Called before and after each effect: `files.put`, `files.link`.
 * @throws AdapterError
 */
export async function applyPendingChanges(
  open: OpenWorkspace,
  changes: PendingChanges,
  step: StepHook,
  signal: AbortSignal,
): Promise<void> {
  for (const file of changes.files) {
    step('before files.put');
    await (file.size_bytes === 0 ? putEmpty(open, file, signal) : putStaged(open, file, signal));
    step('after files.put');
  }
  for (const { path, target } of changes.links) {
    step('before files.link');
    await open.storage.link(open.directory, path, target, signal);
    step('after files.link');
  }
}

async function putStaged({ storage, directory }: OpenWorkspace, file: PendingFile, signal: AbortSignal): Promise<void> {
  const stagedBytes = await storage.uploadedBytes(directory, file.upload_id, signal);
  // All was staged before the changes were recorded, so content that is gone has been put in place already.
  if (stagedBytes === 0) return;
  if (stagedBytes !== file.size_bytes) {
    throw new AdapterError(
      'conflict',
      `Of ${file.path}, ${stagedBytes} bytes are staged where ${file.size_bytes} were: it was not put in place. Send it again.`,
      { field: 'path' },
    );
  }
  await storage.finishUpload(directory, file.upload_id, file.path, {}, signal);
}

async function putEmpty({ storage, directory }: OpenWorkspace, file: PendingFile, signal: AbortSignal): Promise<void> {
  try {
    await storage.write(directory, file.path, chunksOf([]), { ifMatch: file.replaces }, signal);
  } catch (error) {
    // What is there is not what was there: this very file from before a crash, or something newer, which then wins.
    if (!AdapterError.is(error, 'conflict')) throw error;
  }
}

/** Gives staged contents up. What cannot be removed now keeps its row in `uploads`, by which it is removed later. */
async function abandonUploads(
  context: ServerContext,
  open: OpenWorkspace,
  uploadIds: readonly string[],
): Promise<void> {
  if (uploadIds.length === 0) return;
  const removed: string[] = [];
  try {
    for (const uploadId of uploadIds) {
      await open.storage.abandonUpload(open.directory, uploadId);
      removed.push(uploadId);
    }
    await context.database.transaction((rows) => rows.remove('uploads', { upload_id: { in: removed } }));
  } catch (error) {
    const left = uploadIds.length - removed.length;
    context.log.warn({ err: error, workspaceId: open.row.id, left }, 'staged files could not be removed yet');
  }
}

type Columns = Partial<Pick<WorkspaceRow, 'name' | 'description' | 'default_job_type'>>;

/**
 * Makes or replaces files and links of a workspace, and changes columns of its row with them.
 *
 * Guarantees: nothing in the workspace changes before all contents have arrived; from the moment that the row has accepted the
 * work, it is finished even if the process ends; an error that is answered leaves the columns as they were; requests that
 * change one workspace follow each other.
 *
 * @throws ApiError `conflict` when the workspace is busy for 30 seconds or being deleted, `not_found`; AdapterError.
 */
export async function changeFiles(
  context: ServerContext,
  open: OpenWorkspace,
  changes: ArrivingChanges,
  columns: Columns,
  signal: AbortSignal,
): Promise<WorkspaceRow> {
  const { journal, step } = context;
  // Staged without the lease: a slow sender keeps nobody waiting.
  const pending = await stageFiles(context, open, changes, signal, (uploadId, path) =>
    journal.transaction(({ rows, nowMs }) => announceUpload(rows, open.row, uploadId, path, nowMs)),
  );
  const uploadIds = pending.files.map((file) => file.upload_id);
  let leased: WorkspaceRow;
  try {
    leased = await leaseWorkspace(context, open, signal);
  } catch (error) {
    await abandonUploads(context, open, uploadIds);
    throw error;
  }
  // From here on the caller's going away stops nothing.
  return keepLease(context, 'workspaces', leased, new AbortController().signal, async (lost) => {
    let before: WorkspaceRow | undefined;
    try {
      const earlier = readPendingChanges(leased.pending_changes);
      if (earlier) await applyPendingChanges(open, earlier, step, lost);
      before = await accept(context, leased, pending, columns);
      await applyPendingChanges(open, pending, step, lost);
    } catch (error) {
      if (lost.aborted || error instanceof StaleRowError) throw takenOver(error, before !== undefined);
      await refuse(context, open, leased, pending, before, columns);
      throw error;
    }
    const dueAtMs = before.due_at_ms;
    return journal.transaction(async (transaction) => {
      const present = await lockLeased(transaction, leased);
      return transaction.changeWorkspace(present, {
        ...released,
        pending_changes: null,
        due_at_ms: present.due_at_ms === leased.lease_until_ms ? dueAtMs : present.due_at_ms,
        last_modified_at_ms: transaction.nowMs,
      });
    });
  });
}

async function announceUpload(
  rows: RecordTransaction['rows'],
  workspace: WorkspaceRow,
  uploadId: string,
  path: string,
  nowMs: number,
): Promise<void> {
  await rows.insert('uploads', {
    upload_id: uploadId,
    user_id: workspace.user_id,
    workspace_id: workspace.id,
    path,
    size_bytes: 0,
    if_match: null,
    created_at_ms: nowMs,
  });
}

/** The row under our lease, locked. @throws StaleRowError when another has taken over. */
async function lockLeased(transaction: RecordTransaction, leased: WorkspaceRow): Promise<WorkspaceRow> {
  const present = await transaction.rows.lock('workspaces', leased.id);
  if (present?.lease_fence === leased.lease_fence) return present;
  throw new StaleRowError(`The lease of workspaces ${leased.id} was lost.`);
}

/** Writes the work into the row, from where it is finished whatever happens. Gives the row as it was before. */
async function accept(
  context: ServerContext,
  leased: WorkspaceRow,
  pending: PendingChanges,
  columns: Columns,
): Promise<WorkspaceRow> {
  return context.journal.transaction(async (transaction) => {
    const present = await lockLeased(transaction, leased);
    if (present.status === 'deleting') throw new ApiError('conflict', `Workspace ${leased.id} is being deleted.`);
    // When the reconciler should look, if this process does not get to the end.
    const accepted = { pending_changes: pending, due_at_ms: leased.lease_until_ms };
    if (Object.keys(columns).length > 0) await transaction.changeWorkspace(present, { ...columns, ...accepted });
    else await transaction.touchWorkspace(present, accepted);
    await transaction.rows.remove('uploads', { upload_id: { in: pending.files.map((file) => file.upload_id) } });
    return present;
  });
}

/** Frees the row and gives up what was not put in place. */
async function refuse(
  context: ServerContext,
  open: OpenWorkspace,
  leased: WorkspaceRow,
  pending: PendingChanges,
  before: WorkspaceRow | undefined,
  columns: Columns,
): Promise<void> {
  const uploadIds = pending.files.map((file) => file.upload_id);
  await context.journal.transaction(async (transaction) => {
    const present = await lockLeased(transaction, leased);
    if (!before) {
      await transaction.touchWorkspace(present, released);
      return;
    }
    for (const { upload_id, path } of pending.files) {
      await announceUpload(transaction.rows, present, upload_id, path, transaction.nowMs);
    }
    const { name, description, default_job_type } = before;
    await transaction.changeWorkspace(present, {
      ...released,
      ...(Object.keys(columns).length > 0 && { name, description, default_job_type }),
      pending_changes: null,
      due_at_ms: present.due_at_ms === leased.lease_until_ms ? before.due_at_ms : present.due_at_ms,
      last_modified_at_ms: transaction.nowMs,
    });
  });
  await abandonUploads(context, open, uploadIds);
}

function takenOver(cause: unknown, wasAccepted: boolean): ApiError {
  const message = wasAccepted
    ? 'The files took too long to be put in place; it goes on in the background. Look again.'
    : 'The files were not put in place, because another change of them took over. Try again.';
  return new ApiError('unavailable', message, { headers: { 'Retry-After': '5' }, cause });
}
