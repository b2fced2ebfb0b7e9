import type { administrationOperations, operations } from '@user-workspaces/schema';
import type { CallerKind } from './callers.js';
import type { Target } from './world.js';

/**
 * What an answer must be: a status with the code of its error, or
 * - `200`: done,
 * - `200 own`: done, about the caller's own things; nothing of the owner's is in it,
 * - `200 shared`: done; what was offered to the caller may be in it, contents of files may not.
 */
export type Outcome = `200${'' | ' own' | ' shared'}` | `${4 | 5}${number} ${string}`;

export interface Request {
  readonly query?: string;
  readonly body?: string;
  readonly path?: Readonly<Record<string, string | number>>;
}

export interface Row {
  readonly request: (target: Target) => Request;
  readonly outcomes: Readonly<Record<CallerKind, Outcome>>;
}

const nothing: Row['request'] = () => ({});

type Others = Readonly<Record<Exclude<CallerKind, keyof typeof strangersToTheServer | 'owner'>, Outcome>>;

const strangersToTheServer = {
  nobody: '401 not_authenticated',
  malformed: '401 not_authenticated',
  wrong: '401 invalid_token',
  expired: '401 invalid_token',
  revoked: '401 invalid_token',
  deactivated: '401 invalid_token',
  clientToken: '401 invalid_token',
} as const satisfies Partial<Record<CallerKind, Outcome>>;

const all = (outcome: Outcome): Others => ({
  stranger: outcome,
  administrator: outcome,
  pendingReceiver: outcome,
  receiver: outcome,
  sender: outcome,
});

/** For those who are signed in. */
function row(
  request: Row['request'],
  others: Partial<Others> & { readonly rest: Outcome },
  owner: Outcome = '200',
): Row {
  const { rest, ...named } = others;
  return { request, outcomes: { ...strangersToTheServer, ...all(rest), ...named, owner } };
}

/** For administrators alone. */
function administration(request: Row['request'] = nothing): Row {
  return row(request, { rest: '403 permission_denied', administrator: '200' }, '403 permission_denied');
}

/** For everybody, but for those who show credentials that are wrong. */
function open(request: Row['request'] = nothing): Row {
  return { request, outcomes: { ...strangersToTheServer, nobody: '200 own', ...all('200 own'), owner: '200' } };
}

/** Things in a workspace: of no use to anybody but its owner, also not to an administrator. */
const ofWorkspace = { rest: '404 not_found', pendingReceiver: '400 share_pending' } as const;
const ofOwner = { rest: '404 not_found' } as const;
const listOfOwn = { rest: '200 own', owner: '200' } as const;
const json = (value: unknown): string => JSON.stringify(value);
const workspace = ({ workspaceId }: Target) => ({ path: { workspace_id: workspaceId } });
const job = ({ jobId }: Target) => ({ path: { job_id: jobId } });
const user = ({ userId }: Target) => ({ path: { user_id: userId } });
const upload = (target: Target, upload_id = target.uploadId) => ({
  path: { workspace_id: target.workspaceId, upload_id },
});

