import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { UserWorkspaces, UserWorkspacesError } from '../src/index.js';
import { listen } from './listening.js';

interface Trace {
  name: string;
  method: string;
  path: string;
  request_body: unknown;
  status: number;
  response_headers: Record<string, string>;
  response_body: unknown;
}

const traces = new Map(
  readFileSync(new URL('../../../test/compatibility/data/traces.jsonl', import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line): Trace => JSON.parse(line))
    .map((trace) => [trace.name, trace]),
);

function traceOf(name: string): Trace {
  const trace = traces.get(name);
  if (!trace) throw new Error(`There is no recorded answer named ${name}.`);
  return trace;
}

function textOf(trace: Trace): string {
  return typeof trace.response_body === 'string' ? trace.response_body : JSON.stringify(trace.response_body);
}

/** Plays one recorded answer, and only to the request that it was recorded for. */
async function played<Result>(name: string, call: (client: UserWorkspaces) => PromiseLike<Result>): Promise<Result> {
  const trace = traceOf(name);
  let asked: unknown;
  const { url, requests } = await listen(async (exchange) => {
    const body = (await exchange.body()).toString();
    asked = exchange.request.headers['content-type']?.startsWith('application/json') ? JSON.parse(body) : undefined;
    const { 'content-length': _length, ...headers } = trace.response_headers;
    exchange.response.writeHead(trace.status, headers).end(textOf(trace));
  });
  const client = new UserWorkspaces({ baseUrl: url, token: 'recorded', retries: 0 });
  try {
    return await call(client);
  } finally {
    expect(requests).toHaveLength(1);
    expect(requests[0]?.method).toBe(trace.method);
    expect(decodeURIComponent(requests[0]?.path ?? '')).toBe(trace.path);
    if (typeof trace.request_body === 'object' && trace.request_body !== null)
      expect(asked).toEqual(trace.request_body);
  }
}

type Call = (client: UserWorkspaces) => PromiseLike<unknown>;

/** The body that was recorded, given back as an argument of any type the call takes. */
function sent<Body>(name: string): Body {
  const body: Body = JSON.parse(JSON.stringify(traceOf(name).request_body));
  return body;
}

const start =
  (id: number, name: string): Call =>
  (client) =>
    client.workspaces.start(id, sent(name));
const create =
  (name: string): Call =>
  (client) =>
    client.workspaces.create(sent(name));
const update =
  (id: number, name: string): Call =>
  (client) =>
    client.workspaces.update(id, sent(name));
const share =
  (name: string): Call =>
  (client) =>
    client.shares.create(sent(name));
const signIn =
  (name: string): Call =>
  (client) =>
    client.signIn(sent(name));
const uploadMany =
  (id: number): Call =>
  (client) =>
    client.files.uploadMany(id, [{ name: 'a.txt', content: new Blob(['a']) }]);

