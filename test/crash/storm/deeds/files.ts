import { ConflictError, NotFoundError, UserWorkspacesError } from '@user-workspaces/client';
import { between, oneOf } from '../chance.js';
import { insist, insistOn } from '../insist.js';
import type { Turn } from '../person.js';
import type { PromisedWorkspace } from '../promises.js';
import { content, once } from './workspaces.js';

export async function write(turn: Turn, workspace: PromisedWorkspace): Promise<void> {
  const path = `${turn.name}-written.txt`;
  const text = content(turn);
  const { attempts } = await insistOn('writing', () => turn.person.client.files.write(workspace.id, path, text, once));
  workspace.files.set(path, { content: text, isCertain: attempts === 1 });
}

/** Under the condition that nobody else has changed the file: a lost answer is found out by looking. */
export async function replace(turn: Turn, workspace: PromisedWorkspace): Promise<void> {
  const path = certainFile(turn, workspace);
  if (path === undefined) return;
  const { files } = turn.person.client;
  const text = content(turn);
  const directory = path.includes('/') ? { path: path.slice(0, path.lastIndexOf('/')) } : {};
  const { value: before } = await insistOn('looking', () => files.list(workspace.id, { ...directory, limit: 1000 }));
  const ifMatch = before.items.find((file) => file.path === path)?.etag;
  if (ifMatch == null) throw new Error(`${path} of workspace ${workspace.id} is not listed.`);
  const outcome = await insist(() => files.write(workspace.id, path, text, { ifMatch, ...once }));
  // Refused after a first attempt without an answer: that attempt was it.
  if ('refusal' in outcome && !(outcome.refusal.status === 412 && outcome.attempts > 1)) throw outcome.refusal;
  workspace.files.set(path, { content: text, isCertain: outcome.attempts === 1 });
  await expectContent(turn, workspace, path);
}

export async function upload(turn: Turn, workspace: PromisedWorkspace): Promise<void> {
  const path = `${turn.name}-uploaded.txt`;
  const text = `${turn.name}\n`.repeat(between(turn.random, 500, 6_000));
  let uploadId: string | undefined;
  const { attempts } = await insistOn('uploading', () =>
    turn.person.client.files.upload(workspace.id, path, new Blob([text]), {
      chunkSizeBytes: 32_768,
      uploadId,
      onProgress: (progress) => {
        uploadId = progress.uploadId;
      },
      ...once,
    }),
  );
  workspace.files.set(path, { content: text, isCertain: attempts === 1 });
}

export async function uploadForm(turn: Turn, workspace: PromisedWorkspace): Promise<void> {
  const files = ['a', 'b'].map((letter) => ({ name: `${turn.name}-form-${letter}.txt`, content: content(turn) }));
  const { attempts } = await insistOn('uploading', () => {
    const parts = files.map((file) => ({ name: file.name, content: new Blob([file.content]) }));
    return turn.person.client.files.uploadMany(workspace.id, parts, once);
  });
  for (const file of files) workspace.files.set(file.name, { content: file.content, isCertain: attempts === 1 });
}

export async function read(turn: Turn, workspace: PromisedWorkspace): Promise<void> {
  const path = oneOf(turn.random, [...workspace.files.keys()]);
  if (path !== undefined) await expectContent(turn, workspace, path);
}

async function expectContent({ person }: Turn, workspace: PromisedWorkspace, path: string): Promise<void> {
  const { value } = await insistOn(`reading ${path}`, () => person.client.files.readText(workspace.id, path));
  if (value === workspace.files.get(path)?.content) return;
  throw new Error(`${path} of workspace ${workspace.id} holds ${JSON.stringify(value.slice(0, 80))}`);
}

/** Every entry at the top of a workspace that was promised is there. */
export async function list({ person }: Turn, workspace: PromisedWorkspace): Promise<void> {
  const { value } = await insistOn('listing', () => person.client.files.list(workspace.id, { limit: 1000 }));
  const names = new Set(value.items.map(({ name }) => name));
  const wanted = [...workspace.files.keys(), ...workspace.directories].map((path) => path.split('/')[0] ?? '');
  const missing = wanted.filter((name) => !names.has(name));
  if (missing.length > 0) throw new Error(`workspace ${workspace.id} lacks ${missing.join(', ')}`);
}

export async function makeDirectory({ person, name }: Turn, workspace: PromisedWorkspace): Promise<void> {
  const path = `${name}-directory`;
  await insistOn('making a directory', () => person.client.files.makeDirectory(workspace.id, path));
  workspace.directories.add(path);
}

function certainFile({ random }: Turn, { files }: PromisedWorkspace): string | undefined {
  const certain = [...files].filter(([, { isCertain }]) => isCertain);
  return oneOf(random, certain)?.[0];
}

export async function rename(turn: Turn, workspace: PromisedWorkspace): Promise<void> {
  const from = certainFile(turn, workspace);
  const file = from === undefined ? undefined : workspace.files.get(from);
  if (from === undefined || !file) return;
  const to = `${turn.name}-renamed.txt`;
  const outcome = await insist(() => turn.person.client.files.rename(workspace.id, from, to, once));
  if ('refusal' in outcome) {
    const { attempts, refusal } = outcome;
    if (attempts === 1 || !(refusal instanceof NotFoundError || refusal instanceof ConflictError)) throw refusal;
  }
  workspace.files.delete(from);
  workspace.files.set(to, { ...file, isCertain: outcome.attempts === 1 });
  await expectContent(turn, workspace, to);
}

export async function remove(turn: Turn, workspace: PromisedWorkspace): Promise<void> {
  const path = certainFile(turn, workspace);
  if (path === undefined || workspace.files.size < 3) return;
  const outcome = await insist(() => turn.person.client.files.delete(workspace.id, path, once));
  if ('refusal' in outcome && !(outcome.attempts > 1 && outcome.refusal.status === 404)) throw outcome.refusal;
  workspace.files.delete(path);
}

/** Begins to send a file and goes away: it is there whole, or not at all. */
export async function leave(turn: Turn, workspace: PromisedWorkspace): Promise<void> {
  const { files } = turn.person.client;
  const path = `${turn.name}-left.txt`;
  const text = content(turn).repeat(20);
  const signal = AbortSignal.timeout(between(turn.random, 1, 40));
  try {
    await files.write(workspace.id, path, text, { signal, ...once });
  } catch (error) {
    if (!(error instanceof UserWorkspacesError)) throw error;
  }
  const outcome = await insist(() => files.readText(workspace.id, path));
  if ('value' in outcome && outcome.value !== text) throw new Error(`${path} was written in part`);
  if ('refusal' in outcome && outcome.refusal.status !== 404) throw outcome.refusal;
}
