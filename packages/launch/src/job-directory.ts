import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** Absolute path of a job's own directory. */
export function jobDirectoryOf(workspacePath: string, jobId: number): string {
  return `${workspacePath.replace(/\/+$/, '')}/.${jobId}`;
}

/** Whose directory it is. */
export interface JobPath {
  readonly workspacePath: string;
  readonly jobId: number;
}

/**
 * Lends a path of the job directory: a place that the job's account can fill with links, pipes and huge files while we look. Directories are
 * held open and entered by their handles, so that no link is followed on the way; what is in it may be one, which is not to be followed.
 *
 * @throws an error of the system where there is no such directory, or a link in its place.
 */
export async function withJobDirectory<T>(
  { workspacePath, jobId }: JobPath,
  work: (path: string) => Promise<T>,
): Promise<T> {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
  const held: FileHandle[] = [];
  const enter = async (path: string): Promise<string> => {
    const handle = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    held.push(handle);
    return `/proc/self/fd/${handle.fd}`;
  };
  try {
    const workspace = await enter(workspacePath);
    return await work(await enter(`${workspace}/.${jobId}`));
  } finally {
    for (const handle of held) await handle.close();
  }
}
