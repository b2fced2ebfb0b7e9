import { chmod, lstat, mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AdapterError } from '@user-workspaces/contract';
import { checkReach } from './reach.js';

/** Where the server keeps what. All paths are absolute. */
export interface DataLayout {
  readonly root: string;
  /** Only the server enters it: the database, the client token, the table of accounts. */
  readonly server: string;
  /** Records of launches, by resource; the supervisors of running jobs write there. */
  readonly launches: string;
  /** Programs that jobs run. */
  readonly runtime: string;
  readonly database: string;
  readonly clientToken: string;
  /** Says which installation this is. */
  readonly installation: string;
  /** Directory of the table of reserved accounts. */
  readonly accounts: string;
  readonly locks: string;
}

export function layoutOf(root: string): DataLayout {
  const server = join(root, 'server');
  return {
    root,
    server,
    launches: join(root, 'launches'),
    runtime: join(root, 'runtime'),
    database: join(server, 'user-workspaces.db'),
    clientToken: join(server, 'client-token'),
    installation: join(server, 'installation'),
    accounts: join(server, 'accounts'),
    locks: join(server, 'locks'),
  };
}

function misconfigured(message: string, cause?: unknown): AdapterError {
  return new AdapterError('misconfigured', message, { field: 'data_dir', ...(cause !== undefined && { cause }) });
}

/**
 * Makes the data directory, or checks the one that is there.
 *
 * @param forOthers Jobs run under other accounts, which have to pass through it to their workspaces.
 * @throws AdapterError `misconfigured` when it cannot be made, is not the server's own, or those accounts cannot reach it.
 */
export async function prepareDataDirectory(root: string, forOthers: boolean): Promise<DataLayout> {
  const layout = layoutOf(root);
  try {
    await mkdir(root, { recursive: true, mode: forOthers ? 0o711 : 0o700 });
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw misconfigured(
      `data_dir is "${root}", and this directory cannot be made (${reason}). It must be a directory that the server may write to: set UWS_DATA_DIR.`,
      cause,
    );
  }
  await expectOwn(root);
  await chmod(root, forOthers ? 0o711 : 0o700);
  if (forOthers) await checkReach(dirname(root), 'data_dir (UWS_DATA_DIR)', root);
  await makeOwn(layout.server, 0o700);
  // Below, each job keeps its log open.
  await makeOwn(layout.launches, forOthers ? 0o711 : 0o700);
  return layout;
}

/** The owner of the directory could put files of his own in the place of the server's. */
async function expectOwn(root: string): Promise<void> {
  const entry = await stat(root);
  const uid = process.getuid?.();
  if (!entry.isDirectory()) throw misconfigured(`data_dir is "${root}", but it must be a directory: set UWS_DATA_DIR.`);
  if (entry.uid === uid) return;
  throw misconfigured(
    `data_dir is "${root}", which belongs to uid ${entry.uid}, but it must belong to the account that runs the server (uid ${uid}): chown it, or set UWS_DATA_DIR to another directory.`,
  );
}

async function makeOwn(directory: string, mode: number): Promise<void> {
  await mkdir(directory, { recursive: true, mode });
  const entry = await lstat(directory);
  if (!entry.isDirectory())
    throw misconfigured(`${directory} must be a directory of the server's own, and is something else: remove it.`);
  await chmod(directory, mode);
}
