import { constants } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import type { LaunchReference } from '@user-workspaces/contract';
import { hasCode, withJobDirectory } from '@user-workspaces/launch';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

/** A file of the job directory, or a sentence that says why there is none to read: it must be a plain file of the account. */
export async function openJobFile(launch: LaunchReference, name: string): Promise<FileHandle | string> {
  try {
    const file = await withJobDirectory(launch, (path) => open(`${path}/${name}`, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    const status = await file.stat();
    if (status.isFile() && (launch.account.uid === null || status.uid === launch.account.uid)) return file;
    await file.close();
    return 'is not a file of the job';
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return 'is not there yet';
    if (hasCode(error, 'ELOOP', 'ENOTDIR')) return 'is a link, or lies in one';
    if (hasCode(error, 'ENXIO', 'EACCES', 'EPERM')) return 'cannot be read';
    throw error;
  }
}

/** Removes a file of the job directory; never through a link, and fine where there is none. */
export async function removeJobFile(launch: LaunchReference, name: string): Promise<void> {
  try {
    await withJobDirectory(launch, (path) => unlink(`${path}/${name}`));
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ELOOP', 'ENOTDIR', 'EISDIR', 'EPERM', 'EACCES')) throw error;
  }
}
