import type { LaunchSpecification } from '@user-workspaces/contract';
import { jobDirectoryOf } from './job-directory.js';

/** What the resource knows of the place where a job will run. */
export interface JobPlace {
  /** Path of the shell for who works there. Absent where the start script finds it out: it then sets `SHELL` and `PATH` itself. */
  readonly shell?: string;
  /** Port assigned to the job's session, if one was. */
  readonly port: number | null;
  /** Absent where the start script finds it out: it then sets `UWS_HOST` itself. */
  readonly host?: string;
  /** Where a session listens, if that is not the host. */
  readonly listen?: string;
}

/** What a job finds in its environment. Nothing of the server's own environment is among it. */
export function environmentOf(
  { account, workspacePath, jobId, session, environment }: LaunchSpecification,
  { shell, port, host, listen }: JobPlace,
): Record<string, string> {
  const jobDirectory = jobDirectoryOf(workspacePath, jobId);
  return {
    HOME: account.home ?? workspacePath,
    USER: account.name,
    LOGNAME: account.name,
    ...(shell !== undefined && { PATH: '/usr/local/bin:/usr/bin:/bin', SHELL: shell }),
    LANG: 'C.UTF-8',
    TERM: 'dumb',
    ...environment,
    UWS_JOB_ID: String(jobId),
    UWS_WORKSPACE: workspacePath,
    UWS_JOB_DIRECTORY: jobDirectory,
    ...(session && {
      ...(host !== undefined && { UWS_HOST: host }),
      ...(listen !== undefined && { UWS_LISTEN: listen }),
      UWS_SECRET: session.secret,
      UWS_REPORT: `${jobDirectory}/session`,
      ...(port !== null && { UWS_PORT: String(port) }),
    }),
  };
}
