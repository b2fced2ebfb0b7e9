import { AdapterError } from '@user-workspaces/contract';

/** Whether it is an error of the system with one of these codes, such as `ENOENT`. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.some((code) => error.code === code);
}

/** What is asked of the file system, `undefined` when there is no such file or directory. */
export async function unlessMissing<T>(attempt: Promise<T>): Promise<T | undefined> {
  try {
    return await attempt;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/**
 * Does what needs a resource's records of its launches.
 *
 * @throws AdapterError `unavailable`, which the server waits out, in place of an error of the file system, such as a full disk.
 */
export async function answering<T>(effect: () => Promise<T>): Promise<T> {
  try {
    return await effect();
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error)) throw error;
    throw new AdapterError('unavailable', `The records of jobs cannot be read or written: ${error.message}.`, {
      cause: error,
    });
  }
}
