import { timingSafeEqual } from 'node:crypto';
import { connect } from 'node:net';
import type { LaunchReference, SessionAddress } from '@user-workspaces/contract';
import { openJobFile } from './workspace-files.js';

/** What a look for a session found. */
export type SessionState = { readonly session: SessionAddress } | { readonly sessionProblem: string };

/** Longest report that is read: a secret, a port and a path. */
const reportBytes = 4096;
const knockMs = 2000;

/**
 * Looks for the session of a running job. The host comes from the allocation. The port must be the one that was assigned to this job and to no other of this resource;
 * the report must hold the job's secret, which only the job has; and something must listen there, as seen from the server.
 *
 * Who listens cannot be seen from outside the node. Somebody else on the node who sits on the port keeps the job's own program from listening, which then reports nothing.
 */
export async function findSession(
  launch: LaunchReference,
  secret: string,
  host: string,
  port: number | null,
): Promise<SessionState> {
  const report = await readReport(launch, secret);
  if (typeof report === 'string') return { sessionProblem: report };
  if (report.port !== port) {
    const sessionProblem = `The session reported port ${report.port}, which is not the port ${port ?? '(none)'} that was assigned to this job.`;
    return { sessionProblem };
  }
  const problem = await knock(host, report.port);
  return problem === undefined
    ? { session: { host, port: report.port, path: report.path } }
    : { sessionProblem: `The session cannot be reached from the server at ${host}, port ${report.port}: ${problem}.` };
}

async function readReport(launch: LaunchReference, secret: string): Promise<{ port: number; path: string } | string> {
  const file = await openJobFile(launch, 'session');
  if (file === 'is not there yet') return 'The session has not reported its port yet.';
  if (typeof file === 'string') return `The report of the session ${file}.`;
  try {
    if ((await file.stat()).size > reportBytes) return 'The report of the session is too long.';
    const buffer = Buffer.alloc(reportBytes);
    const { bytesRead } = await file.read(buffer, 0, reportBytes, 0);
    return parseReport(buffer.toString('utf8', 0, bytesRead), secret);
  } finally {
    await file.close();
  }
}

/** The port and path of a report, or a sentence that says what is wrong with it. */
function parseReport(text: string, secret: string): { port: number; path: string } | string {
  const [, given, port, path] = /^(\S+) (\d{1,5}) (.+)\n$/s.exec(text) ?? [];
  if (given === undefined || path === undefined) return 'The report of the session is not "<secret> <port> <path>".';
  const [expected, actual] = [Buffer.from(secret), Buffer.from(given)];
  if (expected.length !== actual.length || !timingSafeEqual(expected, actual)) {
    return 'The report of the session does not hold the secret of this job.';
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (!/^\/[^\x00-\x20\x7f?#\\]*$/.test(path)) {
    return 'The path that the session reported is not a plain absolute path.';
  }
  return { port: Number(port), path };
}

/** Why nobody can be reached there; nothing where somebody can. */
function knock(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: knockMs });
    const finish = (problem?: string): void => {
      socket.destroy();
      resolve(problem);
    };
    socket.once('connect', () => finish());
    socket.once('timeout', () => finish(`no answer within ${knockMs / 1000} s`));
    socket.once('error', (error) =>
      finish('code' in error && error.code === 'ECONNREFUSED' ? 'nothing listens there' : error.message),
    );
  });
}
