import { type Job, type Session, UserWorkspaces, type Workspace } from '@user-workspaces/client';
import type { RunningServer } from './server.js';

/** Somebody signed in to a server, as a portal signs its users in. */
export interface User {
  readonly username: string;
  readonly token: string;
  readonly client: UserWorkspaces;
  /** A plain request with the header of the old API. */
  request(path: string, init?: RequestInit): Promise<Response>;
}

export async function signIn(
  server: Pick<RunningServer, 'baseUrl' | 'clientToken'>,
  username = 'ada',
  options: { readonly prefix?: string } = {},
): Promise<User> {
  const baseUrl = server.baseUrl + (options.prefix ?? '');
  const client = new UserWorkspaces({ baseUrl });
  const email = `${username}@example.org`;
  const { token } = await client.signIn({ client_token: server.clientToken, user_info: { username, email } });
  if (token === null) throw new Error(`The sign-in of ${username} gave no token.`);
  return {
    username,
    token,
    client,
    request(path, init = {}) {
      const headers = new Headers(init.headers);
      headers.set('UWS-Authorization', `Token ${token}`);
      return fetch(baseUrl + path, { redirect: 'manual', ...init, headers });
    },
  };
}

type StartRequest = Parameters<UserWorkspaces['workspaces']['start']>[1];

/** A workspace with a job that has been asked for. */
export async function startJob(
  { client }: Pick<User, 'client'>,
  request: StartRequest,
  files: readonly { readonly name: string; readonly content: string }[] = [],
): Promise<{ workspace: Workspace; job: Job }> {
  const workspace = await client.workspaces.create({
    name: `For ${request.job_type}`,
    description: '',
    workspace_details: { files: [...files] },
  });
  return { workspace, job: await client.workspaces.start(workspace.id, request) };
}

/** A workspace with a job whose session answers. */
export async function startSession(
  user: Pick<User, 'client'>,
  request: StartRequest,
  files: readonly { readonly name: string; readonly content: string }[] = [],
): Promise<{ workspace: Workspace; job: Job; session: Session }> {
  const started = await startJob(user, request, files);
  return { ...started, session: await user.client.jobs.waitUntilReady(started.job.id, { timeoutMs: 30_000 }) };
}