/** Calls that the old service carried out, with what the SDK makes of its answer. */
const successes: Record<string, readonly [Call, unknown]> = {
  status: [
    (client) => client.status(),
    { version: '', dependencies: { main_resource: { connected: true }, database: null } },
  ],
  token_new_user: [
    signIn('token_new_user'),
    { token: '1122b151662ff27fb4e74d4f49760635734efe85', expiresAt: null, data: null },
  ],
  token_same_user_again: [signIn('token_same_user_again'), { expiresAt: null }],
  job_types: [
    (client) => client.catalogue.jobTypes(),
    { jupyter_lab: { id: 'jupyter_lab', name: 'Jupyter Lab', resources: [] } },
  ],
  noauth_job_types: [(client) => client.catalogue.jobTypes(), { broken_job: { resources: [] } }],
  parameters: [(client) => client.catalogue.parameters(), [{ variable_name: 'num_cpus' }, {}, {}, {}]],
  users_search_email: [
    (client) => client.users.search('BOB@x'),
    { items: [{ id: 4, username: 'bob', email: 'bob@x.org' }], nextCursor: null },
  ],
  users_search_none: [(client) => client.users.search('zzzz'), { items: [] }],
  ws_list_empty: [(client) => client.workspaces.list(), { items: [], nextCursor: null }],
  ws_create_minimal: [
    create('ws_create_minimal'),
    { id: 1, status: 'idle', status_reason: null, version: 0, datetime_created: '2026-11-23T09:06:47.718Z' },
  ],
  ws_create_files: [create('ws_create_files'), { id: 2, name: 'files' }],
  ws_create_symlinks: [create('ws_create_symlinks'), { id: 5 }],
  ws_create_name_64_chars: [create('ws_create_name_64_chars'), { id: 26 }],
  ws_create_bob: [create('ws_create_bob'), { id: 31 }],
  ws_get: [(client) => client.workspaces.get(2), { id: 2, disk_space: 12, version: 0 }],
  ws_get_links: [(client) => client.workspaces.get(5), { id: 5 }],
  ws_get_after_put: [(client) => client.workspaces.get(1), { name: 'renamed' }],
  ws_get_active: [(client) => client.workspaces.get(1), { status: 'active' }],
  ws_get_accepted_share: [(client) => client.workspaces.get(35), { id: 35 }],
  ws_filter_name: [(client) => client.workspaces.list({ name: 'files' }), { items: [{ id: 2 }] }],
  ws_filter_status_bogus: [(client) => client.workspaces.list({ status: 'bogus' }), { items: [] }],
  ws_list_receiver_hides_pending: [(client) => client.workspaces.list(), { items: [{ id: 31 }] }],
  ws_put_name: [update(1, 'ws_put_name'), undefined],
  ws_put_files: [update(1, 'ws_put_files'), undefined],
  ws_put_default_job_type: [update(1, 'ws_put_default_job_type'), undefined],
  upload_ok: [uploadMany(1), undefined],
  upload_subdir_filename: [uploadMany(1), undefined],
  upload_6MB: [uploadMany(1), undefined],
  jobs_list_empty: [(client) => client.jobs.list(), { items: [] }],
  start_ok_minimal: [
    start(1, 'start_ok_minimal'),
    { id: 2, status: 'pending', core_hours: 0, datetime_created: '2026-11-23T09:06:52.400Z', last_log_lines: [] },
  ],
  start_ok_options: [start(2, 'start_ok_options'), { id: 3, job_details: { request_job_details: { k: [1] } } }],
  job_get_running: [(client) => client.jobs.get(2), { status: 'running', core_hours: 0, gpu_hours: null, version: 0 }],
  job_get_stopped: [(client) => client.jobs.get(3), { status: 'complete' }],
  job_get_complete: [(client) => client.jobs.get(2), { status: 'complete', datetime_time_limit: null }],
  stop_running: [(client) => client.jobs.stop(3), undefined],
  shared_list_empty: [(client) => client.shares.list(), { items: [] }],
  shared_post_ok: [
    share('shared_post_ok'),
    [{ direction: 'sent', shared_workspace_id: { id: 35 }, is_accepted: false }],
  ],
  shared_get_sender: [(client) => client.shares.list(), { items: [{ direction: 'sent' }] }],
  shared_get_receiver: [(client) => client.shares.list(), { items: [{ direction: 'received' }] }],
  shared_filter_accepted_true: [(client) => client.shares.list({ is_accepted: 'True' }), { items: [] }],
  shared_accept: [(client) => client.shares.accept(35), undefined],
  shared_post_two_users: [share('shared_post_two_users'), [{}, {}]],
  shared_delete_by_sender: [(client) => client.shares.delete(36), undefined],
  shared_delete_by_receiver: [(client) => client.shares.delete(37), undefined],
  ws_delete_ok: [(client) => client.workspaces.delete(5), undefined],
};

