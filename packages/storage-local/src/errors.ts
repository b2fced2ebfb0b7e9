import { AdapterError, type AdapterErrorKind } from '@user-workspaces/contract';

/** What each system error means to the person who asked. Codes that are not here are defects and stay what they are. */
const meanings: Readonly<Record<string, readonly [AdapterErrorKind, string]>> = {
  ENOENT: ['not_found', 'it does not exist'],
  ENOTDIR: ['not_found', 'a part of its path is not a directory'],
  EACCES: ['denied', 'the permissions of the file system forbid it'],
  EPERM: ['denied', 'the file system forbids it'],
  ELOOP: ['denied', 'it is a link, and links are never followed'],
  EEXIST: ['conflict', 'something with this name exists'],
  EISDIR: ['conflict', 'a directory has this name'],
  ENOTEMPTY: ['conflict', 'programs keep adding files to it; stop them and try again'],
  EBUSY: ['conflict', 'it is in use, for example as a mount point'],
  ETXTBSY: ['conflict', 'it is a program that is running'],
  EAGAIN: ['conflict', 'a program has locked it; try again later'],
  ENAMETOOLONG: ['invalid', 'its name is too long for the file system'],
  EINVAL: ['invalid', 'the file system does not accept the name'],
  EILSEQ: ['invalid', 'the file system does not accept the name'],
  EFBIG: ['invalid', 'the file is larger than the file system allows'],
  ENOSPC: ['no_space', 'no space is left on the storage; remove files and try again'],
  EDQUOT: ['no_space', 'the quota of the account is used up; remove files and try again'],
  EMLINK: ['no_space', 'the directory cannot hold more entries'],
  ENOTSUP: ['unsupported', 'the file system does not offer it'],
  EOPNOTSUPP: ['unsupported', 'the file system does not offer it'],
  EXDEV: ['misconfigured', 'the storage is spread over several file systems, but its root directory must be one'],
  EROFS: ['unavailable', 'the storage is mounted read-only'],
  EIO: ['unavailable', 'the storage has a fault'],
  ESTALE: ['unavailable', 'the storage lost sight of it'],
  ENOTCONN: ['unavailable', 'the storage is gone'],
  ENODEV: ['unavailable', 'the storage is gone'],
  ENXIO: ['unavailable', 'the storage is gone'],
  ETIMEDOUT: ['unavailable', 'the storage does not answer'],
  EHOSTDOWN: ['unavailable', 'the storage does not answer'],
  EMFILE: ['unavailable', 'the server has too many files open; try again later'],
  ENFILE: ['unavailable', 'the machine has too many files open; try again later'],
  ENOMEM: ['unavailable', 'the machine is out of memory; try again later'],
};

/** The code of an error that a system call gave, `undefined` for any other error. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** What the caller's own stream threw: never translated, whatever it looks like. */
export class SourceFailure extends Error {
  override readonly name = 'SourceFailure';
}

/** Turns a system error into the contract's error; every other error stays as it is. */
export function translate(error: unknown, what: string): unknown {
  if (error instanceof SourceFailure) return error.cause;
  const code = errnoOf(error);
  const meaning = code === undefined ? undefined : meanings[code];
  if (!meaning) return error;
  const [kind, reason] = meaning;
  return new AdapterError(kind, `${what}: ${reason}.`, { field: 'path', details: { errno: code }, cause: error });
}

/** Does file system work, with its errors translated; `what` begins their message, such as `"a.txt" cannot be read`. */
export async function translated<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw translate(error, what);
  }
}

/** The same for what is yielded bit by bit. */
export async function* translatedEach<T>(what: string, work: () => AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* work();
  } catch (error) {
    throw translate(error, what);
  }
}
