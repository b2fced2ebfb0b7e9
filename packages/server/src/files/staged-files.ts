import { AdapterError, type JsonObject } from '@user-workspaces/contract';
import * as z from 'zod';
import type { StepHook } from '../options.js';
import type { ServerContext } from '../server-context.js';
import type { OpenWorkspace } from '../services/workspace-access.js';
import { checkPlaces } from './check-places.js';
import { findEntry } from './find-entry.js';

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
  let arriving: string | undefined;
  try {
    for await (const { path, content } of changes.files) {
      const uploadId = Buffer.from(context.clock.random(16)).toString('hex');
      await announce(uploadId, path);
      begun.push(uploadId);
      arriving = uploadId;
      context.step('before files.stage');
      // It ends with its source, which breaks off with the request, and not before: what the storage stores later would stay for good.
      const sizeBytes = await storage.appendUpload(directory, uploadId, 0, chunksOf(content));
      context.step('after files.stage');
      arriving = undefined;
      signal.throwIfAborted();
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
    // What may yet be stored keeps its row, by which it is removed later.
    const isUnknown = AdapterError.is(error, 'unavailable');
    await abandonUploads(
      context,
      open,
      begun.filter((uploadId) => uploadId !== arriving || !isUnknown),
    );
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
export async function abandonUploads(
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