/** A missing or an extra row does not compile, here and below. */
const tableForAll: Readonly<Record<keyof typeof operations, Row>> = {
  createToken: {
    request: () => ({
      body: json({ client_token: 'wrong', user_info: { username: 'owner', email: 'owner@example.org' } }),
    }),
    outcomes: {
      ...strangersToTheServer,
      nobody: '401 sign_in_failed',
      ...all('401 sign_in_failed'),
      owner: '401 sign_in_failed',
    },
  },
  getMe: row(nothing, listOfOwn),
  listTokens: row(nothing, listOfOwn),
  revokeToken: row(({ tokenId }) => ({ path: { token_id: tokenId } }), ofOwner),
  searchUsers: row(() => ({ query: 'search=nobody-has-this-name' }), listOfOwn),
  listWorkspaces: row(nothing, { rest: '200 own', receiver: '200 shared', sender: '200 shared' }),
  createWorkspace: row(() => ({ body: json({ name: 'New', description: '' }) }), { rest: '200' }),
  getWorkspace: row(workspace, { rest: '200 own' }),
  updateWorkspace: row((target) => ({ ...workspace(target), body: json({ description: 'changed' }) }), ofWorkspace),
  startWorkspace: row((target) => ({ ...workspace(target), body: json({ job_type: 'local_test_job' }) }), ofWorkspace),
  uploadFiles: row((target) => ({ ...workspace(target), body: 'form' }), ofWorkspace),
  listFiles: row(workspace, ofWorkspace),
  readFile: row((target) => ({ ...workspace(target), query: 'path=private.txt' }), ofWorkspace),
  readArchive: row(workspace, ofWorkspace),
  writeFile: row((target) => ({ ...workspace(target), query: 'path=new.txt', body: 'new' }), ofWorkspace),
  makeDirectory: row((target) => ({ ...workspace(target), query: 'path=directory' }), ofWorkspace),
  renameFile: row(
    (target) => ({ ...workspace(target), body: json({ from: 'new.txt', to: 'newer.txt' }) }),
    ofWorkspace,
  ),
  deleteFile: row((target) => ({ ...workspace(target), query: 'path=newer.txt' }), ofWorkspace),
  createUpload: row(
    (target) => ({ ...workspace(target), body: json({ path: 'large.txt', size_bytes: 9 }) }),
    ofWorkspace,
  ),
  getUpload: row(upload, ofWorkspace),
  appendUpload: row((target) => ({ ...upload(target), query: 'offset=0', body: 'abc' }), ofWorkspace),
  abandonUpload: row((target) => upload(target, target.uploadToAbandonId), ofWorkspace),
  listJobs: row(nothing, listOfOwn),
  getJob: row(job, { rest: '200 own' }),
  readJobLogs: row(job, ofOwner),
  extendJob: row((target) => ({ ...job(target), body: json({ time_limit_minutes: 200 }) }), ofOwner),
  openSession: row(({ jobId }) => ({ path: { hostname: '127.0.0.1', job_id: jobId, path: '' } }), ofOwner),
  stopJob: row(job, ofOwner),
  listShares: row(nothing, {
    rest: '200 own',
    pendingReceiver: '200 shared',
    receiver: '200 shared',
    sender: '200 shared',
  }),
  createShares: row(
    ({ workspaceId, strangerId }) => ({
      body: json({ original_workspace_id: workspaceId, shared_user_ids: [strangerId] }),
    }),
    ofWorkspace,
  ),
  getShare: row(({ copyToSee }) => ({ path: { shared_workspace_id: copyToSee } }), {
    rest: '200 own',
    pendingReceiver: '200 shared',
    receiver: '200 shared',
    sender: '200 shared',
  }),
  acceptShare: row(
    ({ copyToAccept }) => ({ path: { shared_workspace_id: copyToAccept } }),
    { ...ofOwner, pendingReceiver: '200', receiver: '200' },
    '404 not_found',
  ),
  deleteShare: row(({ copyToDelete }) => ({ path: { shared_workspace_id: copyToDelete } }), {
    rest: '403 permission_denied',
    pendingReceiver: '200',
    receiver: '400 share_accepted',
    sender: '400 share_accepted',
  }),
  streamEvents: row(nothing, listOfOwn),
  listJobTypes: open(),
  listParameters: open(),
  listResources: row(nothing, listOfOwn),
  getLimits: open(),
  getStatus: open(),
  getHealth: open(),
  getReadiness: open(),
  getMetrics: open(),
  deleteWorkspace: row(({ workspaceToDelete }) => ({ path: { workspace_id: workspaceToDelete } }), ofWorkspace),
};

/** In an order in which each finds what it is about. */
const tableForAdministrators: Readonly<Record<keyof typeof administrationOperations, Row>> = {
  adminListUsers: administration(),
  adminCreateUser: administration(() => ({ body: json({ username: 'of-the-table', email: 'made@example.org' }) })),
  adminGetUser: administration(user),
  adminSetQuotas: administration((target) => ({ ...user(target), body: json({ active_jobs: null }) })),
  adminSetRole: administration((target) => ({ ...user(target), body: json({ role: 'administrator' }) })),
  adminSetEmail: administration((target) => ({ ...user(target), body: json({ email: 'of-the-table@example.org' }) })),
  adminListTokens: administration(user),
  adminRevokeToken: administration(({ userId, userTokenId }) => ({ path: { user_id: userId, id: userTokenId } })),
  adminRevokeTokens: administration(user),
  adminDeactivateUser: administration(user),
  adminReactivateUser: administration(user),
  adminDeleteUser: administration(({ userToDeleteId }) => ({ path: { user_id: userToDeleteId } })),
  adminListClients: administration(),
  adminCreateClient: administration(() => ({ body: json({ name: 'of the table' }) })),
  adminRotateClient: administration(({ clientId }) => ({ path: { id: clientId } })),
  adminRevokeSignIns: administration(({ clientId }) => ({ path: { id: clientId } })),
  adminDeleteClient: administration(({ clientId }) => ({ path: { id: clientId } })),
  adminListJobs: administration(),
  adminStopJob: administration(({ jobToStopId }) => ({ path: { job_id: jobToStopId } })),
  adminListLaunches: administration(),
  adminEndLaunch: administration(({ launchKey }) => ({ path: { launch_key: launchKey } })),
  adminListWorkspaces: administration(),
  adminGetDirectory: administration(),
  adminSetDirectory: administration(() => ({ body: json({ is_open: true }) })),
  adminListAudit: administration(),
};

/** One row for each operation of the specification. */
export const table = { ...tableForAll, ...tableForAdministrators };

/** WebSockets of the job, and into its session: the status of the handshake's answer, 101 where it is granted. */
export const socketTable: Readonly<Record<CallerKind, number>> = {
  nobody: 401,
  malformed: 401,
  wrong: 401,
  expired: 401,
  revoked: 401,
  deactivated: 401,
  clientToken: 401,
  stranger: 404,
  administrator: 404,
  pendingReceiver: 404,
  receiver: 404,
  sender: 404,
  owner: 101,
};
