import { timingSafeEqual } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { hasCode } from './errors.js';
import { type JobPath, withJobDirectory } from './job-directory.js';

/** Where a job says that its session listens. It is the job's word only. */
export interface Report {
  readonly port: number;
  /** Start page below the base path; begins with a slash. */
  readonly path: string;
}

/** Longest report that is read: a secret, a port and a path. */
const reportBytes = 4096;

/** Changes with the report, whatever lies there in its place; `undefined` while nothing does. Nothing outside the job directory is looked at. */
export async function versionOfReport(path: JobPath): Promise<string | undefined> {
  try {
    const { ino, mtimeMs } = await withJobDirectory(path, (directory) => lstat(`${directory}/session`));
    return `${ino} ${mtimeMs}`;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'EPERM')) return undefined;
    throw error;
  }
}

/**
 * Reads the report, which may be a pipe by now, or any file; a sentence where there is none, or none that can be believed.
 *
 * @param uid Whose file it must be; `null` where that is not known.
 */
export async function readReport(path: JobPath, uid: number | null, secret: string): Promise<Report | string> {
  try {
    return await withJobDirectory(path, async (directory) => {
      const file = await open(`${directory}/session`, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      try {
        const status = await file.stat();
        const isOwn = status.isFile() && (uid === null || status.uid === uid);
        if (!isOwn) return 'The report of the session is not a file of the job.';
        if (status.size > reportBytes) return 'The report of the session is too long.';
        const buffer = Buffer.alloc(reportBytes);
        const { bytesRead } = await file.read(buffer, 0, reportBytes, 0);
        return parseReport(buffer.toString('utf8', 0, bytesRead), secret);
      } finally {
        await file.close();
      }
    });
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return 'The session has not reported its port yet.';
    if (hasCode(error, 'ELOOP', 'ENOTDIR')) return 'The job directory or the report of the session in it is a link.';
    if (hasCode(error, 'ENXIO', 'EACCES', 'EPERM')) return 'The report of the session cannot be read.';
    throw error;
  }
}

/** The port and path of a report, or a sentence that says what is wrong with it. */
function parseReport(text: string, secret: string): Report | string {
  const [, given, portText, path] = /^(\S+) (\d{1,5}) (.+)\n$/s.exec(text) ?? [];
  if (given === undefined || path === undefined) return 'The report of the session is not "<secret> <port> <path>".';
  const [expected, actual] = [Buffer.from(secret), Buffer.from(given)];
  if (expected.length !== actual.length || !timingSafeEqual(expected, actual)) {
    return 'The report of the session does not hold the secret of this job.';
  }
  const port = Number(portText);
  if (port < 1024 || port > 65535) return 'The port that the session reported is not in 1024..65535.';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (!/^\/[^\x00-\x20\x7f?#\\]*$/.test(path))
    return 'The path that the session reported is not a plain absolute path.';
  return { port, path };
}
