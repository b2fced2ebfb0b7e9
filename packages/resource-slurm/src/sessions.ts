import { connect } from 'node:net';
import type { LaunchReference, SessionAddress } from '@user-workspaces/contract';
import { readReport } from '@user-workspaces/launch';
import { unprovenListening } from './listening.js';

/** What a look for a session found. */
export type SessionState = { readonly session: SessionAddress } | { readonly sessionProblem: string };

const knockMs = 2000;

/**
 * Looks for the session of a running job. The host comes from the allocation. The port must be the one that was assigned to this job and to no other of this resource; the
 * report must hold the job's secret, which only the job has; the job itself must have seen, on its node, that nobody but its account listens there; and it must be
 * reached from the server.
 */
export async function findSession(
  launch: LaunchReference,
  secret: string,
  host: string,
  port: number | null,
): Promise<SessionState> {
  const report = await readReport(launch, launch.account.uid, secret);
  if (typeof report === 'string') return { sessionProblem: report };
  if (report.port !== port) {
    const sessionProblem = `The session reported port ${report.port}, which is not the port ${port ?? '(none)'} that was assigned to this job.`;
    return { sessionProblem };
  }
  const unproven = await unprovenListening(launch, secret);
  if (unproven !== undefined) return { sessionProblem: unproven };
  const problem = await knock(host, report.port);
  return problem === undefined
    ? { session: { host, port: report.port, path: report.path } }
    : { sessionProblem: `The session cannot be reached from the server at ${host}, port ${report.port}: ${problem}.` };
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