/** Calls that the old service refused, or found nothing for. */
const failures: Record<string, readonly [Call, string, string]> = {
  token_missing_client_token: [signIn('token_missing_client_token'), 'InvalidRequestError', 'invalid_request'],
  token_bad_client_token: [signIn('token_bad_client_token'), 'AuthenticationError', 'not_authenticated'],
  auth_bad_token: [(client) => client.workspaces.list(), 'AuthenticationError', 'not_authenticated'],
  noauth_jobs: [(client) => client.jobs.list(), 'AuthenticationError', 'not_authenticated'],
  ws_get_unknown: [(client) => client.workspaces.get(99999), 'NotFoundError', 'not_found'],
  ws_get_other_users: [(client) => client.workspaces.get(31), 'NotFoundError', 'not_found'],
  ws_get_pending_share: [(client) => client.workspaces.get(35), 'NotFoundError', 'not_found'],
  ws_create_bad_default_job_type: [create('ws_create_bad_default_job_type'), 'InvalidRequestError', 'invalid_request'],
  ws_create_file_dotdot: [create('ws_create_file_dotdot'), 'InvalidRequestError', 'invalid_request'],
  ws_create_symlink_missing_target: [create('ws_create_symlink_missing_target'), 'ServerError', 'internal'],
  ws_create_name_65_chars: [create('ws_create_name_65_chars'), 'ServerError', 'internal'],
  ws_put_unknown: [update(99999, 'ws_put_unknown'), 'NotFoundError', 'not_found'],
  ws_put_pending_share: [update(35, 'ws_put_pending_share'), 'InvalidRequestError', 'invalid_request'],
  ws_delete_with_running_job: [(client) => client.workspaces.delete(1), 'InvalidRequestError', 'invalid_request'],
  ws_delete_unknown: [(client) => client.workspaces.delete(99999), 'NotFoundError', 'not_found'],
  upload_unknown_ws: [uploadMany(99999), 'NotFoundError', 'not_found'],
  start_no_job_type: [start(1, 'start_no_job_type'), 'InvalidRequestError', 'invalid_request'],
  start_opt_wrong_type: [start(1, 'start_opt_wrong_type'), 'InvalidRequestError', 'invalid_options'],
  start_unknown_ws: [start(99999, 'start_unknown_ws'), 'NotFoundError', 'not_found'],
  job_get_unknown: [(client) => client.jobs.get(99999), 'NotFoundError', 'not_found'],
  stop_unknown: [(client) => client.jobs.stop(99999), 'NotFoundError', 'not_found'],
  stop_again_at_once: [(client) => client.jobs.stop(3), 'InvalidRequestError', 'invalid_request'],
  shared_post_unknown_ws: [share('shared_post_unknown_ws'), 'NotFoundError', 'not_found'],
  shared_post_bad_user: [share('shared_post_bad_user'), 'InvalidRequestError', 'invalid_request'],
  shared_get_unknown: [(client) => client.shares.get(99999), 'NotFoundError', 'not_found'],
  shared_accept_by_sender: [(client) => client.shares.accept(35), 'NotFoundError', 'not_found'],
  shared_delete_third_party: [(client) => client.shares.delete(35), 'PermissionError', 'permission_denied'],
  shared_delete_accepted: [(client) => client.shares.delete(35), 'InvalidRequestError', 'invalid_request'],
};

describe('the old service, as recorded', () => {
  it.each(Object.entries(successes))('%s', async (name, [call, expected]) => {
    const result = await played(name, call);
    if (expected === undefined) expect(result).toBeUndefined();
    else expect(result).toMatchObject(Object(expected));
  });

  it.each(Object.entries(failures))('%s fails with its class and code', async (name, [call, className, code]) => {
    const error = await played(name, call).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(UserWorkspacesError);
    expect(error).toMatchObject({ name: className, code, retryable: false });
  });

  const refused = [...traces.values()].filter(({ status }) => status >= 400);
  it.each(refused.map((trace) => [trace.name, trace] as const))('%s becomes a typed error', async (_name, trace) => {
    const { status, response_headers: headers } = trace;
    const error = await UserWorkspacesError.fromResponse(new Response(textOf(trace), { status, headers }));
    expect(error.status).toBe(status);
    expect(error.code).toMatch(/^[a-z_]+$/);
    const recorded: unknown = trace.response_body;
    const isJson = typeof recorded === 'object' && recorded !== null && 'message' in recorded;
    expect(error.message).toBe(isJson ? recorded.message : `The server answered ${status} without an explanation.`);
  });

  it('does not touch a job that it cannot find, though the answer lists others', async () => {
    const trace = traceOf('ws_get');
    const { url } = await listen((exchange) => exchange.json(200, trace.response_body));
    await expect(new UserWorkspaces({ baseUrl: url }).workspaces.get(0)).rejects.toMatchObject({ code: 'not_found' });
  });
});
